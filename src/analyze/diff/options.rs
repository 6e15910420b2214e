//! Options of a comparison.

use crate::das::dialect::Layout;

/// Rows, or messages of other methods, that are buffered from each capture for the alignment: as many as the validator
/// and the statistics look back. A row that moves farther is missing in one place and extra in another.
pub(crate) const WINDOW: usize = 64;

/// Which metadata is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum MetadataMode {
    /// Only the names and values that are equal in every run.
    #[default]
    Stable,
    /// Everything, dates and user agents included.
    All,
    /// Nothing.
    Ignore,
}

/// Options of a comparison of two captures.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct DiffOptions {
    /// Values differ when their difference is larger than this, dB; 0 by default: every bit counts.
    pub abs: f64,
    /// Largest difference as a part of the larger magnitude; both limits must be passed.
    pub rel: f64,
    /// Which metadata is compared.
    pub metadata: MetadataMode,
    /// How `pandadatastream` payloads are read.
    pub layout: Layout,
}
