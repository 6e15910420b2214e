//! One recording, alone or as one of many: configured, dialled, recorded, finished.

use std::{
    path::{Path, PathBuf},
    time::SystemTime,
};

use crate::{
    file::{Attribute, Continues, Existing, Header},
    model::event::FAILURE_AUTHOR,
    record::{
        Evidence, RecordingFailure, RecordingHandle, RecordingOptions, RecordingPool, RecordingSummary,
        RecordingTotals, ReservedRecording,
    },
    report::validation,
    tap::{CallLimits, HealthProbe, JobOptions, JobOutcome, Stop, dial::STREAM_WINDOW, record_job},
    transform::redact::{Redactor, Rules, Secrets, strip_userinfo},
};

use super::{Failure, live, target, target::Prepared};
use crate::cli::{
    commands::{import, output, recording, redact, series::DumpRequests, supervisor::caught},
    flags::record::RecordArgs,
};

/// Smallest flow-control window, HTTP/2's own default.
const SMALLEST_WINDOW: u32 = 65_535;

/// The state that the recordings of a process share.
pub(super) struct Session {
    pool: RecordingPool,
    /// Redaction rules that apply before anything is written.
    rules: Option<Rules>,
    /// Secrets that are masked in everything that is written and printed.
    secrets: Secrets,
    /// Number of concurrent recordings.
    recordings: usize,
}

/// The data that is known after a recording has ended.
pub(super) struct RecordedJob {
    /// Secrets that are masked in the report.
    pub(super) secrets: Secrets,
    pub(super) path: PathBuf,
    pub(super) totals: RecordingTotals,
    pub(super) outcome: Result<JobOutcome, Failure>,
    pub(super) written: Result<RecordingSummary, RecordingFailure>,
    /// True when the capture holds other jobs, too.
    pub(super) shared: bool,
    /// The result of `--validate`.
    pub(super) judged: Option<validation::Report>,
    /// Errors besides those of the recording itself.
    pub(super) errors: Vec<String>,
}

impl RecordedJob {
    /// The part of one job in a capture that holds several; what was lost in it is known by its calls.
    pub(super) fn of_one(
        path: &Path,
        outcome: JobOutcome,
        written: Result<RecordingSummary, RecordingFailure>,
        secrets: &Secrets,
    ) -> Self {
        let gaps = outcome.calls.iter().map(|call| call.lost).sum();
        let written = written.map(|mut written| {
            written.summary.gaps = gaps;
            written
        });
        Self {
            secrets: secrets.clone(),
            shared: true,
            path: path.to_owned(),
            totals: RecordingTotals {
                gaps,
                ..RecordingTotals::default()
            },
            outcome: Ok(outcome),
            written,
            judged: None,
            errors: Vec::new(),
        }
    }
}

/// The content that a recording must have to replace an earlier one. Of a job, frames: when another client takes them,
/// a call brings none, and ends well.
pub(super) const fn evidence(args: &RecordArgs) -> Evidence {
    if args.call.method.is_some() {
        Evidence::Answer
    } else {
        Evidence::Message
    }
}

impl Session {
    /// Starts a session for this many concurrent recordings.
    pub(super) fn start(args: &RecordArgs, recordings: usize, secrets: &Secrets) -> Result<Self, Failure> {
        let rules = args.recorder.redact.as_deref().map(redact::rules_of_file).transpose()?;
        if let Some(rules) = &rules {
            // A rule that does not fit must be known before a job is made that nothing can cancel.
            Redactor::new(rules, &import::header(args.job.dialect, "", 0))?;
        }
        Ok(Self {
            rules,
            secrets: secrets.clone(),
            pool: RecordingPool::with_sync_interval(recordings, args.recorder.flush_interval.0)?,
            recordings: recordings.max(1),
        })
    }

    /// Collects the secrets in the flags of a job, before anything is sent or written.
    pub(super) fn learn(&self, args: &RecordArgs) -> Result<(), Failure> {
        if args.recorder.keep_metadata {
            self.secrets.keep();
        }
        for (name, value) in &target::headers(&args.dial)? {
            self.secrets.learn(name.as_str(), value.as_bytes());
        }
        Ok(())
    }

    /// The secrets that are masked in everything that is written and printed.
    pub(super) const fn secrets(&self) -> &Secrets {
        &self.secrets
    }

    /// Reserves the file names of a recording.
    pub(super) fn reserve(&self, args: &RecordArgs, path: &Path) -> Result<ReservedRecording, Failure> {
        let rules = self.rules.clone();
        let options = recording::options(&args.recorder, &args.series, Existing::forced(args.force), rules)?;
        let options = RecordingOptions {
            evidence: evidence(args),
            ..options
        };
        Ok(recording::reserve(&self.pool, path, options)?.with_secrets(&self.secrets))
    }

