//! Sources of a replay's events: opened afresh for each call, so that no call waits for another.

use std::{
    fs::File,
    io::{Cursor, Read, Seek},
    path::{Path, PathBuf},
    sync::Arc,
};

use bytes::Bytes;

use crate::{
    file::{CallOverview, CaptureState, ChunkCache, EventPlace, FileError, Header, PackedEvents, Reader},
    model::event::Event,
};

/// A capture that can be read many times concurrently.
#[derive(Debug, Clone)]
pub struct CaptureSource {
    name: String,
    kind: Kind,
    /// The chunk cache for concurrent calls that read the same chunks.
    opened: Arc<ChunkCache>,
}

/// Largest size of the shared chunk cache of a capture: a dozen chunks of the usual size, so that clients that began
/// some seconds apart still meet.
const SHARED_BYTES: u64 = 12 << 20;

#[derive(Debug, Clone)]
enum Kind {
    File(PathBuf),
    Bytes(Bytes),
    Memory { header: Arc<Header>, events: Arc<[Event]> },
    Packed(PackedEvents),
}

/// A capture that could not be read.
#[derive(Debug, thiserror::Error)]
#[error("could not serve {capture}: {error}")]
pub struct SourceError {
    capture: String,
    // Boxed: the error is far larger than what is returned when all is well.
    #[source]
    error: Box<FileError>,
}

impl CaptureSource {
    /// A source from a capture file; it is read while it is served and is never held in memory.
    pub fn file(path: impl Into<PathBuf>) -> Self {
        let path = path.into();
        Self::new(path.display().to_string(), Kind::File(path))
    }

    /// A source from the bytes of a capture file, such as one embedded in a binary. `name` is what messages call it.
    pub fn bytes(name: impl Into<String>, bytes: impl Into<Bytes>) -> Self {
        Self::new(name.into(), Kind::Bytes(bytes.into()))
    }

    /// A source from events in memory, with a header. `name` is what messages call it.
    pub fn memory(name: impl Into<String>, header: Header, events: impl Into<Arc<[Event]>>) -> Self {
        let kind = Kind::Memory {
            header: Arc::new(header),
            events: events.into(),
        };
        Self::new(name.into(), kind)
    }

    /// A source from the events of one call.
    pub(crate) fn packed(&self, events: PackedEvents) -> Self {
        Self {
            name: self.name.clone(),
            kind: Kind::Packed(events),
            opened: Arc::clone(&self.opened),
        }
    }

    fn new(name: String, kind: Kind) -> Self {
        let opened = Arc::new(ChunkCache::new(SHARED_BYTES));
        Self { name, kind, opened }
    }

    /// Name of the source in messages: the path of a file.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The name without folder and extension; the last resort for a job id.
    pub(crate) fn stem(&self) -> &str {
        let stem = Path::new(&self.name).file_stem().and_then(|stem| stem.to_str());
        stem.unwrap_or(&self.name)
    }

    /// Opens the source at its first event.
    pub(crate) fn open(&self) -> Result<Events, SourceError> {
        let place = match &self.kind {
            Kind::File(path) => {
                let reader = Reader::open(path).map_err(|error| self.error(error))?;
                Place::File(Box::new(reader.sharing(Arc::clone(&self.opened))))
            }
            Kind::Bytes(bytes) => {
                let reader = Reader::new(Cursor::new(bytes.clone())).map_err(|error| self.error(error))?;
                Place::Bytes(Box::new(reader.sharing(Arc::clone(&self.opened))))
            }
            Kind::Memory { header, events } => Place::Memory {
                header: Arc::clone(header),
                events: Arc::clone(events),
                next: 0,
                from_offset_ns: 0,
            },
            Kind::Packed(events) => Place::Packed {
                header: Header::default(),
                events: events.clone(),
                next: 0,
                from_offset_ns: 0,
            },
        };
        Ok(Events {
            capture: self.name.clone(),
            place,
        })
    }

    fn error(&self, error: FileError) -> SourceError {
        SourceError {
            capture: self.name.clone(),
            error: Box::new(error),
        }
    }
}

/// The events of a capture, in order.
#[derive(Debug)]
pub(crate) struct Events {
    capture: String,
    place: Place,
}

