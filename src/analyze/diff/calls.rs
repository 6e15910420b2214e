//! Pairing of the calls of two captures.

use std::{
    borrow::Cow,
    collections::{BTreeMap, HashMap, VecDeque},
    io::{Read, Seek},
};

use super::identity::{Identity, hash};
use crate::{
    file::{Attribute, EventPlace, FileError, Reader},
    grpc::{self, descriptors::Descriptors},
    model::event::{Direction, EventKind, Message, Metadata},
};

/// The properties of a call that identify it in the other capture.
#[derive(Debug, Clone)]
pub(super) struct Surveyed {
    pub(super) number: u32,
    pub(super) method: String,
    /// The position of the call's first event in the file.
    pub(super) place: Option<EventPlace>,
    pub(super) start_ns: u64,
    /// `None` when the call's ending is not in the file.
    pub(super) end_ns: Option<u64>,
    pub(super) received: u64,
    pub(super) sent: u64,
    /// Marks of the first message that was sent, of all that were, and of all that were received: equal for those that
    /// are equal in all that is compared.
    pub(super) first_mark: Option<u64>,
    pub(super) sent_mark: u64,
    received_mark: u64,
}

/// All calls of a capture.
#[derive(Debug, Default)]
pub(super) struct Survey {
    pub(super) calls: Vec<Surveyed>,
}

/// A pair of calls; one of them may lack.
#[derive(Debug)]
pub(super) struct Pair<'a> {
    pub(super) a: Option<&'a Surveyed>,
    pub(super) b: Option<&'a Surveyed>,
}

/// A call of one capture, as far as it has been read.
#[derive(Debug, Default)]
struct Noted {
    method: String,
    place: Option<EventPlace>,
    encodings: [Option<String>; 2],
    first: Option<u64>,
    marks: [u64; 2],
    counts: [u64; 2],
}

/// The name of the compression of a direction's messages.
pub(super) fn encoding(metadata: &Metadata) -> Option<String> {
    crate::grpc::protocol::message_encoding(metadata).map(str::to_owned)
}

/// The payload of a message, inflated where possible.
pub(super) fn payload<'m>(message: &'m Message, encoding: Option<&str>) -> Cow<'m, [u8]> {
    let encoding = encoding.unwrap_or(grpc::NO_ENCODING);
    let inflated = message
        .compressed
        .then(|| grpc::inflate(encoding, &message.data, grpc::MAX_INFLATED).ok());
    match inflated.flatten() {
        Some(data) => Cow::Owned(data.to_vec()),
        None => Cow::Borrowed(&message.data),
    }
}

/// Reads a capture to its end once, so that nothing is compared in one that is damaged anywhere.
pub(super) fn survey<R: Read + Seek>(reader: &mut Reader<R>, identity: &mut Identity) -> Result<Survey, FileError> {
    let overview = reader.overview()?;
    let mut noted = BTreeMap::<u32, Noted>::new();
    reader.rewind_checked();
    while let Some(event) = reader.next_event()? {
        match &event.kind {
            EventKind::CallStart(start) => {
                let place = reader.place_of_last();
                let call = noted.entry(event.call).or_default();
                call.place = call.place.or(place);
                call.method.clone_from(&start.method);
                call.encodings[0] = encoding(&start.metadata);
            }
            EventKind::Headers(headers) => {
                noted.entry(event.call).or_default().encodings[1] = encoding(&headers.metadata);
            }
            EventKind::Message(message) => note(noted.entry(event.call).or_default(), message, identity),
            // Not needed any more.
            EventKind::End(_) => {
                let call = noted.entry(event.call).or_default();
                (call.method, call.encodings) = (String::new(), [None, None]);
            }
            EventKind::HalfClose | EventKind::Gap(_) | EventKind::Note(_) => {}
        }
    }
    let calls = overview.calls.into_iter().map(|call| {
        let known = noted.remove(&call.call).unwrap_or_default();
        Surveyed {
            number: call.call,
            place: known.place,
            method: call.start.map(|start| start.method).unwrap_or_default(),
            start_ns: call.start_offset_ns,
            end_ns: call.ending.map(|_| call.end_offset_ns),
            received: call.received,
            sent: known.counts[0],
            first_mark: known.first,
            sent_mark: known.marks[0],
            received_mark: known.marks[1],
        }
    });
    let calls = calls.collect();
    reader.rewind();
    Ok(Survey { calls })
}

fn note(call: &mut Noted, message: &Message, identity: &mut Identity) {
    let at = usize::from(message.direction == Direction::Received);
    let [count, mark] = [&mut call.counts[at], &mut call.marks[at]];
    *count += 1;
    let data = payload(message, call.encodings[at].as_deref());
    let of_message = identity.mark(&call.method, message.direction, &data);
    *mark = hash(&(*mark, of_message));
    if at == 0 && call.first.is_none() {
        call.first = Some(of_message);
    }
}

/// Pairs calls that are equal as a whole, then those with the same requests, with the same first request, and of the same
/// method, each in their order; the rest is alone. So it does not matter in which order concurrent calls were made.
pub(super) fn pairs<'a>(a: &'a Survey, b: &'a Survey) -> Vec<Pair<'a>> {
    let mut left: Vec<Option<&Surveyed>> = b.calls.iter().map(Some).collect();
    let mut found: Vec<Option<&Surveyed>> = vec![None; a.calls.len()];
    for by in 0..4 {
        let key = |call: &'a Surveyed| {
            let marks = match by {
                0 => (Some(call.sent_mark), call.first_mark, Some(call.received_mark)),
                1 => (Some(call.sent_mark), call.first_mark, None),
                2 => (None, call.first_mark, None),
                _ => (None, None, None),
            };
            (call.method.as_str(), marks)
        };
        let mut waiting: HashMap<_, VecDeque<usize>> = HashMap::new();
        for (at, other) in left.iter().enumerate() {
            if let Some(other) = other {
                waiting.entry(key(other)).or_default().push_back(at);
            }
        }
        for (call, found) in a.calls.iter().zip(&mut found).filter(|(_, found)| found.is_none()) {
            let first = waiting.get_mut(&key(call)).and_then(VecDeque::pop_front);
            *found = first.and_then(|at| left.get_mut(at)?.take());
        }
    }
    let known = a.calls.iter().zip(found).map(|(a, b)| Pair { a: Some(a), b });
    let extra = left.into_iter().flatten().map(|b| Pair { a: None, b: Some(b) });
    known.chain(extra).collect()
}

/// The descriptors that a capture holds, where they can be read.
pub(super) fn descriptors<R: Read + Seek>(reader: &Reader<R>) -> Option<prost_reflect::DescriptorPool> {
    let set = reader.header().get(Attribute::DESCRIPTOR_SET)?;
    Descriptors::read(set).ok().map(|read| read.pool)
}
