//! What became of a message.

/// What became of a message.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Filtered {
    /// It is none of a spectrogram stream.
    Untouched,
    /// What is left of it.
    Anew(Vec<u8>),
    /// It holds none of the sensors, and cannot be without any.
    Nothing,
}

/// What was made of a message, and whether it held one of the sensors.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) message: Filtered,
    pub(crate) met: bool,
}
