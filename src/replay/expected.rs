//! The recorded calls of a capture, and the events of one of them, read ahead.

use std::collections::BTreeMap;

use tokio::sync::mpsc;

use super::CompareError;
use crate::{
    file::{CaptureState, Header},
    model::event::{CallStart, Event, EventKind},
    replay::source::{Calls, CaptureSource, SourceError},
};

/// Number of events that are read ahead of a call: enough for disk and network to overlap, and few, for each may be
/// large.
const AHEAD: usize = 16;

/// The calls of a capture.
pub(super) struct Recorded {
    pub(super) header: Header,
    pub(super) state: CaptureState,
    /// The calls in the order of their beginning.
    pub(super) calls: Vec<Call>,
}

/// One recorded call.
#[derive(Debug, Clone)]
pub(super) struct Call {
    pub(super) number: u32,
    pub(super) start: CallStart,
    pub(super) start_ns: u64,
    /// Offset of the ending, or the largest one when the capture does not contain it.
    pub(super) end_ns: u64,
}

impl Recorded {
    pub(super) fn of(source: &CaptureSource) -> Result<Self, CompareError> {
        let mut events = source.open()?;
        let header = events.header().clone();
        let mut calls: Vec<Call> = match events.calls() {
            Calls::Listed(listed) => {
                let calls = listed.into_iter().filter_map(|call| {
                    Some(Call {
                        number: call.call,
                        start: call.start?,
                        start_ns: call.start_offset_ns,
                        end_ns: call.ending.map_or(u64::MAX, |_| call.end_offset_ns),
                    })
                });
                calls.collect()
            }
            Calls::Unlisted => {
                let mut calls = BTreeMap::new();
                for event in events.by_ref() {
                    note(event?, &mut calls);
                }
                calls.into_values().collect()
            }
        };
        calls.sort_by_key(|call| (call.start_ns, call.number));
        let state = events.state()?;
        Ok(Self { header, state, calls })
    }

    pub(super) fn holds(&self, call: u32) -> bool {
        self.calls.iter().any(|known| known.number == call)
    }
}

fn note(event: Event, calls: &mut BTreeMap<u32, Call>) {
    match event.kind {
        EventKind::CallStart(start) => {
            calls.entry(event.call).or_insert(Call {
                number: event.call,
                start,
                start_ns: event.offset_ns,
                end_ns: u64::MAX,
            });
        }
        EventKind::End(_) => {
            if let Some(call) = calls.get_mut(&event.call) {
                call.end_ns = event.offset_ns;
            }
        }
        _ => {}
    }
}

/// Reads the events of a call on a blocking thread of the runtime; it ends with the call, or when the receiver is
/// dropped.
pub(super) fn read(source: CaptureSource, call: &Call) -> mpsc::Receiver<Result<Event, SourceError>> {
    let (sender, receiver) = mpsc::channel(AHEAD);
    let (number, start_ns) = (call.number, call.start_ns);
    tokio::task::spawn_blocking(move || {
        let mut events = match source.open() {
            Ok(events) => events,
            Err(error) => return drop(sender.blocking_send(Err(error))),
        };
        if let Err(error) = events.seek(start_ns) {
            return drop(sender.blocking_send(Err(error)));
        }
        for event in events {
            let last = match &event {
                Ok(event) if event.call != number => continue,
                Ok(event) => matches!(event.kind, EventKind::End(_)),
                Err(_) => true,
            };
            if sender.blocking_send(event).is_err() || last {
                return;
            }
        }
    });
    receiver
}
