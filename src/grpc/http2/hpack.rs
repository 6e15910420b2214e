//! HPACK, the compression of HTTP/2 header fields (RFC 7541), for observers: a decoder for the blocks of both sides,
//! and an encoder without state.
//!
//! The crates that offer HPACK by itself build a hash map for every string that they decode, which is most of the cost
//! of a small call.

mod huffman;
mod tables;

use std::collections::VecDeque;

use tables::STATIC;
use thiserror::Error;

/// Size of a table entry besides its bytes (RFC 7541 §4.1).
const ENTRY_BYTES: usize = 32;
/// Initial table size (RFC 9113 §6.5.2).
const TABLE_BYTES: usize = 4096;
/// Largest supported table, 1 MiB: no gRPC library asks for more than 64 KiB.
const MAX_TABLE_BYTES: usize = 1024 * 1024;
/// Largest shift for an integer, at 7 bits per byte: more than 28 bits are no length that can be meant.
const MAX_SHIFT: u32 = 28;

/// Errors of a header block that cannot be decoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub(crate) enum HpackError {
    /// The block ends within a field.
    #[error("the block ends within a field")]
    Truncated,
    /// An integer is larger than any valid one.
    #[error("an integer is too long")]
    Integer,
    /// A field refers to an entry that the table does not have.
    #[error("a field refers to entry {0}, which the table does not have")]
    Index(usize),
    /// A string is not valid Huffman code.
    #[error("a string is not in the Huffman code")]
    Huffman,
    /// The table is larger than the supported maximum.
    #[error("a table of {0} bytes is asked for; the limit is {MAX_TABLE_BYTES}")]
    Table(usize),
}

/// Decodes the header blocks of one direction of a connection, in their order.
#[derive(Debug)]
pub(crate) struct Decoder {
    /// The table entries, newest first.
    table: VecDeque<(Vec<u8>, Vec<u8>)>,
    /// Size of the table, and its maximum.
    size: usize,
    most: usize,
}

impl Default for Decoder {
    fn default() -> Self {
        Self {
            table: VecDeque::new(),
            size: 0,
            most: TABLE_BYTES,
        }
    }
}

impl Decoder {
    /// Decodes the complete fields of a block; `field` is given name and value of each, in order. Returns their
    /// bytes: the rest goes before the next part of the block. After an error the connection can not be followed any
    /// further: the table may lack an entry.
    pub(crate) fn decode(&mut self, part: &[u8], mut field: impl FnMut(&[u8], &[u8])) -> Result<usize, HpackError> {
        let mut input = Input(part);
        while let Some(&first) = input.0.first() {
            match Input(input.0).pass_field(first) {
                Ok(()) => self.field(first, &mut input, &mut field)?,
                Err(HpackError::Truncated) => break,
                Err(error) => return Err(error),
            }
        }
        Ok(part.len() - input.0.len())
    }

    /// Decodes the field whose first byte is `first`.
    fn field(
        &mut self,
        first: u8,
        input: &mut Input<'_>,
        field: &mut impl FnMut(&[u8], &[u8]),
    ) -> Result<(), HpackError> {
        match first {
            0x80.. => {
                let (name, value) = self.entry(input.integer(7)?)?;
                field(name, value);
            }
            0x40.. => {
                let (name, value) = self.literal(input, 6)?;
                field(&name, &value);
                self.add(name, value);
            }
            0x20.. => self.resize(input.integer(5)?)?,
            _ => {
                let (name, value) = self.literal(input, 4)?;
                field(&name, &value);
            }
        }
        Ok(())
    }

    fn literal(&self, input: &mut Input<'_>, prefix: u32) -> Result<(Vec<u8>, Vec<u8>), HpackError> {
        let name = match input.integer(prefix)? {
            0 => input.string()?,
            index => self.entry(index)?.0.to_vec(),
        };
        Ok((name, input.string()?))
    }

