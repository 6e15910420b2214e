//! Length-delimited messages, each preceded by its length as a varint: what protobuf libraries call *delimited*.

use std::io::{self, BufRead as _, BufReader, Read, Write};

use bytes::Bytes;

use crate::model::varint::{self, MAX_BYTES};

/// Largest message in bytes: ten times the 100 MB that a stream may carry, so that anything longer is a file of another
/// kind.
pub(crate) const MAX_MESSAGE_BYTES: u64 = 1 << 30;

/// Largest buffer reserved for a message before its bytes have been read.
const MAX_RESERVED_BYTES: u64 = 1 << 20;

/// Number of bytes requested at once.
const READ_BUFFER_BYTES: usize = 1 << 16;

/// Reads length-delimited messages; memory grows with the bytes that arrive, not with the length that is announced.
#[derive(Debug)]
pub struct DelimitedReader<R> {
    from: BufReader<R>,
    number: u64,
    byte: u64,
    failed: bool,
}

impl<R: Read> DelimitedReader<R> {
    /// Reads from the start of `from`, which need not be buffered.
    pub fn new(from: R) -> Self {
        Self {
            from: BufReader::with_capacity(READ_BUFFER_BYTES, from),
            number: 0,
            byte: 0,
            failed: false,
        }
    }

    /// The next message, or `None` at the end of the file.
    pub fn next_message(&mut self) -> Result<Option<Bytes>, DelimitedError> {
        let start = self.byte;
        let Some(length) = self.length().map_err(|kind| self.error(start, kind))? else {
            return Ok(None);
        };
        self.number += 1;
        let message = self.body(length);
        message.map(Some).map_err(|kind| DelimitedError {
            number: self.number,
            byte: start,
            kind,
        })
    }

    fn length(&mut self) -> Result<Option<u64>, DelimitedErrorKind> {
        let mut bytes = [0; MAX_BYTES];
        for (index, slot) in bytes.iter_mut().enumerate() {
            let Some(byte) = self.one_byte()? else {
                return match index {
                    0 => Ok(None),
                    _ => Err(DelimitedErrorKind::CutLength),
                };
            };
            *slot = byte;
            if byte < 0x80 {
                break;
            }
        }
        let length = varint::read(&bytes, &mut 0);
        length.map(Some).ok_or(DelimitedErrorKind::NoLength)
    }

    fn one_byte(&mut self) -> Result<Option<u8>, DelimitedErrorKind> {
        loop {
            match self.from.fill_buf() {
                Ok(buffer) => {
                    let byte = buffer.first().copied();
                    let taken = usize::from(byte.is_some());
                    self.from.consume(taken);
                    self.byte += taken as u64;
                    return Ok(byte);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error.into()),
            }
        }
    }

    fn body(&mut self, length: u64) -> Result<Bytes, DelimitedErrorKind> {
        if length > MAX_MESSAGE_BYTES {
            return Err(DelimitedErrorKind::TooLong { length });
        }
        let mut body = Vec::with_capacity(length.min(MAX_RESERVED_BYTES) as usize);
        let there = self.from.by_ref().take(length).read_to_end(&mut body)? as u64;
        self.byte += there;
        if there < length {
            return Err(DelimitedErrorKind::CutMessage { length, there });
        }
        Ok(body.into())
    }

    const fn error(&self, byte: u64, kind: DelimitedErrorKind) -> DelimitedError {
        let number = self.number + 1;
        DelimitedError { number, byte, kind }
    }
}

impl<R: Read> Iterator for DelimitedReader<R> {
    type Item = Result<Bytes, DelimitedError>;

    /// The next message; after an error there is nothing more, because its end is not known.
    fn next(&mut self) -> Option<Self::Item> {
        if self.failed {
            return None;
        }
        let next = self.next_message().transpose();
        self.failed = matches!(next, Some(Err(_)));
        next
    }
}

/// Writes one message preceded by its length.
pub(crate) fn write_message(to: &mut impl Write, message: &[u8]) -> io::Result<()> {
    let mut prefix = [0; MAX_BYTES];
    let length = varint::encode(message.len() as u64, &mut prefix);
    to.write_all(prefix.get(..length).unwrap_or_default())?;
    to.write_all(message)
}

/// The error of reading the next message.
#[derive(Debug, thiserror::Error)]
#[error("could not read message {number} at byte {byte}: {kind}")]
pub struct DelimitedError {
    /// Number of the message, counted from 1.
    pub number: u64,
    /// Position of its length in bytes.
    pub byte: u64,
    /// Kind of the error.
    #[source]
    pub kind: DelimitedErrorKind,
}

/// Kind of an error in a file of delimited messages.
#[derive(Debug, thiserror::Error)]
pub enum DelimitedErrorKind {
    /// Reading failed.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// The file ends within a length.
    #[error("the file ends within the message's length; it was cut off here")]
    CutLength,
    /// The file ends within a message.
    #[error("{length} bytes are announced and {there} are left; the file was cut off within this message")]
    CutMessage {
        /// Announced length in bytes.
        length: u64,
        /// Number of bytes present.
        there: u64,
    },
    /// The length does not fit 64 bits.
    #[error("there is no valid message length here; is this a file of length-delimited messages?")]
    NoLength,
    /// The announced length is beyond [`MAX_MESSAGE_BYTES`].
    #[error(
        "{length} bytes are announced, more than {MAX_MESSAGE_BYTES}; is this a file of length-delimited messages?"
    )]
    TooLong {
        /// Announced length in bytes.
        length: u64,
    },
}

#[cfg(test)]
mod tests;

#[cfg(test)]
mod examples {
    #[test]
    fn example_of_delimited_reader() -> Result<(), Box<dyn std::error::Error>> {
        use crate::transform::{DelimitedReader, convert::delimited::write_message};
        let mut file = Vec::new();
        write_message(&mut file, b"first")?;
        write_message(&mut file, b"")?;
        let messages = DelimitedReader::new(file.as_slice()).collect::<Result<Vec<_>, _>>()?;
        assert_eq!(messages, ["first", ""]);
        Ok(())
    }
}
