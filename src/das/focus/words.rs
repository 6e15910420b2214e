//! Value types of a job description: ranges, views, periods.

use std::{fmt, str::FromStr};

/// A range from `min` to `max`, both included; written `1..10` (or `1-10`, or one number).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span<T> {
    /// The lowest.
    pub min: T,
    /// The highest.
    pub max: T,
}

impl<T: FromStr + Copy> FromStr for Span<T> {
    type Err = NoSpan;

    /// ```
    /// use grpc_capture::das::Span;
    /// assert_eq!("1..10".parse(), Ok(Span { min: 1, max: 10 }));
    /// assert_eq!("7".parse(), Ok(Span { min: 7, max: 7 }));
    /// assert!("10..".parse::<Span<i64>>().is_err());
    /// ```
    fn from_str(text: &str) -> Result<Self, NoSpan> {
        let end = |part: &str| part.trim().parse::<T>().map_err(|_| NoSpan(text.to_owned()));
        let dash = |text: &'_ str| text.char_indices().skip(1).find(|(_, c)| *c == '-').map(|(at, _)| at);
        if let Some((min, max)) = text.split_once("..") {
            let (min, max) = (end(min)?, end(max.trim_start_matches('='))?);
            return Ok(Self { min, max });
        }
        if let Ok(both) = end(text) {
            return Ok(Self { min: both, max: both });
        }
        let (min, max) = dash(text)
            .and_then(|at| Some((text.get(..at)?, text.get(at + 1..)?)))
            .unwrap_or((text, ""));
        Ok(Self {
            min: end(min)?,
            max: end(max)?,
        })
    }
}

impl<T: fmt::Display> fmt::Display for Span<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}..{}", self.min, self.max)
    }
}

/// The error for a text that is not a range.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a range; write it like `1..10`, both ends included")]
pub struct NoSpan(pub String);

/// How the front end draws the job.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum View {
    /// One spectrogram for each sensor (0). The default.
    #[default]
    Multi,
    /// One sensor (1).
    Single,
    /// All sensors over time (2).
    Waterfall,
}

impl View {
    /// All views, in the order of their codes.
    pub const ALL: [Self; 3] = [Self::Multi, Self::Single, Self::Waterfall];

    /// The number on the wire: 0, 1 or 2. Requests carry it as a string.
    #[must_use]
    pub const fn code(self) -> i64 {
        match self {
            Self::Multi => 0,
            Self::Single => 1,
            Self::Waterfall => 2,
        }
    }

    /// Name in command lines: `multi`, `single` or `waterfall`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Multi => "multi",
            Self::Single => "single",
            Self::Waterfall => "waterfall",
        }
    }
}

impl fmt::Display for View {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for View {
    type Err = UnknownView;

    /// Parses the name or the number.
    fn from_str(text: &str) -> Result<Self, UnknownView> {
        let named = |view: &Self| view.name().eq_ignore_ascii_case(text) || view.code().to_string() == text;
        Self::ALL
            .into_iter()
            .find(named)
            .ok_or_else(|| UnknownView(text.to_owned()))
    }
}

/// The error for an unknown view.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a view; use multi (0), single (1) or waterfall (2)")]
pub struct UnknownView(pub String);

/// The time range of a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Period {
    /// Live data. The default.
    #[default]
    Live,
    /// A historic recording.
    Recorded {
        /// First second, since the Unix epoch.
        start_s: i64,
        /// Last second, since the Unix epoch.
        end_s: i64,
    },
}

/// The format of a job description.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// JSON.
    Json,
    /// TOML.
    Toml,
}

impl Format {
    /// The format by file name: TOML for `.toml`, JSON for any other.
    #[must_use]
    pub fn of_path(path: &std::path::Path) -> Self {
        let toml = path
            .extension()
            .is_some_and(|extension| extension.eq_ignore_ascii_case("toml"));
        if toml { Self::Toml } else { Self::Json }
    }
}

#[cfg(test)]
mod tests;
