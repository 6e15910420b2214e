//! How far the validated capture could be read.

use crate::file::{CaptureState, FileError};

/// How far a capture could be read; it is judged as far as that.
///
/// ```
/// use grpc_capture::{file::CaptureState, analyze::ReadTo};
/// let cut = CaptureState::Unfinished { whole_bytes: 100, torn_bytes: 0 };
/// assert_eq!(ReadTo::of(cut, false, None), ReadTo::CutOff);
/// assert_eq!(ReadTo::of(cut, true, None), ReadTo::Growing);
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum ReadTo {
    /// The capture was read to its end. The default.
    #[default]
    End,
    /// The capture was read as far as its recorder, which is still running, has written: what is not there yet is not
    /// missed.
    Growing,
    /// The capture was read to the point at which its recorder was interrupted.
    CutOff,
    /// The capture was read up to damage, which is described: what lies behind it is not known.
    Damage(String),
}

impl ReadTo {
    /// Converts the state of a capture; `is_recorded` tells whether somebody is writing it, and `damage` what stopped
    /// the reading.
    #[must_use]
    pub fn of(state: CaptureState, is_recorded: bool, damage: Option<&FileError>) -> Self {
        match (damage, state) {
            (Some(damage), _) => Self::Damage(damage.to_string()),
            (None, CaptureState::Finished) => Self::End,
            (None, CaptureState::Damaged) => Self::Damage("the capture is damaged".to_owned()),
            (None, CaptureState::Unfinished { .. }) if is_recorded => Self::Growing,
            (None, CaptureState::Unfinished { .. }) => Self::CutOff,
        }
    }

    /// True when more can be expected to come.
    pub(super) const fn is_growing(&self) -> bool {
        matches!(self, Self::Growing)
    }
}
