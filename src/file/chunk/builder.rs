//! Records under construction: heads in one buffer, large payloads as slices of the buffers they arrived in.

use std::collections::BTreeSet;

use bytes::Bytes;

use super::options::WriterOptions;
use crate::{
    file::{
        FileError, FileErrorKind, Summary,
        format::MAX_CHUNK_RAW,
        record::{self, CallCount},
    },
    model::event::{Direction, Event, EventKind},
};

/// Bytes of a record's length prefix.
pub(in crate::file) const RECORD_PREFIX: usize = 4;

/// Payloads shorter than this are copied. A kept slice keeps the whole buffer alive that it was cut from, so that many
/// small slices could hold many times their own size; and a copy of 4 KiB costs less than the counting of references.
const COPY_BELOW: usize = 4 << 10;

/// Gathers events into a chunk, without copying the payloads of large messages.
///
/// A builder can be filled on one thread and sealed on another by a [`Sealer`](super::Sealer):
///
/// ```
/// use grpc_capture::model::{Direction, Event, EventKind, Message};
/// use grpc_capture::file::{Codec, Header, Sealed, Sealer, Writer, WriterOptions};
///
/// let mut writer = Writer::new(Vec::new(), &Header::new(0), WriterOptions::default())?;
/// let mut chunk = writer.builder();
/// for seq in 1..=3 {
///     let kind = EventKind::Message(Message::plain(Direction::Received, &b"abc"[..]));
///     let event = Event { call: 1, seq, offset_ns: seq, kind };
///     assert!(!chunk.is_due_before(&event), "close it first when it is");
///     chunk.push(&event)?;
/// }
/// let (mut sealer, mut sealed) = (Sealer::default(), Sealed::default());
/// std::thread::scope(|scope| {
///     let sealing = scope.spawn(|| sealer.seal(&mut chunk, Codec::Stored, &mut sealed));
///     sealing.join().expect("sealing does not panic")
/// })?;
/// writer.append(&sealed)?;
/// assert_eq!(writer.finish()?.messages, 3);
/// # Ok::<(), grpc_capture::file::FileError>(())
/// ```
#[derive(Debug, Default)]
pub struct ChunkBuilder {
    chunk_bytes: usize,
    chunk_ns: u64,
    /// Length prefixes, heads and short payloads.
    inline: Vec<u8>,
    records: Vec<Record>,
    payloads: Vec<Bytes>,
    raw_len: usize,
    pub(super) calls: Vec<CallCount>,
    pub(super) min_offset_ns: u64,
    pub(super) control: bool,
    pub(super) counts: Summary,
    /// The methods of the calls that begin in the chunk.
    pub(super) methods: BTreeSet<String>,
}

/// The position of a record.
#[derive(Debug, Clone, Copy)]
struct Record {
    /// End of the record within `inline`; it begins where the one before ends.
    end: usize,
    /// Length of the record's head, after the length prefix.
    head: usize,
    call: u32,
    /// True when the record's payload is the next of `payloads`.
    kept: bool,
    is_message: bool,
}

/// An encoded record that is about to be added to a chunk.
#[derive(Debug, Clone, Copy)]
pub(super) struct RecordParts<'a> {
    /// Length prefix and head.
    pub(super) head: &'a [u8],
    /// The bytes after the head: a message's payload, which may be empty.
    pub(super) payload: &'a [u8],
    /// The payload again, when it is a slice of the buffer in which it arrived.
    pub(super) kept: Option<&'a Bytes>,
    pub(super) call: u32,
    /// True when the payload is that of a message.
    pub(super) is_message: bool,
}

impl ChunkBuilder {
    /// An empty builder that is [full](Self::is_full) and [due](Self::is_due_before) by these options.
    #[must_use]
    pub fn new(options: &WriterOptions) -> Self {
        Self {
            chunk_bytes: options.chunk_bytes,
            chunk_ns: options.chunk_ns,
            ..Self::default()
        }
    }

    /// Bytes of the records so far.
    #[must_use]
    pub const fn raw_len(&self) -> usize {
        self.raw_len
    }

    /// Number of events so far.
    #[must_use]
    pub const fn events(&self) -> usize {
        self.records.len()
    }

