//! Options of the golden text.

/// Sensors in the table by default: a fibre's worth of lines that a person still reviews.
pub(crate) const DEFAULT_SENSORS: usize = 256;

/// Content of the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SnapshotOptions {
    /// Arrival times, which differ from run to run; left out by default.
    pub timing: SnapshotPart,
    /// Message digests, which change when any byte does; included by default.
    pub digests: SnapshotPart,
    /// Sensors in the table, the first by id; `DEFAULT_SENSORS` by default. The text says how many are not listed.
    pub sensors: usize,
}

impl Default for SnapshotOptions {
    fn default() -> Self {
        Self {
            timing: SnapshotPart::LeaveOut,
            digests: SnapshotPart::Include,
            sensors: DEFAULT_SENSORS,
        }
    }
}

/// Inclusion of a part in the golden text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SnapshotPart {
    /// The text includes the part.
    Include,
    /// The text leaves the part out.
    LeaveOut,
}
