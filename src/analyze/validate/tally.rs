//! Counts of one call.

use super::scan::Scan;

/// Counts of one call.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Tally {
    pub(super) messages: u64,
    pub(super) bytes: u64,
    pub(super) frames: u64,
    pub(super) rows: u64,
    pub(super) irregular: u64,
    pub(super) first_bytes: u64,
    pub(super) first_ns: u64,
    pub(super) last_ns: u64,
    pub(super) largest_gap_ns: u64,
    pub(super) waited_ns: u64,
    /// Extremes of finite values.
    pub(super) amplitude: Option<(f32, f32)>,
}

impl Tally {
    /// Adds the finite extremes of a row.
    pub(super) fn see(&mut self, scan: Scan) {
        let (min, max) = self.amplitude.unwrap_or((f32::INFINITY, f32::NEG_INFINITY));
        let low = if scan.min.is_finite() { min.min(scan.min) } else { min };
        let high = if scan.max.is_finite() { max.max(scan.max) } else { max };
        self.amplitude = Some((low, high));
    }
}
