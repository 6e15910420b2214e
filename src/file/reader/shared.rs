//! A cache of chunks that several readers share: the first reader that needs a chunk opens it.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use bytes::Bytes;

use crate::file::{FileError, record::ChunkHead};

/// A cache of opened chunks for readers of the same captures at about the same time, such as the clients of a replay:
/// hundreds of them cost the work and the memory of one.
///
/// A chunk is known by the digest of its content, so that readers of different captures may share a cache, too. Give it
/// to each with [`Reader::sharing`](super::Reader::sharing).
#[derive(Debug)]
pub struct ChunkCache {
    max_bytes: u64,
    /// The chunks, least recently used first.
    held: Mutex<VecDeque<Held>>,
}

#[derive(Debug)]
struct Held {
    sha256: [u8; 32],
    raw_len: u64,
    place: Arc<Place>,
}

/// The place of a chunk's content, which is filled when the chunk has been opened.
type Place = Mutex<Option<Bytes>>;

impl ChunkCache {
    /// A cache of up to `max_bytes` of content; the latest chunk is kept whatever its size.
    #[must_use]
    pub fn new(max_bytes: u64) -> Self {
        Self {
            max_bytes,
            held: Mutex::default(),
        }
    }

    /// Returns the content of a chunk: as it was opened before, or by `open`; whoever asks in the meantime waits. A
    /// failure is not kept: everyone finds the damage for himself.
    pub(super) fn get(
        &self,
        head: &ChunkHead,
        open: impl FnOnce() -> Result<Bytes, FileError>,
    ) -> Result<Bytes, FileError> {
        let place = self.place(head);
        let mut content = lock(&place);
        if let Some(raw) = &*content {
            return Ok(raw.clone());
        }
        let raw = open()?;
        *content = Some(raw.clone());
        Ok(raw)
    }

    fn place(&self, head: &ChunkHead) -> Arc<Place> {
        let mut chunks = lock(&self.held);
        let known = chunks
            .iter()
            .position(|chunk| (chunk.sha256, chunk.raw_len) == (head.sha256, head.raw_len))
            .and_then(|at| chunks.remove(at));
        let latest = known.unwrap_or_else(|| Held {
            sha256: head.sha256,
            raw_len: head.raw_len,
            place: Arc::default(),
        });
        let place = Arc::clone(&latest.place);
        chunks.push_back(latest);
        let mut bytes: u64 = chunks.iter().map(|chunk| chunk.raw_len).sum();
        while bytes > self.max_bytes && chunks.len() > 1 {
            bytes -= chunks.pop_front().map_or(0, |chunk| chunk.raw_len);
        }
        place
    }
}

/// Locks the cache, whose content stays valid after a panic: it is changed by single assignments.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(number: u8, raw_len: u64) -> ChunkHead {
        ChunkHead {
            sha256: [number; 32],
            raw_len,
            ..ChunkHead::default()
        }
    }

    fn never() -> Result<Bytes, FileError> {
        Err(FileError::corrupt("open", "it was held"))
    }

    #[test]
    fn a_chunk_is_opened_once_and_forgotten_when_others_need_the_room() {
        let cache = ChunkCache::new(100);
        for number in 1..=2 {
            let opened = cache.get(&head(number, 50), || Ok(Bytes::from(vec![number; 50])));
            assert_eq!(opened.unwrap(), vec![number; 50]);
        }
        assert_eq!(cache.get(&head(1, 50), never).unwrap(), vec![1; 50]);
        // The second was asked for longest ago.
        cache.get(&head(3, 50), || Ok(Bytes::from(vec![3; 50]))).unwrap();
        assert!(cache.get(&head(2, 50), never).is_err());
        // Larger than all of the room, and the only one held.
        cache.get(&head(4, 1000), || Ok(Bytes::from(vec![4; 1000]))).unwrap();
        assert_eq!(cache.get(&head(4, 1000), never).unwrap().len(), 1000);
        assert_eq!(lock(&cache.held).len(), 1);
    }

    #[test]
    fn a_failure_is_not_kept() {
        let cache = ChunkCache::new(100);
        assert!(cache.get(&head(1, 3), never).is_err());
        let opened = cache.get(&head(1, 3), || Ok(Bytes::from_static(b"abc")));
        assert_eq!(opened.unwrap(), "abc");
    }

    #[test]
    fn readers_at_once_open_a_chunk_once() {
        let cache = ChunkCache::new(100);
        let opened = std::sync::atomic::AtomicU32::new(0);
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    let raw = cache.get(&head(1, 3), || {
                        opened.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                        Ok(Bytes::from_static(b"abc"))
                    });
                    assert_eq!(raw.unwrap(), "abc");
                });
            }
        });
        assert_eq!(opened.into_inner(), 1);
    }
}

#[cfg(test)]
mod examples {
    #[test]
    fn example_of_chunk_cache() -> Result<(), crate::file::FileError> {
        use crate::file::{ChunkCache, Header, Reader, Writer, WriterOptions};
        use std::{io::Cursor, sync::Arc};

        let (bytes, _) = Writer::new(Vec::new(), &Header::new(0), WriterOptions::default())?.finish_into()?;
        let cache = Arc::new(ChunkCache::new(16 << 20));
        for _ in 0..2 {
            let reader = Reader::new(Cursor::new(bytes.clone()))?.sharing(Arc::clone(&cache));
            assert_eq!(reader.count(), 0);
        }
        Ok(())
    }
}
