//! The summary of a finished recording.

use std::time::Duration;

use super::{RecordedCapture, RecordingFiles};
use crate::{
    file::{Digest, Summary},
    record::pipeline::{self, CodecCounts},
};

/// Summary of a finished recording.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RecordingSummary {
    /// The existing captures, oldest first.
    pub files: Vec<RecordedCapture>,
    /// Number of completed captures that were deleted again, because of the limit on their number.
    pub removed: u64,
    /// Totals of all captures, including deleted ones; the digest is that of the only one, else zero. A call that is in
    /// several captures counts in each.
    pub summary: Summary,
    /// Chunks by the codec that stored them.
    pub codecs: CodecCounts,
    /// Chunks that were compressed with less effort or not at all, because messages waited for compression.
    pub cheaper_chunks: u64,
    /// For how long messages waited in the queue for their compression, or for a core while compression took them.
    pub waited_for_compression: Duration,
    /// For how long messages waited in the queue for the disk.
    pub waited_for_writing: Duration,
    /// Calls that were left out because they ended with OK; see
    /// [`RecordingOptions::only_errors`](crate::record::RecordingOptions::only_errors).
    pub left_out: u64,
    /// Calls that were recorded before it was known how they end.
    pub undecided: u64,
}

impl RecordingSummary {
    /// Adds a file, unless it is empty.
    pub(super) fn extend(&mut self, file: Option<(RecordedCapture, pipeline::Written)>) {
        if let Some(file) = file {
            self.add(file);
        }
    }

    pub(super) fn add(&mut self, (file, by_codec): (RecordedCapture, pipeline::Written)) {
        let (all, more) = (&mut self.summary, &file.summary);
        all.events += more.events;
        all.calls += more.calls;
        all.messages += more.messages;
        all.message_bytes += more.message_bytes;
        all.sent_messages += more.sent_messages;
        all.sent_bytes += more.sent_bytes;
        all.gaps += more.gaps;
        all.chunks += more.chunks;
        all.raw_bytes += more.raw_bytes;
        all.stored_bytes += more.stored_bytes;
        all.last_offset_ns = all.last_offset_ns.max(file.from_ns.saturating_add(more.last_offset_ns));
        all.digest = if self.files.is_empty() && self.removed == 0 {
            more.digest
        } else {
            Digest::default()
        };
        self.cheaper_chunks += by_codec.cheaper_chunks;
        self.waited_for_compression += by_codec.waited.compression;
        self.waited_for_writing += by_codec.waited.writing;
        for (name, chunks) in by_codec.codecs {
            match self.codecs.iter_mut().find(|(codec, _)| *codec == name) {
                Some((_, all)) => *all += chunks,
                None => self.codecs.push((name, chunks)),
            }
        }
        self.files.push(file);
    }

    /// The digest of the capture, when the recording is a single one.
    #[must_use]
    pub fn digest(&self) -> Option<Digest> {
        (self.files.len() == 1 && self.removed == 0).then_some(self.summary.digest)
    }

    /// Removes the oldest captures beyond `keep`.
    pub(super) fn keep(&mut self, keep: Option<usize>, files: &RecordingFiles) -> std::io::Result<()> {
        let Some(keep) = keep else { return Ok(()) };
        while self.files.len() > keep {
            let old = self.files.remove(0);
            files.removed(&old.path);
            match std::fs::remove_file(&old.path) {
                // Somebody else took it away.
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
                _ => self.removed += 1,
            }
        }
        Ok(())
    }
}
