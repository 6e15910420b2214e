//! A file as the streamed body of an upload.

use std::{
    fs::File,
    io::{self, Read as _},
    path::Path,
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};

/// Number of bytes read at once: reading them takes less time than sending them, and memory stays small.
const PIECE_BYTES: u64 = 64 * 1024;

/// The bytes of a regular file, up to its length when it was opened.
#[derive(Debug)]
pub(super) struct FileBody {
    file: File,
    left: u64,
}

impl FileBody {
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let file = File::open(path)?;
        let found = file.metadata()?;
        if !found.is_file() {
            return Err(io::Error::other("it is no regular file"));
        }
        Ok(Self {
            file,
            left: found.len(),
        })
    }

    /// Number of remaining bytes.
    pub(super) const fn size(&self) -> u64 {
        self.left
    }

    fn piece(&mut self) -> io::Result<Option<Bytes>> {
        let want = self.left.min(PIECE_BYTES);
        if want == 0 {
            return Ok(None);
        }
        let mut piece = vec![0; want as usize];
        self.file.read_exact(&mut piece)?;
        self.left -= want;
        Ok(Some(piece.into()))
    }
}

impl Body for FileBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        Poll::Ready(self.piece().transpose().map(|piece| piece.map(Frame::data)))
    }

    fn is_end_stream(&self) -> bool {
        self.left == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }
}
