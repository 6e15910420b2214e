//! Texts of errors of recordings, with the flags and commands that help.

use std::{error::Error, io};

use crate::record::{ForeignChange, RecorderError};

/// The text of the error, with its remedy; `None` where its own text says all there is.
pub(super) fn told(error: &(dyn Error + 'static)) -> Option<String> {
    let remedy = if let Some(error) = error.downcast_ref::<RecorderError>() {
        of_recorder(error)
    } else {
        let io = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        io.and_then(|inner| inner.downcast_ref::<ForeignChange>())
            .map(of_meddling)
    };
    Some(format!("{error}{}", remedy?))
}

const fn of_recorder(error: &RecorderError) -> Option<&'static str> {
    match error {
        RecorderError::Sink { .. } | RecorderError::Lost => Some("; `capture recover` saves what is in the file"),
        RecorderError::Overflow { .. } => Some(", or choose --on-overflow block or gap"),
        RecorderError::Start(_) => None,
    }
}

const fn of_meddling(what: &ForeignChange) -> &'static str {
    match what {
        ForeignChange::Overwritten => "; `capture verify` tells what is damaged",
        ForeignChange::Resized { .. } => "; `capture verify` tells what it still holds",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        cli::remedies::with_causes,
        record::{RecordingFailure, SinkError},
    };

    fn failed(source: SinkError) -> RecordingFailure {
        RecordingFailure::Write {
            error: RecorderError::Sink {
                act: "write",
                source,
                written: 2,
                refused: 1,
            },
            stored: None,
        }
    }

    #[test]
    fn a_recording_that_failed_names_the_recovery() {
        let text = with_causes(&failed("no space left".into()));
        assert_eq!(
            text,
            "could not write the capture: no space left; `capture recover` saves what is in the file"
        );
    }

    #[test]
    fn a_file_that_another_program_changed_names_the_check() {
        for (what, remedy) in [
            (ForeignChange::Overwritten, "`capture verify` tells what is damaged"),
            (
                ForeignChange::Resized { found: 1, written: 2 },
                "`capture verify` tells what it still holds",
            ),
        ] {
            let text = with_causes(&failed(io::Error::new(io::ErrorKind::InvalidData, what).into()));
            assert!(text.contains(remedy), "{text}");
            assert!(text.contains("`capture recover`"), "{text}");
        }
    }

    #[test]
    fn a_full_queue_names_the_flag() {
        let text = with_causes(&RecorderError::Overflow { lost: 3 });
        assert!(text.ends_with("or choose --on-overflow block or gap"), "{text}");
    }
}
