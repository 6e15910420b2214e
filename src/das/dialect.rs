//! The two dialects of Focus jobs: their requests, and the decoding of message bytes to a [`Frame`].
//!
//! The messages are walked by hand so that a frame borrows its floats from the wire and unknown fields are
//! seen; the generated types of [`crate::das::proto`] are the oracle in the tests.

mod budget;
pub(crate) mod datastream;
pub(crate) mod pandadatastream;
mod places;
mod values;

use std::{fmt, str::FromStr};

pub(crate) use crate::grpc::protobuf::{DecodeError, DecodeErrorKind};
use crate::{das::spectrogram::Frame, grpc::is_support_method};
pub use pandadatastream::{Axis, Element, Layout};
pub(crate) use places::value_places;

/// Dialect of a Focus job.
///
/// ```
/// use grpc_capture::das::Dialect;
/// let dialect: Dialect = "datastream".parse()?;
/// assert_eq!(dialect.method(), "/datastream.DataStreamService/StreamSpectrograms");
/// assert_eq!(Dialect::from_method(dialect.method()), Some(dialect));
/// # Ok::<(), grpc_capture::das::UnknownDialect>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Dialect {
    /// The dialect of the specification: `StreamSpectrograms`, the job named in the request. The default.
    #[default]
    DataStream,
    /// The dialect in production: `StreamData`, the job chosen by the port and its share of the channels by a stream
    /// id.
    PandaDataStream,
}

impl Dialect {
    /// Both dialects, the default one first.
    pub const ALL: [Self; 2] = [Self::DataStream, Self::PandaDataStream];

    /// Name in command lines, file headers and reports: `datastream` or `pandadatastream`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::DataStream => "datastream",
            Self::PandaDataStream => "pandadatastream",
        }
    }

    /// The full path of the streaming method.
    #[must_use]
    pub const fn method(self) -> &'static str {
        match self {
            Self::DataStream => datastream::METHOD,
            Self::PandaDataStream => pandadatastream::METHOD,
        }
    }

    /// The dialect whose streaming method this path is, or `None` for any other method.
    #[must_use]
    pub fn from_method(path: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|dialect| dialect.method() == path)
    }

    /// Decodes one received message; `pandadatastream` payloads by the guessed [`Layout`].
    pub fn decode(self, bytes: &[u8]) -> Result<Frame<'_>, DecodeError> {
        match self {
            Self::DataStream => datastream::decode(bytes),
            Self::PandaDataStream => pandadatastream::decode(bytes, Layout::default()),
        }
    }
}

impl fmt::Display for Dialect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Dialect {
    type Err = UnknownDialect;

    fn from_str(name: &str) -> Result<Self, UnknownDialect> {
        Self::ALL
            .into_iter()
            .find(|dialect| dialect.name().eq_ignore_ascii_case(name))
            .ok_or_else(|| UnknownDialect(name.to_owned()))
    }
}

/// True for methods that every server offers beside its own: health checks, those of Focus jobs included, and reflection.
pub(crate) fn is_support(method: &str) -> bool {
    method == datastream::HEALTH_METHOD || is_support_method(method)
}

/// The error for an unknown name of a dialect.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a dialect; use `datastream` (the specification's) or `pandadatastream` (production's)")]
pub struct UnknownDialect(pub String);

#[cfg(test)]
mod tests;
