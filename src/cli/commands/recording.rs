//! What `record` and `proxy` have in common: their flags as options of a recording, and a place for it.

use std::path::Path;

use crate::{
    file::Existing,
    record::{Evidence, Overflow, RecordingFailure, RecordingOptions, RecordingPool, ReservedRecording},
    transform::redact::{MetadataPolicy, Rules},
};

use super::{Failure, output, series};
use crate::cli::flags::{
    record::{OnOverflow, RecorderArgs},
    series::SeriesArgs,
};

/// The flags of a recording as its options.
pub(crate) fn options(
    args: &RecorderArgs,
    series: &SeriesArgs,
    existing: Existing,
    rules: Option<Rules>,
) -> Result<RecordingOptions, Failure> {
    Ok(RecordingOptions {
        existing,
        evidence: Evidence::Any,
        layout: series::layout(series)?,
        on_overflow: match args.on_overflow {
            OnOverflow::Block => Overflow::Block,
            OnOverflow::Gap => Overflow::Gap,
            OnOverflow::Abort => Overflow::Abort,
        },
        flush_interval: args.flush_interval.0,
        sync: args.sync.into(),
        metadata: if args.keep_metadata {
            MetadataPolicy::Keep
        } else {
            MetadataPolicy::Redact
        },
        redact: rules,
        ..RecordingOptions::default()
    })
}

/// Reserves the place of a recording: better known before a job is made, which nothing can cancel.
pub(crate) fn reserve(
    pool: &RecordingPool,
    path: &Path,
    options: RecordingOptions,
) -> Result<ReservedRecording, Failure> {
    output::check_capture(path)?;
    pool.reserve(path, options).map_err(|failure| match failure {
        RecordingFailure::Place { path, source } => output::refusal("create", &path, &source),
        other => other.into(),
    })
}
