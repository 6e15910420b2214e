//! A store of short calls, kept in memory during the scan of a capture: they are answered without a look into the file.

use std::collections::HashMap;

use crate::{
    file::{CallOverview, PackedEvents, Packer},
    model::event::{Direction, Event, EventKind, Message},
};

/// The largest call that is kept.
const MOST_BYTES: usize = 16 * 1024;
/// Largest size of all kept calls together: 56,000 unary calls of a few hundred bytes were measured to take 18 MiB.
const TOTAL_BYTES: usize = 48 * 1024 * 1024;
/// Largest number of messages of a kept call.
const MOST_MESSAGES: u64 = 64;
/// Longest call whose end the scan waits for: to see the end of a longer one, much else would have to be read.
const LONGEST_NS: u64 = 2_000_000_000;

/// Keeps short calls.
#[derive(Debug)]
pub(super) struct ShortCalls {
    packing: HashMap<u32, Packer>,
    room: usize,
}

impl Default for ShortCalls {
    fn default() -> Self {
        Self {
            packing: HashMap::new(),
            room: TOTAL_BYTES,
        }
    }
}

impl ShortCalls {
    /// True when a listed call is short enough to wait for its end.
    pub(super) fn is_short(call: &CallOverview) -> bool {
        let length_ns = call.end_offset_ns.saturating_sub(call.start_offset_ns);
        call.ending.is_some() && call.sent + call.received <= MOST_MESSAGES && length_ns <= LONGEST_NS
    }

    /// Adds the next event; the whole call when it has ended and was short.
    pub(super) fn take(&mut self, event: &Event) -> Option<PackedEvents> {
        if matches!(event.kind, EventKind::CallStart(_)) {
            if self.room >= MOST_BYTES {
                self.packing.insert(event.call, Packer::default());
            }
            return None;
        }
        let packer = self.packing.get_mut(&event.call)?;
        let before = packer.len();
        let packed = match &event.kind {
            EventKind::Note(_) => Ok(()),
            // What the client sent is known by its hash; only that it was sent is played.
            EventKind::Message(message) if message.direction == Direction::Sent => packer.push(&Event {
                kind: EventKind::Message(Message::plain(Direction::Sent, "")),
                ..*event
            }),
            EventKind::Message(message) if message.data.len() > MOST_BYTES => Err("it is too long".to_owned()),
            _ => packer.push(event),
        };
        let after = packer.len();
        if packed.is_err() || after > MOST_BYTES || after - before > self.room {
            self.packing.remove(&event.call);
            self.room += before;
            return None;
        }
        self.room -= after - before;
        if matches!(event.kind, EventKind::End(_)) {
            return self.packing.remove(&event.call).map(Packer::finish);
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::serve::testing::Recording;

    fn packed(recording: &Recording) -> Option<PackedEvents> {
        let mut short_calls = ShortCalls::default();
        recording
            .events
            .iter()
            .filter_map(|event| short_calls.take(event))
            .last()
    }

    #[test]
    fn a_short_call_is_kept_without_what_its_client_sent() {
        let call = || Recording::of(1, "/x.Y/Z");
        let short = packed(&call().sent("asked").received("told").ok()).unwrap();
        assert_eq!(
            short,
            packed(&call().sent("asked otherwise").received("told").ok()).unwrap()
        );
        assert_eq!(packed(&call().received("told")), None);
        assert_eq!(packed(&call().received(vec![0; MOST_BYTES + 1]).ok()), None);
    }

    #[test]
    fn no_more_is_kept_than_there_is_room_for() {
        let mut short_calls = ShortCalls::default();
        let kept = (1..=6000).filter(|call| {
            let recording = Recording::of(*call, "/x.Y/Z").received(vec![0; 10_000]).ok();
            recording
                .events
                .iter()
                .filter_map(|event| short_calls.take(event))
                .count()
                == 1
        });
        let kept = kept.count();
        assert!(kept > 4000 && kept * 10_000 <= TOTAL_BYTES, "{kept}");
        // A call that was let go gives its room back.
        assert!(short_calls.packing.is_empty() && short_calls.room < MOST_BYTES);
    }
}
