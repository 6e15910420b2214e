//! Totals of a chunk's records, for comparison with its head.

use crate::{
    file::record::{CallCount, ChunkHead},
    model::event::{Direction, Event, EventKind},
};

/// The totals that a chunk's head should have for the counted events.
#[derive(Debug, Default)]
pub(in crate::file) struct ChunkTotals(ChunkHead);

impl ChunkTotals {
    /// Adds an event.
    pub(in crate::file) fn count(&mut self, event: &Event) {
        let head = &mut self.0;
        head.min_offset_ns = if head.events == 0 {
            event.offset_ns
        } else {
            head.min_offset_ns.min(event.offset_ns)
        };
        head.max_offset_ns = head.max_offset_ns.max(event.offset_ns);
        head.events = head.events.saturating_add(1);
        let at = head.calls.binary_search_by_key(&event.call, |count| count.call);
        let at = at.unwrap_or_else(|at| {
            let call = event.call;
            head.calls.insert(
                at,
                CallCount {
                    call,
                    sent: 0,
                    received: 0,
                },
            );
            at
        });
        match &event.kind {
            EventKind::Message(message) => match message.direction {
                Direction::Sent => head.calls[at].sent += 1,
                Direction::Received => head.calls[at].received += 1,
            },
            _ => head.control = true,
        }
    }

    /// Compares a head with the totals, and returns the difference.
    pub(in crate::file) fn agrees(&self, head: &ChunkHead) -> Result<(), String> {
        let said = &self.0;
        let wrong = [
            ("number of events", head.events != said.events),
            ("smallest offset", head.min_offset_ns != said.min_offset_ns),
            ("largest offset", head.max_offset_ns != said.max_offset_ns),
            ("mark of other events than messages", head.control != said.control),
            ("messages of each call", head.calls != said.calls),
        ];
        let wrong: Vec<_> = wrong
            .into_iter()
            .filter(|(_, wrong)| *wrong)
            .map(|(what, _)| what)
            .collect();
        if wrong.is_empty() {
            return Ok(());
        }
        let differs = if wrong.len() == 1 { "differs" } else { "differ" };
        Err(format!("its {} {differs} from its events", wrong.join(", ")))
    }
}
