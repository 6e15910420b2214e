//! The recorded calls: their methods, and their messages as evidence.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    io::{Read, Seek},
    sync::Arc,
};

use bytes::Bytes;

use super::{evidence::Evidence, rest};
use crate::{
    file::{Attribute, FileError, Reader},
    grpc::{self, is_support_method, protocol::is_json},
    model::{
        event::{Direction, Event, EventKind, Message},
        finding::Place,
    },
};

/// Largest number of methods that are distinguished; services have some hundred at most.
const MAX_METHODS: usize = 10_000;
/// Largest number of open calls that are followed; messages of further ones are not evidence.
const MAX_OPEN: usize = 100_000;

/// What a capture holds beside its messages.
#[derive(Debug, Default)]
pub(super) struct Overview {
    /// The methods of its calls, without those of gRPC's own services.
    pub(super) methods: BTreeSet<String>,
    /// The REST answer to the configuration of a job.
    pub(super) answer: Option<Vec<u8>>,
}

/// Reads a capture to its end.
pub(super) fn overview<R: Read + Seek>(reader: &mut Reader<R>) -> Result<Overview, FileError> {
    let (mut methods, mut answer) = (BTreeSet::new(), None);
    reader.rewind_checked();
    while let Some(event) = reader.next_event()? {
        match event.kind {
            EventKind::CallStart(start) if methods.len() < MAX_METHODS && !is_support_method(&start.method) => {
                methods.insert(start.method);
            }
            EventKind::Note(note) if answer.is_none() => answer = rest::of_note(&note),
            _ => {}
        }
    }
    reader.rewind();
    let in_header = reader.header().get(Attribute::CONFIGURE_RESPONSE);
    let answer = in_header.map(<[u8]>::to_vec).or(answer);
    Ok(Overview { methods, answer })
}

/// The types of a method's messages.
struct Types {
    method: String,
    requests: Option<usize>,
    answers: Option<usize>,
}

/// A call whose ending has not been read.
struct OpenCall {
    types: Arc<Types>,
    sent_encoding: Option<String>,
    received_encoding: Option<String>,
    sent: u64,
    received: u64,
    /// True when its messages are JSON.
    is_json: bool,
}

/// Reads the messages of these methods with both schemas.
pub(super) fn messages<R: Read + Seek>(
    reader: &mut Reader<R>,
    methods: &BTreeSet<String>,
    evidence: &mut Evidence<'_>,
) -> Result<(), FileError> {
    let types = |method: &String, evidence: &mut Evidence<'_>| Types {
        method: method.clone(),
        requests: evidence.types(method, Direction::Sent),
        answers: evidence.types(method, Direction::Received),
    };
    let known: BTreeMap<_, _> = methods
        .iter()
        .map(|method| (method.as_str(), Arc::new(types(method, evidence))))
        .collect();
    let mut open = HashMap::<u32, OpenCall>::new();
    while let Some(event) = reader.next_event()? {
        match &event.kind {
            EventKind::CallStart(start) => {
                if let Some(types) = known.get(start.method.as_str()).filter(|_| open.len() < MAX_OPEN) {
                    let call = OpenCall {
                        types: Arc::clone(types),
                        sent_encoding: crate::grpc::protocol::message_encoding(&start.metadata).map(str::to_owned),
                        received_encoding: None,
                        sent: 0,
                        received: 0,
                        is_json: is_json(&start.metadata),
                    };
                    open.insert(event.call, call);
                }
            }
            EventKind::Headers(headers) => {
                if let Some(call) = open.get_mut(&event.call) {
                    call.received_encoding =
                        crate::grpc::protocol::message_encoding(&headers.metadata).map(str::to_owned);
                }
            }
            EventKind::Message(message) => {
                if let Some(call) = open.get_mut(&event.call) {
                    read(call, &event, message, evidence);
                }
            }
            EventKind::End(_) => drop(open.remove(&event.call)),
            EventKind::Gap(_) | EventKind::HalfClose | EventKind::Note(_) => {}
        }
    }
    reader.rewind();
    Ok(())
}

fn read(call: &mut OpenCall, event: &Event, message: &Message, evidence: &mut Evidence<'_>) {
    let (count, types, encoding) = match message.direction {
        Direction::Sent => (&mut call.sent, call.types.requests, &call.sent_encoding),
        Direction::Received => (&mut call.received, call.types.answers, &call.received_encoding),
    };
    *count += 1;
    let Some(types) = types else { return };
    if call.is_json {
        evidence.json();
        return;
    }
    let place = Place::call(event.call, event.offset_ns).at_message(*count);
    let encoding = encoding.as_deref().unwrap_or(grpc::NO_ENCODING);
    let data: Result<Bytes, _> = if message.compressed {
        grpc::inflate(encoding, &message.data, grpc::MAX_INFLATED)
    } else {
        Ok(message.data.clone())
    };
    match data {
        Ok(data) => evidence.message(&call.types.method, message.direction, place, types, &data),
        Err(_) => evidence.unreadable(),
    }
}
