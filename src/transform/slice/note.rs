//! Adding of a note to a copy of a capture: what is written is never rewritten.

use std::io::{Read, Seek};

use crate::{
    file::{CaptureState, FileError, Header, Reader, Storage, Summary, Writer},
    model::event::{CAPTURE_CALL, Event, EventKind, Note},
};

/// The author of the note about an unfinished source.
pub(crate) const AUTHOR: &str = "note";

/// Errors of adding a note.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NoteError {
    /// The capture cannot be read, or the new one cannot be written.
    #[error("{0}")]
    File(#[from] FileError),
    /// The time is after the end of the capture.
    #[error("the capture ends at {ends_s:.3} s, before {at_s:.3} s")]
    BeyondEnd {
        /// The capture's length, seconds.
        ends_s: f64,
        /// Time of the note, seconds.
        at_s: f64,
    },
}

/// Copies a capture into a new one, which `begin` creates from its header, and adds a note at `at_ns` (at the end if
/// `None`). Every other event stays as it is, but for the numbers of the capture's own events after it; the content
/// digest is another one, as the content is. A copy of an unfinished capture is unfinished as well, and a second note
/// says so.
///
/// # Errors
/// When the capture cannot be read or is shorter, or the new one cannot be written.
pub fn note<R: Read + Seek, S: Storage>(
    reader: &mut Reader<R>,
    at_ns: Option<u64>,
    note: Note,
    begin: impl FnOnce(&Header) -> Result<Writer<S>, FileError>,
) -> Result<(Summary, CaptureState), NoteError> {
    copy(reader, at_ns, Some(note), begin)
}

/// Copies a capture as [`note`] does, with or without a note. Without one, a finished capture keeps its content digest.
///
/// # Errors
/// As those of [`note`].
pub(crate) fn copy<R: Read + Seek, S: Storage>(
    reader: &mut Reader<R>,
    at_ns: Option<u64>,
    mut note: Option<Note>,
    begin: impl FnOnce(&Header) -> Result<Writer<S>, FileError>,
) -> Result<(Summary, CaptureState), NoteError> {
    let end_ns = reader.overview()?.last_offset_ns;
    let at_ns = at_ns.unwrap_or(end_ns);
    if at_ns > end_ns {
        return Err(NoteError::BeyondEnd {
            ends_s: end_ns as f64 / 1e9,
            at_s: at_ns as f64 / 1e9,
        });
    }
    let mut writer = begin(reader.header())?;
    let mut own = 0;
    reader.rewind_checked();
    while let Some(mut event) = reader.next_event()? {
        if event.offset_ns > at_ns
            && let Some(note) = note.take()
        {
            own += 1;
            writer.write(&remark(own, at_ns, note))?;
        }
        if event.call == CAPTURE_CALL {
            own += 1;
            event.seq = own;
        }
        writer.write(&event)?;
    }
    if let Some(note) = note.take() {
        own += 1;
        writer.write(&remark(own, at_ns, note))?;
    }
    let source = reader.state()?;
    if !source.is_finished() {
        let (author, text) = (AUTHOR.to_owned(), source.told_in("a copy was made".to_owned()));
        writer.write(&remark(own + 1, end_ns, Note { author, text }))?;
    }
    writer.keep_parts_of(reader)?;
    Ok((writer.finish_as(source)?, source))
}

const fn remark(seq: u64, offset_ns: u64, note: Note) -> Event {
    Event {
        call: CAPTURE_CALL,
        seq,
        offset_ns,
        kind: EventKind::Note(note),
    }
}

#[cfg(test)]
mod examples {
    #[test]
    fn example_of_note() -> Result<(), super::NoteError> {
        use crate::{
            file::{Reader, Writer, WriterOptions},
            model::event,
            transform,
        };

        let mut reader = Reader::open("captures/zero-ids.gcap")?;
        let remark = event::Note {
            author: "me".into(),
            text: "a truck passes".into(),
        };
        let options = WriterOptions::default();
        let begin = |header: &_| Writer::new(Vec::new(), header, options);
        let (summary, source) = transform::note(&mut reader, Some(200_000_000), remark, begin)?;
        assert!(summary.messages == 5 && source.is_finished());
        Ok(())
    }
}
