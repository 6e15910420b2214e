//! The reader: events out, in the order and with the bytes they were written.

use std::{
    fs::File,
    io::{self, Read, Seek},
    path::{Path, PathBuf},
    sync::Arc,
};

use super::{
    FileError, FileErrorKind, Header, Summary, VERSION,
    ahead::{self, Ahead, Next, Opened},
    chunk::{self, Opener},
    digest::ContentDigest,
    format,
    record::{self, ChunkHead},
    scan::{Content, Found, Scanner, Step},
    walk::known::WalkState,
};
use crate::model::event::Event;

mod ancillary;
mod bound;
mod end;
mod open;
mod place;
mod route;
mod shared;
mod steer;
mod watch;

use bound::Bound;
use open::{OpenChunk, checked, open_checked};
pub(crate) use place::EventPlace;
use route::Route;
pub(crate) use shared::ChunkCache;
pub(crate) use watch::ReadWatch;
use watch::Watch;

/// How the file ended, as far as it was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tail {
    /// The end has not been reached.
    Reading,
    /// The recording was finished; these are its totals.
    Finished(Summary),
    /// The recording was not finished: it is still running, or it was cut off.
    Unfinished {
        /// Bytes of a last part that is incomplete.
        torn_bytes: u64,
    },
    /// An error stopped the reading.
    Damaged,
}

/// Reads a capture from the beginning or from any offset.
///
/// Memory is bounded by the largest chunk, whatever the file's size. Damage is an error with its place, and ends the
/// reading; [`recover`](fn@super::recover) reads on behind it. A capture that was not finished simply ends:
/// [`tail`](Self::tail) tells, and reading again later continues with what has been appended in the meantime.
#[derive(Debug)]
pub struct Reader<R> {
    scanner: Scanner<R>,
    path: Option<PathBuf>,
    header: Header,
    version: format::Version,
    first_part: u64,
    chunk: Option<OpenChunk>,
    opener: Opener,
    ahead: Option<Ahead>,
    cache: Option<Arc<ChunkCache>>,
    /// The selected calls; `None` = all.
    calls: Option<Vec<u32>>,
    route: Route,
    tail: Tail,
    /// End of an unfinished capture when it was first read to its end.
    bound: Option<Bound>,
    /// True when this reader stops at the bound: it has started again.
    bounded: bool,
    /// Expected numbers of the next chunk and event. Unknown after a seek.
    expected: Option<(u64, u64)>,
    /// Events before this offset are skipped.
    from_offset_ns: u64,
    /// The event to start with, once its chunk is open.
    begins: Option<EventPlace>,
    /// The digest of the events read so far, when it is to be checked.
    content: Option<ContentDigest>,
    /// The chunks that index blocks must list; unknown after a seek.
    known: Option<WalkState>,
    /// Byte of the last ancillary part whose schema is in the header.
    schema_to: u64,
    watch: Watch,
}

impl Reader<File> {
    /// Opens a capture file.
    ///
    /// # Errors
    /// When it cannot be read, is not a capture, has a damaged header, or a version that this build does not read.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, FileError> {
        let path = path.as_ref();
        let file = open_file(path).map_err(|error| FileError::io("open the capture", error).of(path))?;
        let mut reader = Self::new(file).map_err(|error| error.of(path))?;
        reader.path = Some(path.to_owned());
        Ok(reader)
    }

    /// Does the same as [`open`](Self::open), then [`parallel`](Self::parallel) with the number of processors minus
    /// one, up to 7: for a pass over a whole capture.
    ///
    /// # Errors
    /// As [`open`](Self::open), and when threads cannot be started.
    pub fn open_parallel(path: impl AsRef<Path>) -> Result<Self, FileError> {
        Self::open(path)?.parallel(ahead::threads())
    }
}

impl<R: Read + Seek> Reader<R> {
    /// Reads the header of a capture.
    ///
    /// # Errors
    /// As [`open`](Reader::open).
    pub fn new(input: R) -> Result<Self, FileError> {
        let mut scanner = Scanner::new(input);
        let version = read_prologue(&mut scanner)?;
        let step = scanner.step(Content::Read)?;
        let act = "read the header";
        let header = match step.found {
            Found::Header(body) => record::decode_header(&body).map_err(|what| FileError::corrupt(act, what)),
            Found::Bad(damage) => Err(FileError::corrupt(act, damage.what)),
            Found::End | Found::Torn(_) => Err(FileError::corrupt(act, "the file ends inside it")),
            _ => Err(FileError::corrupt(act, "another part is in its place")),
        };
        let header = header.map_err(|error| error.at(step.byte))?;
        let mut reader = Self {
            first_part: scanner.at(),
            scanner,
            path: None,
            header,
            version,
            chunk: None,
            opener: Opener::default(),
            ahead: None,
            cache: None,
            calls: None,
            route: Route::default(),
            tail: Tail::Reading,
            bound: None,
            bounded: false,
            expected: Some((0, 0)),
            from_offset_ns: 0,
            begins: None,
            content: None,
            known: Some(WalkState::default()),
            schema_to: 0,
            watch: Watch::default(),
        };
        reader.load_schema()?;
        Ok(reader)
    }

