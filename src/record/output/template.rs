//! The common settings of the files of a recording.

use std::{
    fs::File,
    io::{self, IoSlice, Write},
    num::NonZeroUsize,
    path::Path,
    sync::Arc,
};

use crate::{
    file::{Attribute, CompressionPool, FileError, Header, Storage, Writer, WriterOptions},
    record::{
        pipeline::{CodecPreference, Pipeline},
        sync::RecordedFile,
    },
};

use super::RecordingFiles;

/// Smallest chunk: below it, the chunk's head would take too large a part.
const SMALLEST_CHUNK: usize = 4 << 10;

/// The common settings of the files of a recording.
#[derive(Debug, Clone)]
pub(crate) struct CaptureTemplate {
    /// Header for each file.
    pub header: Header,
    /// When chunks are closed.
    pub chunks: WriterOptions,
    /// The thread pool that compresses.
    pub compression: CompressionPool,
    /// The codecs, in the order of preference.
    pub codecs: CodecPreference,
    /// Largest number of chunks in progress.
    pub room: NonZeroUsize,
    /// The files that have been made.
    pub files: RecordingFiles,
}

impl CaptureTemplate {
    /// Settings for files that are closed at some size: chunks are small enough for that size to mean something.
    #[must_use]
    pub(super) fn for_files_of(mut self, file_bytes: u64) -> Self {
        let chunk_bytes = usize::try_from(file_bytes / 16).unwrap_or(usize::MAX);
        self.chunks.chunk_bytes = chunk_bytes.clamp(SMALLEST_CHUNK, self.chunks.chunk_bytes.max(SMALLEST_CHUNK));
        self
    }

    /// Begins a capture, which is synced when it is finished.
    pub(super) fn capture(&self, file: Arc<RecordedFile>, header: &Header) -> Result<Pipeline<Lasting>, FileError> {
        let path = file.path();
        self.begin(Lasting::Synced { file, begun: false }, &path, header)
    }

    /// Begins a temporary segment.
    pub(super) fn piece(&self, file: File, path: &Path) -> Result<Pipeline<Lasting>, FileError> {
        let mut header = self.header.clone();
        // It may be larger than the piece, and the dump has it.
        let schema = [Attribute::DESCRIPTOR_SET, Attribute::DESCRIPTOR_SHA256];
        header.attributes.retain(|(name, _)| !schema.contains(&name.as_str()));
        self.begin(Lasting::Fleeting(file), path, &header)
    }

    fn begin(&self, file: Lasting, path: &Path, header: &Header) -> Result<Pipeline<Lasting>, FileError> {
        let writer = Writer::named(file, path, header, self.chunks)?;
        Ok(Pipeline::new(
            writer,
            self.compression.clone(),
            self.codecs.clone(),
            self.room,
        ))
    }
}

/// Whether a file is synced to disk.
#[derive(Debug)]
pub(super) enum Lasting {
    Synced {
        file: Arc<RecordedFile>,
        /// True when the header has been synced.
        begun: bool,
    },
    Fleeting(File),
}

impl Write for Lasting {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Synced { file, .. } => file.append(bytes),
            Self::Fleeting(file) => file.write(bytes),
        }
    }

    fn write_vectored(&mut self, pieces: &[IoSlice<'_>]) -> io::Result<usize> {
        match self {
            Self::Synced { file, .. } => file.append_pieces(pieces),
            Self::Fleeting(file) => file.write_vectored(pieces),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        if let Self::Synced { file, .. } = self {
            file.end_chunk();
        }
        Ok(())
    }
}

impl Storage for Lasting {
    fn sync(&mut self) -> io::Result<()> {
        let Self::Synced { file, begun } = self else {
            return Ok(());
        };
        if std::mem::replace(begun, true) {
            file.check_end()?;
        }
        file.sync()
    }

    fn check(&mut self) -> io::Result<()> {
        match self {
            Self::Synced { file, .. } => file.check_exactly(),
            Self::Fleeting(_) => Ok(()),
        }
    }
}
