//! Losses of a conversion, by kind and count.

use std::{collections::BTreeMap, fmt};

use serde::{Serialize, Serializer, ser::SerializeMap};

/// A kind of loss in an import or an export.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Loss {
    /// Calls without a known ending.
    UnendedCalls,
    /// Endings that the format cannot express: an import gives the call none.
    Endings,
    /// Endings other than OK, which the format cannot express: an import takes the call for whole.
    NotOk,
    /// Cancelled calls without the side and the reason, which the format does not contain.
    CancelReasons,
    /// Gaps: records of lost messages.
    Gaps,
    /// Gaps whose count is kept without reason or direction.
    GapReasons,
    /// Notes.
    Notes,
    /// Metadata and trailers that would not be restored exactly.
    Metadata,
    /// Calls without the number of their connection.
    Connections,
    /// Attributes of the capture's header.
    Attributes,
    /// Messages that were compressed on the wire and are kept uncompressed.
    Compressed,
    /// Messages that could not be inflated and are kept as recorded.
    NotInflated,
    /// Messages that are truncated.
    TruncatedMessages,
    /// Messages that the client sent.
    SentMessages,
    /// Times at which messages arrived.
    Times,
    /// Calls beyond the first, in a format that holds one.
    Calls,
    /// Entries that are earlier than the entry before them.
    EarlierTimes,
    /// Entries that are missing by the sequence numbers of the file.
    MissingEntries,
    /// Entries that are repeated, or out of order.
    RepeatedEntries,
    /// Entries that belong to no open call: its opening is before the file, or its ending before the entry.
    EntriesWithoutCall,
    /// Attachments.
    Attachments,
    /// Schemas.
    Schemas,
    /// Messages on channels that other software added to an exported capture.
    OtherChannels,
    /// The end of an exported capture, which contains the number of events.
    FileEnd,
    /// Missing events of an exported capture.
    MissingEvents,
    /// The end of the capture that was exported.
    Unfinished,
}

impl Loss {
    /// The singular noun and the explanation.
    const fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::UnendedCalls => ("call", "without a known ending"),
            Self::Endings => (
                "ending",
                "that the format cannot hold left out: an import of the file gives the call none",
            ),
            Self::NotOk => (
                "ending",
                "other than OK left out: an import of the file takes the call for whole",
            ),
            Self::CancelReasons => ("cancelled call", "of which it is not kept who cancelled, and why"),
            Self::Gaps => ("gap", "left out"),
            Self::GapReasons => ("gap", "of which only the number of lost messages is kept"),
            Self::Notes => ("note", "left out"),
            Self::Metadata => ("set", "of metadata or trailers kept only in part"),
            Self::Connections => ("call", "kept without its connection"),
            Self::Attributes => ("header attribute", "left out"),
            Self::Compressed => ("compressed message", "kept as its content"),
            Self::NotInflated => ("message", "could not be inflated, kept as recorded"),
            Self::TruncatedMessages => ("message", "cut short in the file, counted as a gap"),
            Self::SentMessages => ("sent message", "left out"),
            Self::Times => ("message", "kept without a time of arrival"),
            Self::Calls => ("call", "not told apart from the first"),
            Self::EarlierTimes => (
                "time",
                "earlier than the one before it, set to the time of the entry before",
            ),
            Self::MissingEntries => ("entry", "missing by the sequence numbers"),
            Self::RepeatedEntries => ("entry", "with a sequence number that came before"),
            Self::EntriesWithoutCall => ("entry", "of calls whose start is not in the file left out"),
            Self::Attachments => ("attachment", "left out"),
            Self::Schemas => ("schema", "left out"),
            Self::OtherChannels => ("message", "on channels of other software left out"),
            Self::FileEnd => (
                "end",
                "of the export missing: the file was cut off, or its export failed",
            ),
            Self::MissingEvents => ("event", "of the exported capture missing"),
            Self::Unfinished => ("capture", "that was exported had not been finished"),
        }
    }
}

/// The losses of a conversion: for each kind, how many.
///
/// ```
/// use grpc_capture::transform::{Loss, Losses};
/// let mut losses = Losses::default();
/// assert!(losses.is_empty());
/// losses.add(Loss::Notes, 2);
/// losses.add(Loss::Gaps, 1);
/// assert_eq!(losses.to_string(), "1 gap left out; 2 notes left out");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Losses(BTreeMap<Loss, u64>);

impl Losses {
    /// Counts `more` of a kind.
    pub fn add(&mut self, loss: Loss, more: u64) {
        if more > 0 {
            let count = self.0.entry(loss).or_default();
            *count = count.saturating_add(more);
        }
    }

    /// True when everything was kept.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The count of one kind.
    #[must_use]
    pub fn count(&self, loss: Loss) -> u64 {
        self.0.get(&loss).copied().unwrap_or_default()
    }

    /// Each kind and its count.
    pub fn iter(&self) -> impl Iterator<Item = (Loss, u64)> {
        self.0.iter().map(|(loss, count)| (*loss, *count))
    }
}

impl fmt::Display for Losses {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, (loss, count)) in self.iter().enumerate() {
            let (noun, rest) = loss.words();
            let noun = match (count, noun.strip_suffix('y')) {
                (1, _) => noun.to_owned(),
                (_, Some(stem)) => format!("{stem}ies"),
                (_, None) => format!("{noun}s"),
            };
            let between = if at > 0 { "; " } else { "" };
            write!(f, "{between}{count} {noun} {rest}")?;
        }
        Ok(())
    }
}

impl Serialize for Losses {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (loss, count) in &self.0 {
            map.serialize_entry(loss, count)?;
        }
        map.end()
    }
}
