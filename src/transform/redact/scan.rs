//! The search of a redacted capture for removed values.

use std::{
    fmt,
    io::{Read, Seek, SeekFrom},
};

use serde::Serialize;

use super::{SecretValues, visit};
use crate::{
    file::{FileError, Reader},
    grpc,
    model::event::{Direction, EventKind},
};

/// Number of listed places; more are counted.
const MAX_LISTED: usize = 16;

/// Number of bytes searched at a time.
const BLOCK: usize = 1 << 20;

/// Largest number of encoded bytes per byte of a value: `\u00e9`.
const LONGEST_ENCODING: usize = 6;

/// The result of a search.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct SecretScan {
    /// Number of searched values.
    pub values: u64,
    /// Occurrences of values that are too short for a search.
    pub too_short: u64,
    /// Occurrences of values beyond the limit on kept values.
    pub not_kept: u64,
    /// Number of searched bytes.
    pub bytes: u64,
    /// The first 16 places with values.
    pub found: Vec<Found>,
    /// Number of further places.
    pub more: u64,
}

/// A value that was found where it should not be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Found {
    /// Place of the value.
    pub place: String,
    /// Length of the value in bytes; the value itself is not told.
    pub length: usize,
}

impl SecretScan {
    /// True when nothing was found.
    #[must_use]
    pub const fn is_clean(&self) -> bool {
        self.found.is_empty() && self.more == 0
    }

    fn look(&mut self, values: &SecretValues, bytes: &[u8], place: impl FnOnce() -> String) {
        let Some(length) = values.occurs_in(bytes) else {
            return;
        };
        if self.found.len() < MAX_LISTED {
            let place = place();
            self.found.push(Found { place, length });
        } else {
            self.more += 1;
        }
    }
}

impl fmt::Display for SecretScan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, found) in self.found.iter().enumerate() {
            let comma = if at > 0 { "; " } else { "" };
            write!(f, "{comma}a value of {} bytes in {}", found.length, found.place)?;
        }
        if self.more > 0 {
            write!(f, "; and in {} more places", self.more)?;
        }
        Ok(())
    }
}

/// Searches a capture for values: in the bytes of the file as they are stored, in the header, and in every event,
/// messages also inflated.
///
/// # Errors
/// When the capture cannot be read.
pub(crate) fn scan<R: Read + Seek>(input: &mut R, values: &SecretValues) -> Result<SecretScan, FileError> {
    let mut scan = SecretScan {
        values: values.len() as u64,
        too_short: values.too_short(),
        not_kept: values.not_kept(),
        ..SecretScan::default()
    };
    stored(input, values, &mut scan)?;
    let mut reader = Reader::new(input)?;
    for (name, value) in reader.header().attributes.clone() {
        scan.look(values, &value, || format!("the header's attribute {name}"));
    }
    let mut encodings = std::collections::HashMap::<(u32, Direction), String>::new();
    while let Some(event) = reader.next_event()? {
        let place = |what: &str| format!("{what} of call {}, event {}", event.call, event.seq);
        visit::texts(&event.kind, &mut |what, text| scan.look(values, text, || place(what)));
        match &event.kind {
            EventKind::CallStart(start) => note(&mut encodings, event.call, Direction::Sent, &start.metadata),
            EventKind::Headers(headers) => note(&mut encodings, event.call, Direction::Received, &headers.metadata),
            EventKind::End(_) => encodings.retain(|(call, _), _| *call != event.call),
            EventKind::Message(message) => {
                scan.look(values, &message.data, || place("a message"));
                let encoding = encodings.get(&(event.call, message.direction));
                let encoding = encoding.map_or(grpc::NO_ENCODING, String::as_str);
                if message.compressed
                    && let Ok(inflated) = grpc::inflate(encoding, &message.data, grpc::MAX_INFLATED)
                {
                    scan.look(values, &inflated, || place("a compressed message"));
                }
            }
            _ => {}
        }
    }
    Ok(scan)
}

fn note(
    encodings: &mut std::collections::HashMap<(u32, Direction), String>,
    call: u32,
    direction: Direction,
    metadata: &crate::model::event::Metadata,
) {
    if let Some(encoding) = crate::grpc::protocol::message_encoding(metadata) {
        encodings.insert((call, direction), encoding.to_owned());
    }
}

/// Searches the bytes of the file block by block; each overlaps the next by as much as a value is long.
fn stored<R: Read + Seek>(input: &mut R, values: &SecretValues, scan: &mut SecretScan) -> Result<(), FileError> {
    let failed = |error| FileError::reading("search the capture", error);
    input.seek(SeekFrom::Start(0)).map_err(failed)?;
    let overlap = LONGEST_ENCODING * values.longest();
    let mut block = Vec::with_capacity(BLOCK + overlap);
    loop {
        let kept = block.len();
        let read = input.take(BLOCK as u64).read_to_end(&mut block).map_err(failed)?;
        if read == 0 {
            break;
        }
        let begins = scan.bytes - kept as u64;
        scan.look(values, &block, || format!("the stored bytes from {begins} on"));
        scan.bytes += read as u64;
        let from = block.len().saturating_sub(overlap);
        block.drain(..from);
    }
    input.seek(SeekFrom::Start(0)).map_err(failed)?;
    Ok(())
}
