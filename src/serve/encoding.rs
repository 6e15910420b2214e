//! Compression of replayed messages: a recorded encoding that the client does not accept is undone, and gzip is offered
//! where the option is set. Everything else stays as recorded.

use std::io::{self, Write as _};

use bytes::Bytes;
use flate2::{Compression, write::GzEncoder};
use http::{HeaderMap, HeaderName, HeaderValue};

use super::player::{Act, Step};
use crate::grpc;

const ACCEPTED: HeaderName = HeaderName::from_static("grpc-accept-encoding");
const ENCODING: HeaderName = HeaderName::from_static("grpc-encoding");
/// The fields that name the encoding of an answer's messages in any protocol.
const ENCODINGS: [&str; 3] = ["grpc-encoding", "connect-content-encoding", "content-encoding"];
const GZIP: &str = "gzip";
const DEFLATE: &str = "deflate";
const IDENTITY: &str = "identity";

/// Whether messages that were recorded uncompressed are compressed for clients that accept it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Gzip {
    /// Messages are sent as recorded, as far as the client accepts their encoding.
    #[default]
    Off,
    /// Messages are compressed for a client whose `grpc-accept-encoding` names gzip.
    WhenAsked,
}

/// The encoding of the messages of one call: what its client accepts, and whether gzip is offered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Encoding {
    gzip: bool,
    deflate: bool,
    offered: bool,
}

impl Encoding {
    /// Every message is sent as recorded.
    pub(super) const AS_RECORDED: Self = Self {
        gzip: true,
        deflate: true,
        offered: false,
    };

    /// The encoding for a client. One that names no encoding takes none.
    pub(super) fn of(gzip: Gzip, request: &HeaderMap) -> Self {
        let accepts = |wanted: &str| {
            let accepted = request.get_all(ACCEPTED);
            let names = accepted.iter().filter_map(|value| value.to_str().ok());
            names
                .flat_map(|names| names.split(','))
                .any(|name| name.trim().eq_ignore_ascii_case(wanted))
        };
        Self {
            gzip: accepts(GZIP),
            deflate: accepts(DEFLATE),
            offered: gzip == Gzip::WhenAsked && accepts(GZIP),
        }
    }

    /// True when the client accepts the encoding of this name. What we cannot inflate goes as it is.
    fn takes(self, name: &str) -> bool {
        match name {
            GZIP => self.gzip,
            DEFLATE => self.deflate,
            _ => true,
        }
    }

    /// Sets the encoding in the head of an answer, unless a recorded one is there.
    pub(super) fn name_in(self, head: &mut HeaderMap) {
        if self.offered && head.get(&ENCODING).is_none_or(|value| value == IDENTITY) {
            head.insert(ENCODING, HeaderValue::from_static(GZIP));
        }
    }

    /// The encoder for a call whose recorded answer used `recorded`.
    pub(super) fn encoder(self, recorded: Option<&str>) -> Encoder {
        let recorded = recorded.unwrap_or(IDENTITY);
        Encoder {
            inflates: (!self.takes(recorded)).then(|| recorded.to_owned()),
            gzips: self.offered && (recorded == IDENTITY || !self.takes(recorded)),
        }
    }
}

/// Encodes the steps of one call.
#[derive(Debug)]
pub(super) struct Encoder {
    /// The recorded encoding, when the client does not accept it and messages are inflated.
    inflates: Option<String>,
    /// True when uncompressed messages are compressed.
    gzips: bool,
}

impl Encoder {
    pub(super) fn encode(&self, step: Step) -> Step {
        let act = match step.act {
            Act::Headers(mut metadata) => {
                if self.inflates.is_some() {
                    metadata.0.retain(|(name, _)| !ENCODINGS.contains(&name.as_str()));
                }
                Act::Headers(metadata)
            }
            Act::Message { compressed, data } => self.message(compressed, data),
            act @ Act::End(_) => act,
        };
        Step { act, ..step }
    }

    fn message(&self, mut compressed: bool, mut data: Bytes) -> Act {
        if let (true, Some(recorded)) = (compressed, &self.inflates)
            && let Ok(plain) = grpc::inflate(recorded, &data, grpc::MAX_INFLATED)
        {
            (compressed, data) = (false, plain);
        }
        if let (false, true) = (compressed, self.gzips)
            && let Ok(small) = gzip(&data)
        {
            (compressed, data) = (true, small);
        }
        Act::Message { compressed, data }
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
        grpc::{MAX_INFLATED, inflate},
        model::event::Metadata,
    };

