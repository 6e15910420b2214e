//! The writer: events in, chunks out, nothing rewritten.

mod sealing;

use std::{
    fs::File,
    io::{self, IoSlice, Write},
    path::{Path, PathBuf},
};

use super::{
    CaptureState, FileError, FileErrorKind, Header, NewFile, Summary,
    ancillary::Ancillary,
    chunk::{ChunkBuilder, Sealed, Sealer, WriterOptions},
    create_private,
    digest::ContentDigest,
    format::{self, AncillaryTag, CHUNKS_PER_INDEX, Tag},
    record::{self, Body, Done, IndexBlock, IndexEntry},
    schema::{self, SchemaFiles},
    storage::Storage,
};
use crate::model::event::Event;
use sealing::Sealing;

/// Appends events to a capture.
///
/// [`flush`](Self::flush) closes the chunk, so that everything so far can be read; [`finish`](Self::finish) adds index
/// and summary. A writer that is dropped unfinished closes its chunk if it can, and leaves a capture without a summary:
/// readable, but marked as unfinished.
#[derive(Debug)]
pub struct Writer<S: Storage> {
    /// The storage, taken by `finish_into`; `None` never outlives that call.
    storage: Option<S>,
    path: Option<PathBuf>,
    options: WriterOptions,
    chunk: ChunkBuilder,
    sealer: Sealer,
    /// The threads that seal chunks, when it is not done here.
    sealing: Option<Sealing>,
    /// The buffer for sealed chunks, reused from chunk to chunk.
    sealed: Sealed,
    index: IndexBlock,
    /// Schema files of the header, which are written when calls need them.
    schema: SchemaFiles,
    /// Byte of the last ancillary part; 0 = none.
    last_ancillary: u64,
    summary: Summary,
    content: ContentDigest,
    failed: bool,
}

impl Writer<File> {
    /// Creates the file `path`, which must not exist, for its owner only, and writes the header durably.
    ///
    /// # Errors
    /// When the file exists or cannot be written.
    pub fn create(path: impl AsRef<Path>, header: &Header, options: WriterOptions) -> Result<Self, FileError> {
        let path = path.as_ref();
        let act = || "create the capture";
        let file = create_private(path).map_err(|error| FileError::io(act(), error).of(path))?;
        Self::with_file(file, path, header, options)
    }

    /// Begins a capture in a file that does not have its final name yet.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn with_new_file(file: &NewFile, header: &Header, options: WriterOptions) -> Result<Self, FileError> {
        let handle = file.file().try_clone();
        let handle = handle.map_err(|error| FileError::io("create the capture", error).of(file.path()))?;
        Self::with_file(handle, file.path(), header, options)
    }

    /// Begins a capture in an open, empty file; `path` is named in errors.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn with_file(file: File, path: &Path, header: &Header, options: WriterOptions) -> Result<Self, FileError> {
        Self::named(file, path, header, options)
    }
}