#[derive(Debug)]
enum Place {
    File(Box<Reader<File>>),
    Bytes(Box<Reader<Cursor<Bytes>>>),
    Memory {
        header: Arc<Header>,
        events: Arc<[Event]>,
        next: usize,
        from_offset_ns: u64,
    },
    Packed {
        header: Header,
        events: PackedEvents,
        next: usize,
        from_offset_ns: u64,
    },
}

/// The calls of a capture, as far as they are listed in the file.
#[derive(Debug)]
pub(crate) enum Calls {
    /// All calls of the capture.
    Listed(Vec<CallOverview>),
    /// The capture must be read to find them.
    Unlisted,
}

impl Events {
    pub(crate) fn header(&self) -> &Header {
        match &self.place {
            Place::File(reader) => reader.header(),
            Place::Bytes(reader) => reader.header(),
            Place::Memory { header, .. } => header,
            Place::Packed { header, .. } => header,
        }
    }

    /// Lists the calls, and returns to the first event. A damaged capture is not listed.
    pub(crate) fn calls(&mut self) -> Calls {
        fn list<R: Read + Seek>(reader: &mut Reader<R>) -> Calls {
            reader
                .overview()
                .map_or(Calls::Unlisted, |overview| Calls::Listed(overview.calls))
        }
        match &mut self.place {
            Place::File(reader) => list(reader),
            Place::Bytes(reader) => list(reader),
            Place::Memory { .. } | Place::Packed { .. } => Calls::Unlisted,
        }
    }

    /// Whether the capture is finished.
    pub(crate) fn state(&mut self) -> Result<CaptureState, SourceError> {
        let state = match &mut self.place {
            Place::File(reader) => reader.state(),
            Place::Bytes(reader) => reader.state(),
            Place::Memory { .. } | Place::Packed { .. } => Ok(CaptureState::Finished),
        };
        state.map_err(|error| self.error(error))
    }

    /// Continues with the first event at or after `offset_ns`.
    pub(crate) fn seek(&mut self, offset_ns: u64) -> Result<(), SourceError> {
        let sought = match &mut self.place {
            Place::File(reader) => reader.seek(offset_ns),
            Place::Bytes(reader) => reader.seek(offset_ns),
            Place::Memory {
                next, from_offset_ns, ..
            }
            | Place::Packed {
                next, from_offset_ns, ..
            } => {
                (*next, *from_offset_ns) = (0, offset_ns);
                Ok(())
            }
        };
        sought.map_err(|error| self.error(error))
    }

    /// Place of the last event in the file.
    pub(crate) fn place_of_last(&self) -> Option<EventPlace> {
        match &self.place {
            Place::File(reader) => reader.place_of_last(),
            Place::Bytes(reader) => reader.place_of_last(),
            Place::Memory { .. } | Place::Packed { .. } => None,
        }
    }

    /// Continues with the event at `place`, which this source returned before.
    pub(crate) fn seek_to(&mut self, place: EventPlace) {
        match &mut self.place {
            Place::File(reader) => reader.seek_to(place),
            Place::Bytes(reader) => reader.seek_to(place),
            Place::Memory { .. } | Place::Packed { .. } => {}
        }
    }

    fn error(&self, error: FileError) -> SourceError {
        SourceError {
            capture: self.capture.clone(),
            error: Box::new(error),
        }
    }
}

impl Iterator for Events {
    type Item = Result<Event, SourceError>;

    fn next(&mut self) -> Option<Self::Item> {
        let event = match &mut self.place {
            Place::File(reader) => reader.next_event(),
            Place::Bytes(reader) => reader.next_event(),
            Place::Memory {
                events,
                next,
                from_offset_ns,
                ..
            } => {
                let rest = events.get(*next..).unwrap_or_default();
                let skipped = rest.iter().position(|event| event.offset_ns >= *from_offset_ns)?;
                *next += skipped + 1;
                Ok(rest.get(skipped).cloned())
            }
            Place::Packed {
                events,
                next,
                from_offset_ns,
                ..
            } => loop {
                let (event, after) = events.event_at(*next)?;
                *next = after;
                if event.offset_ns >= *from_offset_ns {
                    break Ok(Some(event));
                }
            },
        };
        event.map_err(|error| self.error(error)).transpose()
    }
}
