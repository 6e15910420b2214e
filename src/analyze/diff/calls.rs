//! Pairing of the calls of two captures.

use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    io::{Read, Seek},
};

use bytes::Bytes;

use crate::{
    file::{Attribute, Digest, EventPlace, FileError, Reader},
    grpc::descriptors::Descriptors,
    model::event::{Direction, EventKind},
};

/// A request up to this size is kept whole, to be compared field by field; of a larger one, the digest tells.
const MAX_REQUEST: usize = 1 << 16;

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
    /// The first message that was sent.
    pub(super) request: Option<(Digest, Bytes)>,
}

/// All calls of a capture, and its descriptor set.
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

/// Reads a capture to its end once, so that nothing is compared in one that is damaged anywhere.
pub(super) fn survey<R: Read + Seek>(reader: &mut Reader<R>) -> Result<Survey, FileError> {
    let overview = reader.overview()?;
    let mut requests = BTreeMap::<u32, (Digest, Bytes)>::new();
    let mut places = HashMap::new();
    reader.rewind_checked();
    while let Some(event) = reader.next_event()? {
        if let (EventKind::CallStart(_), Some(place)) = (&event.kind, reader.place_of_last()) {
            places.entry(event.call).or_insert(place);
        }
        if let EventKind::Message(message) = &event.kind
            && message.direction == Direction::Sent
            && !requests.contains_key(&event.call)
        {
            let kept = if message.data.len() <= MAX_REQUEST {
                message.data.clone()
            } else {
                Bytes::new()
            };
            requests.insert(event.call, (Digest::of(&message.data), kept));
        }
    }
    let calls = overview.calls.into_iter().map(|call| Surveyed {
        number: call.call,
        place: places.get(&call.call).copied(),
        method: call.start.map(|start| start.method).unwrap_or_default(),
        start_ns: call.start_offset_ns,
        end_ns: call.ending.map(|_| call.end_offset_ns),
        received: call.received,
        request: requests.remove(&call.call),
    });
    let calls = calls.collect();
    reader.rewind();
    Ok(Survey { calls })
}

/// Pairs calls of the same method and request in their order, then calls of the same method; the rest is alone.
pub(super) fn pairs<'a>(a: &'a Survey, b: &'a Survey) -> Vec<Pair<'a>> {
    let mut left: Vec<Option<&Surveyed>> = b.calls.iter().map(Some).collect();
    let mut found: Vec<Option<&Surveyed>> = vec![None; a.calls.len()];
    let digest = |call: &Surveyed| call.request.as_ref().map(|(digest, _)| *digest);
    for by_request in [true, false] {
        let key = |call: &'a Surveyed| (call.method.as_str(), by_request.then(|| digest(call)));
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
