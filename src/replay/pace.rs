//! The schedule of recorded steps: an anchored schedule, never a chain of sleeps, so that lateness does not add up.

use std::{fmt, str::FromStr, time::Duration};

/// Longest part of the silence before a broken connection that is kept at any rate. Calls of one job share the
/// connection, and must not lose what they have still to send to the first of them that breaks it; and a client tells a
/// job that was closed when idle from one that died by this silence ([`crate::grpc::idle::SILENCE_BEFORE_GOAWAY`]).
pub(crate) const KEPT_SILENCE: Duration = Duration::from_millis(1250);

/// Speed of a replay.
///
/// ```
/// use grpc_capture::serve::Rate;
/// assert_eq!("max".parse(), Ok(Rate::Max));
/// assert_eq!("0.5".parse(), Rate::times(0.5));
/// assert!("-1".parse::<Rate>().is_err());
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Rate {
    /// A multiple of the recorded pace.
    Times(Factor),
    /// As fast as the client accepts.
    Max,
}

/// A factor for the recorded pace: positive and finite.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Factor(f64);

impl Factor {
    /// The factor as a number.
    #[must_use]
    pub const fn get(self) -> f64 {
        self.0
    }
}

/// The error for an invalid rate.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("could not use {given:?} as a replay rate: give a positive number such as 0.5, 1 or 100, or \"max\"")]
pub struct RateError {
    given: String,
}

impl Rate {
    /// The recorded pace.
    pub const RECORDED: Self = Self::Times(Factor(1.0));

    /// `factor` times the recorded pace; 2 is twice as fast.
    ///
    /// # Errors
    /// When `factor` is not a positive finite number.
    pub fn times(factor: f64) -> Result<Self, RateError> {
        if factor.is_finite() && factor > 0.0 {
            Ok(Self::Times(Factor(factor)))
        } else {
            Err(RateError {
                given: factor.to_string(),
            })
        }
    }
}

impl Default for Rate {
    fn default() -> Self {
        Self::RECORDED
    }
}

impl FromStr for Rate {
    type Err = RateError;

    fn from_str(text: &str) -> Result<Self, RateError> {
        if text.eq_ignore_ascii_case("max") {
            return Ok(Self::Max);
        }
        text.parse()
            .ok()
            .and_then(|factor| Self::times(factor).ok())
            .ok_or_else(|| RateError { given: text.to_owned() })
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Times(factor) => write!(f, "{}", factor.0),
            Self::Max => f.write_str("max"),
        }
    }
}

/// Maps a recorded offset to its due time, counted from the start of the replayed call.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Schedule {
    rate: Rate,
    first_ns: u64,
}

impl Schedule {
    /// A schedule that starts at the recorded offset `first_ns`: the opening of the call.
    #[must_use]
    pub(crate) const fn new(rate: Rate, first_ns: u64) -> Self {
        Self { rate, first_ns }
    }

    pub(crate) const fn first_ns(&self) -> u64 {
        self.first_ns
    }

    /// Due time of the step recorded at `offset_ns`, after the start of the call; `None` = at once.
    ///
    /// What was recorded before the call's opening is due at its start.
    #[must_use]
    pub(crate) fn due(&self, offset_ns: u64) -> Option<Duration> {
        let Rate::Times(Factor(factor)) = self.rate else {
            return None;
        };
        let recorded_ns = offset_ns.saturating_sub(self.first_ns);
        // The exact path: a factor of 1 is by far the most common, and an f64 holds whole nanoseconds for 104 days only.
        let due_ns = if factor.to_bits() == 1.0_f64.to_bits() {
            recorded_ns
        } else {
            (recorded_ns as f64 / factor) as u64
        };
        Some(Duration::from_nanos(due_ns))
    }
}

#[cfg(test)]
mod tests;

#[cfg(test)]
mod examples {
    #[test]
    fn example_of_schedule() {
        use crate::replay::{Rate, pace::Schedule};
        use std::time::Duration;
        let schedule = Schedule::new(Rate::times(2.0).unwrap(), 1_000);
        assert_eq!(schedule.due(5_000), Some(Duration::from_micros(2)));
    }
}
