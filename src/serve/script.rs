//! The script of a capture: its jobs, and what a server must know of each call to answer for it. Pure.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
    time::Duration,
};

use super::{
    matching::{Reducers, RequestValues},
    plan::{Cause, Early, MOST_MARKS, Mark, Requests, hash},
    read_request::{ReadRequest, ValueRoom},
    shape::JobShape,
    short_calls::ShortCalls,
};
use crate::{
    das::dialect::{
        datastream::{HEALTH_METHOD, METHOD as STREAM_SPECTROGRAMS, StreamRequest},
        pandadatastream::{METHOD as STREAM_DATA, requested_stream},
    },
    file::{CallOverview, EventPlace, PackedEvents},
    grpc::{self, status::DEADLINE_EXCEEDED},
    model::event::{Cancelled, Direction, Ending, Event, EventKind, Message, Metadata, Party},
};
use bytes::Bytes;

/// Largest request that is kept, in bytes: no job's is, and the script stays small whatever a capture holds.
const MAX_REQUEST_BYTES: usize = 64 * 1024;
/// Part of a deadline by which a server whose clock runs ahead may end a call before our clock sees it pass.
const EARLY_PART: u32 = 8;

/// One recorded call.
#[derive(Debug, Clone, PartialEq)]
#[expect(
    clippy::struct_field_names,
    reason = "`call` is what the number is called everywhere else"
)]
pub(crate) struct Call {
    /// Number of the call within the capture.
    pub call: u32,
    /// Full method path.
    pub method: String,
    /// Offset of the call's opening, nanoseconds.
    pub start_ns: u64,
    /// The client's first message, unless it is longer than any job's.
    pub request: Option<Request>,
    /// Hashes of the client's requests.
    pub(super) requests: Requests,
    /// The marks of what the server sent, as far as it was scanned, with their causes.
    pub(super) marks: Vec<Mark>,
    /// The metadata of the request.
    pub(super) metadata: Metadata,
    /// Encoding of the answer.
    pub(super) answer_encoding: Option<String>,
    /// Number of the client's connection; 0 = unknown.
    pub(super) connection: u32,
    /// True when a message was received.
    pub answered: bool,
    /// True when the client's half-close was seen, as far as the call was scanned.
    pub(super) half_closed: bool,
    /// The ending and its offset in nanoseconds, where the capture contains it.
    pub end: Option<(u64, Ending)>,
    /// Shape of the first frame of a spectrogram call.
    pub shape: Option<JobShape>,
    /// Its requests, reduced to the fields that identify them, where there are rules for its method.
    pub(super) by_fields: Option<Requests>,
    /// Values of its requests that stand in its answers, request by request.
    pub(super) values: Vec<RequestValues>,
    /// All events, when the call is short.
    pub(super) packed: Option<PackedEvents>,
    /// The place of the call start in the file, when known.
    pub(super) place: Option<EventPlace>,
}

/// A request message, uncompressed where its encoding is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Request {
    /// True when the message is compressed with an unknown encoding.
    pub compressed: bool,
    /// Its bytes.
    pub data: Bytes,
}

