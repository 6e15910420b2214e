//! How captures are replayed: what is played, when, to whom, and how it ends.

use std::{fmt, num::NonZeroU64, str::FromStr, time::Duration};

use crate::replay::pace::Rate;

/// What is played, and how fast. The default is the whole recording, once, at the recorded pace.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Playback {
    /// How fast.
    pub rate: Rate,
    /// How often; the ending comes after the last time.
    pub loops: Loops,
    /// Begin so long after the opening of each call; its initial metadata is sent all the same.
    pub start_offset: Duration,
    /// Play no more than so much of the recording; the call then ends with OK.
    pub playback_duration: Option<Duration>,
    /// Let no pause last longer than this, as the client sees it, whatever the rate.
    pub max_wait: Option<Duration>,
    /// Whether the frames keep the timestamps of their rows.
    pub restamp: Restamp,
    /// How calls end.
    pub end: End,
    /// A call that is silent for this long is closed as production closes an idle job: GOAWAY, then the connection. Then a
    /// call does not end after its last message, unless a status other than OK was recorded.
    pub idle_goaway: Option<Duration>,
}

impl Playback {
    /// True when a call is played from its beginning to its end, once: its steps are those of the recording.
    pub(super) fn is_plain(&self) -> bool {
        self.loops == Loops::default()
            && self.start_offset.is_zero()
            && self.playback_duration.is_none()
            && self.idle_goaway.is_none()
    }
}

/// How often a recording is played in one call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Loops {
    /// So many times.
    Times(NonZeroU64),
    /// Until the client has had enough.
    Forever,
}

impl Default for Loops {
    fn default() -> Self {
        Self::Times(NonZeroU64::MIN)
    }
}

/// Whether the frames keep the timestamps of their rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Restamp {
    /// They do: every byte is as recorded.
    #[default]
    Off,
    /// They are moved so that the newest row of the first frame is of now; distances are kept, and every other byte too.
    Now,
}

/// How a replayed call ends after its last message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum End {
    /// As the recorded one did.
    #[default]
    Recorded,
    /// With OK.
    Ok,
    /// Not at all: the call stays open and silent until the client leaves.
    Hold,
    /// With UNAVAILABLE.
    Unavailable,
}

/// Who gets the messages of a recorded call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Delivery {
    /// Every client gets all of them, however often it asks.
    #[default]
    Broadcast,
    /// The first client gets all of them; who asks later gets none, only the ending.
    Once,
    /// As in production: clients compete, each message goes to one of them, and once only.
    Compete,
}

/// A word that is none of those that are known.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{given:?} is not known here; choose one of {known}")]
pub struct UnknownWord {
    given: String,
    known: String,
}

impl UnknownWord {
    pub(super) fn new(given: &str, known: &[&str]) -> Self {
        Self {
            given: given.to_owned(),
            known: known.join(", "),
        }
    }
}

impl FromStr for End {
    type Err = UnknownWord;

    fn from_str(text: &str) -> Result<Self, UnknownWord> {
        match text {
            "recorded" => Ok(Self::Recorded),
            "ok" => Ok(Self::Ok),
            "hold" => Ok(Self::Hold),
            "unavailable" => Ok(Self::Unavailable),
            _ => Err(UnknownWord::new(text, &["recorded", "ok", "hold", "unavailable"])),
        }
    }
}

impl fmt::Display for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Recorded => "recorded",
            Self::Ok => "ok",
            Self::Hold => "hold",
            Self::Unavailable => "unavailable",
        })
    }
}
