//! Expectations about a stream: from a file, from flags, and from the configure request and response in the capture.

mod error;
mod header;
mod init;
pub(crate) mod methods;
mod parse;
mod write;

use std::{collections::BTreeMap, fmt};

use serde::Serialize;

use crate::{das::focus::Span, model::finding::Severity};

pub(crate) use crate::das::focus::SensorSet;

pub use error::ExpectError;
pub(crate) use init::{Observed, ObservedMethod};
use methods::MethodExpectation;
pub(crate) use parse::ZERO_RULES;

/// First frame within this many seconds (the specification's own figure).
pub(crate) const FIRST_FRAME_S: f64 = 5.0;

/// Longest silence between frames that is not a stall, in seconds: bursts of a recorded job lie far closer.
pub(crate) const LARGEST_GAP_S: f64 = 10.0;

/// Source of an expectation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ExpectationSource {
    /// The body that was posted to `/configure`: what was asked for.
    Request,
    /// The body that came back: what the server says it sends.
    Response,
    /// An expectation file.
    File,
    /// A flag of the command line, or a caller of the library.
    Flag,
}

impl ExpectationSource {
    /// The name in reports.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Request => "configure request",
            Self::Response => "configure response",
            Self::File => "expectation file",
            Self::Flag => "flag",
        }
    }

    /// True when a person stated the expectation for this validation.
    pub(crate) const fn is_explicit(self) -> bool {
        matches!(self, Self::File | Self::Flag)
    }
}

impl fmt::Display for ExpectationSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// An expected value with its source.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Expected<T> {
    /// The value.
    pub value: T,
    /// The source.
    pub source: ExpectationSource,
}

impl<T> Expected<T> {
    /// An expectation from a flag or a caller.
    pub const fn flag(value: T) -> Self {
        let source = ExpectationSource::Flag;
        Self { value, source }
    }
}

/// The severity level that is configured for a rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// The rule is off.
    Off,
    /// Worth knowing.
    Info,
    /// Suspicious.
    Warning,
    /// Wrong.
    Error,
}

impl Level {
    /// Every level, with its name in expectation files.
    pub const ALL: [(&'static str, Self); 4] = [
        ("off", Self::Off),
        ("info", Self::Info),
        ("warning", Self::Warning),
        ("error", Self::Error),
    ];

    /// The level as a severity; `None` when it is off.
    #[must_use]
    pub const fn severity(self) -> Option<Severity> {
        match self {
            Self::Off => None,
            Self::Info => Some(Severity::Info),
            Self::Warning => Some(Severity::Warning),
            Self::Error => Some(Severity::Error),
        }
    }
}

/// The time range in a configure request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum AskedTime {
    /// Live data, with this many seconds of history in the view.
    Live { shown_s: i64 },
    /// A historic recording, in seconds since 1970.
    Recorded { start_s: i64, end_s: i64 },
}

/// The parts of a configure request that can be compared with the response and the stream.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(crate) struct Requested {
    /// Requested channels.
    pub(crate) channels: Option<Span<i64>>,
    /// Requested frequencies, Hz.
    pub(crate) frequency_hz: Option<Span<f64>>,
    /// Requested time.
    pub(crate) time: Option<AskedTime>,
}

/// Channels in a configure exchange.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Channels {
    /// Channels of each stream (response).
    pub(crate) streams: BTreeMap<i64, u32>,
    /// The requested channels, when the response does not say which are sent.
    pub(crate) asked: Option<Span<i64>>,
}

impl Channels {
    /// First and last channel of a stream, where the response maps any to it.
    pub(crate) fn of_stream(&self, stream: i32) -> Option<(i64, i64)> {
        let of_stream = |(channel, at): (&i64, &u32)| (i64::from(*at) == i64::from(stream)).then_some(*channel);
        let mut channels = self.streams.iter().filter_map(of_stream);
        let first = channels.next()?;
        Some((first, channels.next_back().unwrap_or(first)))
    }
}

