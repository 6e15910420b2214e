//! Statistics of each call, and totals over all calls.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{
    attempts::{Attempts, previous_attempts},
    digests::MessageDigests,
    options::Digests,
};
use crate::{
    das::dialect::{Dialect, datastream::StreamRequest, pandadatastream::requested_stream},
    file::Digest,
    grpc::status,
    model::event::{CAPTURE_CALL, CallStart, Direction, Ending, Event, EventKind, Limit, Message, Party},
};

/// Largest number of calls that are listed; further ones count for the totals. A job has a handful, a proxy may record
/// any number.
pub(crate) const MAX_LISTED_CALLS: usize = 1000;

/// Totals over all calls.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct StatsTotals {
    /// Events of every kind.
    pub events: u64,
    /// Calls that were opened.
    pub calls: u64,
    /// Messages received, of every method.
    pub messages: u64,
    /// Their payload bytes, as on the wire.
    pub message_bytes: u64,
    /// Messages sent.
    pub sent_messages: u64,
    /// Messages known to be lost.
    pub lost_messages: u64,
    /// Frames that were decoded.
    pub frames: u64,
    /// Their rows.
    pub rows: u64,
    /// Messages of spectrogram calls that could not be decoded, or inflated.
    pub undecodable: u64,
    /// The largest offset, nanoseconds since the capture began.
    pub last_offset_ns: u64,
}

/// One call.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct CallStats {
    /// The call's number.
    pub call: u32,
    /// Full method path; empty when the opening is not in the capture.
    pub method: String,
    /// Dialect of the call; `None` for a method that is not a spectrogram stream.
    pub dialect: Option<Dialect>,
    /// The request; `None` without a request that can be read.
    pub request: Option<RequestStats>,
    /// Messages sent.
    pub sent_messages: u64,
    /// Messages received.
    pub messages: u64,
    /// Payload bytes received, as on the wire.
    pub message_bytes: u64,
    /// Messages known to be lost.
    pub lost_messages: u64,
    /// Frames that were decoded.
    pub frames: u64,
    /// Their rows.
    pub rows: u64,
    /// Messages that could not be decoded, or inflated.
    pub undecodable: u64,
    /// Time from the opening to the first message received.
    pub first_frame_ns: Option<u64>,
    /// Time from the first message received to the last.
    pub duration_ns: u64,
    /// Time from the last message received (without one, from the opening) to the ending; `None` while there is no
    /// ending.
    pub silence_before_end_ns: Option<u64>,
    /// The ending of the call; `None` when that is not in the capture.
    pub ending: Option<EndingStats>,
    /// Offset of the opening; `None` when that is not in the capture.
    pub start_ns: Option<u64>,
    /// Offset of the ending; `None` while there is none.
    pub end_ns: Option<u64>,
    /// SHA-256 over the length-delimited messages received; `None` when digests are not asked for.
    pub digest: Option<Digest>,
    /// The failed call that this one repeats, by `grpc-previous-rpc-attempts`; `None` when it is the first attempt, or
    /// the attempt before it is not listed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry_of: Option<u32>,
}

/// Request of a spectrogram call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum RequestStats {
    /// `datastream`.
    Job {
        /// Id of the job.
        job_id: String,
        /// Number of frames after which the stream ends; 0 = no limit.
        max_frames: i32,
    },
    /// `pandadatastream`.
    Stream {
        /// Id of the stream.
        stream_id: i32,
    },
}

/// The ending of a call.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct EndingStats {
    /// `status`, `cancelled`, `broken` or `deadline`.
    pub kind: &'static str,
    /// The status code.
    pub code: Option<u32>,
    /// The status code's name.
    pub status: Option<String>,
    /// True when the answer was a status and nothing else.
    pub trailers_only: bool,
    /// The side that cancelled the call.
    pub by: Option<Party>,
    /// The limit that was reached.
    pub limit: Option<Limit>,
    /// True when the server closed the connection on purpose.
    pub goaway: bool,
    /// The status message, the reason, or what the transport reported.
    pub text: String,
}

impl From<&Ending> for EndingStats {
    fn from(ending: &Ending) -> Self {
        let kind = ending.name();
        match ending {
            Ending::Status(end) => Self {
                kind,
                code: Some(end.code),
                status: Some(status::name(end.code)),
                trailers_only: end.trailers_only,
                text: end.message.clone(),
                ..Self::default()
            },
            Ending::Cancelled(end) => Self {
                kind,
                by: Some(end.by),
                text: end.reason.clone(),
                ..Self::default()
            },
            Ending::Broken(end) => Self {
                kind,
                goaway: end.goaway,
                text: end.error.clone(),
                ..Self::default()
            },
            Ending::Deadline(end) => Self {
                kind,
                limit: Some(end.limit),
                ..Self::default()
            },
        }
    }
}

/// Statistics of calls under construction.
#[derive(Debug, Default)]
pub(super) struct Calls {
    pub(super) totals: StatsTotals,
    listed: BTreeMap<u32, Call>,
    /// `None` when they are not asked for.
    digests: Option<MessageDigests>,
    attempts: Attempts,
}

