//! Values of flags: times, sizes, ranges, rates and tags, with errors that show how they are written.

use std::{str::FromStr, time::Duration};

/// A length of time: `30s`, `500ms`, `1m30s`, `2h`, or a number of seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Span(pub(crate) Duration);

impl FromStr for Span {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let how = || format!("`{text}` is not a length of time; write 30s, 500ms, 1m30s, or a number of seconds");
        if let Ok(seconds) = text.parse::<f64>() {
            return Duration::try_from_secs_f64(seconds).map(Self).map_err(|_| how());
        }
        let span: jiff::SignedDuration = text.parse().map_err(|_| how())?;
        Duration::try_from(span).map(Self).map_err(|_| how())
    }
}

/// A number of bytes: `500MB`, `10MiB`, `4096`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Size(pub(crate) u64);

impl FromStr for Size {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let size: Result<bytesize::ByteSize, _> = text.parse();
        size.map(|size| Self(size.as_u64()))
            .map_err(|_| format!("`{text}` is not a size; write 500MB, 10MiB, or a number of bytes"))
    }
}

/// A range of whole numbers, both ends included: `0..10`, `1-50`, or one number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Whole(pub(crate) i64, pub(crate) i64);

/// A range of frequencies in Hz: `0..500`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Hertz(pub(crate) f64, pub(crate) f64);

fn ends(text: &str) -> Option<(&str, &str)> {
    text.split_once("..=")
        .or_else(|| text.split_once(".."))
        .or_else(|| text.split_once('-'))
}

impl FromStr for Whole {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (low, high) = ends(text).unwrap_or((text, text));
        match (low.trim().parse(), high.trim().parse()) {
            (Ok(low), Ok(high)) if low <= high => Ok(Self(low, high)),
            _ => Err(format!("`{text}` is not a range; write 0..10 (both ends included)")),
        }
    }
}

impl FromStr for Hertz {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parsed = ends(text).map(|(low, high)| (low.trim().parse::<f64>(), high.trim().parse::<f64>()));
        match parsed {
            Some((Ok(low), Ok(high))) if low <= high && low.is_finite() && high.is_finite() => Ok(Self(low, high)),
            _ => Err(format!(
                "`{text}` is not a frequency range; write 0..500 (Hz, both ends included)"
            )),
        }
    }
}

/// How fast to play: a positive factor, or as fast as possible.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Rate {
    /// This many times the recorded pace.
    Factor(f64),
    /// As fast as the reader takes it.
    Max,
}

impl FromStr for Rate {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.trim_end_matches('x').parse::<f64>() {
            _ if text.eq_ignore_ascii_case("max") => Ok(Self::Max),
            Ok(factor) if factor.is_finite() && factor > 0.0 => Ok(Self::Factor(factor)),
            _ => Err(format!("`{text}` is not a rate; write 1, 0.5, 10 or max")),
        }
    }
}

/// A remark that travels in the capture's header: `NAME=VALUE`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Tag(pub(crate) String, pub(crate) String);

impl FromStr for Tag {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once('=') {
            Some((name, value)) if !name.is_empty() => Ok(Self(name.to_owned(), value.to_owned())),
            _ => Err(format!("`{text}` is not a tag; write NAME=VALUE")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_with_and_without_a_unit() {
        for (text, ms) in [
            ("30s", 30_000),
            ("500ms", 500),
            ("1m30s", 90_000),
            ("2", 2000),
            ("0.25", 250),
        ] {
            assert_eq!(text.parse(), Ok(Span(Duration::from_millis(ms))), "{text}");
        }
        for text in ["", "soon", "-1s", "-1", "1 parsec", "NaN"] {
            assert!(text.parse::<Span>().is_err(), "{text}");
        }
    }

    #[test]
    fn ranges_include_both_ends_and_refuse_to_run_backwards() {
        assert_eq!("0..10".parse(), Ok(Whole(0, 10)));
        assert_eq!("1-50".parse(), Ok(Whole(1, 50)));
        assert_eq!("7".parse(), Ok(Whole(7, 7)));
        assert_eq!("0..500".parse(), Ok(Hertz(0.0, 500.0)));
        assert!("10..0".parse::<Whole>().is_err());
        assert!("5..x".parse::<Hertz>().is_err());
    }

    #[test]
    fn rates_are_positive_factors_or_max() {
        assert_eq!("max".parse(), Ok(Rate::Max));
        assert_eq!("0.1".parse(), Ok(Rate::Factor(0.1)));
        assert_eq!("10x".parse(), Ok(Rate::Factor(10.0)));
        for text in ["0", "-1", "inf", "NaN", "fast"] {
            assert!(text.parse::<Rate>().is_err(), "{text}");
        }
    }

    #[test]
    fn sizes_and_tags_say_how_they_are_written() {
        assert_eq!("10MB".parse(), Ok(Size(10_000_000)));
        assert_eq!("1MiB".parse(), Ok(Size(1 << 20)));
        assert!("big".parse::<Size>().unwrap_err().contains("500MB"));
        assert_eq!("a=b=c".parse(), Ok(Tag("a".to_owned(), "b=c".to_owned())));
        assert!("plain".parse::<Tag>().unwrap_err().contains("NAME=VALUE"));
    }
}
