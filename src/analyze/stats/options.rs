//! Options of the statistics.

use super::percentiles::EXACT_VALUES;
use crate::das::dialect::Layout;

/// Options of the statistics.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StatsOptions {
    /// How `pandadatastream` payloads are read; a guess by default.
    pub layout: Layout,
    /// Values that are kept for exact percentiles; `EXACT_VALUES` by default.
    pub exact_values: usize,
    /// Whether message digests are computed; they are by default.
    pub digests: Digests,
}

impl Default for StatsOptions {
    fn default() -> Self {
        Self {
            layout: Layout::default(),
            exact_values: EXACT_VALUES,
            digests: Digests::Compute,
        }
    }
}

/// Whether message digests are computed: SHA-256 over every byte takes about 0.6 s for a gigabyte.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Digests {
    /// Digests are computed.
    #[default]
    Compute,
    /// Digests are not computed, and are `None`.
    Skip,
}
