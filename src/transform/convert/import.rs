//! Import of a file of delimited frames as the events of one recorded call.
//!
//! There is no clock here: the offsets come from the rows' own timestamps, so the same file gives the same capture.

mod check;
pub(crate) mod recognize;

use std::{collections::VecDeque, io::Read, iter};

use bytes::Bytes;

pub use check::FramesCheck;

use super::delimited::{DelimitedError, DelimitedReader};
use crate::{
    das::{
        dialect::{Dialect, Layout, datastream, pandadatastream},
        spectrogram::{Frame, Row},
    },
    model::event::{Broken, CallStart, Direction, Ending, Event, EventKind, Headers, Message, Metadata, Status},
};

/// Largest number of frames read ahead to find the start of the first row. Recordings tell it in their first frame; the
/// limit keeps a file that never tells it out of memory.
const LOOKAHEAD_FRAMES: usize = 16;

/// Nanoseconds per millisecond.
const NS_PER_MS: u64 = 1_000_000;

/// Information that a file of frames does not contain.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ImportOptions {
    /// The dialect of the frames.
    pub dialect: Dialect,
    /// The layout of `pandadatastream` payloads; only timestamps are needed here.
    pub layout: Layout,
    /// The job id for the `datastream` request.
    pub job_id: String,
    /// The stream id for the `pandadatastream` request.
    pub stream_id: i32,
    /// The `:authority` of the call; empty when there was none.
    pub authority: String,
}

/// The events of one call with the frames: start, request, half-close, headers, one message for each frame, and status
/// OK.
///
/// A frame's offset is the end of its last row (`pandadatastream`: its last timestamp) after [`Self::anchor_unix_ns`],
/// and never less than the one before. After an error comes one more event: the call ends as broken. A frame that cannot be decoded keeps the offset before it.
#[derive(Debug)]
pub struct Import<R> {
    reader: DelimitedReader<R>,
    options: ImportOptions,
    opening: VecDeque<EventKind>,
    ahead: VecDeque<Result<Bytes, DelimitedError>>,
    base_ms: Option<i64>,
    anchor_unix_ns: u64,
    offset_ns: u64,
    seq: u64,
    frames: u64,
    undecodable: u64,
    state: State,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Running,
    /// The input is damaged, and the call still needs its ending.
    CutOff,
    Ended,
}

impl<R: Read> Import<R> {
    /// Reads ahead to the first row, so that the anchor is known before the first event.
    pub fn new(from: R, options: ImportOptions) -> Self {
        let mut import = Self {
            reader: DelimitedReader::new(from),
            opening: opening(&options),
            options,
            ahead: VecDeque::new(),
            base_ms: None,
            anchor_unix_ns: 0,
            offset_ns: 0,
            seq: 0,
            frames: 0,
            undecodable: 0,
            state: State::Running,
        };
        while import.base_ms.is_none() && import.ahead.len() < LOOKAHEAD_FRAMES {
            let Some(next) = import.reader.next() else { break };
            let frame = next.as_ref().ok().and_then(|bytes| import.decode(bytes));
            import.base_ms = frame.and_then(|frame| first_start_ms(&frame));
            import.ahead.push_back(next);
        }
        let base_ms = import.base_ms.and_then(|ms| u64::try_from(ms).ok());
        import.anchor_unix_ns = base_ms.and_then(|ms| ms.checked_mul(NS_PER_MS)).unwrap_or(0);
        import
    }

    /// Wall-clock time of offset 0, nanoseconds since the Unix epoch: the first row's start, or 0 when no early frame
    /// has one.
    #[must_use]
    pub const fn anchor_unix_ns(&self) -> u64 {
        self.anchor_unix_ns
    }

    /// Number of frames so far.
    #[must_use]
    pub const fn frames(&self) -> u64 {
        self.frames
    }

    /// Number of frames so far that could not be decoded in this dialect; they are imported all the same.
    #[must_use]
    pub const fn undecodable(&self) -> u64 {
        self.undecodable
    }

