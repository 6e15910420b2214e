//! The context that all calls of a capture share.

use super::finding_log::FindingLog;
use crate::das::expect::Expectations;
use crate::{das::dialect::Layout, model::finding::Place};

/// The context that all calls share.
pub(super) struct Context<'a> {
    pub(super) log: &'a mut FindingLog,
    pub(super) expect: &'a Expectations,
    pub(super) offsets: Offsets,
    pub(super) layout: Layout,
    /// Wall-clock time of offset 0, nanoseconds since 1970; 0 where it is not known.
    pub(super) anchor_unix_ns: u64,
}

impl Context<'_> {
    /// The wall-clock time of an arrival, milliseconds since 1970.
    pub(super) fn arrival_ms(&self, place: Place) -> Option<i64> {
        if self.offsets == Offsets::Rows || self.anchor_unix_ns == 0 {
            return None;
        }
        let unix_ns = self.anchor_unix_ns.checked_add(place.offset_ns?)?;
        i64::try_from(unix_ns / 1_000_000).ok()
    }
}

/// Source of the offsets of events.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Offsets {
    /// The arrival times of messages.
    Delivery,
    /// The rows' own timestamps.
    Rows,
}
