//! Reader of the records of an MCAP file.

use std::io::Read;

use mcap::{
    records::Record,
    sans_io::{LinearReadEvent, LinearReader, LinearReaderOptions},
};

use super::EVENTS_TOPIC;

/// Size up to which a record is read regardless of the file's length, in bytes: a little more than a message may have
/// by default.
pub(crate) const FREE_RECORD_BYTES: u64 = 128 << 20;

/// Largest record of any file, in bytes.
pub(crate) const MAX_RECORD_BYTES: u64 = 1 << 30;

/// Largest ratio of a record to the file's length beyond [`FREE_RECORD_BYTES`]: chunks are compressed.
pub(crate) const MOST_EXPANSION: u64 = 16;

/// Largest number of records of unknown kinds. Some kilobytes of zstd unpack to hundreds of millions of empty ones.
pub(crate) const MOST_UNKNOWN_RECORDS: u64 = 1_000_000;

/// Number of bytes requested at once.
pub(crate) const READ_BYTES: usize = 1 << 16;

/// Errors of reading an MCAP file.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum McapReadError {
    /// Reading failed.
    #[error("could not read the MCAP file: {0}")]
    Io(#[from] std::io::Error),
    /// The file is damaged, truncated, or not MCAP.
    #[error("could not read the MCAP file beyond message {messages}: {source}")]
    Mcap {
        /// Number of whole messages before the damage.
        messages: u64,
        /// The error.
        source: mcap::McapError,
    },
    /// A message of the channel of events has an unknown layout.
    #[error(
        "could not read the MCAP file beyond message {messages}: the channel {EVENTS_TOPIC} has content that this build does not know: {problem}"
    )]
    Line {
        /// Number of whole messages before it.
        messages: u64,
        /// The problem.
        problem: String,
    },
    /// The file consists of unknown records.
    #[error(
        "could not read the MCAP file beyond message {messages}: it holds more than {MOST_UNKNOWN_RECORDS} records of unknown kinds"
    )]
    Unknown {
        /// Number of whole messages before the limit was reached.
        messages: u64,
    },
    /// The file contains the exports of two captures.
    #[error(
        "could not read the MCAP file beyond message {messages}: a second capture begins here; import the files that were merged one by one"
    )]
    TwoCaptures {
        /// Number of whole messages before the second one.
        messages: u64,
    },
}

/// Reads the records of an MCAP file.
pub(crate) struct Records<R> {
    from: R,
    reader: LinearReader,
    pub(super) messages: u64,
    unknown: u64,
}

impl<R: Read> Records<R> {
    /// A reader for a file of this length, where it is known.
    pub(crate) fn new(from: R, file_bytes: u64) -> Self {
        let limit = file_bytes.saturating_mul(MOST_EXPANSION);
        let options = LinearReaderOptions::default()
            .with_validate_chunk_crcs(true)
            .with_record_length_limit(limit.clamp(FREE_RECORD_BYTES, MAX_RECORD_BYTES) as usize);
        Self {
            from,
            reader: LinearReader::new_with_options(options),
            messages: 0,
            unknown: 0,
        }
    }

    pub(crate) fn next_record(&mut self) -> Result<Option<Record<'static>>, McapReadError> {
        loop {
            let failed = |source| McapReadError::Mcap {
                messages: self.messages,
                source,
            };
            match self.reader.next_event() {
                None => return Ok(None),
                Some(Err(source)) => return Err(failed(source)),
                Some(Ok(LinearReadEvent::ReadRequest(wanted))) => {
                    let space = self.reader.insert(wanted.clamp(1, READ_BYTES));
                    let there = self.from.read(space)?;
                    self.reader.notify_read(there);
                }
                Some(Ok(LinearReadEvent::Record { data, opcode })) => {
                    let record = mcap::parse_record(opcode, data).map_err(failed)?.into_owned();
                    self.messages += u64::from(matches!(record, Record::Message { .. }));
                    self.unknown += u64::from(matches!(record, Record::Unknown { .. }));
                    if self.unknown > MOST_UNKNOWN_RECORDS {
                        return Err(McapReadError::Unknown {
                            messages: self.messages,
                        });
                    }
                    return Ok(Some(record));
                }
            }
        }
    }
}
