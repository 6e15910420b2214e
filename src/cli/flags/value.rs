//! Values of flags: times, sizes and tags, with errors that show how they are written.

use std::{net::SocketAddr, str::FromStr, time::Duration};

use jiff::{Timestamp, civil::DateTime, tz::TimeZone};

use crate::{
    grpc,
    model::{text::nearest, units},
    tap::dial::listen_address,
};

/// A length of time: `30s`, `500ms`, `1m30s`, `2h`, or a number of seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Span(pub(crate) Duration);

impl FromStr for Span {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let how = || format!("`{text}` is not a length of time; write {}", units::TIME_FORMS);
        units::time(text).map(Self).ok_or_else(how)
    }
}

/// A time in a capture: a length of time after its start, or a time on the clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Moment {
    /// After the start of the capture.
    After(Duration),
    /// On the clock.
    At(Timestamp),
}

impl FromStr for Moment {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Some(after) = units::time(text) {
            return Ok(Self::After(after));
        }
        // A time without a zone is in UTC, as all times that are printed.
        let utc = |time: DateTime| TimeZone::UTC.to_timestamp(time).ok();
        let at = text.parse().ok().or_else(|| utc(text.parse().ok()?));
        at.map(Self::At).ok_or_else(|| {
            format!(
                "`{text}` is not a time; write a length of time after the start of the capture ({}), or a time on the \
                 clock such as 2026-12-01T09:30:00Z",
                units::TIME_FORMS
            )
        })
    }
}

/// A gRPC status: its name, or its number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct StatusCode(pub(crate) u32);

impl FromStr for StatusCode {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let code = text.parse().ok().or_else(|| grpc::status::code(text));
        code.map(Self).ok_or_else(|| {
            let near = nearest(text, grpc::status::NAMES);
            let near = near.map_or_else(String::new, |near| format!(", such as {near}"));
            format!("`{text}` is not a gRPC status; write a name{near} or a number from 0 to 16")
        })
    }
}

/// A number of bytes: `500MB`, `10MiB`, `64M`, `4096`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Size(pub(crate) u64);

impl FromStr for Size {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let how = || format!("`{text}` is not a size; write {}", units::SIZE_FORMS);
        units::size(text).map(Self).ok_or_else(how)
    }
}

/// Parses the path of a method, in any accepted notation.
pub(crate) fn method(text: &str) -> Result<String, String> {
    grpc::method_path(text).ok_or_else(|| {
        "it is not a method; write /package.Service/Method, package.Service/Method or package.Service.Method".to_owned()
    })
}

/// Parses an address to listen on, in any accepted notation.
pub(crate) fn listener(text: &str) -> Result<SocketAddr, String> {
    listen_address(text).map_err(|error| error.to_string())
}

/// A tag for the capture's header: `NAME=VALUE`.
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

/// Wraps a list as one value for clap, so that it may hold commas.
pub(crate) fn list<T: FromStr<Err: std::fmt::Display>>(text: &str) -> Result<T, String> {
    text.parse().map_err(|error: T::Err| error.to_string())
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
    fn a_moment_is_a_length_of_time_or_a_time_on_the_clock() {
        let at = |text: &str| Ok(Moment::At(text.parse().unwrap()));
        for (text, moment) in [
            ("90s", Ok(Moment::After(Duration::from_secs(90)))),
            ("1:30", Ok(Moment::After(Duration::from_secs(90)))),
            ("2026-12-01T09:30:00Z", at("2026-12-01T09:30:00Z")),
            ("2026-12-01T10:30:00+01:00", at("2026-12-01T09:30:00Z")),
            ("2026-12-01 09:30:00.5", at("2026-12-01T09:30:00.5Z")),
            ("2026-12-01T09:30", at("2026-12-01T09:30:00Z")),
            ("2026-12-01", at("2026-12-01T00:00:00Z")),
        ] {
            assert_eq!(text.parse(), moment, "{text}");
        }
        for text in ["", "soon", "-1s", "2026-13-01", "2026-12-01T25:00:00Z"] {
            assert!(
                text.parse::<Moment>().unwrap_err().contains("2026-12-01T09:30:00Z"),
                "{text}"
            );
        }
    }

    #[test]
    fn a_status_is_a_name_or_a_number() {
        for (text, code) in [("INTERNAL", 13), ("not_found", 5), ("14", 14), ("99", 99)] {
            assert_eq!(text.parse(), Ok(StatusCode(code)), "{text}");
        }
        assert!("INTERNL".parse::<StatusCode>().unwrap_err().contains("INTERNAL"));
        assert!("-1".parse::<StatusCode>().is_err());
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
