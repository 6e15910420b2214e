//! `capture record`: configures a job or dials one, and records all its streams.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::SystemTime,
};

use grpc_capture::{
    file::{Header, Summary, Writer, WriterOptions, attribute},
    redact::{MetadataPolicy, strip_userinfo},
    report::validation,
    tap::{
        CallLimits, HealthProbe, JobOptions, JobOutcome, MonotonicClock, Overflow, Recorder, RecorderError,
        RecorderOptions, Stop, TapError, record_job,
    },
};

use super::{Done, Failure, Outcome, import, output};
use crate::cli::record::{OnOverflow, RecordArgs};

mod live;
pub(super) mod progress;
mod report;
pub(super) mod signal;
mod target;

use target::Prepared;

pub(crate) fn run(args: &RecordArgs, talk: output::Talk) -> Done {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let done = runtime.block_on(record(args, talk));
    // A name server that does not answer must not keep a finished command alive.
    runtime.shutdown_background();
    done
}

async fn record(args: &RecordArgs, talk: output::Talk) -> Done {
    target::check(args)?;
    let name = args.job.job_id.as_deref().unwrap_or("capture");
    let path = args.output.clone().unwrap_or_else(|| default_path(name));
    // Before a job is configured, which nothing can cancel: is there a place for what it streams?
    output::check_capture(&path)?;
    // An earlier capture that is to be replaced stays until there is a job to record.
    let place = if args.force {
        output::beside(&path, ".gcap.part")
    } else {
        path.clone()
    };
    let file = output::create(&place, args.force)?;
    let stop = Stop::new();
    signal::stop_on_signals(stop.clone())?;
    let prepared = tokio::select! {
        prepared = target::prepare(args) => prepared,
        reason = stop.stopped() => Err(format!(
            "{reason} before the server had answered; if the request was on its way, a job may run on there"
        )
        .into()),
    };
    let prepared = match prepared {
        Ok(prepared) => prepared,
        Err(failure) => {
            // Nothing was captured: the empty file would only be in the way.
            drop(file);
            let _ = std::fs::remove_file(&place);
            return Err(failure);
        }
    };
    if place != path {
        std::fs::rename(&place, &path).map_err(|error| format!("could not replace {}: {error}", path.display()))?;
    }
    let clock = MonotonicClock::start();
    let header = header(args, &prepared, unix_ns());
    let options = WriterOptions {
        chunk_ns: u64::try_from(args.recorder.flush_interval.0.as_nanos()).unwrap_or(u64::MAX),
        ..WriterOptions::default()
    };
    let writer = Writer::with_file(file, &path, &header, options)?;
    let mut options = recorder_options(args, clock);
    let judge = args.validate.then(|| live::start(args, &header)).transpose()?;
    let judge = judge.map(|(observer, judge)| {
        options.observers.push(observer);
        judge
    });
    let recorder = Recorder::start(writer, options)?;
    let handle = recorder.handle();
    let line = progress::Line::start(handle.clone(), talk);
    let outcome = record_job(&prepared.job, &job_options(args, &prepared, stop), &handle).await;
    if let Err(error) = &outcome {
        // The capture says itself why it is empty.
        let _ = handle.note("recorder", error.to_string());
    }
    let written = recorder.finish().await;
    let totals = line.stop();
    let judged = judge.map(live::Judge::finish).transpose()?;
    let recording = Recording {
        path,
        totals,
        outcome,
        written,
        judged,
    };
    report::report(args, &recording, talk)
}

/// Everything that is known when a recording has ended.
struct Recording {
    path: PathBuf,
    totals: grpc_capture::tap::Totals,
    outcome: Result<JobOutcome, TapError>,
    written: Result<Summary, RecorderError>,
    /// What `--validate` found.
    judged: Option<validation::Report>,
}

/// A name of its own for each capture.
pub(super) fn default_path(name: &str) -> PathBuf {
    let safe = |c: char| {
        if c.is_ascii_alphanumeric() || "-_.".contains(c) {
            c
        } else {
            '_'
        }
    };
    let name: String = name.chars().map(safe).collect();
    let time = jiff::Timestamp::now().strftime("%Y%m%dT%H%M%SZ");
    Path::new(&format!("{name}-{time}.gcap")).to_owned()
}

/// The wall clock, in nanoseconds since the Unix epoch.
pub(super) fn unix_ns() -> u64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    since.map_or(0, |since| u64::try_from(since.as_nanos()).unwrap_or(u64::MAX))
}

fn header(args: &RecordArgs, prepared: &Prepared, anchor_unix_ns: u64) -> Header {
    let mut header = import::header(args.job.dialect, &prepared.job_id, anchor_unix_ns);
    header.set(attribute::SOURCE, strip_userinfo(&prepared.source));
    if let Some(configured) = &prepared.configured {
        header.set(attribute::CONFIGURE_REQUEST, configured.request.to_string());
        header.set(attribute::CONFIGURE_RESPONSE, configured.response.to_string());
    }
    for tag in &args.tags {
        header.set(format!("{}{}", attribute::TAG_PREFIX, tag.0), tag.1.as_str());
    }
    header
}

fn recorder_options(args: &RecordArgs, clock: MonotonicClock) -> RecorderOptions {
    RecorderOptions {
        on_overflow: match args.recorder.on_overflow {
            OnOverflow::Block => Overflow::Block,
            OnOverflow::Gap => Overflow::Gap,
            OnOverflow::Abort => Overflow::Abort,
        },
        flush_interval: args.recorder.flush_interval.0,
        metadata: if args.recorder.keep_metadata {
            MetadataPolicy::Keep
        } else {
            MetadataPolicy::Redact
        },
        clock: Arc::new(clock),
        ..RecorderOptions::default()
    }
}

fn job_options(args: &RecordArgs, prepared: &Prepared, stop: Stop) -> JobOptions {
    let limits = &args.limits;
    JobOptions {
        dial: prepared.dial.clone(),
        health: match args.job.dialect {
            _ if args.dial.no_health_check => HealthProbe::Skip,
            grpc_capture::dialect::Dialect::DataStream => HealthProbe::CheckHealthFirst,
            grpc_capture::dialect::Dialect::PandaDataStream => HealthProbe::StandardOnly,
        },
        limits: CallLimits {
            first_frame_timeout: Some(limits.first_frame_timeout.0),
            idle_timeout: Some(limits.idle_timeout.0),
            duration: limits.duration.map(|span| span.0),
            max_frames: limits.max_frames,
            max_bytes: limits.max_bytes.map(|size| size.0),
            max_message_bytes: usize::try_from(args.dial.max_msg_sz.0).unwrap_or(usize::MAX),
        },
        stop,
    }
}
