//! The rows of a capture's spectrogram calls, one by one, for formats of numbers.

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

/// Where a row is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RowPlace {
    /// The message that holds it.
    pub message: MessagePlace,
    /// Row of the call, counted from 0.
    pub row: u64,
}

/// What was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct RowsRead {
    /// Rows given out.
    pub rows: u64,
    /// What was passed over.
    pub left_out: LeftOut,
}

/// Gives every row of a capture to `each`, from the beginning, only those of one call where one is named.
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