impl Call {
    /// Decodes the request of a `datastream` stream; `None` for another method or an unreadable request.
    #[must_use]
    pub(crate) fn stream_request(&self) -> Option<StreamRequest<'_>> {
        let data = (self.method == STREAM_SPECTROGRAMS).then(|| self.plain_request())??;
        StreamRequest::decode(data).ok()
    }

    /// Decodes the stream id of a `pandadatastream` stream; a call without a recorded request is stream 0.
    #[must_use]
    pub(crate) fn stream_id(&self) -> Option<i32> {
        if self.method != STREAM_DATA {
            return None;
        }
        let data = self.plain_request().unwrap_or_default();
        requested_stream(data).ok()
    }

    /// Notes an event from the server by its hash.
    fn mark(&mut self, act: u64) {
        if self.marks.len() < MOST_MARKS {
            let after = Cause {
                requests: self.requests.count(),
                half_close: self.half_closed,
            };
            self.marks.push(Mark { act, after });
        }
    }

    /// How the call ended before its client had sent all requests.
    pub(super) fn ended_early(&self) -> Early {
        match &self.end {
            _ if self.half_closed => Early::No,
            // It was the client that set the deadline.
            Some((end_ns, Ending::Status(status))) if status.code == DEADLINE_EXCEEDED && self.had_passed(*end_ns) => {
                Early::GaveUp
            }
            Some((_, Ending::Status(status))) if status.code != 0 => Early::Refused,
            Some((_, Ending::Deadline(_) | Ending::Cancelled(Cancelled { by: Party::Client, .. }))) => Early::GaveUp,
            _ => Early::No,
        }
    }

    /// True when the client's deadline had passed.
    fn had_passed(&self, offset_ns: u64) -> bool {
        let timeout = grpc::protocol::deadline(&self.metadata);
        let took = Duration::from_nanos(offset_ns.saturating_sub(self.start_ns));
        timeout.is_some_and(|timeout| took >= timeout.saturating_sub(timeout / EARLY_PART))
    }

    fn plain_request(&self) -> Option<&[u8]> {
        self.request
            .as_ref()
            .filter(|request| !request.compressed)
            .map(|request| &request.data[..])
    }
}

/// One job of a capture: what a client can ask for by name.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Job {
    /// The job id in the response to `POST /configure` and in `datastream` requests.
    pub job_id: String,
    /// The calls in the order of the recording.
    pub calls: Vec<Call>,
}

impl Job {
    /// True when the job uses the production dialect, in which the port selects the job.
    #[must_use]
    pub(crate) fn is_production(&self) -> bool {
        self.calls.iter().any(|call| call.method == STREAM_DATA)
    }

    /// The streams of a production job, each once, in order.
    #[must_use]
    pub(crate) fn stream_ids(&self) -> Vec<i32> {
        let mut ids: Vec<i32> = self.calls.iter().filter_map(Call::stream_id).collect();
        ids.sort_unstable();
        ids.dedup();
        ids
    }
}

/// Collects the calls of a capture, event by event; small whatever the capture holds.
#[derive(Debug, Default)]
pub(crate) struct Scan {
    calls: BTreeMap<u32, Call>,
    /// Listed calls that are not scanned completely yet; `None` when there is no list.
    wanted: Option<BTreeMap<u32, Wanted>>,
    /// The endings of the listed calls.
    ends: BTreeMap<u32, (u64, Ending)>,
    /// Listed calls that are not scanned completely yet, by their start.
    waiting: BTreeSet<(u64, u32)>,
    short_calls: ShortCalls,
    /// The place of the next event in the file.
    place: Option<EventPlace>,
    reducers: Arc<Reducers>,
    values: ValueRoom,
}

/// The events of a call that must still be scanned.
#[derive(Debug, Clone, Copy)]
struct Wanted {
    start_ns: u64,
    opening: bool,
    /// Number of requests to scan.
    requests: u64,
    answer: bool,
    /// True until the ending is seen and, for a short call, all of its events.
    ending: bool,
}

impl Wanted {
    const fn nothing(self) -> bool {
        !self.opening && self.requests == 0 && !self.answer && !self.ending
    }
}

impl Scan {
    /// A scan of a capture with listed calls, which need not be read completely.
    #[must_use]
    pub(crate) fn of_listed(calls: &[CallOverview]) -> Self {
        let wanted = calls.iter().filter(|call| call.start.is_some()).map(|call| {
            let wanted = Wanted {
                start_ns: call.start_offset_ns,
                opening: true,
                requests: call.sent,
                answer: call.received > 0,
                ending: ShortCalls::is_short(call)
                    || match &call.ending {
                        Some(Ending::Status(status)) => status.code != 0,
                        Some(Ending::Deadline(_) | Ending::Cancelled(_)) => true,
                        Some(Ending::Broken(_)) | None => false,
                    },
            };
            (call.call, wanted)
        });
        let ends = calls
            .iter()
            .filter_map(|call| Some((call.call, (call.end_offset_ns, call.ending.clone()?))));
        let wanted: BTreeMap<u32, Wanted> = wanted.collect();
        Self {
            calls: BTreeMap::new(),
            waiting: wanted.iter().map(|(call, wanted)| (wanted.start_ns, *call)).collect(),
            wanted: Some(wanted),
            ends: ends.collect(),
            ..Self::default()
        }
    }

