//! Selects the recorded call that answers a request. Pure.

use std::{collections::HashMap, time::Duration};

use super::{
    coverage::Coverage,
    plan::{KnownMethod, Place, RecordedCall},
    player::MaxFrames,
    script::{Call, Job, Request},
    shape::JobShape,
};
use crate::replay::source::CaptureSource;
use crate::{
    das::dialect::{
        datastream::{METHOD as STREAM_SPECTROGRAMS, StreamRequest},
        pandadatastream::{METHOD as STREAM_DATA, requested_stream},
    },
    grpc::status::{INVALID_ARGUMENT, NOT_FOUND, UNIMPLEMENTED},
};

/// Largest number of names in an error message.
const MAX_NAMES: usize = 8;
/// Longest job id in an error message; longer ones are shortened.
const MAX_NAME_CHARS: usize = 64;

/// A served job with its capture.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) job: Job,
    /// Index of the capture, in the given order.
    pub(super) source_at: usize,
    pub(super) source: CaptureSource,
    /// The body of the recorded `POST /configure`, where the capture has it.
    pub(super) configure_request: Option<serde_json::Value>,
    /// The body of the recorded configure response, where the capture has it.
    pub(super) configure_response: Option<serde_json::Value>,
    /// Shape of the frames: given by the caller, or else read from the first frames.
    pub(super) shape: Option<JobShape>,
}

/// The jobs behind one gRPC port.
#[derive(Debug, Default)]
pub(super) struct Catalog {
    pub(super) entries: Vec<std::sync::Arc<Entry>>,
    /// Recorded calls by method.
    known: HashMap<String, KnownMethod>,
    coverage: Coverage,
}

/// The call to replay.
#[derive(Debug)]
pub(super) struct Chosen<'a> {
    pub(super) entry: &'a Entry,
    pub(super) call: &'a Call,
    pub(super) max_frames: MaxFrames,
}

/// The reason why no call answers: gRPC status code and message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) code: u32,
    pub(super) message: String,
}

impl Refusal {
    fn new(code: u32, message: String) -> Self {
        Self { code, message }
    }
}

impl Catalog {
    /// A catalog of the jobs behind one port.
    pub(super) fn new(entries: Vec<std::sync::Arc<Entry>>) -> Self {
        let mut known: HashMap<String, KnownMethod> = HashMap::new();
        for (entry_at, entry) in entries.iter().enumerate() {
            for (at, call) in entry.job.calls.iter().enumerate() {
                let method = known.entry(call.method.clone()).or_default();
                let end_ns = call.end.as_ref().map_or(call.start_ns, |(end_ns, _)| *end_ns);
                let recorded = RecordedCall {
                    place: (entry_at, at),
                    requests: &call.requests,
                    marks: &call.marks,
                    metadata: &call.metadata,
                    connection: call.connection,
                    length: Duration::from_nanos(end_ns.saturating_sub(call.start_ns)),
                    early: call.ended_early(),
                };
                method.add(&recorded, call.by_fields.as_ref());
            }
        }
        known.values_mut().for_each(KnownMethod::finish);
        Self {
            entries,
            known,
            coverage: Coverage::default(),
        }
    }

    /// True when a call of `method` was recorded; a Focus stream is always known where a job of its dialect is.
    pub(super) fn knows(&self, method: &str) -> bool {
        self.known.contains_key(method)
    }

    /// The recorded calls of a method.
    pub(super) fn method(&self, method: &str) -> Option<&KnownMethod> {
        self.known.get(method)
    }

