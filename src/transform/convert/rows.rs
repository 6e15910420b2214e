//! Iteration over the rows of a capture's spectrogram calls, for numeric formats.

use std::io::{Read, Seek};

use crate::{
    das::{
        dialect::Layout,
        frames::{Frames, LeftOut, MessagePlace, Seen},
        spectrogram::Row,
    },
    file::{FileError, Reader},
    model::event::Event,
};

/// The place of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RowPlace {
    /// Place of the message with the row.
    pub message: MessagePlace,
    /// Number of the row within the call, counted from 0.
    pub row: u64,
}

/// Counts of the rows read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct RowsRead {
    /// Number of rows.
    pub rows: u64,
    /// What was skipped.
    pub left_out: LeftOut,
}

/// Passes every row of a capture from its beginning to `each`, or only the rows of one call.
///
/// # Errors
/// Damage of the capture, and whatever `each` reports.
pub(crate) fn each_row<R: Read + Seek, E: From<FileError>>(
    reader: &mut Reader<R>,
    layout: Layout,
    call: Option<u32>,
    mut each: impl FnMut(RowPlace, &Row<'_>) -> Result<(), E>,
) -> Result<RowsRead, E> {
    reader.rewind();
    let mut frames = Frames::with_layout(layout);
    let mut rows = std::collections::BTreeMap::<u32, u64>::new();
    let mut read = RowsRead::default();
    while let Some(event) = reader.next_event()? {
        if !wanted(&event, call) {
            continue;
        }
        let seen = frames.see(&event);
        read.left_out.count(&seen, &event);
        if let Seen::Frame(message, frame) = seen {
            for row in &frame.rows {
                let next = rows.entry(message.call).or_default();
                each(RowPlace { message, row: *next }, row)?;
                *next += 1;
                read.rows += 1;
            }
        }
    }
    Ok(read)
}

fn wanted(event: &Event, call: Option<u32>) -> bool {
    call.is_none_or(|call| call == event.call)
}
