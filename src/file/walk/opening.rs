//! The chunks of a walk that are decompressed and checked on other threads.

use std::collections::VecDeque;

use super::opened::{GoodChunk, LostChunk};
use crate::file::{
    FileError,
    ahead::{Ahead, Next, threads},
    record::ChunkHead,
};

/// The threads, which start with the first chunk, and the chunks that they have been given, in file order.
#[derive(Default)]
pub(super) struct Opening {
    ahead: Option<Ahead>,
    /// For each chunk, whether its number or its events have been there before.
    come_again: VecDeque<bool>,
}

impl Opening {
    pub(super) fn is_empty(&self) -> bool {
        self.come_again.is_empty()
    }

    /// True when another chunk should be added before the next one is taken.
    pub(super) fn has_room(&self) -> bool {
        self.ahead.as_ref().is_some_and(Ahead::wants_more)
    }

    /// Adds a chunk.
    pub(super) fn add(
        &mut self,
        byte: u64,
        head: ChunkHead,
        stored: Vec<u8>,
        comes_again: bool,
    ) -> Result<(), FileError> {
        if self.ahead.is_none() {
            let started = Ahead::new(threads().max(1));
            let started = started.map_err(|error| FileError::io("start threads that open chunks", error))?;
            self.ahead = Some(started);
        }
        if let Some(ahead) = &mut self.ahead {
            ahead.chunk(byte, head, stored, true);
            self.come_again.push_back(comes_again);
        }
        Ok(())
    }

    /// The next chunk, or what is wrong with its content; waits for it.
    pub(super) fn next(&mut self) -> Result<Result<GoodChunk, Box<LostChunk>>, FileError> {
        let comes_again = self.come_again.pop_front() == Some(true);
        let Some(Next::Chunk(opened)) = self.ahead.as_mut().and_then(Ahead::next) else {
            return Err(FileError::corrupt(
                "read the capture",
                "a thread that opens chunks died",
            ));
        };
        Ok(GoodChunk::new(opened, comes_again))
    }
}
