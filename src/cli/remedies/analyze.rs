//! Remedies for errors of analyses.

use std::error::Error;

use crate::analyze::{BaselineError, drift::DriftError};

/// The remedy for an error, in flags and commands.
pub(super) fn remedy(error: &(dyn Error + 'static)) -> Option<&'static str> {
    if let Some(error) = error.downcast_ref() {
        return match error {
            DriftError::NoSchema | DriftError::NotInSchema(_) => {
                Some("`capture note --schema` makes a capture with the schema of that time")
            }
            _ => None,
        };
    }
    match error.downcast_ref()? {
        BaselineError::Syntax { .. } => Some("`capture stats --save-baseline` writes one"),
        _ => None,
    }
}