    /// The call at a place.
    pub(super) fn at(&self, (entry, call): Place) -> Option<Chosen<'_>> {
        let entry = self.entries.get(entry)?;
        Some(Chosen {
            entry,
            call: entry.job.calls.get(call)?,
            max_frames: MaxFrames::Unlimited,
        })
    }

    /// Notes that a client asks for a recorded call; see [`Coverage::ask`].
    pub(super) fn ask(&self, place: Place, by_fields: bool) -> Option<Place> {
        let method = &self.at(place)?.call.method;
        self.coverage.ask(self.known.get(method)?, place, by_fields)
    }

    /// See [`Coverage::take_back`].
    pub(super) fn take_back(&self, place: Place) {
        self.coverage.take_back(place);
    }

    /// The place of a chosen call.
    pub(super) fn place(&self, chosen: &Chosen<'_>) -> Option<Place> {
        let entry_at = self
            .entries
            .iter()
            .position(|entry| std::ptr::eq(entry.as_ref(), chosen.entry))?;
        let calls = &chosen.entry.job.calls;
        Some((entry_at, calls.iter().position(|call| call.call == chosen.call.call)?))
    }

    /// The recorded calls that no client has asked for: capture, number of the call, and method.
    pub(super) fn never_asked(&self) -> impl Iterator<Item = (String, u32, String)> {
        let entries = self.entries.iter().enumerate();
        let calls = entries.flat_map(|(entry_at, entry)| {
            let calls = entry.job.calls.iter().enumerate();
            calls.map(move |(at, call)| ((entry_at, at), entry, call))
        });
        let unasked = calls.filter(|(place, _, _)| !self.coverage.has(*place));
        unasked.map(|(_, entry, call)| (entry.source.name().to_owned(), call.call, call.method.clone()))
    }

    /// Names of the recorded methods, each once.
    pub(super) fn methods(&self) -> Vec<&str> {
        let calls = self.entries.iter().flat_map(|entry| &entry.job.calls);
        let mut methods: Vec<&str> = calls.map(|call| call.method.as_str()).collect();
        methods.sort_unstable();
        methods.dedup();
        methods
    }

    /// Finds the call that answers `request` to a Focus stream.
    ///
    /// It is chosen by what its request says; among several recordings of it, the one whose request has the same bytes; then
    /// one that was answered with a message; then one without `max_frames`; then the first.
    pub(super) fn choose(&self, method: &str, request: Option<&Request>) -> Result<Chosen<'_>, Refusal> {
        match method {
            STREAM_SPECTROGRAMS => self.choose_job(request),
            STREAM_DATA => self.choose_stream(request),
            _ => Err(self.unknown_method(method)),
        }
    }

    /// The refusal for an unknown method.
    pub(super) fn unknown_method(&self, method: &str) -> Refusal {
        let known = list(&self.methods(), |name| (*name).to_owned());
        Refusal::new(
            UNIMPLEMENTED,
            format!("no call of {} was recorded; this server replays {known}", shown(method)),
        )
    }

    fn calls<'a>(&'a self, method: &str) -> impl Iterator<Item = (&'a Entry, &'a Call)> {
        self.entries.iter().flat_map(move |entry| {
            let calls = entry.job.calls.iter().filter(move |call| call.method == method);
            calls.map(|call| (entry.as_ref(), call))
        })
    }

    fn choose_job(&self, request: Option<&Request>) -> Result<Chosen<'_>, Refusal> {
        let asked = StreamRequest::decode(plain(request)?)
            .map_err(|error| Refusal::new(INVALID_ARGUMENT, format!("could not read the StreamRequest: {error}")))?;
        let named = self.calls(STREAM_SPECTROGRAMS).filter(|(entry, call)| {
            // A job that was recorded without a name answers to its recorded request, too.
            entry.job.job_id == asked.job_id || (asked.job_id.is_empty() && same(call, request))
        });
        let (entry, call) = best(named, request).ok_or_else(|| self.unknown_job(asked.job_id))?;
        let recorded = call.stream_request().map_or(0, |recorded| recorded.max_frames);
        let max_frames = match u64::try_from(asked.max_frames) {
            Ok(0) | Err(_) => MaxFrames::Unlimited,
            Ok(max) if asked.max_frames == recorded => MaxFrames::AsRecorded(max),
            Ok(max) => MaxFrames::First(max),
        };
        Ok(Chosen {
            entry,
            call,
            max_frames,
        })
    }

    fn unknown_job(&self, job_id: &str) -> Refusal {
        let ids: Vec<&str> = self
            .entries
            .iter()
            .filter(|entry| entry.job.calls.iter().any(|call| call.method == STREAM_SPECTROGRAMS))
            .map(|entry| entry.job.job_id.as_str())
            .collect();
        let known = list(&ids, |id| format!("{:?}", shown(id)));
        Refusal::new(
            NOT_FOUND,
            format!("no job {:?} here; this server replays {known}", shown(job_id)),
        )
    }

    fn choose_stream(&self, request: Option<&Request>) -> Result<Chosen<'_>, Refusal> {
        let asked = requested_stream(plain(request)?).map_err(|error| {
            Refusal::new(
                INVALID_ARGUMENT,
                format!("could not read the StreamDataRequest: {error}"),
            )
        })?;
        let same_id = self
            .calls(STREAM_DATA)
            .filter(|(_, call)| call.stream_id() == Some(asked));
        let (entry, call) = best(same_id, request).ok_or_else(|| self.unknown_stream(asked))?;
        Ok(Chosen {
            entry,
            call,
            max_frames: MaxFrames::Unlimited,
        })
    }

    fn unknown_stream(&self, stream_id: i32) -> Refusal {
        let ids: Vec<i32> = self.entries.iter().flat_map(|entry| entry.job.stream_ids()).collect();
        let known = list(&ids, i32::to_string);
        Refusal::new(
            INVALID_ARGUMENT,
            format!("no stream {stream_id} in this job; its stream ids are {known}"),
        )
    }
}

/// The decoded bytes of a request.
fn plain(request: Option<&Request>) -> Result<&[u8], Refusal> {
    match request {
        None => Err(Refusal::new(
            INVALID_ARGUMENT,
            "the call ended before its request message came".to_owned(),
        )),
        Some(Request { compressed: true, .. }) => {
            let message = "the encoding of this request is not supported; send it as gzip, deflate or identity";
            Err(Refusal::new(UNIMPLEMENTED, message.to_owned()))
        }
        Some(request) => Ok(&request.data),
    }
}

fn same(call: &Call, request: Option<&Request>) -> bool {
    call.request.is_some() && call.request.as_ref() == request
}

fn best<'a>(
    calls: impl Iterator<Item = (&'a Entry, &'a Call)>,
    request: Option<&Request>,
) -> Option<(&'a Entry, &'a Call)> {
    let merit = |call: &Call| {
        let unlimited = call.stream_request().is_none_or(|recorded| recorded.max_frames <= 0);
        (same(call, request), call.answered, unlimited)
    };
    // Of equals, max_by_key takes the last; a recording's first call is the one that a client would have got.
    calls.fold(None, |best, next| match best {
        Some((_, call)) if merit(call) >= merit(next.1) => best,
        _ => Some(next),
    })
}

fn list<T>(names: &[T], show: impl Fn(&T) -> String) -> String {
    let mut text: Vec<String> = names.iter().take(MAX_NAMES).map(show).collect();
    if names.len() > MAX_NAMES {
        text.push(format!("and {} more", names.len() - MAX_NAMES));
    }
    if text.is_empty() {
        "none".to_owned()
    } else {
        text.join(", ")
    }
}

fn shown(name: &str) -> String {
    match name.char_indices().nth(MAX_NAME_CHARS) {
        Some((end, _)) => format!("{}…", name.get(..end).unwrap_or_default()),
        None => name.to_owned(),
    }
}

#[cfg(test)]
mod tests;