    fn entry(&self, index: usize) -> Result<(&[u8], &[u8]), HpackError> {
        let missing = HpackError::Index(index);
        let at = index.checked_sub(1).ok_or(missing)?;
        if let Some((name, value)) = STATIC.get(at) {
            return Ok((name.as_bytes(), value.as_bytes()));
        }
        let entry = self.table.get(at - STATIC.len()).ok_or(missing)?;
        Ok((&entry.0, &entry.1))
    }

    fn add(&mut self, name: Vec<u8>, value: Vec<u8>) {
        let bytes = name.len() + value.len() + ENTRY_BYTES;
        self.shrink(self.most.saturating_sub(bytes));
        if bytes <= self.most {
            self.size += bytes;
            self.table.push_front((name, value));
        }
    }

    fn resize(&mut self, most: usize) -> Result<(), HpackError> {
        if most > MAX_TABLE_BYTES {
            return Err(HpackError::Table(most));
        }
        self.most = most;
        self.shrink(most);
        Ok(())
    }

    /// Drops the oldest entries until the table is not larger than `most`.
    fn shrink(&mut self, most: usize) {
        while self.size > most {
            let Some((name, value)) = self.table.pop_back() else {
                return;
            };
            self.size = self.size.saturating_sub(name.len() + value.len() + ENTRY_BYTES);
        }
    }
}

/// The remaining bytes of a block.
struct Input<'a>(&'a [u8]);

impl<'a> Input<'a> {
    fn byte(&mut self) -> Result<u8, HpackError> {
        let (first, rest) = self.0.split_first().ok_or(HpackError::Truncated)?;
        self.0 = rest;
        Ok(*first)
    }

    /// Reads an integer with a prefix of `prefix` bits (RFC 7541 §5.1).
    fn integer(&mut self, prefix: u32) -> Result<usize, HpackError> {
        let mask = (1_usize << prefix) - 1;
        let mut value = usize::from(self.byte()?) & mask;
        if value < mask {
            return Ok(value);
        }
        let mut shift = 0;
        loop {
            let digit = usize::from(self.byte()?);
            if shift >= MAX_SHIFT {
                return Err(HpackError::Integer);
            }
            value += (digit & 0x7f) << shift;
            if digit & 0x80 == 0 {
                return Ok(value);
            }
            shift += 7;
        }
    }

    /// Skips a field whose first byte is `first`, without decoding it.
    fn pass_field(&mut self, first: u8) -> Result<(), HpackError> {
        let prefix = match first {
            0x80.. => return self.integer(7).map(drop),
            0x40.. => 6,
            0x20.. => return self.integer(5).map(drop),
            _ => 4,
        };
        if self.integer(prefix)? == 0 {
            self.text()?;
        }
        self.text().map(drop)
    }

    /// The raw bytes of a string.
    fn text(&mut self) -> Result<&'a [u8], HpackError> {
        let length = self.integer(7)?;
        let (bytes, rest): (&'a [u8], _) = self.0.split_at_checked(length).ok_or(HpackError::Truncated)?;
        self.0 = rest;
        Ok(bytes)
    }

    fn string(&mut self) -> Result<Vec<u8>, HpackError> {
        let coded = self.0.first().is_some_and(|first| first & 0x80 != 0);
        let bytes = self.text()?;
        if !coded {
            return Ok(bytes.to_vec());
        }
        let mut text = Vec::with_capacity(bytes.len() + bytes.len() / 2);
        huffman::decode(bytes, &mut text).ok_or(HpackError::Huffman)?;
        Ok(text)
    }
}

/// Appends a field without indexing, in plain bytes: any decoder reads it, whatever came before.
pub(crate) fn encode(name: &[u8], value: &[u8], out: &mut Vec<u8>) {
    out.push(0);
    for text in [name, value] {
        encode_length(text.len(), out);
        out.extend_from_slice(text);
    }
}

fn encode_length(mut length: usize, out: &mut Vec<u8>) {
    const MASK: usize = 0x7f;
    if length < MASK {
        out.push(length as u8);
        return;
    }
    out.push(MASK as u8);
    length -= MASK;
    while length > MASK {
        out.push((length & MASK) as u8 | 0x80);
        length >>= 7;
    }
    out.push(length as u8);
}

#[cfg(test)]
mod tests;