    fn decode<'a>(&self, bytes: &'a [u8]) -> Option<Frame<'a>> {
        match self.options.dialect {
            Dialect::DataStream => datastream::decode(bytes).ok(),
            Dialect::PandaDataStream => pandadatastream::decode(bytes, self.options.layout).ok(),
        }
    }

    fn message(&mut self, data: Bytes) -> Event {
        self.frames += 1;
        match self.decode(&data) {
            Some(frame) => {
                let (first, last) = (first_start_ms(&frame), last_end_ms(&frame));
                self.base_ms = self.base_ms.or(first);
                let since = self.base_ms.zip(last).and_then(|(base, last)| last.checked_sub(base));
                let since = since.and_then(|ms| u64::try_from(ms).ok()?.checked_mul(NS_PER_MS));
                self.offset_ns = self.offset_ns.max(since.unwrap_or(0));
            }
            None => self.undecodable += 1,
        }
        self.event(EventKind::Message(Message::plain(Direction::Received, data)))
    }

    const fn event(&mut self, kind: EventKind) -> Event {
        self.seq += 1;
        Event {
            call: 1,
            seq: self.seq,
            offset_ns: self.offset_ns,
            kind,
        }
    }
}

impl<R: Read> Iterator for Import<R> {
    type Item = Result<Event, ImportError>;

    fn next(&mut self) -> Option<Self::Item> {
        match self.state {
            State::Running => {}
            State::CutOff => {
                self.state = State::Ended;
                let error = "the file of messages could not be read to its end".to_owned();
                let broken = Broken {
                    error,
                    ..Broken::default()
                };
                return Some(Ok(self.event(EventKind::End(Ending::Broken(broken)))));
            }
            State::Ended => return None,
        }
        if let Some(kind) = self.opening.pop_front() {
            return Some(Ok(self.event(kind)));
        }
        match self.ahead.pop_front().or_else(|| self.reader.next()) {
            Some(Ok(data)) => Some(Ok(self.message(data))),
            Some(Err(source)) => {
                self.state = State::CutOff;
                let frames = self.frames;
                Some(Err(ImportError { frames, source }))
            }
            None => {
                self.state = State::Ended;
                Some(Ok(self.event(EventKind::End(Ending::Status(ok())))))
            }
        }
    }
}

impl<R: Read> iter::FusedIterator for Import<R> {}

/// The events before the first frame of a call.
fn opening(options: &ImportOptions) -> VecDeque<EventKind> {
    let request = match options.dialect {
        Dialect::DataStream => datastream::stream_request(&options.job_id, 0),
        Dialect::PandaDataStream => pandadatastream::stream_request(options.stream_id),
    };
    let start = CallStart {
        method: options.dialect.method().to_owned(),
        authority: options.authority.clone(),
        peer: String::new(),
        metadata: metadata(&[("te", "trailers"), ("content-type", "application/grpc")]),
        ..CallStart::default()
    };
    let headers = Headers {
        metadata: metadata(&[("content-type", "application/grpc")]),
    };
    VecDeque::from([
        EventKind::CallStart(start),
        EventKind::Message(Message::plain(Direction::Sent, request)),
        EventKind::HalfClose,
        EventKind::Headers(headers),
    ])
}

fn ok() -> Status {
    Status {
        trailers: metadata(&[("grpc-status", "0")]),
        ..Status::default()
    }
}

fn metadata(entries: &[(&str, &str)]) -> Metadata {
    let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), value.as_bytes().to_vec());
    Metadata(entries.iter().map(owned).collect())
}

fn first_start_ms(frame: &Frame<'_>) -> Option<i64> {
    let start = frame.rows.iter().find_map(|row| row.start_ms);
    start.map(|ms| ms.max(0))
}

fn last_end_ms(frame: &Frame<'_>) -> Option<i64> {
    let end = |row: &Row<'_>| row.end_ms.or(row.start_ms);
    frame.rows.iter().rev().find_map(end)
}

/// The error of a damaged file of frames.
#[derive(Debug, thiserror::Error)]
#[error("could not import beyond frame {frames}: {source}")]
pub struct ImportError {
    /// Number of whole frames before the damage; their events were given out.
    pub frames: u64,
    /// The error, with its position.
    pub source: DelimitedError,
}

#[cfg(test)]
mod tests;
