//! The messages of single calls as text, for the page of a service.

use std::collections::BTreeMap;

use super::{
    event_text::{EventText, Extent},
    schema::Schema,
};
use crate::{
    analyze::stats::{CallStats, Stats},
    das::frames::{FrameObserver, Seen},
    file::{Attribute, Header},
    model::event::Event,
};

/// Number of calls that a page lists and draws.
const MOST_CALLS: usize = 100;
/// Number of events of a call that are kept.
const MOST_EVENTS: usize = 20;
/// Columns of an event: what is longer is cut.
const COLUMNS: usize = 200;

/// The calls of a service that a page lists and draws: those that did not end with OK come first.
pub(super) fn listed(stats: &Stats) -> Vec<&CallStats> {
    let mut calls: Vec<_> = stats.calls.iter().collect();
    calls.sort_by_key(|call| (is_ok(call), call.start_ns, call.call));
    calls.truncate(MOST_CALLS);
    calls
}

/// True when the call ended with OK.
pub(super) fn is_ok(call: &CallStats) -> bool {
    call.ending.as_ref().is_some_and(|ending| ending.code == Some(0))
}

/// The first events of a call as text, one line each.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct CallMessages {
    pub(crate) lines: Vec<String>,
    /// Number of events that are left out.
    pub(crate) more: u64,
}

/// Collects the messages of some calls. Messages are decoded by the schema in the header.
#[derive(Debug)]
pub(super) struct MessageCollector {
    text: EventText,
    calls: BTreeMap<u32, CallMessages>,
}

impl MessageCollector {
    pub(super) fn new(header: &Header, calls: impl Iterator<Item = u32>) -> Self {
        let set = header.get(Attribute::DESCRIPTOR_SET);
        let schema = set.and_then(|set| Schema::from_descriptor_set(set).ok());
        Self {
            text: EventText::new(schema.unwrap_or_default(), Extent::Terminal(COLUMNS)),
            calls: calls.map(|call| (call, CallMessages::default())).collect(),
        }
    }

    pub(super) fn finish(self) -> BTreeMap<u32, CallMessages> {
        self.calls
    }
}

impl FrameObserver for MessageCollector {
    fn observe_frame(&mut self, event: &Event, _: &Seen<'_>) {
        let Some(call) = self.calls.get_mut(&event.call) else {
            return;
        };
        if call.lines.len() < MOST_EVENTS {
            call.lines.push(self.text.text(event));
        } else {
            self.text.pass(event);
            call.more += 1;
        }
    }
}