    /// Decompresses chunks on this many other threads, ahead of the requested events. Order, errors and results stay
    /// the same; memory grows to a few chunks per thread. 0 opens them here, as by default.
    ///
    /// # Errors
    /// When the threads cannot be started.
    ///
    /// ```
    /// use std::io::Cursor;
    /// use grpc_capture::file::{Header, Reader, Writer, WriterOptions};
    ///
    /// let (bytes, _) = Writer::new(Vec::new(), &Header::new(0), WriterOptions::default())?.finish_into()?;
    /// let reader = Reader::new(Cursor::new(bytes))?.parallel(2)?;
    /// assert_eq!(reader.count(), 0);
    /// # Ok::<(), grpc_capture::file::FileError>(())
    /// ```
    pub fn parallel(mut self, threads: usize) -> Result<Self, FileError> {
        let ahead = (threads > 0).then(|| Ahead::new(threads)).transpose();
        self.ahead = ahead.map_err(|error| FileError::io("start threads that open chunks", error))?;
        Ok(self)
    }

    /// Shares opened chunks with other readers. Not together with [`parallel`](Self::parallel), which opens its own.
    #[must_use]
    pub fn sharing(mut self, cache: Arc<ChunkCache>) -> Self {
        self.cache = Some(cache);
        self
    }

    /// Reports progress to `watch`, if there is one.
    pub(crate) fn watched(mut self, watch: Option<Arc<dyn ReadWatch>>) -> Result<Self, FileError> {
        self.watch = Watch::new(watch, self.scanner.len()?);
        Ok(self)
    }

    /// Restricts the reader to the events of these calls, and to chunks that hold some of them: a finished capture by
    /// its index, another by the heads of its chunks. 0 is the capture itself, with the notes about it.
    pub fn only_calls(&mut self, calls: impl IntoIterator<Item = u32>) {
        self.calls = Some(calls.into_iter().collect());
        self.route = Route::Unknown;
    }

    /// The header of the capture. While it is still being recorded, its schema grows with the methods that are called;
    /// what stands before the latest event is there.
    pub const fn header(&self) -> &Header {
        &self.header
    }

    /// Replaces the schema in [`header`](Self::header), for whoever decodes messages by it. The file stays as it is.
    pub(crate) fn give_schema(&mut self, set: &[u8]) {
        self.header.set_descriptor_set(set);
    }

    /// The format version of the file.
    pub const fn version(&self) -> format::Version {
        self.version
    }

    /// How the file ended, as far as it was read.
    pub const fn tail(&self) -> Tail {
        self.tail
    }

