//! The compression pipeline of a capture file: events are collected into chunks, compressed on the thread pool, and
//! appended in order.
//!
//! The codec of each chunk is chosen by what the stream waits for ([`codec_choice`]), and named in the chunk, so that readers
//! need not know.

use std::{collections::VecDeque, num::NonZeroUsize};

use super::{
    Sink, SinkError,
    compression::{Compression, Pending},
    timer::{SystemTimer, Timer},
};
use crate::{
    file::{ChunkBuffers, CompressionPool, FileError, Storage, Summary, Writer},
    model::event::Event,
};
use codec_choice::CodecChoice;
pub(super) use codec_choice::{CodecPreference, Waited};

mod codec_choice;

/// Chunks stored with each codec, in the order of their first use; unused ones are left out.
pub(super) type CodecCounts = Vec<(&'static str, u64)>;

/// Result of a finished pipeline.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Written {
    /// The file's totals.
    pub summary: Summary,
    /// Number of chunks by codec.
    pub codecs: CodecCounts,
    /// Chunks that were compressed with less effort or not at all, because messages waited for compression.
    pub cheaper_chunks: u64,
    /// What messages in the queue waited for.
    pub waited: Waited,
}

/// Largest sum of the chunks that are compressed at once, 32 MiB: two chunks with one message of 15 MB each. Ordinary chunks
/// have 1 MiB, and their number is the limit.
const MOST_UNDER_WAY: usize = 32 << 20;

/// Gathers, compresses elsewhere, appends.
#[derive(Debug)]
pub(super) struct Pipeline<S: Storage, C: Compression = CompressionPool> {
    writer: Writer<S>,
    compression: C,
    timer: Box<dyn Timer>,
    choice: CodecChoice,
    /// Chunks that may be under way at once.
    room: usize,
    chunk: ChunkBuffers,
    spare: Vec<ChunkBuffers>,
    /// The chunks that are being compressed, and the bytes of the records of each.
    under_way: VecDeque<(usize, C::Pending)>,
    cheaper_chunks: u64,
    codecs: CodecCounts,
}

impl<S: Storage> Pipeline<S> {
    /// A pipeline into `writer`, whose own codec is not used. At most `room` chunks are under way at once;
    /// [`CompressionPool::room`] keeps the pool busy.
    #[must_use]
    pub(super) fn new(writer: Writer<S>, pool: CompressionPool, codecs: CodecPreference, room: NonZeroUsize) -> Self {
        Self::timed(writer, pool, codecs, room, Box::new(SystemTimer))
    }
}

impl<S: Storage, C: Compression> Pipeline<S, C> {
    fn timed(
        writer: Writer<S>,
        compression: C,
        codecs: CodecPreference,
        room: NonZeroUsize,
        timer: Box<dyn Timer>,
    ) -> Self {
        let chunk = ChunkBuffers {
            chunk: writer.builder(),
            ..ChunkBuffers::default()
        };
        Self {
            writer,
            compression,
            timer,
            choice: CodecChoice::new(codecs, room.get()),
            room: room.get(),
            chunk,
            spare: Vec::new(),
            under_way: VecDeque::new(),
            cheaper_chunks: 0,
            codecs: Vec::new(),
        }
    }

    /// Hands the chunk over to be compressed.
    fn close(&mut self) -> Result<(), FileError> {
        if self.chunk.chunk.is_empty() {
            return Ok(());
        }
        while self.is_occupied() {
            self.append_next()?;
        }
        let starved = if self.choice.is_waited() {
            self.timer.starved()
        } else {
            None
        };
        let codec = self.choice.next(self.timer.now(), starved, self.under_way.len());
        self.cheaper_chunks += u64::from(self.choice.is_cheaper());
        let next = self.spare.pop().unwrap_or_else(|| ChunkBuffers {
            chunk: self.writer.builder(),
            ..ChunkBuffers::default()
        });
        let full = std::mem::replace(&mut self.chunk, next);
        let bytes = full.chunk.raw_len();
        self.under_way.push_back((bytes, self.compression.seal(full, codec)));
        Ok(())
    }

    /// True when the current chunk must wait until another is written.
    fn is_occupied(&self) -> bool {
        let bytes: usize = self.under_way.iter().map(|(bytes, _)| bytes).sum();
        self.under_way.len() >= self.room || bytes > 0 && bytes + self.chunk.chunk.raw_len() > MOST_UNDER_WAY
    }

    /// Appends what is compressed, without waiting.
    fn append_ready(&mut self) -> Result<(), FileError> {
        while let Some(done) = self.under_way.front().and_then(|(_, chunk)| chunk.ready()) {
            self.under_way.pop_front();
            self.append(done?)?;
        }
        Ok(())
    }

    /// Waits for the next chunk and appends it.
    fn append_next(&mut self) -> Result<(), FileError> {
        let Some((_, chunk)) = self.under_way.pop_front() else {
            return Ok(());
        };
        let done = chunk.ready().unwrap_or_else(|| {
            let from = self.timer.now();
            let done = chunk.wait();
            self.choice.compression_took(from, self.timer.now());
            done
        });
        self.append(done?)
    }

    fn append(&mut self, mut piece: ChunkBuffers) -> Result<(), FileError> {
        let from = self.timer.now();
        self.writer.append(&piece.sealed)?;
        self.choice.writing_took(from, self.timer.now());
        let name = piece.sealed.codec();
        match self.codecs.iter_mut().find(|(codec, _)| *codec == name) {
            Some((_, chunks)) => *chunks += 1,
            None => self.codecs.push((name, 1)),
        }
        // One chunk at a time is that of one recording among many, for which buffers that are kept would add up.
        if self.room > 1 {
            piece.sealed.clear();
            self.spare.push(piece);
        }
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

impl<S: Storage + Send + 'static, C: Compression> Sink for Pipeline<S, C> {
    type Summary = Written;

    fn write(&mut self, event: &Event) -> Result<(), SinkError> {
        if self.chunk.chunk.is_due_before(event) {
            self.close()?;
        }
        self.chunk.chunk.push(event)?;
        if self.chunk.chunk.is_full() {
            self.close()?;
        }
        // While messages wait, one chunk is written for each that is closed, so that others are compressed meanwhile.
        if self.choice.is_waited() {
            return Ok(());
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
        self.choice.pressure(percent);
    }

    fn finish(mut self) -> Result<Written, SinkError> {
        self.settle()?;
        Ok(Written {
            summary: self.writer.finish()?,
            codecs: self.codecs,
            cheaper_chunks: self.cheaper_chunks,
            waited: self.choice.waited(),
        })
    }

    fn stored_bytes(&self) -> u64 {
        self.writer.stored_bytes()
    }
}

#[cfg(test)]
mod tests;
