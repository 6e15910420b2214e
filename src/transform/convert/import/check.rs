//! What a file of frames lacks of the capture from which it is made.

use std::collections::{BTreeSet, VecDeque};

use super::{ImportOptions, ok, opening};
use crate::{
    das::dialect::Dialect,
    file::{Attribute, Header},
    model::event::{CAPTURE_CALL, Direction, Ending, Event, EventKind},
    transform::convert::{Loss, Losses},
};

/// Compares the events of a capture with those that an import would make from its frames.
///
/// A file of frames holds the messages that one call received, and nothing else: an import gives them the opening that
/// every call has, the times of their rows, and the ending OK. What the capture holds beyond that is counted.
///
/// ```
/// use grpc_capture::{transform::{FramesCheck, Loss}, file::Reader};
/// let reader = Reader::open("captures/febus-jitter.gcap")?;
/// let mut check = FramesCheck::new(reader.header());
/// for event in reader {
///     check.see(&event?);
/// }
/// assert!(check.finish().is_empty(), "it was made of frames");
///
/// let reader = Reader::open("captures/trailers-only-error.gcap")?;
/// let mut check = FramesCheck::new(reader.header());
/// for event in reader {
///     check.see(&event?);
/// }
/// assert_eq!(check.finish().count(Loss::NotOk), 1);
/// # Ok::<(), grpc_capture::file::FileError>(())
/// ```
#[derive(Debug)]
pub struct FramesCheck {
    job_id: String,
    /// True when offsets are the rows' own.
    by_rows: bool,
    /// The one call in a file of frames, and the events at its beginning that an import would make and that have not
    /// been seen.
    first: Option<(u32, VecDeque<EventKind>)>,
    /// Calls without an ending.
    open: BTreeSet<u32>,
    losses: Losses,
}

impl FramesCheck {
    /// A check for a capture with this header.
    #[must_use]
    pub fn new(header: &Header) -> Self {
        let by_rows = header.text(Attribute::TIMING) == Some("rows");
        let mut losses = Losses::default();
        losses.add(Loss::Attributes, lost_attributes(header, by_rows));
        Self {
            job_id: header.text(Attribute::JOB_ID).unwrap_or_default().to_owned(),
            by_rows,
            first: None,
            open: BTreeSet::new(),
            losses,
        }
    }

    /// Reads the next event.
    pub fn see(&mut self, event: &Event) {
        match &event.kind {
            EventKind::Gap(_) => return self.losses.add(Loss::Gaps, 1),
            EventKind::Note(_) => return self.losses.add(Loss::Notes, 1),
            _ if event.call == CAPTURE_CALL => return,
            EventKind::CallStart(start) => {
                self.losses.add(Loss::Calls, u64::from(self.first.is_some()));
                let options = ImportOptions {
                    dialect: Dialect::from_method(&start.method).unwrap_or_default(),
                    job_id: self.job_id.clone(),
                    ..ImportOptions::default()
                };
                self.first.get_or_insert_with(|| (event.call, opening(&options)));
            }
            _ => {}
        }
        self.open.insert(event.call);
        let known = match &mut self.first {
            Some((first, expected)) if *first == event.call => {
                let at = expected.iter().position(|kind| kind == &event.kind);
                at.is_some_and(|at| expected.remove(at).is_some())
            }
            _ => false,
        };
        let loss = match &event.kind {
            EventKind::End(ending) => {
                self.open.remove(&event.call);
                match ending {
                    Ending::Status(status) if *status == ok() => return,
                    Ending::Status(status) if status.code == 0 => Loss::Metadata,
                    _ => Loss::NotOk,
                }
            }
            EventKind::Message(message) if message.direction == Direction::Received => {
                self.losses.add(Loss::Times, u64::from(!self.by_rows));
                self.losses.add(Loss::Compressed, u64::from(message.compressed));
                return;
            }
            _ if known => return,
            EventKind::Message(_) => Loss::SentMessages,
            _ => Loss::Metadata,
        };
        self.losses.add(loss, 1);
    }

    /// The losses, after the last event.
    #[must_use]
    pub fn finish(mut self) -> Losses {
        // Without an ending it is not known to be whole, and an import takes it for that.
        self.losses.add(Loss::NotOk, self.open.len() as u64);
        self.losses
    }
}

/// Counts attributes that an import of frames restores neither by itself nor by its flags.
fn lost_attributes(header: &Header, by_rows: bool) -> u64 {
    let told = [
        Attribute::TOOL,
        Attribute::SOURCE,
        Attribute::DIALECT,
        Attribute::JOB_ID,
        Attribute::DESCRIPTOR_SET,
        Attribute::DESCRIPTOR_SHA256,
    ];
    let lost = |name: &str| !(told.contains(&name) || by_rows && name == Attribute::TIMING);
    header.attributes.iter().filter(|(name, _)| lost(name)).count() as u64
}