    /// Records one job. `watch` is given the recording once there is one.
    pub(super) async fn record(
        &self,
        args: &RecordArgs,
        path: &Path,
        stop: Stop,
        watch: impl FnOnce(RecordingHandle, &Prepared),
    ) -> Result<RecordedJob, Failure> {
        self.learn(args)?;
        let earlier = args.recorder.resume_of.as_ref().map(Continues::of).transpose()?;
        if let Some(earlier) = &args.recorder.resume_of {
            output::apart(earlier, path)?;
        }
        // Before the job is configured, which nothing can cancel: is there a place for what it streams?
        let mut reserved = self.reserve(args, path)?;
        let dumps = DumpRequests::of(&args.series)?;
        let prepared = prepare(args, &stop).await?;
        let mut header = self.secrets.header(&header(args, &prepared, unix_ns()));
        if let Some(earlier) = &earlier {
            header.set_continues(earlier);
        }
        let judge = args.validate.then(|| live::start(args, &header)).transpose()?;
        let (observer, judge) = judge.unzip();
        let triggers = reserved.triggers();
        let alarm = match &dumps {
            Some(dumps) => {
                let expected = live::expectations(args, &header)?;
                dumps.observer(triggers.clone(), expected, &header, args.dial.max_msg_sz.0)
            }
            None => None,
        };
        for observer in observer.into_iter().chain(alarm) {
            reserved = reserved.with_observer(observer);
        }
        let recording = reserved.start(&header)?;
        let handle = recording.handle();
        if let Some(dumps) = dumps {
            dumps.listen(triggers, handle.clone());
        }
        watch(handle.clone(), &prepared);
        let options = self.job_options(args, &prepared, stop);
        // Whatever happens to it, what it has recorded is completed.
        let outcome = match caught(Box::pin(record_job(&prepared.job, &options, &handle))).await {
            Ok(outcome) => outcome.map_err(Failure::from),
            Err(panicked) => Err(Failure::from(format!(
                "could not record the job to its end: {panicked}"
            ))),
        };
        match &outcome {
            Ok(_) if args.expect.allow_empty => recording.keep_empty(),
            Ok(_) => {}
            Err(error) => {
                // A capture that is there says itself why it is empty.
                let _ = handle.note(FAILURE_AUTHOR, error.to_string());
            }
        }
        let written = recording.finish().await;
        let (judged, unjudged) = match judge.map(live::Judge::finish) {
            Some(Ok(judged)) => (Some(judged), None),
            Some(Err(failure)) => (None, Some(failure)),
            None => (None, None),
        };
        Ok(RecordedJob {
            secrets: self.secrets.clone(),
            path: path.to_owned(),
            totals: handle.totals(),
            outcome,
            shared: false,
            written,
            judged,
            errors: unjudged.map(|failure| failure.to_string()).into_iter().collect(),
        })
    }

    pub(super) fn job_options(&self, args: &RecordArgs, prepared: &Prepared, stop: Stop) -> JobOptions {
        let limits = &args.limits;
        let mut dial = prepared.dial.clone();
        let recordings = u32::try_from(self.recordings).unwrap_or(u32::MAX);
        dial.stream_window = (2 * STREAM_WINDOW / recordings).clamp(SMALLEST_WINDOW, STREAM_WINDOW);
        JobOptions {
            dial,
            health: match args.job.dialect {
                _ if args.dial.no_health_check || args.call.method.is_some() => HealthProbe::Skip,
                crate::das::dialect::Dialect::DataStream => HealthProbe::CheckHealthFirst,
                crate::das::dialect::Dialect::PandaDataStream => HealthProbe::StandardOnly,
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
}

/// Configures the job where requested, unless it is told to stop before.
pub(super) async fn prepare(args: &RecordArgs, stop: &Stop) -> Result<Prepared, Failure> {
    tokio::select! {
        prepared = target::prepare(args) => prepared,
        reason = stop.stopped() => Err(format!(
            "{reason} before the server answered; if it received the request, a job may be running there"
        )
        .into()),
    }
}

pub(crate) fn unix_ns() -> u64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    since.map_or(0, |since| u64::try_from(since.as_nanos()).unwrap_or(u64::MAX))
}

fn header(args: &RecordArgs, prepared: &Prepared, anchor_unix_ns: u64) -> Header {
    let mut header = if args.call.method.is_some() {
        let mut header = Header::new(anchor_unix_ns);
        header.set(Attribute::TOOL, concat!("grpc-capture ", env!("CARGO_PKG_VERSION")));
        header
    } else {
        import::header(args.job.dialect, &prepared.job_id, anchor_unix_ns)
    };
    if let Some(schema) = &prepared.schema {
        header.set_descriptor_set(schema);
    }
    header.set(Attribute::SOURCE, strip_userinfo(&prepared.source));
    if let Some(configured) = &prepared.configured {
        header.set(Attribute::CONFIGURE_REQUEST, configured.request.to_string());
        header.set(Attribute::CONFIGURE_RESPONSE, configured.response.to_string());
        if let Some(server) = &configured.server {
            header.set(Attribute::CONFIGURE_SERVER, server.as_str());
        }
    }
    for tag in &args.tags {
        header.set(format!("{}{}", Attribute::TAG_PREFIX, tag.0), tag.1.as_str());
    }
    header
}