    fn asking(names: &'static str) -> HeaderMap {
        HeaderMap::from_iter([(ACCEPTED, HeaderValue::from_static(names))])
    }

    const TEXT: &[u8] = b"aaaaaaaaaaaaaaaaaaaaaaaa";

    /// The encoded head, compressed flag and payload of a message.
    fn encoded(encoding: Encoding, head: &[(&str, &str)], compressed: bool, data: &[u8]) -> (Metadata, bool, Bytes) {
        let mut metadata = Metadata::default();
        for (name, value) in head {
            metadata.push(*name, *value);
        }
        let encoder = encoding.encoder(metadata.get_text("grpc-encoding"));
        let step = |act| Step::new(0, act);
        let Act::Headers(head) = encoder.encode(step(Act::Headers(metadata))).act else {
            panic!("a head")
        };
        let data = Bytes::copy_from_slice(data);
        match encoder.encode(step(Act::Message { compressed, data })).act {
            Act::Message { compressed, data } => (head, compressed, data),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn only_who_accepts_gzip_gets_it_and_only_where_it_is_offered() {
        assert!(Encoding::of(Gzip::WhenAsked, &asking("identity, GZIP")).offered);
        for (gzip, names) in [(Gzip::Off, "gzip"), (Gzip::WhenAsked, "identity,deflate")] {
            assert!(!Encoding::of(gzip, &asking(names)).offered, "{names}");
        }
        assert!(!Encoding::of(Gzip::WhenAsked, &HeaderMap::new()).offered);
    }

    #[test]
    fn a_message_can_be_inflated_again() {
        let offered = Encoding::of(Gzip::WhenAsked, &asking("gzip"));
        for head in [&[][..], &[("grpc-encoding", "identity")]] {
            let (_, compressed, data) = encoded(offered, head, false, TEXT);
            assert!(compressed);
            assert_eq!(&inflate(GZIP, &data, MAX_INFLATED).unwrap()[..], TEXT);
        }
    }

    #[test]
    fn a_recorded_encoding_is_kept_for_who_accepts_it() {
        let both = Encoding::of(Gzip::WhenAsked, &asking("gzip,deflate"));
        let head = [("grpc-encoding", "deflate"), ("x", "1")];
        assert!(!encoded(both, &head, false, TEXT).1);
        let small = grpc::deflate(DEFLATE, TEXT).unwrap();
        let (kept, compressed, data) = encoded(both, &head, true, &small);
        assert_eq!((kept.0.len(), compressed, &data[..]), (2, true, &small[..]));
        let mut head = HeaderMap::from_iter([(ENCODING, HeaderValue::from_static("deflate"))]);
        both.name_in(&mut head);
        assert_eq!(head[ENCODING], "deflate");
    }

    #[test]
    fn a_client_gets_no_encoding_that_it_does_not_accept() {
        for name in [GZIP, DEFLATE] {
            let small = grpc::deflate(name, TEXT).unwrap();
            let head = [("grpc-encoding", name), ("x", "1")];
            for asked in [HeaderMap::new(), asking("identity"), asking("br")] {
                let (head, compressed, data) = encoded(Encoding::of(Gzip::Off, &asked), &head, true, &small);
                assert_eq!((compressed, &data[..]), (false, TEXT), "{name}");
                assert_eq!(head.get_text("grpc-encoding"), None);
                assert_eq!(head.get_text("x"), Some("1"));
            }
        }
        // Where gzip is offered, it takes the place of what is not accepted.
        let small = grpc::deflate(DEFLATE, TEXT).unwrap();
        let offered = Encoding::of(Gzip::WhenAsked, &asking("gzip"));
        let (_, compressed, data) = encoded(offered, &[("grpc-encoding", DEFLATE)], true, &small);
        assert!(compressed);
        assert_eq!(&inflate(GZIP, &data, MAX_INFLATED).unwrap()[..], TEXT);
    }

    #[test]
    fn what_cannot_be_inflated_goes_as_it_is() {
        let none = Encoding::of(Gzip::Off, &HeaderMap::new());
        for head in [&[("grpc-encoding", "snappy")][..], &[]] {
            let (kept, compressed, data) = encoded(none, head, true, b"zipped");
            assert_eq!(
                (kept.0.len(), compressed, &data[..]),
                (head.len(), true, &b"zipped"[..])
            );
        }
    }
}
