//! Calls at the beginning of a slice: what the slice leaves out is not reported as missing.

use super::rules::endings::Before;
use crate::{file::SliceOf, model::event::Ending};

/// Whether the capture holds a call from its beginning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Opening {
    /// It holds the whole call.
    Whole,
    /// The call was opened before the slice begins, or the slice leaves out sensors.
    Cut,
}

impl Opening {
    /// The opening of a call at this offset.
    pub(super) fn of(slice: Option<&SliceOf>, at_ns: u64) -> Self {
        match slice {
            Some(slice) if (at_ns == 0 && slice.origin_ns > 0) || slice.sensors.is_some() => Self::Cut,
            _ => Self::Whole,
        }
    }

    /// True when a slice leaves out a part of the call.
    pub(super) fn is_cut(self, ending: Option<&Ending>) -> bool {
        let by_slice = |ending: &Ending| matches!(ending, Ending::Cancelled(end) if end.cut);
        self == Self::Cut || ending.is_some_and(by_slice)
    }

    /// The time before the slice, which matters for whether a server closed an idle job; where it is not there, the
    /// server is given the benefit.
    pub(super) const fn before(self, before: Before) -> Before {
        match self {
            Self::Cut if before.messages == 0 => Before {
                messages: 1,
                silence_ns: u64::MAX,
            },
            _ => before,
        }
    }
}
