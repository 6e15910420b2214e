//! [`Recording`]: the one way from events to capture files.

use std::{
    io,
    path::Path,
    sync::Arc,
    time::{SystemTime, UNIX_EPOCH},
};

use super::{
    Clock, Recorder, RecorderOptions, RecordingFailure, RecordingHandle, RecordingLayout, RecordingOptions,
    RecordingPool, SinkError, SyncWhen,
    output::{
        CaptureTemplate, ErrorFilter, Names, Output, RecordingFiles, RecordingSummary, Ring, RingOptions, Rotate,
        RotateOptions, Trigger, TriggerQueue,
    },
    pipeline::Pipeline,
};
use crate::{
    file::{Attribute, Existing, Header, NewFile, Writer},
    model::event::Observer,
    transform::redact::{RedactionRule, Redactor, Secrets},
};

/// A recording with reserved file names that has not begun: the file is there beside its name, or the numbered names
/// are free.
#[derive(Debug)]
pub struct ReservedRecording {
    pool: RecordingPool,
    place: Place,
    options: RecordingOptions,
    recorder: RecorderOptions,
    files: RecordingFiles,
    triggers: TriggerQueue,
}

#[derive(Debug)]
enum Place {
    One(NewFile),
    Series(Names, RotateOptions),
    Ring(Names, RingOptions),
}

/// A recording in progress: from events to capture files.
///
/// Events are written by threads; a slow disk slows a tap only through the queue. Dropped without
/// [`finish`](Self::finish), the recording is completed all the same, unobserved.
///
/// ```
/// use grpc_capture::{model::{CallStart, Direction, Message}, file::Header, record::{Recording, RecordingOptions}};
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("job.gcap");
/// # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
/// let recording = Recording::start(&path, &Header::new(0), RecordingOptions::default())?;
/// let call = recording.handle().call(CallStart { method: "/weather.Station/Watch".into(), ..CallStart::default() })?;
/// call.message(Message::plain(Direction::Received, &b"\x08\x2a"[..])).await?;
/// let summary = recording.finish().await?;
/// assert_eq!(summary.summary.messages, 1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Recording {
    recorder: Recorder<Output>,
    files: RecordingFiles,
    triggers: TriggerQueue,
}

impl RecordingPool {
    /// Reserves the file names of a recording: creates the hidden file, or checks that the numbered names are free.
    ///
    /// # Errors
    /// When the place is taken or cannot be written to.
    pub fn reserve(&self, path: &Path, options: RecordingOptions) -> Result<ReservedRecording, RecordingFailure> {
        ReservedRecording::new(self.clone(), path, options)
    }
}

impl ReservedRecording {
    pub(super) fn new(pool: RecordingPool, path: &Path, options: RecordingOptions) -> Result<Self, RecordingFailure> {
        let place = match options.layout {
            RecordingLayout::Single => {
                let file = NewFile::create(path, options.existing).map_err(|error| taken(path, error))?;
                Place::One(file)
            }
            RecordingLayout::Series(series) => Place::Series(free_names(path, options.existing)?, series),
            RecordingLayout::Ring(ring) => Place::Ring(free_names(path, options.existing)?, ring),
        };
        let recorder = RecorderOptions {
            queue_bytes: pool.queue_bytes(options.queue_bytes),
            on_overflow: options.on_overflow,
            spool: Some(pool.spool(path)),
            flush_interval: options.flush_interval,
            metadata: options.metadata,
            ..RecorderOptions::default()
        };
        Ok(Self {
            files: RecordingFiles::new(options.evidence),
            triggers: TriggerQueue::default(),
            pool,
            place,
            options,
            recorder,
        })
    }

    /// Masks these secrets in recorded text.
    #[must_use]
    pub fn with_secrets(mut self, secrets: &Secrets) -> Self {
        self.recorder.secrets = secrets.clone();
        self
    }

    /// Calls `observer` with every event on the writer thread, after it was redacted and written.
    #[must_use]
    pub fn with_observer(mut self, observer: Box<dyn Observer>) -> Self {
        self.recorder.observers.push(observer);
        self
    }

