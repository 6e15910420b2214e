//! The compression pipeline of a capture file: events are collected into chunks, compressed on the thread pool, and
//! appended in order.
//!
//! **Codec.** The first codec of a [`CodecPreference`] is the preferred one. When events wait because the stream is
//! faster than this codec, the next chunks use a cheaper one. The queue fills only when the cheapest codec is too slow
//! as well. Once the queue has drained, the recording returns to the better codecs. Each chunk names its codec for
//! readers.

use std::{collections::VecDeque, num::NonZeroUsize, time::Duration};

use super::{
    Sink, SinkError,
    compression_pool::{ChunkBuffers, CompressionPool, PendingChunk},
};
use crate::{
    file::{Codec, FileError, Storage, Summary, Writer},
    model::event::Event,
};

/// Codecs in the order of preference, cheaper ones later.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct CodecPreference(Vec<Codec>);

impl CodecPreference {
    /// The preferred codec, and cheaper ones in the order in which they replace it.
    #[must_use]
    pub(super) fn new(wanted: Codec, cheaper: impl IntoIterator<Item = Codec>) -> Self {
        Self(std::iter::once(wanted).chain(cheaper).collect())
    }
}

impl Default for CodecPreference {
    fn default() -> Self {
        Self::new(Codec::Float, [Codec::FloatFast, Codec::Stored])
    }
}

/// Number of chunks stored with each codec, in the order of preference; unused ones are left out.
pub(super) type CodecCounts = Vec<(&'static str, u64)>;

/// Result of a finished pipeline.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Written {
    /// The file's totals.
    pub summary: Summary,
    /// Number of chunks by codec.
    pub codecs: CodecCounts,
    /// Chunks with a cheaper codec than the preferred one, because the stream was faster.
    pub cheaper_chunks: u64,
}

/// Fill level of the queue, in percent, at which the next cheaper codec is taken …
const CHEAPER_FROM: u8 = 15;
/// … and at which the cheapest codec is taken, so that most of the queue is left for what arrives meanwhile.
const CHEAPEST_FROM: u8 = 35;
/// Fill level up to which the queue counts as drained …
const DRAINED_UP_TO: u8 = 5;
/// … when it has stayed so for this long: then one step up. Less would go up and down within one burst.
const PATIENCE: Duration = Duration::from_millis(50);
/// Longest waiting time after changes to a better codec that had to be taken back, each of which doubles it: a stream
/// that is always too fast for the codec would otherwise fill the queue again and again.
const LONGEST_PATIENCE: Duration = Duration::from_secs(4);

/// The bottleneck that a full chunk met.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Bound {
    /// The compression pool: all places are taken, and none of the chunks is done.
    CompressionPool,
    /// There was room, or the bottleneck is elsewhere.
    Other,
}

/// Collects events into chunks, compresses them on the pool, and appends them in order.
#[derive(Debug)]
pub(super) struct Pipeline<S: Storage> {
    writer: Writer<S>,
    pool: CompressionPool,
    preference: CodecPreference,
    /// Largest number of chunks in progress.
    room: usize,
    chunk: ChunkBuffers,
    spare: Vec<ChunkBuffers>,
    under_way: VecDeque<PendingChunk>,
    codec_at: usize,
    pressure: u8,
    /// Time of the latest event, since the recording began.
    now: Duration,
    /// Time since which the queue has been empty.
    drained: Option<Duration>,
    patience: Duration,
    /// True when the latest change was to a better codec.
    improved: bool,
    cheaper_chunks: u64,
    codecs: CodecCounts,
}

impl<S: Storage> Pipeline<S> {
    /// A pipeline into `writer`, whose own codec is not used. At most `room` chunks are under way at once;
    /// [`CompressionPool::room`] keeps the pool busy.
    #[must_use]
    pub(super) fn new(
        writer: Writer<S>,
        pool: CompressionPool,
        preference: CodecPreference,
        room: NonZeroUsize,
    ) -> Self {
        let chunk = ChunkBuffers {
            chunk: writer.builder(),
            ..ChunkBuffers::default()
        };
        Self {
            writer,
            pool,
            preference,
            room: room.get(),
            chunk,
            spare: Vec::new(),
            under_way: VecDeque::new(),
            codec_at: 0,
            pressure: 0,
            now: Duration::ZERO,
            drained: None,
            patience: PATIENCE,
            improved: false,
            cheaper_chunks: 0,
            codecs: Vec::new(),
        }
    }

