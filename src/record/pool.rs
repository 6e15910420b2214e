//! Threads and memory that recordings of one process share.

use std::{io, num::NonZeroUsize, path::Path, sync::Arc, time::Duration};

use super::{
    FLUSH_INTERVAL,
    driver::WriterThreads,
    output::{CaptureTemplate, RecordingFiles},
    pipeline::CodecPreference,
    spool::{SPOOL_BYTES, Spool},
    sync::SyncThread,
};
use crate::file::{CompressionPool, Header, WriterOptions};

/// Shortest sync interval: disks slow down when they are synced more often, and a removed file need not be noticed
/// sooner.
const SHORTEST_ROUND: Duration = Duration::from_millis(200);

/// Memory for the chunks of all recordings, 24 MiB: with the queues and the windows of HTTP/2, a process stays under
/// 100 MB however many jobs it records.
const ALL_CHUNKS: usize = 24 << 20;

/// Smallest chunk, 64 KiB: below, compression suffers.
const SMALLEST_CHUNK: usize = 64 << 10;

/// Smallest queue, 64 KiB. A larger message gets in alone.
const SMALLEST_QUEUE: usize = 64 << 10;

/// Largest number of writer threads: more would only wait for the same disk.
const MOST_WRITERS: usize = 2;

/// Threads and memory that recordings of one process share: compression, disk syncs, writers. Clones are one and the
/// same.
///
/// ```
/// use grpc_capture::{file::Header, record::{RecordingOptions, RecordingPool}};
/// # let folder = tempfile::tempdir()?;
/// let pool = RecordingPool::new(2)?;
/// for job in ["a", "b"] {
///     let path = folder.path().join(job).with_extension("gcap");
///     let recording = pool.reserve(&path, RecordingOptions::default())?.start(&Header::new(0))?;
///     recording.handle().note("me", "nothing else")?;
///     assert_eq!(recording.finish_blocking()?.files.len(), 1);
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct RecordingPool {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    sync: SyncThread,
    compression: CompressionPool,
    writers: WriterThreads,
    recordings: usize,
}

impl RecordingPool {
    /// A pool for this many concurrent recordings: queues, chunks and spool files are divided among them.
    ///
    /// # Errors
    /// When no thread can be started.
    pub fn new(recordings: usize) -> io::Result<Self> {
        Self::with_sync_interval(recordings, FLUSH_INTERVAL)
    }

    /// Does the same as [`new`](Self::new), with the given interval between two syncs of a file.
    ///
    /// # Errors
    /// When no thread can be started.
    pub fn with_sync_interval(recordings: usize, interval: Duration) -> io::Result<Self> {
        let recordings = recordings.max(1);
        let shared = Shared {
            sync: SyncThread::start(interval.max(SHORTEST_ROUND))?,
            compression: CompressionPool::start()?,
            writers: WriterThreads::start(recordings.min(MOST_WRITERS))?,
            recordings,
        };
        Ok(Self {
            shared: Arc::new(shared),
        })
    }

    pub(super) fn sync(&self) -> &SyncThread {
        &self.shared.sync
    }

    pub(super) fn writers(&self) -> &WriterThreads {
        &self.shared.writers
    }

    pub(super) fn queue_bytes(&self, wanted: usize) -> usize {
        (wanted / self.shared.recordings).max(SMALLEST_QUEUE.min(wanted))
    }

    pub(super) fn spool(&self, path: &Path) -> Spool {
        Spool::beside(path, SPOOL_BYTES / self.shared.recordings as u64)
    }

    /// The common settings of the files of a recording.
    pub(super) fn template(
        &self,
        header: &Header,
        flush_interval: Duration,
        files: &RecordingFiles,
    ) -> CaptureTemplate {
        let defaults = WriterOptions::default();
        let compression = self.shared.compression.clone();
        let room = compression.room().get().div_ceil(self.shared.recordings);
        CaptureTemplate {
            header: header.clone(),
            chunks: WriterOptions {
                chunk_ns: u64::try_from(flush_interval.as_nanos()).unwrap_or(u64::MAX),
                chunk_bytes: (ALL_CHUNKS / 2 / self.shared.recordings).clamp(SMALLEST_CHUNK, defaults.chunk_bytes),
                ..defaults
            },
            compression,
            codecs: CodecPreference::default(),
            room: NonZeroUsize::new(room).unwrap_or(NonZeroUsize::MIN),
            files: files.clone(),
        }
    }
}