#[derive(Debug, Clone, Default)]
struct Call {
    stats: CallStats,
    authority: String,
    /// Attempts before this one, as the client counts them.
    previous_attempts: u32,
    start_ns: u64,
    last_ns: Option<u64>,
}

impl Calls {
    pub(super) fn new(digests: Digests) -> Self {
        Self {
            digests: (digests == Digests::Compute).then(MessageDigests::default),
            ..Self::default()
        }
    }

    /// Counts any event.
    pub(super) fn event(&mut self, event: &Event) {
        self.totals.events += 1;
        self.totals.last_offset_ns = self.totals.last_offset_ns.max(event.offset_ns);
        if event.call == CAPTURE_CALL {
            return;
        }
        match &event.kind {
            EventKind::CallStart(start) => self.start(event, start),
            EventKind::Message(message) => self.message(event, message),
            EventKind::Gap(gap) => {
                self.totals.lost_messages = self.totals.lost_messages.saturating_add(gap.messages);
                if let Some(call) = self.call(event.call) {
                    call.stats.lost_messages = call.stats.lost_messages.saturating_add(gap.messages);
                }
            }
            EventKind::End(ending) => {
                if let Some(call) = self.call(event.call) {
                    let last = call.last_ns.unwrap_or(call.start_ns);
                    call.stats.silence_before_end_ns = Some(event.offset_ns.saturating_sub(last));
                    call.stats.ending = Some(ending.into());
                    call.stats.end_ns = Some(event.offset_ns);
                    let authority = std::mem::take(&mut call.authority);
                    let (method, previous) = (call.stats.method.clone(), call.previous_attempts);
                    self.attempts.end(event.call, &method, authority, previous, ending);
                }
            }
            EventKind::Headers(_) | EventKind::HalfClose | EventKind::Note(_) => {}
        }
    }

    /// Counts a decoded frame.
    pub(super) fn frame(&mut self, call: u32, rows: u64) {
        self.totals.frames += 1;
        self.totals.rows += rows;
        if let Some(call) = self.call(call) {
            call.stats.frames += 1;
            call.stats.rows += rows;
        }
    }

    /// Counts a message that could not be decoded.
    pub(super) fn undecodable(&mut self, call: u32) {
        self.totals.undecodable += 1;
        if let Some(call) = self.call(call) {
            call.stats.undecodable += 1;
        }
    }

    pub(super) fn finish(self) -> (StatsTotals, Vec<CallStats>) {
        let mut digests = self.digests.map(MessageDigests::finish);
        let with_digest = |(number, call): (u32, Call)| CallStats {
            digest: (digests.as_mut()).map(|digests| digests.remove(&number).unwrap_or_default().value()),
            ..call.stats
        };
        (self.totals, self.listed.into_iter().map(with_digest).collect())
    }

    /// The call with this number, added silently when its opening was not seen; `None` beyond the limit.
    fn call(&mut self, number: u32) -> Option<&mut Call> {
        if self.listed.len() >= MAX_LISTED_CALLS {
            return self.listed.get_mut(&number);
        }
        let call = self.listed.entry(number).or_default();
        call.stats.call = number;
        Some(call)
    }

    fn start(&mut self, event: &Event, start: &CallStart) {
        self.totals.calls += 1;
        let retry_of = self.attempts.before(start);
        if let Some(call) = self.call(event.call) {
            call.start_ns = event.offset_ns;
            call.stats.start_ns = Some(event.offset_ns);
            call.authority.clone_from(&start.authority);
            call.previous_attempts = previous_attempts(start);
            call.stats.retry_of = retry_of;
            call.stats.method.clone_from(&start.method);
            call.stats.dialect = Dialect::from_method(&start.method);
        }
    }

    fn message(&mut self, event: &Event, message: &Message) {
        let bytes = message.data.len() as u64;
        match message.direction {
            Direction::Sent => self.totals.sent_messages += 1,
            Direction::Received => {
                self.totals.messages += 1;
                self.totals.message_bytes += bytes;
            }
        }
        let Some(call) = self.call(event.call) else { return };
        if message.direction == Direction::Sent {
            call.stats.sent_messages += 1;
            if call.stats.request.is_none() && !message.compressed {
                call.stats.request = call.stats.dialect.and_then(|dialect| request(dialect, &message.data));
            }
            return;
        }
        call.stats.messages += 1;
        call.stats.message_bytes += bytes;
        match call.stats.first_frame_ns {
            None => call.stats.first_frame_ns = Some(event.offset_ns.saturating_sub(call.start_ns)),
            Some(first) => {
                call.stats.duration_ns = event.offset_ns.saturating_sub(call.start_ns.saturating_add(first));
            }
        }
        call.last_ns = Some(event.offset_ns);
        if let Some(digests) = &mut self.digests {
            digests.add(event.call, &message.data);
        }
    }
}

fn request(dialect: Dialect, bytes: &[u8]) -> Option<RequestStats> {
    match dialect {
        Dialect::DataStream => StreamRequest::decode(bytes).ok().map(|request| RequestStats::Job {
            job_id: request.job_id.to_owned(),
            max_frames: request.max_frames,
        }),
        Dialect::PandaDataStream => {
            let stream_id = requested_stream(bytes).ok()?;
            Some(RequestStats::Stream { stream_id })
        }
    }
}
