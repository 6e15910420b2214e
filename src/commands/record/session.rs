//! One recording, alone or as one of many: configured, dialled, recorded, finished.

use std::{
    num::NonZeroUsize,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, SystemTime},
};

use grpc_capture::{
    event::FAILURE_AUTHOR,
    file::{Continues, Header, NewFile, Writer, WriterOptions, attribute},
    redact::{MetadataPolicy, Redactor, Rule, Rules, Secrets, strip_userinfo},
    report::validation,
    tap::{
        CallLimits, HealthProbe, JobOptions, JobOutcome, MonotonicClock, Overflow, Recorder, RecorderError,
        RecorderHandle, RecorderOptions, Stop, Totals,
        dial::STREAM_WINDOW,
        record_job,
        recorder::{
            QUEUE_BYTES, SPILL_BYTES, Spill,
            crew::Crew,
            durable::Keeper,
            output::{Evidence, Held, Making, Output, RecordingFiles, Written},
            pipeline::{Ladder, Pipeline},
            press::Press,
        },
    },
};

use super::{Failure, live, target, target::Prepared};
use crate::{
    cli::record::{OnOverflow, RecordArgs},
    commands::{import, output, redact, series::Numbered, supervisor::caught},
};

/// Disks do not like to be synced more often, and a removed file need not be noticed sooner.
const SHORTEST_ROUND: Duration = Duration::from_millis(200);

/// Memory for the chunks of all recordings together, 24 MiB: with the queues and the windows of HTTP/2, a
/// process stays under 100 MB however many jobs it records.
const ALL_CHUNKS: usize = 24 << 20;

/// A chunk is not made smaller than this, 64 KiB: below, compression suffers.
const SMALLEST_CHUNK: usize = 64 << 10;

/// A queue is not made smaller than this, 64 KiB. A larger message gets in alone.
const SMALLEST_QUEUE: usize = 64 << 10;

/// A window is not made smaller than HTTP/2's own default.
const SMALLEST_WINDOW: u32 = 65_535;

/// Threads that write for many recordings: more would only wait for the same disk.
const CREW: usize = 2;

/// What the recordings of a process share.
pub(super) struct Session {
    keeper: Keeper,
    press: Press,
    crew: Option<Crew>,
    /// What is hidden before it is written.
    rules: Option<Rules>,
    /// What is masked in all that is written and said.
    secrets: Secrets,
    /// Recordings at once.
    recordings: usize,
}

/// Everything that is known when a recording has ended.
pub(super) struct Recording {
    /// What is masked in what is said of it.
    pub(super) secrets: Secrets,
    pub(super) path: PathBuf,
    pub(super) totals: Totals,
    pub(super) outcome: Result<JobOutcome, Failure>,
    pub(super) written: Result<Written, RecorderError>,
    /// The capture holds other jobs, too.
    pub(super) shared: bool,
    /// What is in the files, when they could not be written to their end.
    pub(super) held: Option<Held>,
    /// What `--validate` found.
    pub(super) judged: Option<validation::Report>,
    /// What failed beside the recording.
    pub(super) errors: Vec<String>,
}

impl Recording {
    /// One job's part of a capture that holds several; what was lost in it is known by its calls.
    pub(super) fn of_one(
        path: &Path,
        outcome: JobOutcome,
        written: Result<Written, RecorderError>,
        held: Option<Held>,
        secrets: &Secrets,
    ) -> Self {
        let gaps = outcome.calls.iter().map(|call| call.lost).sum();
        let written = written.map(|mut written| {
            written.summary.gaps = gaps;
            written
        });
        Self {
            secrets: secrets.clone(),
            held,
            shared: true,
            path: path.to_owned(),
            totals: Totals {
                gaps,
                ..Totals::default()
            },
            outcome: Ok(outcome),
            written,
            judged: None,
            errors: Vec::new(),
        }
    }
}

/// Begins the capture's file, before a job is configured, which nothing can cancel: is there a place for what it streams?
/// An earlier capture that is to be replaced stays until something is recorded.
pub(super) fn begin(args: &RecordArgs, path: &Path) -> Result<NewFile, Failure> {
    output::check_capture(path)?;
    output::begin(path, args.force)
}

/// What a recording must hold to replace an earlier one. Of a job, frames: when another client takes them, a call brings
/// none, and ends well.
pub(super) const fn evidence(args: &RecordArgs) -> Evidence {
    if args.call.method.is_some() {
        Evidence::Answer
    } else {
        Evidence::Message
    }
}

