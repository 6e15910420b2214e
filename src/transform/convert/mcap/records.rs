//! The records of an MCAP file.

use std::io::Read;

use mcap::{
    records::Record,
    sans_io::{LinearReadEvent, LinearReader, LinearReaderOptions},
};

use super::EVENTS_TOPIC;

/// Bytes of the longest record that is read, whatever the file's length: a little more than a message may have by default.
pub(crate) const FREE_RECORD_BYTES: u64 = 128 << 20;

/// Bytes of the longest record of any file.
pub(crate) const MAX_RECORD_BYTES: u64 = 1 << 30;

/// How many times longer than the file a record may be beyond [`FREE_RECORD_BYTES`]: chunks are compressed.
pub(crate) const MOST_EXPANSION: u64 = 16;

/// Records of kinds that MCAP does not define. Some kilobytes of zstd unpack to hundreds of millions of empty ones.
pub(crate) const MOST_UNKNOWN_RECORDS: u64 = 1_000_000;

/// Bytes that are asked for at once.
pub(crate) const READ_BYTES: usize = 1 << 16;

/// Why the file cannot be read further.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum McapReadError {
    /// Reading failed.
    #[error("could not read the MCAP file: {0}")]
    Io(#[from] std::io::Error),
    /// The file is damaged, cut off, or something else.
    #[error("could not read the MCAP file beyond message {messages}: {source}")]
    Mcap {
        /// Whole messages before the damage.
        messages: u64,
        /// What is wrong.
        source: mcap::McapError,
    },
    /// A message of the channel of events is not as this build writes them.
    #[error(
        "could not read the MCAP file beyond message {messages}: the channel {EVENTS_TOPIC} says what this build does not know: {problem}"
    )]
    Line {
        /// Whole messages before it.
        messages: u64,
        /// What is wrong.
        problem: String,
    },
    /// The file is made of what no reader of MCAP knows.
    #[error(
        "could not read the MCAP file beyond message {messages}: it holds more than {MOST_UNKNOWN_RECORDS} records of unknown kinds"
    )]
    Unknown {
        /// Whole messages before the limit was reached.
        messages: u64,
    },
    /// Exports of two captures were merged into one file.
    #[error(
        "could not read the MCAP file beyond message {messages}: a second capture begins here; import the files that were merged one by one"
    )]
    TwoCaptures {
        /// Whole messages before the second one.
        messages: u64,
    },
}

/// The records of an MCAP file.
pub(crate) struct Records<R> {
    from: R,
    reader: LinearReader,
    pub(super) messages: u64,
    unknown: u64,
}

impl<R: Read> Records<R> {
    /// The records of a file of this many bytes, where that is known.
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
