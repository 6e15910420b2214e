//! Remedies for errors of analyses.

use std::error::Error;

use crate::analyze::BaselineError;

/// The remedy for an error, in flags and commands.
pub(super) fn remedy(error: &(dyn Error + 'static)) -> Option<&'static str> {
    match error.downcast_ref()? {
        BaselineError::Syntax { .. } => Some("`capture stats --save-baseline` writes one"),
        _ => None,
    }
}
