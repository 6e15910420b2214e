//! Playback options: what is played, when, to whom, and how it ends.

use std::{fmt, num::NonZeroU64, str::FromStr, time::Duration};

use crate::replay::pace::Rate;

/// Options of the playback. The default is the whole recording, once, at the recorded pace.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Playback {
    /// Speed.
    pub rate: Rate,
    /// Number of repetitions; the ending comes after the last time.
    pub loops: Loops,
    /// Offset after the opening of each call at which playing starts; its initial metadata is sent all the same.
    pub start_offset: Duration,
    /// Longest duration of the recording that is played; the call then ends with OK.
    pub playback_duration: Option<Duration>,
    /// Longest pause, as the client sees it, at any rate.
    pub max_wait: Option<Duration>,
    /// Whether the frames keep the timestamps of their rows.
    pub restamp: Restamp,
    /// How calls end.
    pub end: End,
    /// Silence after which a call is closed as production closes an idle job: GOAWAY, then the connection. Then a call
    /// does not end after its last message, unless a status other than OK was recorded.
    pub idle_goaway: Option<Duration>,
}

impl Playback {
    /// True when calls are played once from beginning to end: its steps are those of the recording.
    pub(super) fn is_plain(&self) -> bool {
        self.loops == Loops::default()
            && self.start_offset.is_zero()
            && self.playback_duration.is_none()
            && self.idle_goaway.is_none()
    }
}

/// Number of repetitions of a recording in one call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Loops {
    /// This many times.
    Times(NonZeroU64),
    /// Until the client cancels.
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
    /// Timestamps are kept: every byte is as recorded.
    #[default]
    Off,
    /// Timestamps are shifted so that the newest row of the first frame is current; distances are kept, and every other
    /// byte too.
    Now,
}

/// How a replayed call ends after its last message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum End {
    /// As recorded.
    #[default]
    Recorded,
    /// With OK.
    Ok,
    /// Never: the call stays open and silent until the client leaves.
    Hold,
    /// With UNAVAILABLE.
    Unavailable,
}

/// Distribution of the messages of a recorded call among clients.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Delivery {
    /// Every client receives all messages, however often it calls.
    #[default]
    Broadcast,
    /// The first client receives all messages; later clients receive only the ending.
    Once,
    /// Clients compete, as in production: each message goes to one of them, and once only.
    Compete,
}

/// The error for an unknown word.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{given:?} is unknown; choose one of {known}")]
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