    /// True when nothing has been added since the builder was made or sealed.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    /// True when the chunk has reached [`chunk_bytes`](WriterOptions::chunk_bytes) and should be sealed.
    #[must_use]
    pub const fn is_full(&self) -> bool {
        self.raw_len >= self.chunk_bytes
    }

    /// True when `event` comes [`chunk_ns`](WriterOptions::chunk_ns) or more after the chunk's first, so that the chunk
    /// should be sealed before it.
    #[must_use]
    pub const fn is_due_before(&self, event: &Event) -> bool {
        !self.is_empty() && event.offset_ns.saturating_sub(self.min_offset_ns) >= self.chunk_ns
    }

    /// Adds an event.
    ///
    /// # Errors
    /// When the chunk would be larger than the format allows; then nothing is changed.
    pub fn push(&mut self, event: &Event) -> Result<(), FileError> {
        let start = self.inline.len();
        self.inline.extend_from_slice(&[0; RECORD_PREFIX]);
        if let Err(error) = record::encode_event_head(event, &mut self.inline) {
            self.inline.truncate(start);
            return Err(FileError::corrupt("encode an event", error));
        }
        let head = self.inline.len() - start - RECORD_PREFIX;
        let payload = match &event.kind {
            EventKind::Message(message) => Some(&message.data),
            _ => None,
        };
        let len = head + payload.map_or(0, Bytes::len);
        let raw_len = self.raw_len + RECORD_PREFIX + len;
        if raw_len as u64 > MAX_CHUNK_RAW {
            self.inline.truncate(start);
            let what = "an event";
            let (len, limit) = (raw_len as u64, MAX_CHUNK_RAW);
            return Err(FileError::new(
                "record an event",
                FileErrorKind::TooLarge { what, len, limit },
            ));
        }
        self.inline[start..start + RECORD_PREFIX].copy_from_slice(&(len as u32).to_le_bytes());
        let kept = payload.is_some_and(|payload| payload.len() >= COPY_BELOW);
        match payload {
            Some(payload) if kept => self.payloads.push(payload.clone()),
            Some(payload) => self.inline.extend_from_slice(payload),
            None => {}
        }
        self.raw_len = raw_len;
        self.note(event);
        self.records.push(Record {
            end: self.inline.len(),
            head,
            call: event.call,
            kept,
            is_message: payload.is_some(),
        });
        Ok(())
    }

    fn note(&mut self, event: &Event) {
        self.min_offset_ns = if self.records.is_empty() {
            event.offset_ns
        } else {
            self.min_offset_ns.min(event.offset_ns)
        };
        self.counts.count(event);
        if let EventKind::CallStart(start) = &event.kind
            && !self.methods.contains(&start.method)
        {
            self.methods.insert(start.method.clone());
        }
        let at = match self.calls.binary_search_by_key(&event.call, |count| count.call) {
            Ok(at) => at,
            Err(at) => {
                let count = CallCount {
                    call: event.call,
                    ..CallCount::default()
                };
                self.calls.insert(at, count);
                at
            }
        };
        match (&event.kind, self.calls.get_mut(at)) {
            (EventKind::Message(message), Some(count)) => match message.direction {
                Direction::Sent => count.sent += 1,
                Direction::Received => count.received += 1,
            },
            _ => self.control = true,
        }
    }

    /// The records, in order.
    pub(super) fn records(&self) -> impl Iterator<Item = RecordParts<'_>> {
        let (mut start, mut payloads) = (0, self.payloads.iter());
        self.records.iter().map(move |record| {
            let (head, short) = self.inline[start..record.end].split_at(RECORD_PREFIX + record.head);
            start = record.end;
            let kept = if record.kept { payloads.next() } else { None };
            RecordParts {
                head,
                payload: kept.map_or(short, Bytes::as_ref),
                kept,
                call: record.call,
                is_message: record.is_message,
            }
        })
    }

    /// Empties the builder, keeping its buffers and limits.
    pub(super) fn clear(&mut self) {
        self.inline.clear();
        self.records.clear();
        self.payloads.clear();
        self.raw_len = 0;
        self.calls.clear();
        self.control = false;
        self.counts = Summary::default();
        self.methods.clear();
    }
}