/// Expectations about a stream. The default expects nothing that not every stream must hold.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Expectations {
    /// Ids of all sensors, over all streams.
    pub sensors: Option<Expected<SensorSet>>,
    /// Frequency bins of each sensor.
    pub bins: Option<Expected<u64>>,
    /// Lowest and highest frequency, Hz.
    pub frequency_hz: Option<Expected<Span<f64>>>,
    /// The frequency of each bin, Hz: lowest and highest of them.
    pub bins_hz: Option<Expected<Span<f64>>>,
    /// Lowest and highest plausible intensity, dB; infinities are judged apart.
    pub amplitude_db: Option<Expected<Span<f64>>>,
    /// Seconds from one row to the next.
    pub lines_dt_s: Option<Expected<f64>>,
    /// Minimum frames per second in each call.
    pub minimum_fps: Option<Expected<f64>>,
    /// Minimum megabytes (10⁶ bytes) per second in each call.
    pub minimum_mb_per_s: Option<Expected<f64>>,
    /// Longest time from the call to its first frame, in seconds; `FIRST_FRAME_S` by default.
    pub first_frame_s: Option<Expected<f64>>,
    /// Longest time between two frames, in seconds; `LARGEST_GAP_S` by default.
    pub largest_gap_s: Option<Expected<f64>>,
    /// Minimum number of frames in the capture.
    pub minimum_frames: Option<Expected<u64>>,
    /// Minimum number of rows in the capture.
    pub minimum_rows: Option<Expected<u64>>,
    /// Streams that the job is split into.
    pub streams: Option<Expected<u32>>,
    /// Duration of the requested recording, in seconds.
    pub window_s: Option<Expected<f64>>,
    /// Severities other than the rules' own, by rule.
    pub levels: BTreeMap<&'static str, Level>,
    /// Expectations about the calls of methods, in the order of their patterns.
    pub(crate) methods: Vec<MethodExpectation>,
    pub(crate) channels: Channels,
    pub(crate) requested: Requested,
}

impl Expectations {
    /// Merges two sets of expectations; those of `over` win: a file over what the capture holds, flags over a file.
    #[must_use]
    pub fn merge(self, over: Self) -> Self {
        let mut levels = self.levels;
        levels.extend(over.levels);
        // Who names the sensors himself does not care what the configure exchange says of them.
        let names_sensors = over.sensors.is_some() || self.sensors.is_some();
        let channels = if names_sensors {
            Channels {
                asked: None,
                ..self.channels
            }
        } else {
            self.channels
        };
        Self {
            sensors: over.sensors.or(self.sensors),
            bins: over.bins.or(self.bins),
            frequency_hz: over.frequency_hz.or(self.frequency_hz),
            bins_hz: over.bins_hz.or(self.bins_hz),
            amplitude_db: over.amplitude_db.or(self.amplitude_db),
            lines_dt_s: over.lines_dt_s.or(self.lines_dt_s),
            minimum_fps: over.minimum_fps.or(self.minimum_fps),
            minimum_mb_per_s: over.minimum_mb_per_s.or(self.minimum_mb_per_s),
            first_frame_s: over.first_frame_s.or(self.first_frame_s),
            largest_gap_s: over.largest_gap_s.or(self.largest_gap_s),
            minimum_frames: over.minimum_frames.or(self.minimum_frames),
            minimum_rows: over.minimum_rows.or(self.minimum_rows),
            streams: over.streams.or(self.streams),
            window_s: over.window_s.or(self.window_s),
            levels,
            methods: methods::merge(self.methods, over.methods),
            channels,
            requested: Requested {
                channels: self.requested.channels.filter(|_| !names_sensors),
                ..self.requested
            },
        }
    }

