//! gzip for clients that ask for it. Recorded messages stay as they are unless the server was told to offer it.

use std::io::{self, Write as _};

use bytes::Bytes;
use flate2::{Compression, write::GzEncoder};
use http::{HeaderMap, HeaderName, HeaderValue};

use super::player::{Act, Step};

const ACCEPTED: HeaderName = HeaderName::from_static("grpc-accept-encoding");
const ENCODING: HeaderName = HeaderName::from_static("grpc-encoding");
const GZIP: &str = "gzip";
const IDENTITY: &str = "identity";

/// Whether messages that were recorded plain are compressed for clients that accept it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Gzip {
    /// Every message goes out as it was recorded.
    #[default]
    Off,
    /// Compressed for a client whose `grpc-accept-encoding` names gzip.
    WhenAsked,
}

/// How the messages of one call are sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Encoding {
    AsRecorded,
    Gzip,
}

impl Encoding {
    /// What a client gets.
    pub(super) fn of(gzip: Gzip, request: &HeaderMap) -> Self {
        let accepts = || {
            let accepted = request.get_all(ACCEPTED);
            let names = accepted.iter().filter_map(|value| value.to_str().ok());
            names
                .flat_map(|names| names.split(','))
                .any(|name| name.trim().eq_ignore_ascii_case(GZIP))
        };
        if gzip == Gzip::WhenAsked && accepts() {
            Self::Gzip
        } else {
            Self::AsRecorded
        }
    }

    /// Names the encoding in the head of an answer, unless a recorded one stands there.
    pub(super) fn name_in(self, head: &mut HeaderMap) {
        if self == Self::Gzip && head.get(&ENCODING).is_none_or(|value| value == IDENTITY) {
            head.insert(ENCODING, HeaderValue::from_static(GZIP));
        }
    }

    pub(super) const fn encoder(self) -> Encoder {
        Encoder { encoding: self }
    }
}

/// Encodes the steps of one call.
#[derive(Debug)]
pub(super) struct Encoder {
    encoding: Encoding,
}

impl Encoder {
    pub(super) fn encode(&mut self, step: Step) -> Step {
        if self.encoding == Encoding::AsRecorded {
            return step;
        }
        let act = match step.act {
            Act::Headers(metadata) => {
                // Messages of a call that was recorded with an encoding keep it.
                if metadata
                    .get_text(ENCODING.as_str())
                    .is_some_and(|name| name != IDENTITY)
                {
                    self.encoding = Encoding::AsRecorded;
                }
                Act::Headers(metadata)
            }
            Act::Message {
                compressed: false,
                data,
            } => match gzip(&data) {
                Ok(data) => Act::Message { compressed: true, data },
                Err(_) => Act::Message {
                    compressed: false,
                    data,
                },
            },
            act => act,
        };
        Step { act, ..step }
    }
}

fn gzip(data: &[u8]) -> io::Result<Bytes> {
    let mut encoder = GzEncoder::new(Vec::with_capacity(data.len() / 2 + 64), Compression::fast());
    encoder.write_all(data)?;
    encoder.finish().map(Bytes::from)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        event::Metadata,
        wire::{MAX_INFLATED, inflate},
    };

    fn asking(names: &'static str) -> HeaderMap {
        HeaderMap::from_iter([(ACCEPTED, HeaderValue::from_static(names))])
    }

    fn encoded(head: &[(&str, &str)]) -> (bool, Bytes) {
        let mut encoder = Encoding::Gzip.encoder();
        let mut metadata = Metadata::default();
        for (name, value) in head {
            metadata.push(*name, *value);
        }
        let step = |act| Step { offset_ns: 0, act };
        encoder.encode(step(Act::Headers(metadata)));
        let data = Bytes::from_static(b"aaaaaaaaaaaaaaaaaaaaaaaa");
        let compressed = false;
        match encoder.encode(step(Act::Message { compressed, data })).act {
            Act::Message { compressed, data } => (compressed, data),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn only_who_accepts_gzip_gets_it_and_only_where_it_is_offered() {
        assert_eq!(Encoding::of(Gzip::WhenAsked, &asking("identity, GZIP")), Encoding::Gzip);
        for (gzip, names) in [(Gzip::Off, "gzip"), (Gzip::WhenAsked, "identity,deflate")] {
            assert_eq!(Encoding::of(gzip, &asking(names)), Encoding::AsRecorded, "{names}");
        }
        assert_eq!(Encoding::of(Gzip::WhenAsked, &HeaderMap::new()), Encoding::AsRecorded);
    }

    #[test]
    fn a_message_can_be_inflated_again() {
        for head in [&[][..], &[("grpc-encoding", "identity")]] {
            let (compressed, data) = encoded(head);
            assert!(compressed);
            let plain = inflate(GZIP, &data, MAX_INFLATED).unwrap();
            assert_eq!(&plain[..], b"aaaaaaaaaaaaaaaaaaaaaaaa");
        }
    }

    #[test]
    fn a_recorded_encoding_is_kept() {
        assert!(!encoded(&[("grpc-encoding", "deflate")]).0);
        let mut head = HeaderMap::from_iter([(ENCODING, HeaderValue::from_static("deflate"))]);
        Encoding::Gzip.name_in(&mut head);
        assert_eq!(head[ENCODING], "deflate");
    }
}
