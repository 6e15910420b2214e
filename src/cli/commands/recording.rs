//! Common parts of `record` and `proxy`: the conversion of their flags to options of a recording, and the reservation
//! of its files.

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

/// Converts the flags of a recording into its options.
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

/// Reserves the file names of a recording: better known before a job is made, which nothing can cancel.
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

#[cfg(test)]
mod tests {
    use std::{
        collections::BTreeSet,
        sync::{
            Arc,
            atomic::{AtomicU64, Ordering},
        },
    };

    use clap::Parser as _;

    use super::*;
    use crate::{
        cli::flags::{Cli, Command},
        file::{Header, Reader},
        model::{CallStart, Direction, Ending, EventKind, Status},
        record::Clock,
    };

    /// The recorder options of `capture record` without flags; the demo takes the default of the library.
    fn of_record() -> RecordingOptions {
        let cli = Cli::try_parse_from(["capture", "record", "--target", "127.0.0.1:1"]).unwrap();
        let Command::Record(args) = &cli.command else {
            panic!("not record")
        };
        options(&args.recorder, &args.series, Existing::default(), None).unwrap()
    }

    #[test]
    fn record_without_flags_and_the_demo_record_alike() {
        assert_eq!(of_record(), RecordingOptions::default());
    }

    /// A test clock that counts: each reading is a microsecond after the one before.
    #[derive(Default)]
    struct Counter(AtomicU64);

    impl Clock for Counter {
        fn offset_ns(&self) -> u64 {
            self.0.fetch_add(1_000, Ordering::Relaxed)
        }
    }

    #[tokio::test]
    async fn equal_streams_make_captures_of_equal_digests_and_codecs() {
        let dir = tempfile::tempdir().unwrap();
        let pool = RecordingPool::new(1).unwrap();
        let mut made = Vec::new();
        for (name, options) in [("demo", RecordingOptions::default()), ("record", of_record())] {
            let reserved = reserve(&pool, &dir.path().join(name).with_extension("gcap"), options).unwrap();
            let recording = reserved
                .with_clock(Arc::new(Counter::default()))
                .start(&Header::new(1))
                .unwrap();
            let call = recording.handle().call(CallStart::default()).unwrap();
            for event in Reader::open("captures/febus-jitter.gcap").unwrap() {
                let kind = event.unwrap().kind;
                if matches!(&kind, EventKind::Message(message) if message.direction == Direction::Received) {
                    call.record(kind).await.unwrap();
                }
            }
            call.end(Ending::Status(Status::default())).unwrap();
            let made_of = recording.finish().await.unwrap();
            let codecs: BTreeSet<_> = made_of.codecs.iter().map(|(codec, _)| *codec).collect();
            made.push((made_of.summary.digest, made_of.summary.messages, codecs));
        }
        assert_eq!(made[0], made[1]);
        assert_eq!(made[0].1, 18);
    }
}