    /// Lists all expectations in words, each with its source: key, value, source.
    #[must_use]
    pub fn list(&self) -> Vec<ExpectedItem> {
        let span = |span: &Span<f64>| format!("{}..{}", span.min, span.max);
        let mut list = Vec::new();
        item(&mut list, "sensors", self.sensors.as_ref(), ToString::to_string);
        if self.sensors.is_none() {
            let mapped: SensorSet = self.channels.streams.keys().copied().collect();
            let mapped = Some(mapped)
                .filter(|set| !set.is_empty())
                .map(|set| (set, ExpectationSource::Response));
            let asked = self
                .channels
                .asked
                .map(|span| (SensorSet::from(span), ExpectationSource::Request));
            let channels = mapped.or(asked).map(|(value, source)| Expected { value, source });
            item(&mut list, "sensors", channels.as_ref(), ToString::to_string);
        }
        item(&mut list, "bins", self.bins.as_ref(), ToString::to_string);
        item(&mut list, "frequency_hz", self.frequency_hz.as_ref(), span);
        item(&mut list, "amplitude_db", self.amplitude_db.as_ref(), span);
        item(&mut list, "lines_dt_s", self.lines_dt_s.as_ref(), ToString::to_string);
        item(&mut list, "minimum_fps", self.minimum_fps.as_ref(), ToString::to_string);
        let rate = self.minimum_mb_per_s.as_ref();
        item(&mut list, "minimum_mb_per_s", rate, ToString::to_string);
        item(
            &mut list,
            "first_frame_s",
            self.first_frame_s.as_ref(),
            ToString::to_string,
        );
        item(
            &mut list,
            "largest_gap_s",
            self.largest_gap_s.as_ref(),
            ToString::to_string,
        );
        item(
            &mut list,
            "minimum_frames",
            self.minimum_frames.as_ref(),
            ToString::to_string,
        );
        item(
            &mut list,
            "minimum_rows",
            self.minimum_rows.as_ref(),
            ToString::to_string,
        );
        item(&mut list, "streams", self.streams.as_ref(), ToString::to_string);
        item(&mut list, "window_s", self.window_s.as_ref(), ToString::to_string);
        list.extend(self.methods.iter().map(|expected| ExpectedItem {
            key: "method",
            value: expected.text(),
            source: ExpectationSource::File,
        }));
        list
    }

    /// True when a person expects something that only spectrogram streams have.
    pub(crate) fn want_spectrograms(&self) -> bool {
        fn is_explicit<T>(expected: Option<&Expected<T>>) -> bool {
            expected.is_some_and(|expected| expected.source.is_explicit())
        }
        is_explicit(self.sensors.as_ref())
            || is_explicit(self.bins.as_ref())
            || is_explicit(self.frequency_hz.as_ref())
            || is_explicit(self.amplitude_db.as_ref())
            || is_explicit(self.lines_dt_s.as_ref())
            || is_explicit(self.minimum_fps.as_ref())
            || is_explicit(self.minimum_frames.as_ref())
            || is_explicit(self.minimum_rows.as_ref())
            || is_explicit(self.streams.as_ref())
            || is_explicit(self.window_s.as_ref())
    }

    pub(crate) fn first_frame_ns(&self) -> u64 {
        nanoseconds(self.first_frame_s.as_ref().map_or(FIRST_FRAME_S, |s| s.value))
    }

    /// Longest silence that is not a stall; rows that come slower than the default are given three of their own
    /// durations.
    pub(crate) fn largest_gap_ns(&self) -> u64 {
        let slow_rows = self.lines_dt_s.as_ref().map_or(0.0, |dt| 3.0 * dt.value);
        let default = LARGEST_GAP_S.max(slow_rows);
        nanoseconds(self.largest_gap_s.as_ref().map_or(default, |s| s.value))
    }
}

/// One expectation in words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ExpectedItem {
    /// Its key in an expectation file.
    pub key: &'static str,
    /// Its value.
    pub value: String,
    /// Source of the expectation.
    pub source: ExpectationSource,
}

fn item<T>(
    list: &mut Vec<ExpectedItem>,
    key: &'static str,
    expected: Option<&Expected<T>>,
    text: impl Fn(&T) -> String,
) {
    list.extend(expected.map(|expected| ExpectedItem {
        key,
        value: text(&expected.value),
        source: expected.source,
    }));
}

fn nanoseconds(seconds: f64) -> u64 {
    (seconds * 1e9) as u64
}

#[cfg(test)]
mod tests;

#[cfg(test)]
mod examples {
    #[test]
    fn expectations() -> Result<(), crate::das::expect::ExpectError> {
        use crate::das::expect::Expectations;
        let expect = Expectations::parse_toml(
            "sensors = '1..50'\nbins = 256\nallow = ['clock-jitter']",
            &["clock-jitter"],
        )?;
        assert_eq!(expect.bins.map(|bins| bins.value), Some(256));
        let slip = Expectations::parse_toml("sensor = '1..50'", &[]).unwrap_err();
        assert!(slip.to_string().contains("did you mean `sensors`?"));
        Ok(())
    }
}