impl<S: Storage> Writer<S> {
    /// Does the same as [`new`](Self::new), with the path for error messages.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn named(storage: S, path: &Path, header: &Header, options: WriterOptions) -> Result<Self, FileError> {
        let mut writer = Self::new(storage, header, options).map_err(|error| error.of(path))?;
        writer.path = Some(path.to_owned());
        Ok(writer)
    }

    /// Begins a capture in an empty storage: writes prologue and header, and makes them durable.
    ///
    /// # Errors
    /// When the storage fails, or the header is larger than the format allows.
    pub fn new(mut storage: S, header: &Header, options: WriterOptions) -> Result<Self, FileError> {
        let act = "write the header";
        let schema = SchemaFiles::of(header)?;
        let header = header.without_schema();
        let body = record::encode_header(&header).map_err(|error| FileError::corrupt(act, error))?;
        let (len, limit) = (body.len() as u64, u64::from(format::MAX_PART_LEN) - 8);
        if len > limit {
            let what = "a header";
            return Err(FileError::new(act, FileErrorKind::TooLarge { what, len, limit }));
        }
        let mut start = format::encode_prologue(format::VERSION, format::NEEDS);
        start.extend(format::encode_part(Tag::Header, &body));
        let written = storage.write_all(&start).and_then(|()| storage.sync());
        written.map_err(|error| FileError::io(act, error))?;
        let summary = Summary {
            stored_bytes: start.len() as u64,
            ..Summary::default()
        };
        Ok(Self {
            storage: Some(storage),
            path: None,
            options,
            chunk: ChunkBuilder::new(&options),
            sealer: Sealer::default(),
            sealing: None,
            sealed: Sealed::default(),
            index: IndexBlock::default(),
            schema,
            last_ancillary: 0,
            summary,
            content: ContentDigest::default(),
            failed: false,
        })
    }

    /// Seals chunks on other threads while events are written, for work whose events come faster than one thread
    /// compresses them. The file and the errors stay the same; a chunk that is full can be read by others a few chunks
    /// later, or after [`flush`](Self::flush).
    ///
    /// # Errors
    /// When the threads cannot be started.
    pub(crate) fn parallel(mut self) -> Result<Self, FileError> {
        let started = Sealing::start().map_err(|error| FileError::io("start threads that compress chunks", error));
        self.sealing = Some(started.map_err(|error| self.placed(error))?);
        Ok(self)
    }

    /// Appends an event. It is readable once its chunk is closed: by size, by [`flush`](Self::flush), or by an event
    /// that comes `chunk_ns` later.
    ///
    /// # Errors
    /// When the storage fails, now or earlier; what was flushed stays readable.
    pub fn write(&mut self, event: &Event) -> Result<(), FileError> {
        self.usable()?;
        if self.chunk.is_due_before(event) {
            self.close_chunk()?;
        }
        if let Err(error) = self.chunk.push(event) {
            return Err(self.placed(error));
        }
        if self.chunk.is_full() {
            self.close_chunk()
        } else {
            Ok(())
        }
    }

    /// Closes the chunk; it is stored now, or when it has been sealed.
    fn close_chunk(&mut self) -> Result<(), FileError> {
        let Some(sealing) = &mut self.sealing else {
            return self.flush();
        };
        if self.chunk.is_empty() {
            return Ok(());
        }
        let chunk = std::mem::take(&mut self.chunk);
        self.chunk = sealing.give(chunk, self.options.codec, &self.options);
        self.append_sealed(false)
    }

    /// Stores chunks that were sealed elsewhere: all of them, or as many as must come back.
    fn append_sealed(&mut self, all: bool) -> Result<(), FileError> {
        while let Some(sealing) = self.sealing.as_mut().filter(|sealing| all || sealing.is_full())
            && let Some(taken) = sealing.take()
        {
            let piece = match taken {
                Ok(piece) => piece,
                Err(error) => {
                    // What follows would stand in its place.
                    self.failed = true;
                    return Err(self.placed(error));
                }
            };
            self.append_chunk(&piece.sealed)?;
            if let Some(sealing) = &mut self.sealing {
                sealing.reuse(piece);
            }
        }
        Ok(())
    }

    /// Closes the chunk and writes it: everything so far can be read by others.
    ///
    /// # Errors
    /// When the storage fails, now or earlier.
    pub fn flush(&mut self) -> Result<(), FileError> {
        self.usable()?;
        if self.sealing.is_some() {
            self.close_chunk()?;
            return self.append_sealed(true);
        }
        if self.chunk.is_empty() {
            return Ok(());
        }
        let mut sealed = std::mem::take(&mut self.sealed);
        let codec = self.options.codec;
        let appended = match self.sealer.seal(&mut self.chunk, codec, &mut sealed) {
            Ok(()) => self.append_chunk(&sealed),
            Err(error) => Err(self.placed(error)),
        };
        sealed.clear();
        self.sealed = sealed;
        appended
    }

    /// An empty chunk with the limits of this writer; to be filled and sealed elsewhere, and handed to
    /// [`append`](Self::append).
    #[must_use]
    pub fn builder(&self) -> ChunkBuilder {
        ChunkBuilder::new(&self.options)
    }

    /// Appends a chunk that was sealed elsewhere; its events can be read by others when this returns. Chunks are to come
    /// in the order of their events. Events that were [written](Self::write) before come first: their chunk is closed.
    ///
    /// # Errors
    /// When the storage fails, now or earlier; what was appended before stays readable.
    pub fn append(&mut self, sealed: &Sealed) -> Result<(), FileError> {
        self.flush()?;
        if sealed.events() == 0 {
            return Ok(());
        }
        self.append_chunk(sealed)
    }

    /// Adds the files of another descriptor set to those of the header.
    pub(super) fn add_schema(&mut self, set: &[u8]) -> Result<(), FileError> {
        self.schema.add(set).map_err(|error| self.placed(error))
    }

    /// Writes an ancillary part.
    pub(super) fn write_ancillary(&mut self, tag: AncillaryTag, content: Vec<u8>) -> Result<(), FileError> {
        let byte = self.summary.stored_bytes;
        let part = Ancillary {
            tag,
            previous: self.last_ancillary,
            content,
        };
        self.append_bytes(&format::encode_part(Tag::Ancillary(tag), &part.to_body()))?;
        self.last_ancillary = byte;
        Ok(())
    }

    fn append_chunk(&mut self, sealed: &Sealed) -> Result<(), FileError> {
        // Before the calls that need it, so that whatever is read can be decoded.
        if let Some(set) = self.schema.due(sealed.methods.iter().map(String::as_str)) {
            let content = schema::encode(&set).map_err(|error| self.placed(error))?;
            self.write_ancillary(AncillaryTag::SCHEMA, content)?;
        }
        let mut head = sealed.head.clone();
        head.number = self.summary.chunks;
        head.first_event = self.summary.events;
        let body = head
            .to_body()
            .map_err(|error| FileError::corrupt("write a chunk", error))?;
        let entry = IndexEntry::of(self.summary.stored_bytes, &head);
        let head_part = format::encode_part(Tag::Chunk, &body);
        let pieces = std::iter::once(&head_part[..]).chain(sealed.stored.pieces());
        self.append_pieces(&mut pieces.map(IoSlice::new).collect::<Vec<_>>())?;
        // A storage that makes every chunk durable does it here.
        let flushed = self.storage.as_mut().map_or(Ok(()), Write::flush);
        flushed.map_err(|error| self.broke("make a chunk durable", error))?;
        self.summary.chunks += 1;
        self.summary.raw_bytes += head.raw_len;
        self.summary.add(&sealed.counts);
        self.content.add(&sealed.leaves);
        self.index.entries.push(entry);
        if self.index.entries.len() >= CHUNKS_PER_INDEX {
            self.write_index()
        } else {
            Ok(())
        }
    }

    /// Makes every closed chunk survive a power failure.
    ///
    /// # Errors
    /// When the storage fails, now or earlier.
    pub fn sync(&mut self) -> Result<(), FileError> {
        self.usable()?;
        let synced = self.storage.as_mut().map_or(Ok(()), Storage::sync);
        synced.map_err(|error| self.broke("make the capture durable", error))
    }

    /// Checks that the written bytes are intact in the storage.
    ///
    /// # Errors
    /// What the storage says, now or earlier.
    pub fn check(&mut self) -> Result<(), FileError> {
        self.usable()?;
        let checked = self.storage.as_mut().map_or(Ok(()), Storage::check);
        checked.map_err(|error| self.broke("keep the capture", error))
    }

    /// Number of bytes appended to the storage so far.
    pub const fn stored_bytes(&self) -> u64 {
        self.summary.stored_bytes
    }

    /// Finishes a capture that was made from another one: as [`finish`](Self::finish) does when that one was finished,
    /// and otherwise without a summary, so that what was made of an unfinished capture is unfinished as well. Either
    /// way the file is durable, and its totals are told.
    ///
    /// # Errors
    /// As [`finish`](Self::finish).
    pub fn finish_as(mut self, source: CaptureState) -> Result<Summary, FileError> {
        if source.is_finished() {
            return self.finish();
        }
        self.flush()?;
        self.sync()?;
        self.summary.digest = self.content.value();
        Ok(self.summary)
    }

    /// Closes the last chunk, adds index and summary, and makes the file durable.
    ///
    /// # Errors
    /// When the storage fails, now or earlier; everything flushed before stays readable.
    pub fn finish(self) -> Result<Summary, FileError> {
        self.finish_into().map(|(_, summary)| summary)
    }

    /// Does the same as [`finish`](Self::finish), and returns the storage.
    ///
    /// # Errors
    /// As [`finish`](Self::finish).
    pub fn finish_into(mut self) -> Result<(S, Summary), FileError> {
        self.flush()?;
        if !self.index.entries.is_empty() {
            self.write_index()?;
        }
        self.summary.digest = self.content.value();
        let done = Done::new(&self.summary, self.index.previous, self.last_ancillary);
        let body = done
            .to_body()
            .map_err(|error| FileError::corrupt("write the summary", error))?;
        self.append_bytes(&format::encode_part(Tag::Done, &body))?;
        self.sync()?;
        match self.storage.take() {
            Some(storage) => Ok((storage, self.summary)),
            None => Err(FileError::new("finish the capture", FileErrorKind::WriterFailed)),
        }
    }

    fn write_index(&mut self) -> Result<(), FileError> {
        let at = self.summary.stored_bytes;
        let body = self
            .index
            .to_body()
            .map_err(|error| FileError::corrupt("write an index block", error))?;
        self.append_bytes(&format::encode_part(Tag::Index, &body))?;
        self.index = IndexBlock {
            previous: at,
            entries: Vec::new(),
        };
        Ok(())
    }

    fn append_bytes(&mut self, bytes: &[u8]) -> Result<(), FileError> {
        let written = self.storage.as_mut().map_or(Ok(()), |storage| storage.write_all(bytes));
        written.map_err(|error| self.broke("write to the capture", error))?;
        self.summary.stored_bytes += bytes.len() as u64;
        Ok(())
    }

    /// Appends all pieces of a chunk at once: a file system takes one large write in larger parts of memory, and so at less
    /// cost, than many small ones.
    fn append_pieces(&mut self, mut pieces: &mut [IoSlice<'_>]) -> Result<(), FileError> {
        let mut written = Ok(());
        if let Some(storage) = &mut self.storage {
            while !pieces.is_empty() && written.is_ok() {
                match storage.write_vectored(pieces) {
                    Ok(0) => written = Err(io::ErrorKind::WriteZero.into()),
                    Ok(taken) => {
                        self.summary.stored_bytes += taken as u64;
                        IoSlice::advance_slices(&mut pieces, taken);
                    }
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                    Err(error) => written = Err(error),
                }
            }
        }
        written.map_err(|error| self.broke("write to the capture", error))
    }

    fn usable(&self) -> Result<(), FileError> {
        if self.failed {
            return Err(self.placed(FileError::new("write to the capture", FileErrorKind::WriterFailed)));
        }
        Ok(())
    }

    fn broke(&mut self, act: &str, error: io::Error) -> FileError {
        self.failed = true;
        self.placed(FileError::io(act, error).at(self.summary.stored_bytes))
    }

    fn placed(&self, error: FileError) -> FileError {
        match &self.path {
            Some(path) => error.of(path),
            None => error,
        }
    }
}

impl<S: Storage> Drop for Writer<S> {
    fn drop(&mut self) {
        if self.storage.is_some() && !self.failed {
            // Best effort: an error has nowhere to go, and what was flushed before is safe.
            let _ = self.flush();
        }
    }
}
