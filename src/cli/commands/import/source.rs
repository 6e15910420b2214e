//! The sources of an import: events out of a file of some other form.

use std::{
    collections::VecDeque,
    fs::File,
    io::{Cursor, Read},
};

use crate::{
    das::{
        dialect::{DecodeErrorKind, Dialect, datastream},
        frames::{Frames, Seen},
        proto::FOCUS_DESCRIPTOR_SET,
    },
    file::{Attribute, Header},
    grpc::InflateError,
    model::event::{Direction, Event, EventKind},
    transform::convert::{
        Import, ImportOptions, Loss, Losses,
        binlog::{BinlogReader, Framing},
        import::recognize::{Form, LOOK_BYTES, recognize},
        mcap::{McapReader, McapSchemas},
    },
};

use super::recognized;
use crate::cli::{
    commands::Failure,
    flags::{ImportArgs, ImportForm},
};

/// The error of an input.
pub(super) type Problem = Box<dyn std::error::Error + Send + Sync>;

/// Number of events that are inspected before the first one is written: a request that names the job comes among the
/// first.
const LOOK_EVENTS: usize = 8;

/// Number of bytes from which a file format is recognized, even when no more have come yet.
const ENOUGH_BYTES: usize = 512;

/// The input, from its first byte.
type Input = std::io::Chain<Cursor<Vec<u8>>, Box<dyn Read>>;

/// Events of a foreign file, counted as they are read.
pub(super) struct Source {
    /// The header for the capture.
    pub(super) header: Header,
    /// Messages received so far.
    pub(super) received: u64,
    /// Messages of spectrogram calls among them that cannot be decoded.
    pub(super) undecodable: u64,
    /// Frames that would take too much memory to decode.
    pub(super) too_large: u64,
    /// Compressed frames that cannot be inflated.
    pub(super) not_inflated: u64,
    ahead: VecDeque<Result<Event, Problem>>,
    events: Events,
    frames: Frames,
}

/// The reader of each file format.
enum Events {
    Frames(Box<Import<Input>>),
    Binlog(Box<BinlogReader<Input>>),
    Mcap(Box<McapReader<Input>>),
}

impl Source {
    pub(super) fn open(args: &ImportArgs, mut input: Box<dyn Read>, job_id: &str) -> Result<Self, Failure> {
        let start = look(&mut input)?;
        let form = match (args.from, recognize(&start)) {
            (Some(ImportForm::Frames), _) => Form::Frames,
            (Some(ImportForm::Mcap), _) => Form::Mcap,
            (Some(ImportForm::Binlog), form @ Form::Binlog(_)) | (None, form) => form,
            (Some(ImportForm::Binlog), _) => Form::Binlog(Framing::of(&start)),
        };
        tracing::info!(
            "{} is {}",
            args.input.display(),
            match &form {
                Form::Frames => "treated as length-delimited messages",
                Form::Binlog(_) => "a gRPC binary log",
                Form::Mcap => "an MCAP file",
                _ => "something else",
            }
        );
        let input = Cursor::new(start).chain(input);
        let mut header = super::header::header(args.dialect, job_id, 0);
        let events = match form {
            Form::Binlog(framing) => {
                let log = BinlogReader::new(input, framing).map_err(|error| refused(args, &error))?;
                header.anchor_unix_ns = log.anchor_unix_ns();
                Events::Binlog(Box::new(log))
            }
            Form::Mcap => {
                let file = mcap(args, input)?;
                match file.header() {
                    Some(own) => header = own.clone(),
                    None => header.anchor_unix_ns = file.anchor_unix_ns(),
                }
                if let (None, Some(set)) = (file.header(), file.descriptor_set()) {
                    header.set_descriptor_set(&set);
                }
                Events::Mcap(Box::new(file))
            }
            Form::Other(kind) => return Err(recognized::refusal(args, kind)),
            _ => {
                let options = ImportOptions {
                    dialect: args.dialect,
                    job_id: job_id.to_owned(),
                    ..ImportOptions::default()
                };
                let import = Import::new(input, options);
                header.anchor_unix_ns = import.anchor_unix_ns();
                header.set(Attribute::TIMING, "rows");
                Events::Frames(Box::new(import))
            }
        };
        let mut source = Self {
            header,
            received: 0,
            undecodable: 0,
            too_large: 0,
            not_inflated: 0,
            ahead: VecDeque::new(),
            events,
            frames: Frames::default(),
        };
        if !matches!(source.events, Events::Frames(_)) && !source.is_ours() {
            source.name_job(args);
        }
        Ok(source)
    }