    /// The totals of a finished capture, read from its end; `None` when it is unfinished.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn summary(&mut self) -> Result<Option<Summary>, FileError> {
        let len = self.scanner.len()?;
        Ok(self.scanner.done()?.map(|(_, done)| done.summary(len)))
    }

    /// Starts again from the first event. An unfinished capture then ends where it ended before, whatever has been
    /// appended in the meantime.
    pub fn rewind(&mut self) {
        self.restart(None, 0);
    }

    /// Starts again from the first event, and checks the events against the digest of the summary: where they are not,
    /// reading ends with an error instead of [`Tail::Finished`]. For whoever reads all of them and names the capture by
    /// its digest.
    pub fn rewind_checked(&mut self) {
        self.rewind();
        self.content = Some(ContentDigest::default());
    }

    /// The next event; `None` at the end, see [`tail`](Self::tail).
    ///
    /// # Errors
    /// Damage, with its place; reading ends there.
    pub fn next_event(&mut self) -> Result<Option<Event>, FileError> {
        let next = self.advance();
        next.map_err(|error| {
            self.tail = Tail::Damaged;
            self.chunk = None;
            self.watch.done();
            match &self.path {
                Some(path) => error.of(path),
                None => error,
            }
        })
    }

    fn advance(&mut self) -> Result<Option<Event>, FileError> {
        loop {
            if let Some(chunk) = &mut self.chunk {
                let (calls, from_offset_ns) = (self.calls.as_deref(), self.from_offset_ns);
                match chunk.next(|call, offset_ns| {
                    offset_ns >= from_offset_ns && calls.is_none_or(|calls| calls.contains(&call))
                })? {
                    Some(event) => return Ok(Some(event)),
                    None => self.chunk = None,
                }
            }
            if !self.load()? {
                self.watch.done();
                return Ok(None);
            }
            self.watch.at(self.scanner.at());
        }
    }

    /// Opens the next chunk; false at the end.
    fn load(&mut self) -> Result<bool, FileError> {
        if matches!(self.tail, Tail::Finished(_) | Tail::Damaged) {
            return Ok(false);
        }
        loop {
            let Step { byte, found } = match self.next_part()? {
                Next::Chunk(opened) if self.is_beyond(opened.byte) => return Ok(self.end_at_bound()),
                Next::Chunk(opened) => {
                    self.place(opened)?;
                    return Ok(true);
                }
                Next::Other(step) => step?,
            };
            if self.is_beyond(byte) {
                return Ok(self.end_at_bound());
            }
            let corrupt = |what: String| Err(FileError::corrupt("read the capture", what).at(byte));
            match found {
                Found::Chunk(head, _) => self.follow(byte, &head)?,
                Found::Index(block) => self.check_index(byte, &block)?,
                Found::Ancillary(part) => self.take_ancillary(byte, &part)?,
                Found::Done(done) => {
                    self.tail = Tail::Finished(self.check_done(byte, &done)?);
                    return Ok(false);
                }
                Found::End => {
                    self.end_unfinished(byte)?;
                    return Ok(false);
                }
                Found::Torn(head) => {
                    if self.goes_on_behind(byte, head.is_some())? {
                        continue;
                    }
                    self.end_unfinished(byte)?;
                    return Ok(false);
                }
                Found::Bad(damage) => return corrupt(damage.what),
                Found::Prologue(_) | Found::Header(_) => return corrupt("there is a second header here".to_owned()),
            }
        }
    }

    /// The next part of the file; a chunk that is wanted comes opened, and another as its head alone.
    fn next_part(&mut self) -> Result<Next, FileError> {
        if self.ahead.is_none() {
            self.steer()?;
        }
        while self.ahead.as_ref().is_some_and(Ahead::wants_more) {
            self.steer()?;
            let Self {
                scanner,
                ahead: Some(ahead),
                calls,
                from_offset_ns,
                content,
                ..
            } = self
            else {
                break;
            };
            let wanted = |head: &ChunkHead| is_wanted(head, calls.as_deref(), *from_offset_ns);
            match scanner.step_where(wanted) {
                Ok(Step {
                    byte,
                    found: Found::Chunk(head, stored),
                }) if wanted(&head) => ahead.chunk(byte, head, stored, content.is_some()),
                step => ahead.other(step),
            }
        }
        let Self {
            scanner,
            ahead,
            cache,
            opener,
            calls,
            from_offset_ns,
            ..
        } = self;
        let wanted = |head: &ChunkHead| is_wanted(head, calls.as_deref(), *from_offset_ns);
        let Some(ahead) = ahead else {
            let step = scanner.step_where(|head| cache.is_none() && wanted(head))?;
            return Ok(match (step.found, cache) {
                (Found::Chunk(head, stored), None) if wanted(&head) => {
                    let raw = opener.open(&head, &stored);
                    let byte = step.byte;
                    Next::Chunk(Opened::new(byte, head, raw))
                }
                (Found::Chunk(head, _), Some(cache)) if wanted(&head) => {
                    let byte = step.byte;
                    let raw = cache.get(&head, || {
                        scanner.jump(byte);
                        match scanner.step(Content::Read)?.found {
                            Found::Chunk(head, stored) => open_checked(opener, &head, &stored),
                            _ => Err(FileError::corrupt("read the capture", "the file was changed meanwhile")),
                        }
                    });
                    Next::Chunk(Opened::new(byte, head, raw))
                }
                (found, _) => Next::Other(Ok(Step { found, ..step })),
            });
        };
        let died = || FileError::corrupt("read the capture", "a thread that opens chunks died");
        ahead.next().ok_or_else(died)
    }

    /// Checks the number and position of a chunk.
    fn follow(&mut self, byte: u64, head: &ChunkHead) -> Result<(), FileError> {
        if matches!(self.route, Route::Places(_)) {
            return Ok(());
        }
        if let Some((number, event)) = self.expected
            && (number, event) != (head.number, head.first_event)
        {
            let (found, first) = (head.number, head.first_event);
            let what = format!("chunk {found} (event {first}) is in the place of chunk {number} (event {event})");
            return Err(FileError::corrupt("read the capture", what).at(byte));
        }
        self.expected = Some((
            head.number.saturating_add(1),
            head.first_event.saturating_add(u64::from(head.events)),
        ));
        if let Some(known) = &mut self.known {
            known.chunk(byte, head);
        }
        Ok(())
    }

    fn place(&mut self, opened: Opened) -> Result<(), FileError> {
        let (byte, head) = (opened.byte, opened.head);
        self.follow(byte, &head)?;
        let raw = opened.raw.map_err(|error| error.at(byte))?;
        if let Some(content) = &mut self.content {
            let leaves = opened.leaves.unwrap_or_else(|| chunk::leaves(&raw, &head));
            content.add(&checked(&head, leaves).map_err(|error| error.at(byte))?);
        }
        let mut chunk = OpenChunk::new(byte, head, raw);
        if let Some(place) = self.begins.take() {
            chunk.go_to(place);
        }
        self.chunk = Some(chunk);
        Ok(())
    }

    /// The place of the last event.
    pub(crate) fn place_of_last(&self) -> Option<EventPlace> {
        self.chunk.as_ref().map(OpenChunk::last)
    }

    /// Continues with the event at `place`, which must be of this file.
    pub(crate) fn seek_to(&mut self, place: EventPlace) {
        if self.chunk.as_mut().is_some_and(|chunk| chunk.go_to(place)) {
            self.from_offset_ns = 0;
            return;
        }
        self.restart(Some(place.chunk), 0);
        self.begins = Some(place);
    }

    pub(super) const fn opener(&mut self) -> &mut Opener {
        &mut self.opener
    }

    pub(super) const fn first_part(&self) -> u64 {
        self.first_part
    }

    pub(super) const fn scanner(&mut self) -> &mut Scanner<R> {
        &mut self.scanner
    }

    /// Continues with the chunk at `byte`, and skips events before `from_offset_ns`.
    pub(super) fn restart(&mut self, byte: Option<u64>, from_offset_ns: u64) {
        let byte = byte.unwrap_or(self.first_part);
        self.expected = (byte == self.first_part).then_some((0, 0));
        self.scanner.jump(byte);
        self.chunk = None;
        self.content = None;
        self.known = self.expected.map(|_| WalkState::default());
        self.tail = Tail::Reading;
        self.bounded = self.bound.is_some();
        self.from_offset_ns = from_offset_ns;
        self.begins = None;
        self.route = Route::Unknown;
        if let Some(ahead) = &mut self.ahead {
            ahead.clear();
        }
    }
}

