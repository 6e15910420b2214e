//! The events of one call, packed into one piece of memory as they stand in a capture.

use bytes::Bytes;

use super::{chunk, record};
use crate::model::event::{Event, EventKind};

/// Packs events, one after the other.
#[derive(Debug, Default)]
pub(crate) struct Packer(Vec<u8>);

impl Packer {
    /// Adds an event. One that has no stored form is an error.
    pub(crate) fn push(&mut self, event: &Event) -> Result<(), String> {
        let start = self.0.len();
        self.0.extend_from_slice(&[0; chunk::RECORD_PREFIX]);
        record::encode_event_head(event, &mut self.0)?;
        if let EventKind::Message(message) = &event.kind {
            self.0.extend_from_slice(&message.data);
        }
        let length = self.0.len() - start - chunk::RECORD_PREFIX;
        let length = u32::try_from(length).map_err(|error| error.to_string())?;
        if let Some(prefix) = self.0.get_mut(start..start + chunk::RECORD_PREFIX) {
            prefix.copy_from_slice(&length.to_le_bytes());
        }
        Ok(())
    }

    /// Number of packed bytes.
    pub(crate) const fn len(&self) -> usize {
        self.0.len()
    }

    /// Returns the packed events.
    pub(crate) fn finish(self) -> PackedEvents {
        PackedEvents(Bytes::from(self.0.into_boxed_slice()))
    }
}

/// Packed events.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct PackedEvents(Bytes);

impl PackedEvents {
    /// The event at `at`, and the position of the next one; `None` at the end.
    pub(crate) fn event_at(&self, at: usize) -> Option<(Event, usize)> {
        let (record, next) = chunk::record_at(&self.0, at).ok()??;
        Some((record::decode_event(&record).ok()?, next))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::event::{Direction, Headers, Message, Metadata};

    #[test]
    fn events_come_back_as_they_were_packed() {
        let mut metadata = Metadata::default();
        metadata.push("x", "1");
        let kinds = [
            EventKind::Headers(Headers { metadata }),
            EventKind::Message(Message::plain(Direction::Received, "abc")),
            EventKind::HalfClose,
        ];
        let events: Vec<Event> = kinds
            .into_iter()
            .zip(1..)
            .map(|(kind, seq)| Event {
                call: 7,
                seq,
                offset_ns: seq * 10,
                kind,
            })
            .collect();
        let mut packer = Packer::default();
        for event in &events {
            packer.push(event).unwrap();
        }
        let packed = packer.finish();
        let (mut at, mut back) = (0, Vec::new());
        while let Some((event, next)) = packed.event_at(at) {
            back.push(event);
            at = next;
        }
        assert_eq!(back, events);
    }
}
