//! Skipping of chunks in a finished capture of which only some calls are selected, by the index.

use std::{
    collections::VecDeque,
    io::{Read, Seek},
};

use super::{Reader, route::Route};
use crate::file::FileError;

impl<R: Read + Seek> Reader<R> {
    /// Moves to the next part that may hold selected events.
    pub(super) fn steer(&mut self) -> Result<(), FileError> {
        if matches!(self.route, Route::Unknown) {
            let from = self.scanner.at();
            self.route = self.find_route(from)?;
            self.scanner.jump(from);
        }
        if let Route::Places(places) = &mut self.route
            && let Some(byte) = places.pop_front()
        {
            self.scanner.jump(byte);
        }
        Ok(())
    }

    fn find_route(&mut self, from: u64) -> Result<Route, FileError> {
        let Some(calls) = self.calls.clone() else {
            return Ok(Route::Onwards);
        };
        let Some((end, done)) = self.scanner.done()? else {
            return Ok(Route::Onwards);
        };
        let mut places = VecDeque::from([end]);
        let (mut at, mut behind) = (done.last_index, end);
        while at != 0 {
            // Each block lies before the one that names it; anything else would be a loop.
            if at >= behind {
                return Ok(Route::Onwards);
            }
            behind = at;
            let Some(block) = self.index_block(at)? else {
                return Ok(Route::Onwards);
            };
            let wanted = block.entries.iter().rev().filter(|entry| {
                let listed = entry.calls.iter().any(|call| calls.contains(call));
                entry.byte >= from && (listed || entry.calls.is_empty())
            });
            for entry in wanted {
                places.push_front(entry.byte);
            }
            at = block.previous;
        }
        Ok(Route::Places(places))
    }
}