/// True when a chunk may hold events of the selected calls and offsets.
fn is_wanted(head: &ChunkHead, calls: Option<&[u32]>, from_offset_ns: u64) -> bool {
    let in_calls = calls.is_none_or(|wanted| head.calls.iter().any(|count| wanted.contains(&count.call)));
    head.max_offset_ns >= from_offset_ns && in_calls
}

impl<R: Read + Seek> Iterator for Reader<R> {
    type Item = Result<Event, FileError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.next_event().transpose()
    }
}

/// Opens a file that can be read from any place; a pipe would block here until somebody writes into it.
fn open_file(path: &Path) -> io::Result<File> {
    let kind = std::fs::metadata(path)?.file_type();
    if kind.is_file() || kind.is_dir() {
        return File::open(path);
    }
    let what = "it is not a regular file, and reading a capture needs one; copy it into a file first";
    Err(io::Error::new(io::ErrorKind::InvalidInput, what))
}

/// Reads the prologue and checks the version.
fn read_prologue<R: Read + Seek>(scanner: &mut Scanner<R>) -> Result<format::Version, FileError> {
    let step = scanner.step(Content::Read)?;
    let not_a_capture = || FileError::new("read the file", FileErrorKind::NotACapture);
    let body = match step.found {
        Found::Prologue(body) => body,
        Found::Bad(damage) if damage.what.starts_with(format::Tag::Prologue.name()) => {
            return Err(FileError::corrupt("read the prologue", damage.what).at(0));
        }
        _ => return Err(not_a_capture()),
    };
    let (found, needs) = format::decode_prologue(&body).ok_or_else(not_a_capture)?;
    if found.major != VERSION.major || found.minor > VERSION.minor {
        return Err(FileError::new(
            "read the capture",
            FileErrorKind::UnreadableVersion { found, needs },
        ));
    }
    Ok(found)
}

#[cfg(test)]
mod tests;
