//! The pieces of a payload, read as if they were joined.

use std::borrow::Cow;

/// The pieces of a payload in wire order. Nothing is copied until a run crosses a seam.
#[derive(Debug, Default)]
pub(super) struct Payload<'a> {
    /// Each piece with the bytes before it; empty pieces are left out.
    pieces: Vec<(usize, &'a [u8])>,
    len: usize,
}

impl<'a> Payload<'a> {
    /// Bytes in memory of each piece.
    pub(super) const PIECE: usize = size_of::<(usize, &[u8])>();

    pub(super) fn push(&mut self, piece: &'a [u8]) {
        if !piece.is_empty() {
            self.pieces.push((self.len, piece));
            self.len += piece.len();
        }
    }

    pub(super) const fn len(&self) -> usize {
        self.len
    }

    /// The `len` bytes at `at`, or as many as there are.
    pub(super) fn slice(&self, at: usize, len: usize) -> Cow<'a, [u8]> {
        let first = self
            .pieces
            .partition_point(|(before, piece)| before + piece.len() <= at);
        let mut joined: Cow<'a, [u8]> = Cow::Borrowed(&[]);
        for (before, piece) in self.pieces.iter().skip(first) {
            let wanted = len - joined.len();
            let from = (at + joined.len()).saturating_sub(*before).min(piece.len());
            let run = piece.get(from..piece.len().min(from + wanted)).unwrap_or_default();
            if joined.is_empty() {
                joined = Cow::Borrowed(run);
            } else {
                joined.to_mut().extend_from_slice(run);
            }
            if joined.len() == len {
                break;
            }
        }
        joined
    }
}
