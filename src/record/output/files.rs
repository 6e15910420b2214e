//! The files of one recording: when they get their names, and what they hold after a failure.

use std::{
    collections::BTreeMap,
    fs::File,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use serde::{Deserialize, Serialize};

use super::{RecordedCapture, Trigger};
use crate::{
    file::{Summary, each_readable_event},
    model::event::{CAPTURE_CALL, Direction, Ending, Event, EventKind, FAILURE_AUTHOR, Party, RECORDER_AUTHOR},
    record::sync::RecordedFile,
};

/// What a recording must contain before it may replace an existing file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Evidence {
    /// Any event of another party: a call, or a remark that is not the recorder's own. For a tap that
    /// makes no calls itself.
    #[default]
    Any,
    /// An answer of the server: a message from the server, or the status of a call.
    Answer,
    /// A message from the server: a stream that brought none is worth less than one that did.
    Message,
}

/// The value of an event or a recording as evidence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Worth {
    /// None, only our own actions: no file is kept.
    Nothing,
    /// A call that the server accepted, or that the other side ended: a file, where it replaces none.
    Call,
    /// As much as the required [`Evidence`].
    Evidence,
}

impl Evidence {
    pub(super) fn worth(self, event: &Event) -> Worth {
        let is_own = match &event.kind {
            EventKind::Note(note) => note.author == RECORDER_AUTHOR || note.author == FAILURE_AUTHOR,
            EventKind::End(Ending::Cancelled(cancelled)) => cancelled.by == Party::Us,
            EventKind::Message(message) => message.direction == Direction::Sent,
            EventKind::CallStart(_) | EventKind::HalfClose => true,
            EventKind::Headers(_) | EventKind::Gap(_) | EventKind::End(_) => false,
        };
        match (self, &event.kind) {
            (Self::Any, EventKind::Note(_)) if is_own => Worth::Nothing,
            (Self::Any, _) | (Self::Answer, EventKind::End(Ending::Status(_))) => Worth::Evidence,
            (_, EventKind::Message(_) | EventKind::Gap(_)) if !is_own => Worth::Evidence,
            (_, kind) if is_own || matches!(kind, EventKind::Note(_)) => Worth::Nothing,
            _ => Worth::Call,
        }
    }
}

/// The files of one recording; clones share one state.
#[derive(Debug, Clone, Default)]
pub(crate) struct RecordingFiles {
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    evidence: Evidence,
    keep_empty: AtomicBool,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    files: Vec<Entry>,
    /// Totals of the completed files, deleted files included.
    closed: Summary,
    /// Number of deleted files of a series.
    removed: u64,
    /// True when parts of a ring are among them.
    ring: bool,
}

#[derive(Debug)]
struct Entry {
    /// The file that is being written: it says itself where it is.
    recorded: Option<Arc<RecordedFile>>,
    file: RecordedCapture,
}

/// Messages of one call in the files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct StoredCall {
    /// Messages that the client received.
    pub received: u64,
    /// Their payload bytes.
    pub received_bytes: u64,
    /// Messages that the client sent.
    pub sent: u64,
    /// Their payload bytes.
    pub sent_bytes: u64,
}

/// Content of the files of a recording after a failure.
#[derive(Debug, Clone, Default)]
pub struct StoredFiles {
    /// The existing files, oldest first; those that are not finished as well.
    pub files: Vec<RecordedCapture>,
    /// Totals of all files, including those that were deleted to keep the newest ones.
    pub summary: Summary,
    /// Readable messages of both directions in the existing files.
    pub present_messages: u64,
    /// The calls, by number; `None` for a ring, and when files were removed.
    pub calls: Option<BTreeMap<u32, StoredCall>>,
}

impl RecordingFiles {
    /// The files of a recording that must contain something.
    #[must_use]
    pub(crate) fn new(evidence: Evidence) -> Self {
        let shared = Shared {
            evidence,
            ..Shared::default()
        };
        Self {
            shared: Arc::new(shared),
        }
    }

    /// Keeps a file even when it contains nothing.
    pub(crate) fn keep_empty(&self) {
        self.shared.keep_empty.store(true, Ordering::Release);
    }

    pub(super) fn keeps_empty(&self) -> bool {
        self.shared.keep_empty.load(Ordering::Acquire)
    }

    pub(super) fn worth(&self, event: &Event) -> Worth {
        self.shared.evidence.worth(event)
    }

    /// Notes that a file was begun.
    pub(super) fn opened(&self, recorded: &Arc<RecordedFile>, from_ns: u64) {
        let entry = Entry::new(recorded.path(), from_ns, Some(Arc::clone(recorded)));
        self.lock().files.push(entry);
    }