    /// Reduces requests to the fields that identify them, where there are rules.
    #[must_use]
    pub(super) fn reduced_by(self, reducers: &Arc<Reducers>) -> Self {
        Self {
            reducers: Arc::clone(reducers),
            ..self
        }
    }

    /// The next offset with relevant events, nanoseconds; `None` when everything was seen.
    #[must_use]
    pub(crate) fn wants_from(&self) -> Option<u64> {
        match &self.wanted {
            None => Some(0),
            Some(_) => self.waiting.first().map(|(start_ns, _)| *start_ns),
        }
    }

    /// Sets the place of the next event in the file.
    pub(super) const fn at_place(&mut self, place: Option<EventPlace>) {
        self.place = place;
    }

    /// Scans the next event.
    pub(crate) fn take(&mut self, event: &Event) {
        self.want_less(event);
        let packed = self.short_calls.take(event);
        match &event.kind {
            EventKind::CallStart(start) => {
                let call = Call {
                    call: event.call,
                    method: start.method.clone(),
                    start_ns: event.offset_ns,
                    request: None,
                    requests: Requests::default(),
                    marks: Vec::new(),
                    metadata: start.metadata.clone(),
                    answer_encoding: None,
                    connection: start.connection,
                    answered: false,
                    half_closed: false,
                    end: self.ends.remove(&event.call),
                    shape: None,
                    by_fields: self.reducers.of(&start.method).map(|_| Requests::default()),
                    values: Vec::new(),
                    packed: None,
                    place: self.place,
                };
                self.calls.entry(event.call).or_insert(call);
            }
            EventKind::Message(message) => {
                if let Some(call) = self.calls.get_mut(&event.call) {
                    note_message(call, message, &self.reducers, &mut self.values);
                }
            }
            EventKind::End(ending) => {
                if let Some(call) = self.calls.get_mut(&event.call) {
                    call.end.get_or_insert_with(|| (event.offset_ns, ending.clone()));
                    // That a client gave up is nothing that the server sent.
                    if call.ended_early() != Early::GaveUp {
                        call.mark(hash(&format!("{ending:?}")));
                    }
                    call.packed = packed;
                }
            }
            EventKind::Headers(headers) => {
                if let Some(call) = self.calls.get_mut(&event.call) {
                    call.mark(hash(&headers.metadata.0));
                    call.answer_encoding =
                        crate::grpc::protocol::message_encoding(&headers.metadata).map(ToOwned::to_owned);
                }
            }
            EventKind::HalfClose => {
                if let Some(call) = self.calls.get_mut(&event.call) {
                    call.half_closed = true;
                }
            }
            // What was lost can be compared with nothing.
            EventKind::Gap(gap) if gap.direction == Direction::Sent => {
                if let Some(call) = self.calls.get_mut(&event.call) {
                    let lost = hash(&("lost", event.call, event.seq));
                    call.requests.take(lost);
                    call.by_fields.iter_mut().for_each(|requests| requests.take(lost));
                    self.values
                        .keep(&mut call.values, call.requests.count(), RequestValues::default());
                }
            }
            _ => {}
        }
    }

    fn want_less(&mut self, event: &Event) {
        let Some(all) = &mut self.wanted else { return };
        let Some(wanted) = all.get_mut(&event.call) else { return };
        match &event.kind {
            EventKind::CallStart(_) => wanted.opening = false,
            EventKind::Message(message) if message.direction == Direction::Sent => {
                wanted.requests = wanted.requests.saturating_sub(1);
            }
            EventKind::Message(_) => wanted.answer = false,
            EventKind::End(_) => wanted.ending = false,
            _ => return,
        }
        if wanted.nothing() {
            self.waiting.remove(&(wanted.start_ns, event.call));
            all.remove(&event.call);
        }
    }

