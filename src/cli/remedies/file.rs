//! Texts of errors of capture files and of TLS, with the flags and commands that help.

use std::{error::Error, io};

use crate::{
    file::{FileError, FileErrorKind, WriteAdvice},
    grpc::server_tls::ServerTlsError,
};

/// The text of the error, with its remedy; `None` where its own text says all there is.
pub(super) fn told(error: &(dyn Error + 'static)) -> Option<String> {
    let remedy = if let Some(error) = error.downcast_ref::<FileError>() {
        of_file(error)
    } else {
        let error = error.downcast_ref::<ServerTlsError>();
        error
            .filter(|error| error.is_of_existing_file())
            .map(|_| "; --force replaces it".to_owned())
    };
    Some(format!("{error}{}", remedy?))
}

/// The advice for an error of the operating system when a file is written, with the flag that names another place.
pub(in crate::cli) fn of_write(error: &io::Error) -> Option<String> {
    WriteAdvice::of(error).map(|advice| format!("{advice}{}", place_flag(advice)))
}

/// The end of an advice to choose another place.
const fn place_flag(advice: WriteAdvice) -> &'static str {
    match advice {
        WriteAdvice::RaiseSizeLimit => "",
        WriteAdvice::FreeSpace
        | WriteAdvice::FreeQuota
        | WriteAdvice::NotReadOnly
        | WriteAdvice::NotForbidden
        | WriteAdvice::CreateFolder
        | WriteAdvice::CorrectPath
        | WriteAdvice::Wait
        | WriteAdvice::ReplaceDisk => " with -o",
    }
}

fn of_file(error: &FileError) -> Option<String> {
    if let Some(advice) = error.write_advice() {
        return Some(place_flag(advice).to_owned());
    }
    match error.kind() {
        FileErrorKind::Io(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            Some(", or --force to replace it".to_owned())
        }
        FileErrorKind::NotACapture => Some(
            " (`capture import` makes one from length-delimited frames, a gRPC binary log or an MCAP file)".to_owned(),
        ),
        FileErrorKind::Corrupt(_) => {
            let path = error
                .path()
                .map_or_else(String::new, |path| format!(" {}", path.display()));
            Some(format!("; `capture recover{path}` saves the rest"))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, io::Cursor};

    use super::*;
    use crate::{cli::remedies::with_causes, file::Reader, record::RecorderError, transform::SliceError};

    #[test]
    fn a_file_that_is_no_capture_names_the_import() {
        let error = Reader::new(Cursor::new(b"something else entirely".to_vec())).unwrap_err();
        assert!(!error.to_string().contains('`'), "{error}");
        // Wherever it is among the causes.
        for text in [with_causes(&error), with_causes(&SliceError::from(error))] {
            assert!(
                text.contains("it is not a capture file (`capture import` makes"),
                "{text}"
            );
        }
    }

    #[test]
    fn a_damaged_capture_names_the_recovery() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("damaged.gcap");
        let mut bytes = fs::read(concat!(env!("CARGO_MANIFEST_DIR"), "/captures/zero-ids.gcap")).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle..middle + 64].fill(0xa5);
        fs::write(&path, bytes).unwrap();
        let mut reader = Reader::open(&path).unwrap();
        let error = loop {
            match reader.next_event() {
                Ok(event) => assert!(event.is_some(), "the damage is found"),
                Err(error) => break error,
            }
        };
        assert!(!error.to_string().contains('`'), "{error}");
        let text = with_causes(&error);
        assert!(
            text.ends_with(&format!("; `capture recover {}` saves the rest", path.display())),
            "{text}"
        );
    }

    #[test]
    fn a_full_disk_names_the_flag_for_another_place() {
        let error = FileError::io("write the capture", io::ErrorKind::StorageFull.into());
        assert!(!error.to_string().contains("-o"), "{error}");
        let text = with_causes(&error);
        let wanted = "; free some space, or choose a place on another disk with -o";
        assert!(text.ends_with(wanted), "{text}");
        // Also where another error quotes this one and adds a remedy of its own.
        let quoting = RecorderError::Sink {
            act: "write",
            source: Box::new(error),
            written: 2,
            refused: 1,
        };
        let text = with_causes(&quoting);
        assert!(text.contains(&format!("{wanted}; `capture recover`")), "{text}");
    }

    #[test]
    fn an_existing_file_names_the_flag_that_replaces_it() {
        let error = FileError::io("create the capture", io::ErrorKind::AlreadyExists.into());
        let text = with_causes(&error);
        let wanted = "could not create the capture: the file exists; choose another name, or --force to replace it";
        assert!(text.starts_with(wanted), "{text}");
    }
}