    /// Submits the chunk to the compression pool, with the current codec.
    fn close(&mut self) -> Result<(), FileError> {
        if self.chunk.chunk.is_empty() {
            return Ok(());
        }
        self.append_ready()?;
        let bound = if self.under_way.len() >= self.room {
            Bound::CompressionPool
        } else {
            Bound::Other
        };
        while self.under_way.len() >= self.room {
            self.append_next()?;
        }
        self.step(bound);
        let codec = self.preference.0.get(self.codec_at).copied().unwrap_or(Codec::Stored);
        self.cheaper_chunks += u64::from(self.codec_at > 0);
        let next = self.spare.pop().unwrap_or_else(|| ChunkBuffers {
            chunk: self.writer.builder(),
            ..ChunkBuffers::default()
        });
        let full = std::mem::replace(&mut self.chunk, next);
        self.under_way.push_back(self.pool.seal(full, codec));
        Ok(())
    }

    /// Takes a cheaper codec when the compression pool is the bottleneck and the queue fills. Climbs back when the
    /// queue has drained, and when it is full although the pool is idle: then the disk is slow, and smaller chunks help
    /// it.
    fn step(&mut self, bound: Bound) {
        let last = self.preference.0.len().saturating_sub(1);
        let needed = match bound {
            Bound::CompressionPool if self.pressure >= CHEAPEST_FROM => last,
            Bound::CompressionPool if self.pressure >= CHEAPER_FROM => last.min(1),
            _ => 0,
        };
        let drained = bound == Bound::Other && (self.pressure <= DRAINED_UP_TO || self.pressure >= CHEAPEST_FROM);
        let since = *self.drained.get_or_insert(self.now);
        if !drained {
            self.drained = None;
        }
        if needed > self.codec_at {
            if std::mem::take(&mut self.improved) {
                self.patience = (self.patience * 2).min(LONGEST_PATIENCE);
            }
            self.codec_at = needed;
        } else if drained && self.now.saturating_sub(since) >= self.patience {
            self.drained = None;
            self.improved = self.codec_at > 0;
            if self.codec_at == 0 {
                self.patience = PATIENCE;
            }
            self.codec_at = self.codec_at.saturating_sub(1);
        }
    }

    /// Appends finished chunks without waiting.
    fn append_ready(&mut self) -> Result<(), FileError> {
        while let Some(done) = self.under_way.front().and_then(PendingChunk::ready) {
            self.under_way.pop_front();
            self.append(done?)?;
        }
        Ok(())
    }

    /// Waits for the next chunk and appends it.
    fn append_next(&mut self) -> Result<(), FileError> {
        match self.under_way.pop_front() {
            Some(ticket) => self.append(ticket.wait()?),
            None => Ok(()),
        }
    }

    fn append(&mut self, mut piece: ChunkBuffers) -> Result<(), FileError> {
        self.writer.append(&piece.sealed)?;
        let name = piece.sealed.codec();
        match self.codecs.iter_mut().find(|(codec, _)| *codec == name) {
            Some((_, chunks)) => *chunks += 1,
            None => self.codecs.push((name, 1)),
        }
        piece.sealed.clear();
        self.spare.push(piece);
        Ok(())
    }

    fn settle(&mut self) -> Result<(), FileError> {
        self.close()?;
        while !self.under_way.is_empty() {
            self.append_next()?;
        }
        Ok(())
    }
}

impl<S: Storage + Send + 'static> Sink for Pipeline<S> {
    type Summary = Written;

    fn write(&mut self, event: &Event) -> Result<(), SinkError> {
        self.now = Duration::from_nanos(event.offset_ns);
        if self.chunk.chunk.is_due_before(event) {
            self.close()?;
        }
        self.chunk.chunk.push(event)?;
        if self.chunk.chunk.is_full() {
            self.close()?;
        }
        Ok(self.append_ready()?)
    }

    fn flush(&mut self) -> Result<(), SinkError> {
        self.settle()?;
        // A writer that has failed says so, though nothing was left to append.
        Ok(self.writer.check()?)
    }

    fn check(&mut self) -> Result<(), SinkError> {
        Ok(self.writer.check()?)
    }

    fn pressure(&mut self, percent: u8) {
        self.pressure = percent;
    }

    fn finish(mut self) -> Result<Written, SinkError> {
        self.settle()?;
        Ok(Written {
            summary: self.writer.finish()?,
            codecs: self.codecs,
            cheaper_chunks: self.cheaper_chunks,
        })
    }

    fn stored_bytes(&self) -> u64 {
        self.writer.stored_bytes()
    }
}

#[cfg(test)]
mod tests;