    /// Returns the jobs of the capture, in the order of their first calls.
    ///
    /// A `datastream` stream belongs to the job that its request names; what names none belongs to `fallback_id`. A
    /// method that is no Focus stream belongs to the capture's first job, or to `fallback_id` when there is no other.
    #[must_use]
    pub(crate) fn jobs(self, fallback_id: &str) -> Vec<Job> {
        let mut jobs = Jobs::default();
        let mut others: Vec<Call> = Vec::new();
        for call in self.calls.into_values() {
            if call.method == STREAM_SPECTROGRAMS {
                let named = call.stream_request().map(|request| request.job_id);
                let job_id = named.filter(|id| !id.is_empty()).unwrap_or(fallback_id).to_owned();
                jobs.add(&job_id, call);
            } else if call.method == STREAM_DATA {
                jobs.add(fallback_id, call);
            } else if call.method != HEALTH_METHOD {
                others.push(call);
            }
        }
        if !others.is_empty() {
            let home = jobs.jobs.first().map_or(fallback_id, |job| &job.job_id).to_owned();
            for call in others {
                jobs.add(&home, call);
            }
        }
        jobs.jobs
    }
}

/// Jobs in the order of their first calls, found by name.
#[derive(Default)]
struct Jobs {
    jobs: Vec<Job>,
    by_id: HashMap<String, usize>,
}

impl Jobs {
    fn add(&mut self, job_id: &str, call: Call) {
        let at = *self.by_id.entry(job_id.to_owned()).or_insert_with(|| {
            self.jobs.push(Job {
                job_id: job_id.to_owned(),
                calls: Vec::new(),
            });
            self.jobs.len() - 1
        });
        if let Some(job) = self.jobs.get_mut(at) {
            job.calls.push(call);
        }
    }
}

fn note_message(call: &mut Call, message: &Message, reducers: &Reducers, values: &mut ValueRoom) {
    match message.direction {
        Direction::Sent => {
            let encoding = crate::grpc::protocol::message_encoding(&call.metadata).unwrap_or(grpc::NO_ENCODING);
            let limit = grpc::DEFAULT_MAX_MESSAGE_BYTES;
            let reducer = reducers.of(&call.method);
            let read = ReadRequest::of(encoding, message.compressed, &message.data, limit, reducer.as_deref());
            call.requests.take(read.asked.exact);
            if let Some(requests) = &mut call.by_fields {
                requests.take(read.asked.by_fields);
            }
            if reducer.is_some_and(|reducer| reducer.stands_in()) {
                values.keep(&mut call.values, call.requests.count(), read.values);
            }
        }
        Direction::Received => call.mark(hash(&(message.compressed, &message.data[..]))),
    }
    match message.direction {
        Direction::Sent if call.request.is_none() && message.data.len() <= MAX_REQUEST_BYTES => {
            call.request = Some(plain_request(&call.metadata, message));
        }
        Direction::Received if !call.answered => {
            call.answered = true;
            if !message.compressed {
                call.shape = JobShape::of_frame(&call.method, &message.data);
            }
        }
        _ => {}
    }
}

fn plain_request(metadata: &Metadata, message: &Message) -> Request {
    let encoding = crate::grpc::protocol::message_encoding(metadata).unwrap_or(grpc::NO_ENCODING);
    if message.compressed
        && let Ok(data) = grpc::inflate(encoding, &message.data, MAX_REQUEST_BYTES as u64)
    {
        return Request {
            compressed: false,
            data,
        };
    }
    Request {
        compressed: message.compressed,
        // Copied, so that the chunk that it was read from can go.
        data: Bytes::copy_from_slice(&message.data),
    }
}

#[cfg(test)]
mod tests;
