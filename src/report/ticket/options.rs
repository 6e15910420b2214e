//! How to make a bundle.

use crate::{
    analyze::validate::Expectations, das::dialect::Layout, model::finding::Severity, report::commands::ReportCommands,
    transform::redact::Rules,
};

/// How to make a bundle.
#[derive(Debug, Clone)]
pub struct TicketOptions {
    /// What the archive may be at most, bytes.
    pub max_bytes: u64,
    /// What is expected, over what the capture says itself.
    pub expectations: Expectations,
    /// Findings of this severity and above fail the capture.
    pub fails_from: Severity,
    /// How `pandadatastream` payloads are read.
    pub layout: Layout,
    /// The flag that says so again, for the bundle's README.
    pub layout_flag: Option<String>,
    /// The commands that the bundle tells its reader, if any.
    pub commands: Option<ReportCommands>,
    /// What must not leave the house.
    pub redaction: Rules,
}
