//! Arrivals of messages, and the silences between them.

use std::collections::BTreeMap;

use crate::model::event::{Direction, Event, EventKind};

/// Number of slots of the arrival histogram.
const SLOTS: usize = 400;

/// Smallest number of slots, for few messages.
const FEWEST_SLOTS: usize = 50;

/// Largest number of listed calls, silences and losses; a picture could not show more.
const MAX_LISTED: usize = 64;

/// Arrivals of messages. Offsets are nanoseconds since the capture began.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Arrivals {
    /// Length of the time axis.
    pub length_ns: u64,
    /// Number of received messages in each of equal time slots.
    pub messages: Vec<u64>,
    /// The first calls, in order.
    pub calls: Vec<CallSpan>,
    /// The longest stalls between two messages of a call, in the order of time.
    pub silences: Vec<Silence>,
    /// The first gaps.
    pub lost: Vec<Lost>,
}

/// The span of a call from its opening to its ending.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CallSpan {
    /// The call.
    pub call: u32,
    /// Offset of its opening.
    pub start_ns: u64,
    /// Offset of its ending; `None` when there is none.
    pub end_ns: Option<u64>,
}

/// A wait between two messages of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Silence {
    /// The call.
    pub call: u32,
    /// Offset of the message before it.
    pub from_ns: u64,
    /// Offset of the message after it.
    pub to_ns: u64,
}

/// Lost messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lost {
    /// Offset of the gap.
    pub offset_ns: u64,
    /// Number of messages.
    pub messages: u64,
}

/// Arrivals under construction.
#[derive(Debug)]
pub(super) struct Timeline {
    arrivals: Arrivals,
    stall_ns: u64,
    /// Offset of the last message of each open call.
    last_ns: BTreeMap<u32, u64>,
}

impl Timeline {
    pub(super) fn new(length_ns: u64, stall_ns: u64) -> Self {
        Self {
            arrivals: Arrivals {
                length_ns,
                messages: vec![0; SLOTS],
                ..Arrivals::default()
            },
            stall_ns,
            last_ns: BTreeMap::new(),
        }
    }

    pub(super) fn event(&mut self, event: &Event) {
        let at = event.offset_ns;
        match &event.kind {
            EventKind::CallStart(_) if self.arrivals.calls.len() < MAX_LISTED => {
                self.arrivals.calls.push(CallSpan {
                    call: event.call,
                    start_ns: at,
                    end_ns: None,
                });
            }
            EventKind::Message(message) if message.direction == Direction::Received => {
                let share = u128::from(at) * SLOTS as u128 / u128::from(self.arrivals.length_ns.max(1));
                let slot = usize::try_from(share).unwrap_or(SLOTS).min(SLOTS - 1);
                self.arrivals.messages[slot] += 1;
                if let Some(last) = self.last_ns.insert(event.call, at)
                    && at.saturating_sub(last) > self.stall_ns
                {
                    self.silent(Silence {
                        call: event.call,
                        from_ns: last,
                        to_ns: at,
                    });
                }
            }
            EventKind::End(_) => {
                self.last_ns.remove(&event.call);
                let call = self
                    .arrivals
                    .calls
                    .iter_mut()
                    .rev()
                    .find(|call| call.call == event.call);
                if let Some(call) = call {
                    call.end_ns = Some(at);
                }
            }
            EventKind::Gap(gap) if self.arrivals.lost.len() < MAX_LISTED => {
                let messages = gap.messages;
                self.arrivals.lost.push(Lost {
                    offset_ns: at,
                    messages,
                });
            }
            _ => {}
        }
    }

    /// Adds a silence, keeping the longest ones.
    fn silent(&mut self, silence: Silence) {
        let length = |silence: &Silence| silence.to_ns - silence.from_ns;
        let silences = &mut self.arrivals.silences;
        silences.push(silence);
        if silences.len() > MAX_LISTED
            && let Some(shortest) = (0..silences.len()).min_by_key(|at| length(&silences[*at]))
        {
            silences.remove(shortest);
        }
    }

    pub(super) fn finish(mut self) -> Arrivals {
        // Few messages are told in wider slots, or every bar would be one message high.
        let messages = &mut self.arrivals.messages;
        let received: u64 = messages.iter().sum();
        while messages.len() > FEWEST_SLOTS && received < 2 * messages.len() as u64 {
            *messages = messages.chunks(2).map(|pair| pair.iter().sum()).collect();
        }
        self.arrivals
    }
}
