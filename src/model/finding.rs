//! Findings of the validator, and the verdict that follows from them.

use std::fmt;

use serde::{Serialize, Serializer};

/// Severity of a finding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// For information.
    Info,
    /// A suspicion; fails only a strict validation.
    Warning,
    /// An error; fails every validation.
    Error,
}

impl Severity {
    /// The name in reports and expectation files: `info`, `warning` or `error`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// The place of a finding or another observation. Unset parts do not apply.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Place {
    /// The call, counted from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub call: Option<u32>,
    /// Message of the call, counted from 1 in its direction; where nothing else is said, a received one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<u64>,
    /// Row of the call, counted from 0.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub row: Option<u64>,
    /// Sensor id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sensor: Option<i32>,
    /// Frequency bin, counted from 0.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bin: Option<u64>,
    /// Nanoseconds since the capture began.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub offset_ns: Option<u64>,
    /// Wall-clock time, nanoseconds since the epoch; in JSON `time`, RFC 3339 in UTC.
    #[serde(
        rename = "time",
        serialize_with = "serialize_utc",
        skip_serializing_if = "Option::is_none"
    )]
    pub unix_ns: Option<u64>,
    /// Where the capture is a slice: nanoseconds since the capture began that it was cut from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub original_offset_ns: Option<u64>,
    /// Byte within the message.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub byte: Option<u64>,
}

#[expect(clippy::ref_option, reason = "serde gives it so")]
fn serialize_utc<S: Serializer>(unix_ns: &Option<u64>, serializer: S) -> Result<S::Ok, S::Error> {
    unix_ns.and_then(utc).serialize(serializer)
}

impl Place {
    /// A place in a call, with its offset.
    ///
    /// ```
    /// use grpc_capture::model::Place;
    /// let place = Place::call(1, 2_500_000_000).at_message(7).at_row(20);
    /// assert_eq!(place.to_string(), "call 1, message 7, row 20, at 2.500 s");
    /// ```
    #[must_use]
    pub fn call(call: u32, offset_ns: u64) -> Self {
        Self {
            call: Some(call),
            offset_ns: Some(offset_ns),
            ..Self::default()
        }
    }

    /// The place with its wall-clock time, for a capture that began at `anchor_unix_ns` and `origin_ns` into the
    /// capture from which it was cut.
    #[must_use]
    pub fn on_clock(mut self, anchor_unix_ns: u64, origin_ns: Option<u64>) -> Self {
        let at = |base: u64| Some(base.saturating_add(self.offset_ns?));
        // A capture of messages without times begins at no time.
        let unix_ns = (anchor_unix_ns > 0).then(|| at(anchor_unix_ns)).flatten();
        (self.unix_ns, self.original_offset_ns) = (unix_ns, origin_ns.and_then(at));
        self
    }

    /// A text of the place with its wall-clock time and its offset in the capture from which this one was cut.
    ///
    /// ```
    /// use grpc_capture::model::Place;
    /// let place = Place::call(1, 2_500_000_000).at_message(7).on_clock(1_700_000_000_000_000_000, None);
    /// assert_eq!(place.in_full().to_string(), "call 1, message 7, at 2.500 s (2023-11-14T22:13:22.500000Z)");
    /// ```
    #[must_use]
    pub const fn in_full(self) -> PlaceInFull {
        PlaceInFull(self)
    }

    /// The place narrowed to a received message.
    #[must_use]
    pub const fn at_message(mut self, message: u64) -> Self {
        self.message = Some(message);
        self
    }

    /// The place narrowed to a row.
    #[must_use]
    pub const fn at_row(mut self, row: u64) -> Self {
        self.row = Some(row);
        self
    }

    /// The place narrowed to a sensor.
    #[must_use]
    pub const fn at_sensor(mut self, sensor: i32) -> Self {
        self.sensor = Some(sensor);
        self
    }

    /// The place narrowed to a bin.
    #[must_use]
    pub const fn at_bin(mut self, bin: u64) -> Self {
        self.bin = Some(bin);
        self
    }

    /// The place narrowed to a byte of the message.
    #[must_use]
    pub const fn at_byte(mut self, byte: u64) -> Self {
        self.byte = Some(byte);
        self
    }
}

impl fmt::Display for Place {
    /// `call 1, message 7, row 20, sensor 3, bin 5, byte 12, at 2.500 s`, as far as it is known; `the capture` otherwise.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts = [
            ("call", self.call.map(|call| call.to_string())),
            ("message", self.message.map(|message| message.to_string())),
            ("row", self.row.map(|row| row.to_string())),
            ("sensor", self.sensor.map(|sensor| sensor.to_string())),
            ("bin", self.bin.map(|bin| bin.to_string())),
            ("byte", self.byte.map(|byte| byte.to_string())),
        ];
        let said = parts
            .into_iter()
            .filter_map(|(name, value)| Some(format!("{name} {}", value?)));
        let at = self.offset_ns.map(|ns| format!("at {:.3} s", ns as f64 / 1e9));
        let parts: Vec<_> = said.chain(at).collect();
        if parts.is_empty() {
            return f.pad("the capture");
        }
        f.pad(&parts.join(", "))
    }
}

/// The full text of a place, see [`Place::in_full`].
#[derive(Debug, Clone, Copy)]
pub struct PlaceInFull(Place);

impl fmt::Display for PlaceInFull {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(place) = self;
        write!(f, "{place}")?;
        let original = place.original_offset_ns;
        let original = original.map(|ns| format!("{:.3} s of the original capture", ns as f64 / 1e9));
        let more: Vec<_> = original.into_iter().chain(place.unix_ns.and_then(utc)).collect();
        if more.is_empty() {
            Ok(())
        } else {
            write!(f, " ({})", more.join(", "))
        }
    }
}

/// Formats a time of the wall clock in UTC to the microsecond, by RFC 3339; `None` where no calendar reaches.
#[must_use]
pub(crate) fn utc(unix_ns: u64) -> Option<String> {
    // Cut, not rounded: no time stands after that of the next event.
    let micros = i64::try_from(unix_ns / 1000).ok()?;
    let time = jiff::Timestamp::from_microsecond(micros).ok()?;
    Some(format!("{time:.6}"))
}

/// One finding of the validator; repeats are folded into one finding with a count.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Finding {
    /// Identifier of the rule, kebab-case (`zero-frames`).
    pub rule: &'static str,
    /// Severity.
    pub severity: Severity,
    /// Number of occurrences.
    pub count: u64,
    /// Place of the first occurrence.
    pub first: Place,
    /// Place of the last occurrence.
    pub last: Place,
    /// The observation and the expectation: the worst of the repeats, and how many there are.
    pub message: String,
    /// The observed value, where there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seen: Option<String>,
    /// The expected value, where there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expected: Option<String>,
    /// Advice on what to do.
    pub hint: String,
}

/// The outcome of a validation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// No finding fails it.
    Pass,
    /// At least one finding fails it.
    Fail,
}

#[cfg(test)]
mod examples {
    #[test]
    fn example_of_utc() {
        use crate::model::finding::utc;
        assert_eq!(
            utc(1_700_000_000_123_456_789).as_deref(),
            Some("2023-11-14T22:13:20.123456Z")
        );
    }
}
