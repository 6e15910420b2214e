//! Digests of the messages of each call, in one pass over a capture.

use std::{
    collections::BTreeMap,
    io::{Read, Seek},
};

use super::{Digest, FileError, MessageDigest, Reader};
use crate::model::event::{Direction, EventKind};

/// The digest of the messages that one call received.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CallDigest {
    /// The call's number.
    pub call: u32,
    /// Messages received.
    pub messages: u64,
    /// Their payload bytes.
    pub message_bytes: u64,
    /// SHA-256 over the length-delimited messages.
    pub digest: Digest,
}

/// The message digest of every call of a capture, by call number; messages that the client received count.
///
/// # Errors
/// As [`Reader::next_event`].
pub fn call_digests<R: Read + Seek>(reader: &mut Reader<R>) -> Result<Vec<CallDigest>, FileError> {
    let mut calls = BTreeMap::<u32, (u64, u64, MessageDigest)>::new();
    while let Some(event) = reader.next_event()? {
        match &event.kind {
            EventKind::CallStart(_) => {
                calls.entry(event.call).or_default();
            }
            EventKind::Message(message) if message.direction == Direction::Received => {
                let (messages, message_bytes, digest) = calls.entry(event.call).or_default();
                *messages += 1;
                *message_bytes += message.data.len() as u64;
                digest.add(&message.data);
            }
            _ => {}
        }
    }
    let digests = calls
        .into_iter()
        .map(|(call, (messages, message_bytes, digest))| CallDigest {
            call,
            messages,
            message_bytes,
            digest: digest.value(),
        });
    Ok(digests.collect())
}
