//! SHA-256 digests: of a capture's content, and of a call's messages.

use std::{fmt, io};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
use sha2::{Digest as _, Sha256};

use crate::model::varint;

/// A SHA-256 digest; displays as 64 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Digest(pub [u8; 32]);

impl Digest {
    /// The digest of some bytes.
    ///
    /// ```
    /// let digest = grpc_capture::file::Digest::of(b"abc");
    /// assert!(digest.to_string().starts_with("ba7816bf"));
    /// ```
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }

    /// The digest of everything that a reader gives, in constant memory, and the number of bytes.
    ///
    /// # Errors
    /// As the reader's.
    pub fn of_reader(mut reader: impl io::Read) -> io::Result<(Self, u64)> {
        let mut hash = Sha256::new();
        let bytes = io::copy(&mut reader, &mut HashWriter(&mut hash))?;
        Ok((Self(hash.finalize().into()), bytes))
    }

    /// Parses a digest of 64 hexadecimal digits.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let mut digest = Self::default();
        if text.len() != 2 * digest.0.len() || !text.is_ascii() {
            return None;
        }
        for (at, byte) in digest.0.iter_mut().enumerate() {
            *byte = u8::from_str_radix(text.get(2 * at..2 * at + 2)?, 16).ok()?;
        }
        Some(digest)
    }
}

/// A writer that hashes, for `io::copy`.
struct HashWriter<'a>(&'a mut Sha256);

impl io::Write for HashWriter<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Digest({self})")
    }
}

impl Serialize for Digest {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Digest {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| D::Error::custom("a SHA-256 has 64 hexadecimal digits"))
    }
}

/// The content digest under construction: SHA-256 over the digest of each event record, so that chunks can be hashed apart
/// from each other and the result does not depend on where they were cut.
#[derive(Debug, Clone, Default)]
pub(super) struct ContentDigest(Sha256);

impl ContentDigest {
    /// Adds the leaves of the next chunk.
    pub(super) fn add(&mut self, leaves: &[[u8; 32]]) {
        self.0.update(leaves.as_flattened());
    }

    pub(super) fn value(&self) -> Digest {
        Digest(self.0.clone().finalize().into())
    }
}

/// The digest of an event record, which is passed in two parts.
pub(super) fn of_record(head: &[u8], payload: &[u8]) -> [u8; 32] {
    Sha256::new().chain_update(head).chain_update(payload).finalize().into()
}

/// The digest of one chunk: over its leaves.
pub(super) fn of_leaves(leaves: &[[u8; 32]]) -> [u8; 32] {
    Sha256::digest(leaves.as_flattened()).into()
}

/// SHA-256 over messages, each preceded by its length as a protobuf varint: what `capture cat --raw` writes.
///
/// Equal for a recording and for its replay, since it holds neither times nor metadata.
///
/// ```
/// use grpc_capture::file::{Digest, MessageDigest};
/// let mut digest = MessageDigest::default();
/// digest.add(b"ab");
/// assert_eq!(digest.value(), Digest::of(b"\x02ab"));
/// ```
#[derive(Debug, Clone, Default)]
pub struct MessageDigest(Sha256);

impl MessageDigest {
    /// Adds the next message.
    pub fn add(&mut self, message: &[u8]) {
        let mut prefix = [0; varint::MAX_BYTES];
        let len = varint::encode(message.len() as u64, &mut prefix);
        self.0.update(&prefix[..len]);
        self.0.update(message);
    }

    /// The digest of the messages so far.
    #[must_use]
    pub fn value(&self) -> Digest {
        Digest(self.0.clone().finalize().into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_digest_of_a_record_is_that_of_its_bytes_whatever_its_parts() {
        let bytes: Vec<u8> = (0..20_000_u32).map(|at| (at * 7 + at / 3) as u8).collect();
        for len in [0, 1, 55, 56, 63, 64, 65, 700, 4095, 4096, 4097, 20_000] {
            let record = &bytes[..len];
            for head in [0, 1, 24, 64, len].into_iter().filter(|head| *head <= len) {
                assert_eq!(
                    of_record(&record[..head], &record[head..]),
                    Digest::of(record).0,
                    "{head} of {len}"
                );
            }
        }
    }
}
