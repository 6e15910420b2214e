//! Values of flags: times, sizes and tags, with errors that show how they are written.

use std::{net::SocketAddr, str::FromStr, time::Duration};

use crate::{grpc, model::units, tap::dial::listen_address};

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
    fn sizes_and_tags_say_how_they_are_written() {
        assert_eq!("10MB".parse(), Ok(Size(10_000_000)));
        assert_eq!("1MiB".parse(), Ok(Size(1 << 20)));
        assert!("big".parse::<Size>().unwrap_err().contains("500MB"));
        assert_eq!("a=b=c".parse(), Ok(Tag("a".to_owned(), "b=c".to_owned())));
        assert!("plain".parse::<Tag>().unwrap_err().contains("NAME=VALUE"));
    }
}
