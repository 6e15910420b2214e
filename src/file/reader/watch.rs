//! The progress of a reader, for whoever shows it.

use std::{fmt, sync::Arc};

/// A receiver of a reader's progress, which is reported once for each chunk.
pub(crate) trait ReadWatch: fmt::Debug + Send + Sync {
    /// The reader has read all before this byte of the file, which is `len` bytes long.
    fn at(&self, byte: u64, len: u64);

    /// The reader has come to the end, or an error stopped it. It may start again.
    fn done(&self);
}

/// The receiver of a reader's progress, if there is one, and the length of the file when it was named.
#[derive(Debug, Default)]
pub(super) struct Watch(Option<(Arc<dyn ReadWatch>, u64)>);

impl Watch {
    pub(super) fn new(watch: Option<Arc<dyn ReadWatch>>, len: u64) -> Self {
        Self(watch.map(|watch| (watch, len)))
    }

    pub(super) fn at(&self, byte: u64) {
        if let Some((watch, len)) = &self.0 {
            watch.at(byte, *len);
        }
    }

    pub(super) fn done(&self) {
        if let Some((watch, _)) = &self.0 {
            watch.done();
        }
    }
}