/// What the files of a recording hold, when it could not be written to its end. Reading them may take a while.
pub(crate) async fn held<T>(files: RecordingFiles, written: &Result<T, RecorderError>) -> Option<Held> {
    if !matches!(written, Err(RecorderError::Sink { .. } | RecorderError::Lost)) {
        return None;
    }
    tokio::task::spawn_blocking(move || files.held()).await.ok()
}

impl Session {
    /// For so many recordings at once.
    pub(super) fn start(args: &RecordArgs, recordings: usize, secrets: &Secrets) -> Result<Self, Failure> {
        let rules = args.recorder.redact.as_deref().map(redact::rules_of_file).transpose()?;
        if let Some(rules) = &rules {
            // A rule that does not fit must be known before a job is made that nothing can cancel.
            Redactor::new(rules, &import::header(args.job.dialect, "", 0))?;
        }
        Ok(Self {
            rules,
            secrets: secrets.clone(),
            keeper: Keeper::start(args.recorder.flush_interval.0.max(SHORTEST_ROUND))?,
            press: Press::start()?,
            crew: (recordings > 1).then(|| Crew::new(CREW)),
            recordings: recordings.max(1),
        })
    }

    /// Learns what the flags of a job hold of secrets, before anything is asked of a server or written.
    pub(super) fn learn(&self, args: &RecordArgs) -> Result<(), Failure> {
        if args.recorder.keep_metadata {
            self.secrets.keep();
        }
        for (name, value) in &target::headers(&args.dial)? {
            self.secrets.learn(name.as_str(), value.as_bytes());
        }
        Ok(())
    }

    /// What is masked in all that is written and said.
    pub(super) const fn secrets(&self) -> &Secrets {
        &self.secrets
    }

    /// Records one job. `watch` is given the recorder once there is one.
    pub(super) async fn record(
        &self,
        args: &RecordArgs,
        path: &Path,
        stop: Stop,
        watch: impl FnOnce(RecorderHandle),
    ) -> Result<Recording, Failure> {
        self.learn(args)?;
        let earlier = args.recorder.resume_of.as_ref().map(Continues::of).transpose()?;
        if let Some(earlier) = &args.recorder.resume_of {
            output::apart(earlier, path)?;
        }
        let numbered = Numbered::reserve(path, args.force, &args.series)?;
        let file = numbered.is_none().then(|| begin(args, path)).transpose()?;
        let prepared = prepare(args, &stop).await?;
        let files = RecordingFiles::new(evidence(args));
        let clock = MonotonicClock::start();
        let mut header = self.secrets.header(&header(args, &prepared, unix_ns()));
        if let Some(earlier) = &earlier {
            header.set_continues(earlier);
        }
        let mut options = self.recorder_options(args, clock, path);
        let judge = args.validate.then(|| live::start(args, &header)).transpose()?;
        let judge = judge.map(|(observer, judge)| {
            options.observers.push(observer);
            judge
        });
        let (recorder, asked) = match (file, numbered) {
            (_, Some(numbered)) => {
                let header = self.redacted(&header, &mut options)?;
                let (output, asked) = numbered.open(self.making(args, &header, &files))?;
                let expected = live::expectations(args, &header)?;
                options
                    .observers
                    .extend(asked.observer(expected, &header, args.dial.max_msg_sz.0));
                (Recorder::start(output, options)?, Some(asked))
            }
            (Some(file), None) => (self.recorder(args, file, &files, &header, options)?, None),
            (None, None) => return Err("there is no place to write".into()),
        };
        let handle = recorder.handle();
        if let Some(asked) = asked {
            asked.listen(handle.clone());
        }
        watch(handle.clone());
        let options = self.job_options(args, &prepared, stop);
        // Whatever happens to it, what it has recorded is completed.
        let outcome = match caught(Box::pin(record_job(&prepared.job, &options, &handle))).await {
            Ok(outcome) => outcome.map_err(|error| error.to_string().into()),
            Err(panicked) => Err(Failure::from(format!(
                "could not record the job to its end: {panicked}"
            ))),
        };
        match &outcome {
            Ok(_) if args.expect.allow_empty => files.keep_empty(),
            Ok(_) => {}
            Err(error) => {
                // A capture that is there says itself why it is empty.
                let _ = handle.note(FAILURE_AUTHOR, error.to_string());
            }
        }
        let written = recorder.finish().await;
        let (judged, unjudged) = match judge.map(live::Judge::finish) {
            Some(Ok(judged)) => (Some(judged), None),
            Some(Err(failure)) => (None, Some(failure)),
            None => (None, None),
        };
        Ok(Recording {
            secrets: self.secrets.clone(),
            path: path.to_owned(),
            totals: handle.totals(),
            outcome,
            shared: false,
            held: held(files, &written).await,
            written,
            judged,
            errors: unjudged.map(|failure| failure.to_string()).into_iter().collect(),
        })
    }

