//! Where the events of a replay come from: opened afresh for each call, so that no call waits for another.

use std::{error::Error, path::PathBuf, sync::Arc};

use bytes::Bytes;

use crate::event::Event;

/// A capture that can be read any number of times at once.
#[derive(Debug, Clone)]
pub struct Source {
    name: String,
    kind: Kind,
}

#[derive(Debug, Clone)]
enum Kind {
    File(PathBuf),
    Bytes(Bytes),
    Memory {
        attributes: Arc<Attributes>,
        events: Arc<[Event]>,
    },
}

/// Header attributes: key and value.
pub(super) type Attributes = Vec<(String, Vec<u8>)>;

/// The events of a capture, in order.
pub(super) type Events = Box<dyn Iterator<Item = Result<Event, SourceError>> + Send>;

/// A capture that could not be read.
#[derive(Debug, thiserror::Error)]
#[error("could not read {capture}: {cause}")]
pub struct SourceError {
    capture: String,
    cause: Box<dyn Error + Send + Sync>,
}

impl SourceError {
    fn new(capture: &str, cause: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self {
            capture: capture.to_owned(),
            cause: cause.into(),
        }
    }
}

impl Source {
    /// A capture file; it is read while it is served and is never held in memory.
    pub fn file(path: impl Into<PathBuf>) -> Self {
        let path = path.into();
        Self {
            name: path.display().to_string(),
            kind: Kind::File(path),
        }
    }

    /// The bytes of a capture file, such as one that is embedded in a binary. `name` is what messages call it.
    pub fn bytes(name: impl Into<String>, bytes: impl Into<Bytes>) -> Self {
        Self {
            name: name.into(),
            kind: Kind::Bytes(bytes.into()),
        }
    }

    /// Events in memory, with the attributes that a file's header would hold.
    pub fn memory(
        name: impl Into<String>,
        attributes: Vec<(String, Vec<u8>)>,
        events: impl Into<Arc<[Event]>>,
    ) -> Self {
        Self {
            name: name.into(),
            kind: Kind::Memory {
                attributes: Arc::new(attributes),
                events: events.into(),
            },
        }
    }

    /// What messages call it: the path of a file.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The name without folder and extension; the last resort for a job id.
    pub(super) fn stem(&self) -> &str {
        std::path::Path::new(&self.name)
            .file_stem()
            .and_then(|stem| stem.to_str())
            .unwrap_or(&self.name)
    }

    /// Opens it at its first event.
    pub(super) fn open(&self) -> Result<(Attributes, Events), SourceError> {
        match &self.kind {
            Kind::Memory { attributes, events } => {
                let events = Arc::clone(events);
                let all = (0..events.len()).filter_map(move |at| events.get(at).cloned().map(Ok));
                Ok((attributes.as_ref().clone(), Box::new(all)))
            }
            Kind::File(_) | Kind::Bytes(_) => Err(SourceError::new(&self.name, "capture files are not wired in yet")),
        }
    }
}
