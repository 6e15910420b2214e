//! The message digests of calls: SHA-256 takes about as long as all other statistics, so that much of it is done on a
//! thread of its own.

use std::{
    collections::BTreeMap,
    mem,
    sync::mpsc::{self, Receiver, SyncSender},
    thread::{self, JoinHandle},
};

use bytes::Bytes;

use crate::file::MessageDigest;

/// Bytes that are hashed before a thread is started.
const FEW_BYTES: u64 = 4 << 20;

/// Bytes that are handed over together; a large message goes alone.
const BATCH_BYTES: usize = 1 << 20;

/// Messages that are handed over together at most: a message of no bytes takes memory, too.
const BATCH_MESSAGES: usize = 4096;

/// Batches that wait while one is hashed: their messages keep what was read in memory.
const WAITING: usize = 1;

/// A digest under construction for each call.
type ByCall = BTreeMap<u32, MessageDigest>;

/// Messages, each with its call.
type Batch = Vec<(u32, Bytes)>;

/// The digests under construction.
#[derive(Debug, Default)]
pub(super) struct MessageDigests {
    /// Digests that are computed here, while there is no thread for them.
    here: ByCall,
    hashed: u64,
    batch: Batch,
    batch_bytes: usize,
    thread: Option<Hashing>,
}

/// A thread at work.
#[derive(Debug)]
struct Hashing {
    batches: SyncSender<Batch>,
    thread: JoinHandle<ByCall>,
}

impl MessageDigests {
    /// Adds a call's next message.
    pub(super) fn add(&mut self, call: u32, data: &Bytes) {
        if self.thread.is_none() {
            self.hashed = self.hashed.saturating_add(data.len() as u64);
            self.here.entry(call).or_default().add(data);
            if self.hashed >= FEW_BYTES {
                self.start();
            }
            return;
        }
        self.batch.push((call, data.clone()));
        self.batch_bytes += data.len();
        if self.batch_bytes >= BATCH_BYTES || self.batch.len() >= BATCH_MESSAGES {
            self.hand_over();
        }
    }

    /// The digests of all calls that had a message.
    pub(super) fn finish(mut self) -> ByCall {
        self.hand_over();
        let Some(Hashing { batches, thread }) = self.thread else {
            return self.here;
        };
        drop(batches);
        match thread.join() {
            Ok(digests) => digests,
            Err(panic) => std::panic::resume_unwind(panic),
        }
    }

    /// Starts the thread; where that fails, the work goes on here.
    fn start(&mut self) {
        self.hashed = 0;
        let (batches, queue) = mpsc::sync_channel(WAITING);
        let (digests, given) = mpsc::sync_channel(1);
        let work = move || {
            given
                .recv()
                .map_or_else(|_| ByCall::new(), |digests| hash(digests, &queue))
        };
        if let Ok(thread) = thread::Builder::new().name("digests".to_owned()).spawn(work) {
            // It waits for them.
            let _ = digests.send(mem::take(&mut self.here));
            self.thread = Some(Hashing { batches, thread });
        }
    }

    fn hand_over(&mut self) {
        self.batch_bytes = 0;
        let batch = mem::take(&mut self.batch);
        if let Some(hashing) = &self.thread
            && !batch.is_empty()
        {
            // It takes all until it is told that there is no more.
            let _ = hashing.batches.send(batch);
        }
    }
}

fn hash(mut digests: ByCall, batches: &Receiver<Batch>) -> ByCall {
    for batch in batches {
        for (call, data) in batch {
            digests.entry(call).or_default().add(&data);
        }
    }
    digests
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digests_are_the_same_wherever_they_are_computed() {
        let mut expected = ByCall::new();
        let mut digests = MessageDigests::default();
        // Some large, many small, some empty; beyond what is hashed without a thread.
        for number in 0..9000_u32 {
            let len = if number % 700 == 0 { 900_000 } else { number % 300 };
            let (call, data) = (number % 3, Bytes::from(vec![number as u8; len as usize]));
            expected.entry(call).or_default().add(&data);
            digests.add(call, &data);
        }
        assert!(digests.thread.is_some());
        let values = |digests: &ByCall| digests.values().map(MessageDigest::value).collect::<Vec<_>>();
        assert_eq!(values(&digests.finish()), values(&expected));
    }

    #[test]
    fn few_bytes_need_no_thread() {
        let mut digests = MessageDigests::default();
        digests.add(7, &Bytes::from_static(b"abc"));
        assert!(digests.thread.is_none());
        let mut expected = MessageDigest::default();
        expected.add(b"abc");
        assert_eq!(digests.finish()[&7].value(), expected.value());
    }
}
