//! Opening of captures: every command reads through here, so that an unfinished capture is always reported.

use std::{
    fs::File,
    io::{self, Read as _},
    path::{Path, PathBuf},
};

use crate::file::{CaptureState, FileError, Reader, is_locked};

use super::{Done, Failure, Outcome, output, progress};

/// Opens a capture and lets `work` read it. An unfinished capture is reported, and success becomes [`Outcome::Lossy`].
pub(crate) fn read(path: &Path, work: impl FnOnce(&mut Reader<File>) -> Done) -> Done {
    settle(path, Reader::open(path)?, work)
}

/// Does the same as [`read`], for passes over the whole capture.
pub(crate) fn read_through(path: &Path, work: impl FnOnce(&mut Reader<File>) -> Done) -> Done {
    settle(path, open_whole(path)?, work)
}

/// Does the same as [`read_through`] without a progress line: for work that prints results while it reads.
pub(crate) fn read_along(path: &Path, work: impl FnOnce(&mut Reader<File>) -> Done) -> Done {
    settle(path, Reader::open_parallel(path)?, work)
}

/// Opens a capture for passes over all of it: chunks are opened on all processors, and a terminal shows how far it is.
pub(crate) fn open_whole(path: &Path) -> Result<Reader<File>, FileError> {
    Reader::open_parallel(path)?.watched(progress::of(path))
}

fn settle(path: &Path, mut reader: Reader<File>, work: impl FnOnce(&mut Reader<File>) -> Done) -> Done {
    note_reading(path, &reader);
    let outcome = work(&mut reader)?;
    Ok(tell(path, reader.state()?, outcome))
}

/// Logs which file is read, for `-v`.
pub(crate) fn note_reading(path: &Path, reader: &Reader<File>) {
    let size = path.metadata().map_or(0, |found| found.len());
    tracing::info!(
        "reading {}: {}, a capture of format {}",
        path.display(),
        output::bytes(size),
        reader.version()
    );
}

/// Does the same as [`read`] for several captures at once; each comes with its name.
pub(crate) fn read_each(paths: &[PathBuf], work: impl FnOnce(&mut [(String, Reader<File>)]) -> Done) -> Done {
    let open = |path: &PathBuf| {
        let reader = Reader::open(path)?;
        note_reading(path, &reader);
        Ok::<_, Failure>((path.display().to_string(), reader))
    };
    let mut readers = paths.iter().map(open).collect::<Result<Vec<_>, _>>()?;
    let mut outcome = work(&mut readers)?;
    for (path, (_, reader)) in paths.iter().zip(&mut readers) {
        outcome = tell(path, reader.state()?, outcome);
    }
    Ok(outcome)
}

/// Reports an unfinished capture, and the effect on the command: what is worse than lossy stays so.
pub(crate) fn tell(path: &Path, state: CaptureState, outcome: Outcome) -> Outcome {
    if let CaptureState::Unfinished {
        whole_bytes,
        torn_bytes,
    } = state
    {
        let is_recorded = is_locked(path);
        let path = path.display();
        let torn = format!("({torn_bytes} bytes of an incomplete chunk are left out)");
        output::say(if is_recorded {
            format!("{path} is unfinished: it is being recorded; the result covers it up to byte {whole_bytes} {torn}")
        } else {
            format!(
                "{path} is unfinished: it ends at byte {whole_bytes} {torn}, because it was cut off or is being recorded on \
                 another machine; `capture recover {path}` completes it"
            )
        });
        if outcome == Outcome::Ok {
            return Outcome::Lossy;
        }
    }
    outcome
}

/// The error that a call does not exist, with the existing ones.
pub(crate) fn no_call(path: &Path, reader: &mut Reader<File>, call: u32) -> Result<Failure, Failure> {
    let known: Vec<_> = reader.overview()?.calls.iter().map(|call| call.call).collect();
    let known = match known.as_slice() {
        [] => "no call".to_owned(),
        [one] => format!("call {one} alone"),
        [first, .., last] => format!("{} calls, {first} to {last}", output::grouped(known.len() as u64)),
    };
    let path = path.display();
    Ok(format!("there is no call {call} in {path}; it holds {known}").into())
}

/// Largest size of a settings file, such as jobs, expectations or a plan of faults, in bytes.
const MAX_TEXT_BYTES: u64 = 16 << 20;

/// Reads the text of a settings file.
pub(crate) fn text(path: &Path) -> io::Result<String> {
    let mut text = String::new();
    let read = File::open(path)?.take(MAX_TEXT_BYTES + 1).read_to_string(&mut text)?;
    if read as u64 > MAX_TEXT_BYTES {
        let what = format!("it has more than {MAX_TEXT_BYTES} bytes");
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, what));
    }
    // Some editors begin a text with it, and it says nothing.
    if text.starts_with('\u{feff}') {
        text.remove(0);
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_byte_order_mark_before_a_text_says_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("job.json");
        std::fs::write(&path, "\u{feff}{}").unwrap();
        assert_eq!(text(&path).unwrap(), "{}");
    }
}
