//! The outcome of filtering a message.

/// The outcome of filtering a message.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Filtered {
    /// The message belongs to no spectrogram stream.
    Untouched,
    /// The filtered message.
    Anew(Vec<u8>),
    /// The message contains no selected sensor, and must have one.
    Nothing,
}

/// The outcome, and whether the message contained a selected sensor.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) message: Filtered,
    pub(crate) met: bool,
}