    /// True when the input is an export of a capture, with its header.
    pub(super) fn is_ours(&self) -> bool {
        matches!(&self.events, Events::Mcap(file) if file.header().is_some())
    }

    /// True when the input is bare messages.
    pub(super) const fn is_frames(&self) -> bool {
        matches!(self.events, Events::Frames(_))
    }

    pub(super) fn next(&mut self) -> Option<Result<Event, Problem>> {
        let event = match self.ahead.pop_front().or_else(|| self.events.next())? {
            Ok(event) => event,
            Err(error) => return Some(Err(error)),
        };
        if let EventKind::Message(message) = &event.kind {
            self.received += u64::from(message.direction == Direction::Received);
        }
        match self.frames.see(&event) {
            // It may well be a frame, and is kept as one.
            Seen::Malformed(_, error) if matches!(error.kind, DecodeErrorKind::TooManyParts { .. }) => {
                self.too_large += 1;
            }
            Seen::NotInflated(_, InflateError::TooLarge { .. }) => self.too_large += 1,
            Seen::NotInflated(..) => self.not_inflated += 1,
            Seen::Malformed(..) => self.undecodable += 1,
            _ => {}
        }
        Some(Ok(event))
    }

    /// The losses of the import; complete after the last event.
    pub(super) fn losses(&self) -> Losses {
        match &self.events {
            Events::Frames(_) => {
                let mut losses = Losses::default();
                losses.add(Loss::Times, self.too_large);
                losses
            }
            Events::Binlog(log) => log.losses().clone(),
            Events::Mcap(file) => file.losses().clone(),
        }
    }

    /// Sets the job when the events name their methods themselves: the first spectrogram call says how the job speaks,
    /// and its request perhaps how the job is called.
    fn name_job(&mut self, args: &ImportArgs) {
        while self.ahead.len() < LOOK_EVENTS
            && let Some(next) = self.events.next()
        {
            self.ahead.push_back(next);
        }
        let ahead = || self.ahead.iter().flatten();
        let dialect = ahead().find_map(|event| match &event.kind {
            EventKind::CallStart(start) => Dialect::from_method(&start.method),
            _ => None,
        });
        let Some(dialect) = dialect else {
            // Nothing of it is known to be a Focus job's.
            let known = self.header.get(Attribute::DESCRIPTOR_SET) != Some(FOCUS_DESCRIPTOR_SET);
            self.header.attributes.retain(|(name, _)| match name.as_str() {
                Attribute::DIALECT | Attribute::JOB_ID => false,
                Attribute::DESCRIPTOR_SET | Attribute::DESCRIPTOR_SHA256 => known,
                _ => true,
            });
            return;
        };
        let job_id = ahead().find_map(|event| match &event.kind {
            EventKind::Message(message) if message.direction == Direction::Sent && dialect == Dialect::DataStream => {
                let request = datastream::StreamRequest::decode(&message.data).ok()?;
                Some(request.job_id.to_owned())
            }
            _ => None,
        });
        self.header.set(Attribute::DIALECT, dialect.name());
        if let Some(job_id) = job_id.filter(|job_id| args.job_id.is_none() && !job_id.is_empty()) {
            self.header.set(Attribute::JOB_ID, job_id);
        }
    }
}

impl Iterator for Events {
    type Item = Result<Event, Problem>;

    fn next(&mut self) -> Option<Self::Item> {
        Some(match self {
            Self::Frames(import) => import.next()?.map_err(Into::into),
            Self::Binlog(log) => log.next()?.map_err(Into::into),
            Self::Mcap(file) => file.next()?.map_err(Into::into),
        })
    }
}

/// Reads the first bytes; of a pipe no more than are needed, for the rest may take its time.
fn look(input: &mut dyn Read) -> std::io::Result<Vec<u8>> {
    let mut start = vec![0; LOOK_BYTES];
    let mut there = 0;
    while there < ENOUGH_BYTES {
        match input.read(&mut start[there..]) {
            Ok(0) => break,
            Ok(more) => there += more,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    start.truncate(there);
    Ok(start)
}

/// Opens an MCAP file; one that can be read twice is read for its schemas first.
fn mcap(args: &ImportArgs, input: Input) -> Result<McapReader<Input>, Failure> {
    let regular = args.input.is_file();
    let again = regular.then(|| File::open(&args.input).ok()).flatten();
    let file = match again {
        Some(file) => McapReader::with_schemas(input, McapSchemas::read(file)?),
        None => McapReader::new(input),
    };
    file.map_err(|error| refused(args, &error))
}

fn refused(args: &ImportArgs, error: &dyn std::error::Error) -> Failure {
    format!("could not import {}: {error}", args.input.display()).into()
}
