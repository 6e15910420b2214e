//! Remedies for errors of slices and exports.

use std::error::Error;

use crate::transform::{NumpyError, SliceError};

/// The remedy for an error, in flags and commands.
pub(super) fn remedy(error: &(dyn Error + 'static)) -> Option<&'static str> {
    match (error.downcast_ref(), error.downcast_ref()) {
        (Some(SliceError::NoSensor(_)), _) => Some("`capture stats` lists the existing ones"),
        (_, Some(NumpyError::SeveralCalls { .. })) => Some("choose one with --call, or write .npz"),
        _ => None,
    }
}
