//! Open calls, whose beginnings a later file must repeat.

use std::collections::BTreeMap;

use bytes::Bytes;

use crate::model::event::{CAPTURE_CALL, CallStart, Direction, Event, EventKind, Headers, Message};

/// Largest first request that is repeated, in bytes: a few hundred open calls must not hold much memory.
const LARGEST_REQUEST: usize = 64 << 10;

/// The open calls, and their first events.
#[derive(Debug, Clone, Default)]
pub(super) struct ContinuedCalls {
    calls: BTreeMap<u32, OpenCall>,
}

/// An open call.
#[derive(Debug, Clone)]
pub(super) struct OpenCall {
    start: CallStart,
    request: Option<Message>,
    headers: Option<Headers>,
    half_closed: bool,
    pub(super) opened_ns: u64,
    pub(super) sent: u64,
    pub(super) received: u64,
}

impl ContinuedCalls {
    /// Notes an event.
    pub(super) fn see(&mut self, event: &Event) {
        if let EventKind::CallStart(start) = &event.kind {
            if event.call != CAPTURE_CALL {
                self.calls.insert(event.call, OpenCall::new(start, event.offset_ns));
            }
            return;
        }
        if matches!(event.kind, EventKind::End(_)) {
            self.calls.remove(&event.call);
            return;
        }
        let Some(call) = self.calls.get_mut(&event.call) else {
            return;
        };
        match &event.kind {
            EventKind::Headers(headers) => call.headers = Some(headers.clone()),
            EventKind::HalfClose => call.half_closed = true,
            EventKind::Message(message) if message.direction == Direction::Sent => {
                if call.sent == 0 && message.data.len() <= LARGEST_REQUEST {
                    // A copy: a slice would keep the whole buffer alive that it was cut from.
                    let data = Bytes::copy_from_slice(&message.data);
                    call.request = Some(Message {
                        data,
                        ..message.clone()
                    });
                }
                call.sent += 1;
            }
            EventKind::Message(_) => call.received += 1,
            _ => {}
        }
    }

    /// The open calls, by number.
    pub(super) fn calls(&self) -> impl Iterator<Item = (u32, &OpenCall)> {
        self.calls.iter().map(|(number, call)| (*number, call))
    }

    /// True when no call is open.
    pub(super) fn is_empty(&self) -> bool {
        self.calls.is_empty()
    }
}

impl OpenCall {
    fn new(start: &CallStart, opened_ns: u64) -> Self {
        Self {
            start: start.clone(),
            request: None,
            headers: None,
            half_closed: false,
            opened_ns,
            sent: 0,
            received: 0,
        }
    }

    /// The first events of a call, in reading order.
    pub(super) fn opening(&self) -> Vec<EventKind> {
        let mut kinds = vec![EventKind::CallStart(self.start.clone())];
        kinds.extend(self.request.clone().map(EventKind::Message));
        kinds.extend(self.half_closed.then_some(EventKind::HalfClose));
        kinds.extend(self.headers.clone().map(EventKind::Headers));
        kinds
    }

    /// Number of messages that a file without them leaves out, sent and received; the first request is repeated.
    pub(super) fn left_out(&self) -> (u64, u64) {
        (self.sent - u64::from(self.request.is_some()), self.received)
    }
}
