//! SHA-256 digests: of a capture's content, and of a call's messages.

use std::{cmp::Reverse, fmt, io};

use serde::{Serialize, Serializer};
use sha2::{Digest as _, Sha256};
use tape_sha256::Message;

use crate::{
    file::format::{IN_PIECES, Version},
    model::varint,
};

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

    /// The digest of all that a reader gives, in constant memory, and how many bytes those were.
    ///
    /// # Errors
    /// As the reader's.
    pub fn of_reader(mut reader: impl io::Read) -> io::Result<(Self, u64)> {
        let mut hash = Sha256::new();
        let bytes = io::copy(&mut reader, &mut HashWriter(&mut hash))?;
        Ok((Self(hash.finalize().into()), bytes))
    }
}

/// Lets `io::copy` feed a hash.
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

/// The content digest in the making: SHA-256 over the digest of each event record, so that chunks can be hashed apart
/// from each other and the result does not depend on where they were cut.
#[derive(Debug, Clone, Default)]
pub(in crate::file) struct ContentDigest(Sha256);

impl ContentDigest {
    /// Adds the leaves of the next chunk.
    pub(in crate::file) fn add(&mut self, leaves: &[[u8; 32]]) {
        self.0.update(leaves.as_flattened());
    }

    pub(in crate::file) fn value(&self) -> Digest {
        Digest(self.0.clone().finalize().into())
    }
}

/// How the digest of a record comes about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::file) struct Rule {
    /// Longest piece that is hashed as a whole.
    piece: usize,
}

/// Longest piece of a record: short enough for a few messages to fill the lanes of a processor, and long enough for the
/// padding and the digest of each to cost little more than 2 %. Measured: 8 and 16 KiB are as fast for messages of 400 KB,
/// and slower for those of 30.
const PIECE: usize = 4 << 10;

impl Rule {
    /// The rule of files of this version.
    pub(in crate::file) fn of(version: Version) -> Self {
        if version < IN_PIECES { Self::WHOLE } else { Self::NEW }
    }

    /// The rule of new files.
    pub(super) const NEW: Self = Self { piece: PIECE };

    /// Records as a whole, whatever their length.
    const WHOLE: Self = Self { piece: usize::MAX };

    /// Every rule, the newest first.
    pub(in crate::file) const ALL: [Self; 2] = [Self::NEW, Self::WHOLE];

    /// Appends the leaves of event records, each given in two parts.
    ///
    /// A block of SHA-256 waits for the one before it, so that one record alone leaves most of a processor idle. Pieces do
    /// not wait for each other: as many are hashed side by side as the processor has lanes for.
    pub(super) fn leaves<'a>(self, records: impl IntoIterator<Item = (&'a [u8], &'a [u8])>, into: &mut Vec<[u8; 32]>) {
        let (mut firsts, mut pieces) = (Vec::new(), Vec::new());
        for (head, payload) in records {
            let mut first = Parts { head, payload };
            let mut rest = first.split_off(self.piece);
            let from = pieces.len();
            while !rest.is_empty() {
                let behind = rest.split_off(self.piece);
                pieces.push(Message::prefixed(rest.head, rest.payload));
                rest = behind;
            }
            firsts.push((first, from..pieces.len()));
        }
        let mut digests = vec![[0; 32]; pieces.len()];
        hash(&pieces, &mut digests);
        let firsts: Vec<_> = firsts
            .into_iter()
            .map(|(first, pieces)| Message::pair(first.head, first.payload, digests[pieces].as_flattened()))
            .collect();
        let known = into.len();
        into.resize(known + firsts.len(), [0; 32]);
        hash(&firsts, &mut into[known..]);
    }
}

/// Hashes messages, those of one length side by side: a lane is idle from the end of its message to that of the longest.
fn hash(messages: &[Message<'_>], into: &mut [[u8; 32]]) {
    let mut order: Vec<_> = (0..messages.len()).collect();
    let len = |message: &Message<'_>| message.prefix.len() + message.body.len() + message.tail.len();
    order.sort_by_key(|at| Reverse(len(&messages[*at])));
    let sorted: Vec<_> = order.iter().map(|at| messages[*at]).collect();
    let mut digests = vec![[0; 32]; messages.len()];
    tape_sha256::hash_messages(&sorted, &mut digests);
    for (at, digest) in order.into_iter().zip(digests) {
        into[at] = digest;
    }
}

/// A stretch of a record, which may go across the end of its head.
#[derive(Clone, Copy)]
struct Parts<'a> {
    head: &'a [u8],
    payload: &'a [u8],
}

impl<'a> Parts<'a> {
    const fn is_empty(&self) -> bool {
        self.head.is_empty() && self.payload.is_empty()
    }

    /// Keeps so many bytes, and returns what is behind them.
    fn split_off(&mut self, len: usize) -> Parts<'a> {
        let (head, head_behind) = self.head.split_at(self.head.len().min(len));
        let (payload, behind) = self.payload.split_at(self.payload.len().min(len - head.len()));
        *self = Self { head, payload };
        Self {
            head: head_behind,
            payload: behind,
        }
    }
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

    /// FORMAT.md §7, word for word.
    fn leaf(record: &[u8], piece: usize) -> [u8; 32] {
        let (first, rest) = record.split_at(record.len().min(piece));
        let digests: Vec<[u8; 32]> = rest.chunks(piece).map(|piece| Sha256::digest(piece).into()).collect();
        let all = Sha256::new().chain_update(first).chain_update(digests.as_flattened());
        all.finalize().into()
    }

    #[test]
    fn leaves_are_those_of_each_record_whatever_its_parts() {
        let bytes: Vec<u8> = (0..20_000_u32).map(|at| (at * 7 + at / 3) as u8).collect();
        let lens = [
            0,
            1,
            55,
            56,
            63,
            64,
            65,
            700,
            PIECE - 1,
            PIECE,
            PIECE + 1,
            3 * PIECE,
            20_000,
        ];
        let all: Vec<_> = lens
            .into_iter()
            .flat_map(|head| lens.map(|payload| (&bytes[..head], &bytes[bytes.len() - payload..])))
            .collect();
        for (records, rule) in [(&all[..], Rule::NEW), (&all[1..], Rule::NEW), (&all[..], Rule::WHOLE)] {
            let expected: Vec<[u8; 32]> = records
                .iter()
                .map(|(head, payload)| leaf(&[*head, *payload].concat(), rule.piece))
                .collect();
            let mut found = Vec::new();
            rule.leaves(records.iter().copied(), &mut found);
            assert_eq!(found, expected);
        }
    }

    #[test]
    fn no_record_has_the_digest_of_another_that_is_made_of_its_digests() {
        let long = vec![7; 2 * PIECE];
        let short = [&long[..PIECE], &Sha256::digest(&long[PIECE..])[..]].concat();
        let mut leaves = Vec::new();
        Rule::NEW.leaves([(&[][..], &long[..]), (&[][..], &short[..])], &mut leaves);
        assert_ne!(leaves[0], leaves[1]);
    }
}