    /// Uses this clock for the times of events; by default one that starts with the recording.
    #[must_use]
    pub fn with_clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.recorder.clock = clock;
        self
    }

    /// The trigger queue of the ring; triggers have no effect in other layouts.
    #[must_use]
    pub fn triggers(&self) -> TriggerQueue {
        self.triggers.clone()
    }

    /// Starts the recording, with the given header: offset 0 is now, which [`anchor_unix_ns`](Header::anchor_unix_ns)
    /// of the header gives as wall-clock time.
    ///
    /// # Errors
    /// When the rules do not fit, or the file cannot be written.
    pub fn start(mut self, header: &Header) -> Result<Recording, RecordingFailure> {
        let mut header = self.recorder.secrets.header(header);
        if let Some(rules) = &self.options.redact {
            let mut redactor = Redactor::new(rules, &header)?;
            header = redactor.header(&header);
            header.set(Attribute::REDACTED, "before it was written");
            self.recorder.rules.push(Box::new(redactor) as Box<dyn RedactionRule>);
        }
        let template = self.pool.template(&header, self.options.flush_interval, &self.files);
        let output = self.place.open(&self.pool, template, self.options.sync, &self.triggers);
        let mut output = output.map_err(RecordingFailure::Begin)?;
        if self.options.only_errors {
            output = Output::ErrorFilter(Box::new(ErrorFilter::new(output)));
        }
        Ok(Recording {
            recorder: Recorder::start_on(self.pool.writers(), output, self.recorder),
            files: self.files,
            triggers: self.triggers,
        })
    }
}

fn taken(path: &Path, source: io::Error) -> RecordingFailure {
    RecordingFailure::Place {
        path: path.to_owned(),
        source,
    }
}

fn free_names(path: &Path, existing: Existing) -> Result<Names, RecordingFailure> {
    let names = Names::new(path, existing == Existing::Replace);
    match names.taken().map_err(|error| taken(path, error))? {
        None => Ok(names),
        Some(there) => Err(taken(&there, io::ErrorKind::AlreadyExists.into())),
    }
}

impl Place {
    fn open(
        self,
        pool: &RecordingPool,
        template: CaptureTemplate,
        sync: SyncWhen,
        triggers: &TriggerQueue,
    ) -> Result<Output, SinkError> {
        Ok(match self {
            Self::One(file) => {
                let path = file.path().to_owned();
                let file = pool.sync().keep(file, sync)?;
                let recorded = file.recorded();
                let writer = Writer::named(file, &path, &template.header, template.chunks)?;
                let pipeline = Pipeline::new(writer, template.compression, template.codecs, template.room);
                Output::single(recorded, template.files, pipeline)
            }
            Self::Series(names, series) => Output::Rotate(Box::new(Rotate::start(names, template, series)?)),
            Self::Ring(names, ring) => {
                let ring = Ring::start(names, template, ring, triggers.clone())?;
                Output::Ring(Box::new(ring))
            }
        })
    }
}

impl Recording {
    /// Starts a recording into `path`, with its own threads. A header without an [anchor](Header::anchor_unix_ns) gets
    /// the present time.
    ///
    /// # Errors
    /// When the place is taken or cannot be written to, the rules do not fit, or no thread can be started.
    pub fn start(path: impl AsRef<Path>, header: &Header, options: RecordingOptions) -> Result<Self, RecordingFailure> {
        let pool = RecordingPool::with_sync_interval(1, options.flush_interval).map_err(RecordingFailure::Threads)?;
        let reserved = pool.reserve(path.as_ref(), options)?;
        if header.anchor_unix_ns != 0 {
            return reserved.start(header);
        }
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default()
            .as_nanos();
        let anchor_unix_ns = u64::try_from(now).unwrap_or(u64::MAX);
        let mut header = header.clone();
        header.anchor_unix_ns = anchor_unix_ns;
        reserved.start(&header)
    }

    /// Returns a handle for recording events.
    #[must_use]
    pub fn handle(&self) -> RecordingHandle {
        self.recorder.handle()
    }

    /// Keeps the file even when nothing is recorded.
    pub fn keep_empty(&self) {
        self.files.keep_empty();
    }

    /// Triggers the ring with this reason. It has no effect in other layouts.
    pub fn trigger(&self, what: impl Into<String>) {
        self.triggers.push(Trigger {
            offset_ns: self.handle().now(),
            what: what.into(),
        });
    }

    /// Writes all that is queued, ends calls that are still open as broken, and completes the files. Events that come
    /// later are refused.
    ///
    /// # Errors
    /// When something could not be written; the failure tells what is in the files.
    pub async fn finish(self) -> Result<RecordingSummary, RecordingFailure> {
        let Self { recorder, files, .. } = self;
        match recorder.finish().await {
            Ok(written) => Ok(written),
            Err(error) if error.leaves_doubt() => {
                let stored = tokio::task::spawn_blocking(move || Box::new(files.held())).await.ok();
                Err(RecordingFailure::Write { error, stored })
            }
            Err(error) => Err(RecordingFailure::Write { error, stored: None }),
        }
    }

    /// Does the same as [`finish`](Self::finish) for code without a runtime; it blocks, so never call it from an async
    /// task.
    ///
    /// # Errors
    /// As [`finish`](Self::finish).
    pub fn finish_blocking(self) -> Result<RecordingSummary, RecordingFailure> {
        let Self { recorder, files, .. } = self;
        recorder.finish_blocking().map_err(|error| RecordingFailure::Write {
            stored: error.leaves_doubt().then(|| Box::new(files.held())),
            error,
        })
    }
}

#[cfg(test)]
mod tests;
