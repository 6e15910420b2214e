//! What an import reads: events out of a file of some other form.

use std::io::{Cursor, Read};

use grpc_capture::{
    convert::{
        Import, ImportOptions,
        binlog::{BinlogReader, Framing},
        mcap::McapReader,
    },
    dialect::Dialect,
    event::{Direction, Event, EventKind},
    file::{Header, attribute},
    frames::{Frames, Seen},
    proto::FOCUS_DESCRIPTOR_SET,
};

use crate::{
    cli::{ImportArgs, ImportForm},
    commands::Failure,
};

/// Why an input ended badly.
pub(super) type Problem = Box<dyn std::error::Error + Send + Sync>;

/// Bytes that tell what a file is.
const LOOK: usize = 8;

/// The beginning of every MCAP file.
const MCAP: &[u8] = b"\x89MCAP0\r\n";

/// Events of a foreign file, counted on their way.
pub(super) struct Source {
    /// What the capture says of itself.
    pub(super) header: Header,
    /// Messages received so far.
    pub(super) received: u64,
    /// Messages of spectrogram calls among them that cannot be decoded.
    pub(super) undecodable: u64,
    events: Box<dyn Iterator<Item = Result<Event, Problem>>>,
    frames: Frames,
}

impl Source {
    pub(super) fn open(args: &ImportArgs, mut input: Box<dyn Read>, job_id: &str) -> Result<Self, Failure> {
        let mut start = Vec::with_capacity(LOOK);
        input.by_ref().take(LOOK as u64).read_to_end(&mut start)?;
        let form = args.from.unwrap_or_else(|| form(&start));
        let framing = Framing::of(&start);
        let input = Cursor::new(start).chain(input);
        let mut header = super::header(args.dialect, job_id, 0);
        let events: Box<dyn Iterator<Item = Result<Event, Problem>>> = match form {
            ImportForm::Frames => {
                let options = ImportOptions {
                    dialect: args.dialect,
                    job_id: job_id.to_owned(),
                    ..ImportOptions::default()
                };
                let import = Import::new(input, options);
                header.anchor_unix_ns = import.anchor_unix_ns();
                header.set(attribute::TIMING, "rows");
                Box::new(import.map(|event| event.map_err(Into::into)))
            }
            ImportForm::Binlog => {
                let log = BinlogReader::new(input, framing).map_err(|error| refused(args, &error))?;
                header.anchor_unix_ns = log.anchor_unix_ns();
                foreign(&mut header, FOCUS_DESCRIPTOR_SET, log)
            }
            ImportForm::Mcap => {
                let file = McapReader::new(input).map_err(|error| refused(args, &error))?;
                header.anchor_unix_ns = file.anchor_unix_ns();
                let set = file.descriptor_set().unwrap_or(FOCUS_DESCRIPTOR_SET).to_vec();
                foreign(&mut header, &set, file)
            }
        };
        Ok(Self {
            header,
            received: 0,
            undecodable: 0,
            events,
            frames: Frames::default(),
        })
    }

    pub(super) fn next(&mut self) -> Option<Result<Event, Problem>> {
        let event = match self.events.next()? {
            Ok(event) => event,
            Err(error) => return Some(Err(error)),
        };
        if let EventKind::Message(message) = &event.kind {
            self.received += u64::from(message.direction == Direction::Received);
        }
        if let Seen::Malformed(..) | Seen::NotInflated(..) = self.frames.see(&event) {
            self.undecodable += 1;
        }
        Some(Ok(event))
    }
}

/// What a file is, by its first bytes. An entry of a binary log begins with its time: field 1, at most 16 bytes long.
fn form(start: &[u8]) -> ImportForm {
    match start {
        MCAP => ImportForm::Mcap,
        [0, _, _, _, 0x0a, length, ..] if *length <= 16 => ImportForm::Binlog,
        _ => ImportForm::Frames,
    }
}

fn refused(args: &ImportArgs, error: &dyn std::error::Error) -> Failure {
    format!("could not import {}: {error}", args.input.display()).into()
}

/// Events that name their methods themselves: the first spectrogram call says how the job speaks.
fn foreign<E: std::error::Error + Send + Sync + 'static>(
    header: &mut Header,
    descriptor_set: &[u8],
    events: impl Iterator<Item = Result<Event, E>> + 'static,
) -> Box<dyn Iterator<Item = Result<Event, Problem>>> {
    let mut events = events.map(|event| event.map_err(Problem::from)).peekable();
    let dialect = match events.peek() {
        Some(Ok(Event {
            kind: EventKind::CallStart(start),
            ..
        })) => Dialect::from_method(&start.method),
        _ => None,
    };
    match dialect {
        Some(dialect) => header.set(attribute::DIALECT, dialect.name()),
        None => header
            .attributes
            .retain(|(name, _)| name != attribute::DIALECT && name != attribute::JOB_ID),
    }
    header.set_descriptor_set(descriptor_set);
    Box::new(events)
}