    /// Notes that a segment of a ring was begun.
    pub(super) fn opened_piece(&self, path: &Path, from_ns: u64) {
        let mut state = self.lock();
        state.ring = true;
        state.files.push(Entry::new(path.to_owned(), from_ns, None));
    }

    /// Notes that a file was completed; `as_begun` is the name under which it was begun.
    pub(super) fn finished(&self, as_begun: &Path, file: &RecordedCapture) {
        let mut state = self.lock();
        if !state.ring {
            state.closed.add(&file.summary);
        }
        state.replace(as_begun, Some(file));
    }

    /// Notes that a segment of a ring was closed.
    pub(super) fn closed_piece(&self, path: &Path, summary: &Summary) {
        let mut state = self.lock();
        state.closed.add(summary);
        for entry in state.files.iter_mut().filter(|entry| entry.file.path == path) {
            entry.file.summary = *summary;
            entry.file.finished = true;
        }
    }

    /// Notes that a file was deleted, because it was empty or beyond the limit.
    pub(super) fn removed(&self, path: &Path) {
        let mut state = self.lock();
        state.removed += u64::from(!state.ring);
        state.replace(path, None);
    }

    /// Forgets a file that contained nothing.
    pub(super) fn forgot(&self, as_begun: &Path) {
        self.lock().replace(as_begun, None);
    }

    /// Reads the content of the files after the recording has failed. Files that are not finished are read to their
    /// end; this takes its time.
    #[must_use]
    pub(crate) fn held(&self) -> StoredFiles {
        let mut state = self.lock();
        let (files, ring) = (std::mem::take(&mut state.files), state.ring);
        let mut held = StoredFiles {
            summary: state.closed,
            calls: (!ring && state.removed == 0).then(BTreeMap::new),
            ..StoredFiles::default()
        };
        drop(state);
        for Entry { recorded, mut file } in files {
            if let Some(recorded) = &recorded {
                if !recorded.is_named() {
                    continue;
                }
                file.path = recorded.place();
            }
            let mut calls = BTreeMap::new();
            let (read, finished) = read(&file.path, &mut calls);
            match (file.finished, recorded.is_none() || !ring) {
                // Another program may have changed what was written.
                (true, _) if ring => held.summary.replace(&file.summary, &read),
                (true, _) => {}
                // A dump that failed is made of parts that were counted.
                (false, of_its_own) => {
                    if of_its_own {
                        held.summary.add(&read);
                    }
                    file.finished = finished;
                    file.summary = read;
                }
            }
            if let Some(all) = &mut held.calls {
                for (call, more) in calls {
                    all.entry(call).or_default().add(more);
                }
            }
            if file.path.exists() {
                held.present_messages += read.messages + read.sent_messages;
                held.summary.stored_bytes += file.summary.stored_bytes;
                held.files.push(file);
            }
        }
        held
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.shared.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Replaces the entry of a begun file by that of the completed one, or removes it.
    fn replace(&mut self, as_begun: &Path, file: Option<&RecordedCapture>) {
        let Some(at) = self.files.iter().rposition(|entry| entry.file.path == as_begun) else {
            return;
        };
        match (file, self.files.get_mut(at)) {
            (Some(file), Some(entry)) => {
                entry.file = file.clone();
                entry.recorded = None;
            }
            _ => drop(self.files.remove(at)),
        }
    }
}

impl Entry {
    fn new(path: PathBuf, from_ns: u64, recorded: Option<Arc<RecordedFile>>) -> Self {
        let file = RecordedCapture {
            path,
            summary: Summary::default(),
            from_ns,
            trigger: None::<Trigger>,
            taken: None,
            finished: false,
        };
        Self { recorded, file }
    }
}

impl StoredCall {
    fn add(&mut self, more: Self) {
        self.received += more.received;
        self.received_bytes += more.received_bytes;
        self.sent += more.sent;
        self.sent_bytes += more.sent_bytes;
    }
}

/// Counts the readable content of a capture, also after damage; true when it is finished.
fn read(path: &Path, calls: &mut BTreeMap<u32, StoredCall>) -> (Summary, bool) {
    let mut summary = Summary::default();
    let count = |event: &Event| {
        summary.count(event);
        if let EventKind::Message(message) = &event.kind
            && event.call != CAPTURE_CALL
        {
            let call = calls.entry(event.call).or_default();
            let (messages, bytes) = match message.direction {
                Direction::Received => (&mut call.received, &mut call.received_bytes),
                Direction::Sent => (&mut call.sent, &mut call.sent_bytes),
            };
            *messages += 1;
            *bytes += message.data.len() as u64;
        }
    };
    let read = File::open(path).ok().map(|file| each_readable_event(file, count));
    let finished = matches!(read, Some(Ok(true)));
    summary.stored_bytes = path.metadata().map_or(0, |found| found.len());
    (summary, finished)
}
