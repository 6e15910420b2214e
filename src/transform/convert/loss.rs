//! What a conversion could not keep, by kind and count.

use std::{collections::BTreeMap, fmt};

use serde::{Serialize, Serializer, ser::SerializeMap};

/// A kind of thing that an import or an export did not keep.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Loss {
    /// Calls whose ending is not known.
    UnendedCalls,
    /// Endings that the format cannot say: an import gives the call none.
    Endings,
    /// Endings other than OK, which the format cannot say: an import takes the call for whole.
    NotOk,
    /// Cancelled calls of which the format does not say who cancelled them, and why.
    CancelReasons,
    /// Gaps: records of lost messages.
    Gaps,
    /// Gaps whose messages are counted, and not why they are lost or which way they went.
    GapReasons,
    /// Notes.
    Notes,
    /// Metadata and trailers that do not come back as they were.
    Metadata,
    /// Calls of which it is not kept on which connection of the client they came.
    Connections,
    /// Attributes of the capture's header.
    Attributes,
    /// Messages that were compressed on the wire, and are kept as their content.
    Compressed,
    /// Messages that could not be inflated, and stand as recorded.
    NotInflated,
    /// Messages of which only the beginning is there.
    TruncatedMessages,
    /// Messages that the client sent.
    SentMessages,
    /// Times at which messages arrived.
    Times,
    /// Calls beyond the first, in a format that holds one.
    Calls,
    /// Entries whose time is earlier than that of the entry before them.
    EarlierTimes,
    /// Entries that the sequence numbers of the file say are missing.
    MissingEntries,
    /// Entries that stand twice, or behind a later one.
    RepeatedEntries,
    /// Entries that belong to no open call: its opening is before the file, or its ending before the entry.
    EntriesWithoutCall,
    /// Attachments.
    Attachments,
    /// Schemas.
    Schemas,
    /// Messages on channels that other software added to a file of ours.
    OtherChannels,
    /// The end of a file of ours, which says how many events it holds.
    FileEnd,
    /// Events of a file of ours that are not there.
    MissingEvents,
    /// The end of the capture that a file of ours was made of.
    Unfinished,
}

impl Loss {
    /// The singular noun and what is to say about it.
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

/// What was not kept: for each kind, how many.
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

    /// How many of a kind.
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
