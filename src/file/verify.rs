//! Verification: checks every checksum and count, and the content digest of a whole file.

use std::io::{Read, Seek};

use crate::model::event::Event;

use super::{
    Damage, FileError, Summary,
    digest::ContentDigest,
    record::{self, Done},
    walk::{Visit, walk},
};

/// Result of a verification.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Verified {
    /// Totals of the readable part; the digest is computed, not copied from the summary.
    pub summary: Summary,
    /// True when the file ends with its summary.
    pub finished: bool,
    /// Bytes of an incomplete last part.
    pub torn_bytes: u64,
    /// Places that cannot be read, in file order.
    pub damage: Vec<Damage>,
    /// Damaged places beyond those listed.
    pub more_damage: u64,
}

/// Places listed before they are only counted: enough to see a pattern, and bounded whatever the file.
const MAX_LISTED: usize = 1000;

impl Verified {
    /// True when the capture is whole: finished, and nothing damaged.
    #[must_use]
    pub const fn is_whole(&self) -> bool {
        self.finished && self.damage.is_empty()
    }

    fn add(&mut self, damage: Damage) {
        if self.damage.len() < MAX_LISTED {
            self.damage.push(damage);
        } else {
            self.more_damage += 1;
        }
    }
}

/// Reads a whole capture and checks everything that can be checked: the checksum of every part and chunk, the SHA-256
/// of every chunk, that every event decodes, that chunks and events are numbered without a hole, that chunk heads and
/// index blocks say of the events what they are, and the summary's counts and content digest.
///
/// # Errors
/// Only when the file cannot be read at all; damage is part of the result.
pub fn verify<R: Read + Seek>(input: R) -> Result<Verified, FileError> {
    let mut verified = Verified::default();
    let mut content = ContentDigest::default();
    let visit = |visited: Visit<'_>| match visited {
        Visit::Ancillary(_) => {}
        Visit::Damage(damage) | Visit::Lost(_, damage) => verified.add(damage),
        Visit::Chunk(chunk) => {
            content.add(&chunk.leaves);
            verified.summary.chunks += 1;
            verified.summary.raw_bytes += chunk.head.raw_len;
            if let Err(damage) = chunk.events(|event| verified.summary.count(&event)) {
                verified.add(damage);
            }
        }
        Visit::Header(body) => {
            if let Err(what) = record::decode_header(body) {
                let what = format!("header: {what}");
                verified.add(Damage {
                    byte: super::format::PROLOGUE_LEN as u64,
                    chunk: None,
                    event: None,
                    what,
                });
            }
        }
    };
    let end = walk(input, visit)?;
    verified.summary.digest = content.value();
    verified.summary.stored_bytes = end.len;
    verified.torn_bytes = end.torn_bytes;
    verified.finished = end.done.is_some();
    if let Some((byte, done)) = end.done
        && verified.damage.is_empty()
    {
        check_totals(&mut verified, byte, &done, end.len);
    }
    Ok(verified)
}

/// Visits every readable event, including those after damage. True when the file ends with its summary.
pub(crate) fn each_readable_event<R: Read + Seek>(input: R, mut see: impl FnMut(&Event)) -> Result<bool, FileError> {
    let visit = |visited: Visit<'_>| {
        if let Visit::Chunk(chunk) = visited {
            // What is damaged within a chunk ends it.
            let _ = chunk.events(|event| see(&event));
        }
    };
    Ok(walk(input, visit)?.done.is_some())
}

fn check_totals(verified: &mut Verified, byte: u64, done: &Done, len: u64) {
    let promised = done.summary(len);
    if promised != verified.summary {
        let what = if promised.digest == verified.summary.digest {
            "summary: its totals differ from the file's".to_owned()
        } else {
            let computed = verified.summary.digest;
            format!(
                "summary: the content digest differs ({} is promised, {computed} computed)",
                promised.digest
            )
        };
        verified.add(Damage {
            byte,
            chunk: None,
            event: None,
            what,
        });
    }
}