    /// Starts a recorder into a new file.
    pub(super) fn recorder(
        &self,
        args: &RecordArgs,
        file: NewFile,
        files: &RecordingFiles,
        header: &Header,
        mut options: RecorderOptions,
    ) -> Result<Recorder<Output>, Failure> {
        let path = file.path().to_owned();
        let file = self.keeper.keep(file, args.recorder.sync.into())?;
        let recorded = file.recorded();
        let header = self.redacted(header, &mut options)?;
        let making = self.making(args, &header, files);
        let writer = Writer::named(file, &path, &header, making.chunks)?;
        let pipeline = Pipeline::new(writer, making.press, making.ladder, making.room);
        let output = Output::single(recorded, making.files, pipeline);
        Ok(match &self.crew {
            Some(crew) => Recorder::start_in(crew, output, options),
            None => Recorder::start(output, options)?,
        })
    }

    /// The header without what the rules hide; the events follow in the recorder.
    fn redacted(&self, header: &Header, options: &mut RecorderOptions) -> Result<Header, Failure> {
        let mut header = header.clone();
        if let Some(rules) = &self.rules {
            let mut redactor = Redactor::new(rules, &header)?;
            header = redactor.header(&header);
            header.set(attribute::REDACTED, "before it was written");
            options.rules.push(Box::new(redactor) as Box<dyn Rule>);
        }
        Ok(header)
    }

    /// How the recording's files are made.
    fn making(&self, args: &RecordArgs, header: &Header, files: &RecordingFiles) -> Making {
        let defaults = WriterOptions::default();
        let room = self.press.room().get().div_ceil(self.recordings);
        Making {
            header: header.clone(),
            chunks: WriterOptions {
                chunk_ns: u64::try_from(args.recorder.flush_interval.0.as_nanos()).unwrap_or(u64::MAX),
                chunk_bytes: (ALL_CHUNKS / 2 / self.recordings).clamp(SMALLEST_CHUNK, defaults.chunk_bytes),
                ..defaults
            },
            press: self.press.clone(),
            ladder: Ladder::default(),
            room: NonZeroUsize::new(room).unwrap_or(NonZeroUsize::MIN),
            files: files.clone(),
        }
    }

    /// Options of a recording into `path`.
    pub(super) fn recorder_options(&self, args: &RecordArgs, clock: MonotonicClock, path: &Path) -> RecorderOptions {
        RecorderOptions {
            on_overflow: match args.recorder.on_overflow {
                OnOverflow::Block => Overflow::Block,
                OnOverflow::Gap => Overflow::Gap,
                OnOverflow::Abort => Overflow::Abort,
            },
            spill: Some(Spill::beside(path, SPILL_BYTES / self.recordings as u64)),
            flush_interval: args.recorder.flush_interval.0,
            metadata: if args.recorder.keep_metadata {
                MetadataPolicy::Keep
            } else {
                MetadataPolicy::Redact
            },
            secrets: self.secrets.clone(),
            clock: Arc::new(clock),
            queue_bytes: (QUEUE_BYTES / self.recordings).max(SMALLEST_QUEUE),
            ..RecorderOptions::default()
        }
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
}

/// Configures the job where that is asked for, unless it is told to stop before.
pub(super) async fn prepare(args: &RecordArgs, stop: &Stop) -> Result<Prepared, Failure> {
    tokio::select! {
        prepared = target::prepare(args) => prepared,
        reason = stop.stopped() => Err(format!(
            "{reason} before the server had answered; if the request was on its way, a job may run on there"
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
        header.set(attribute::TOOL, concat!("grpc-capture ", env!("CARGO_PKG_VERSION")));
        header
    } else {
        import::header(args.job.dialect, &prepared.job_id, anchor_unix_ns)
    };
    if let Some(schema) = &prepared.schema {
        header.set_descriptor_set(schema);
    }
    header.set(attribute::SOURCE, strip_userinfo(&prepared.source));
    if let Some(configured) = &prepared.configured {
        header.set(attribute::CONFIGURE_REQUEST, configured.request.to_string());
        header.set(attribute::CONFIGURE_RESPONSE, configured.response.to_string());
        if let Some(server) = &configured.server {
            header.set(attribute::CONFIGURE_SERVER, server.as_str());
        }
    }
    for tag in &args.tags {
        header.set(format!("{}{}", attribute::TAG_PREFIX, tag.0), tag.1.as_str());
    }
    header
}
