//! Commands that a report shows to its reader.

/// Commands that a report shows to its reader; a capture's name follows each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReportCommands {
    /// Validates the capture.
    pub validate: &'static str,
    /// The flag for an expectation file in that command; the file's name follows.
    pub expectations: &'static str,
    /// The flag that makes warnings fail in that command.
    pub strict: &'static str,
    /// Serves the capture.
    pub serve: &'static str,
    /// Checks that the capture is complete.
    pub verify: &'static str,
    /// Draws the spectrogram of one sensor, in full; nothing follows.
    pub spectrogram: &'static str,
    /// Opens a bundle; nothing follows.
    pub open_bundle: &'static str,
}

#[cfg(test)]
pub(crate) mod tests {
    use super::ReportCommands;

    /// The commands of the command line, for tests of reports.
    pub(crate) const COMMANDS: ReportCommands = ReportCommands {
        validate: "capture validate",
        expectations: "--expect",
        strict: "--strict",
        serve: "capture serve",
        verify: "capture verify",
        spectrogram: "capture export",
        open_bundle: "capture bundle --open",
    };
}
