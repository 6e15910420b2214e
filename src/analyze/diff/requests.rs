//! Comparison of the messages that two calls sent.

use std::io::{Read, Seek};

use super::{
    DiffOptions,
    calls::{self, Surveyed},
    identity::Identity,
    message,
};
use crate::{
    file::{FileError, Reader},
    model::{
        event::{Direction, Event, EventKind},
        finding::Place,
    },
};

/// The first difference between the messages that two calls sent.
#[derive(Debug)]
pub(super) struct SentDifference {
    pub(super) a: Option<Place>,
    pub(super) b: Option<Place>,
    pub(super) text: String,
}

/// Compares the messages that two calls sent; reads the captures only when something differs.
pub(super) fn compare<A: Read + Seek, B: Read + Seek>(
    (reader_a, of_a): (&mut Reader<A>, &Surveyed),
    (reader_b, of_b): (&mut Reader<B>, &Surveyed),
    identity: &mut Identity,
    options: DiffOptions,
) -> Result<Option<SentDifference>, FileError> {
    let lone = |text: String| SentDifference { a: None, b: None, text };
    if of_a.sent == of_b.sent && of_a.sent_mark == of_b.sent_mark {
        return Ok(None);
    }
    if of_a.sent == 0 || of_b.sent == 0 {
        return Ok(Some(lone("only one of them has sent a request".to_owned())));
    }
    let method = of_a.method.as_str();
    let known = identity.known(method, Direction::Sent);
    let (mut one, mut other) = (Sent::new(reader_a, of_a)?, Sent::new(reader_b, of_b)?);
    while let (Some((place_a, data_a)), Some((place_b, data_b))) = (one.next()?, other.next()?) {
        if let Some(text) = message::compare(known.as_ref(), &identity.ignore, options, (&data_a, &data_b)) {
            return Ok(Some(SentDifference {
                a: Some(place_a),
                b: Some(place_b),
                text,
            }));
        }
    }
    let text = format!("{} messages sent and {}", of_a.sent, of_b.sent);
    Ok((of_a.sent != of_b.sent).then(|| lone(text)))
}

/// The messages that a call sent.
struct Sent<'r, R> {
    reader: &'r mut Reader<R>,
    call: u32,
    end_ns: u64,
    encoding: Option<String>,
    count: u64,
}

impl<'r, R: Read + Seek> Sent<'r, R> {
    fn new(reader: &'r mut Reader<R>, call: &Surveyed) -> Result<Self, FileError> {
        match call.place {
            Some(place) => reader.seek_to(place),
            None => reader.seek(call.start_ns)?,
        }
        Ok(Self {
            reader,
            call: call.number,
            end_ns: call.end_ns.unwrap_or(u64::MAX),
            encoding: None,
            count: 0,
        })
    }

    fn next(&mut self) -> Result<Option<(Place, Vec<u8>)>, FileError> {
        while let Some(event) = self.reader.next_event()? {
            let Event {
                call, offset_ns, kind, ..
            } = &event;
            if *offset_ns > self.end_ns {
                break;
            }
            if *call != self.call {
                continue;
            }
            match kind {
                EventKind::CallStart(start) => self.encoding = calls::encoding(&start.metadata),
                EventKind::Message(message) if message.direction == Direction::Sent => {
                    self.count += 1;
                    let place = Place::call(*call, *offset_ns).at_message(self.count);
                    let data = calls::payload(message, self.encoding.as_deref());
                    return Ok(Some((place, data.into_owned())));
                }
                EventKind::End(_) => break,
                _ => {}
            }
        }
        Ok(None)
    }
}
