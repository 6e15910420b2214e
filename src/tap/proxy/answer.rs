//! The head of an answer, and the ending that its protocol gives.

use http::{HeaderMap, StatusCode};

use super::{fields::Fields, tape::Tail};
use crate::{
    grpc::{
        self, NO_ENCODING,
        deframe::{PREFIX_BYTES, flagged_prefix},
        header_map,
        protocol::{self, Protocol, connect, web},
        status::{self, Block as StatusBlock},
    },
    model::event::{Broken, Ending, GoAway, Metadata, Status},
    tap::client::ending::{broken, of_trailers},
};

/// The head of an answer.
#[derive(Debug)]
pub(super) struct Head {
    pub(super) headers: HeaderMap,
    pub(super) kind: Kind,
}

/// What an answer is.
#[derive(Debug)]
pub(super) enum Kind {
    /// gRPC.
    Grpc,
    /// The answer to a gRPC request, and no gRPC: this status.
    Foreign(Status),
    /// Frames, of which the last holds the status.
    Frames(Protocol),
    /// One message, and the status is OK.
    Message(Protocol),
    /// An error of this HTTP status.
    Error(u16),
}

impl Head {
    /// The head of the answer to a request in `asked`.
    pub(super) fn new(asked: Protocol, http: u16, metadata: &Metadata) -> Self {
        let headers = header_map(metadata);
        let content_type = metadata.get_text("content-type").unwrap_or_default();
        let kind = match (asked, asked.of_answer(http, content_type)) {
            (Protocol::Grpc, _) => {
                let status = StatusCode::from_u16(http).unwrap_or(StatusCode::OK);
                status::not_grpc(status, &headers).map_or(Kind::Grpc, Kind::Foreign)
            }
            (_, Some(protocol)) if protocol.is_unary() => Kind::Message(protocol),
            (_, Some(protocol)) => Kind::Frames(protocol),
            (_, None) => Kind::Error(http),
        };
        Self { headers, kind }
    }

    /// The ending of an answer that ended in order. `note` is told what is odd about it.
    pub(super) fn ending(
        &self,
        trailers: Option<Fields>,
        tail: &Tail,
        announced: Option<&GoAway>,
        limit: u64,
        note: impl Fn(String),
    ) -> Ending {
        if tail.is_cut {
            note(
                "the end of the answer's body was passed on, and is recorded only in part: it is too large".to_owned(),
            );
        }
        match &self.kind {
            Kind::Foreign(status) => Ending::Status(status.clone()),
            Kind::Grpc => self.of_trailers(trailers, announced),
            Kind::Message(_) => Ending::Status(Status {
                trailers: connect::unary_trailers(&grpc::metadata(&self.headers)),
                ..Status::default()
            }),
            Kind::Frames(protocol) => {
                if !tail.bytes.is_empty() {
                    return self.of_last_frame(*protocol, tail, limit, note);
                }
                if protocol.is_web() {
                    return self.of_trailers(trailers, announced);
                }
                Ending::Broken(Broken {
                    goaway: announced.is_some_and(GoAway::is_orderly),
                    announced: announced.cloned(),
                    ended: announced.is_none(),
                    ..Broken::new("the server ended the stream without its last frame, which holds the status")
                })
            }
            Kind::Error(http) => Ending::Status(self.of_error(*http, tail, limit)),
        }
    }

    fn of_trailers(&self, trailers: Option<Fields>, announced: Option<&GoAway>) -> Ending {
        let map = trailers.as_ref().map(|trailers| header_map(&trailers.metadata));
        match (of_trailers(map.as_ref(), &self.headers, announced), trailers) {
            (Ending::Status(status), Some(trailers)) => Ending::Status(Status {
                trailers: trailers.metadata,
                ..status
            }),
            (ending, _) => ending,
        }
    }

    /// The ending in the last frame of a body.
    fn of_last_frame(&self, protocol: Protocol, tail: &Tail, limit: u64, note: impl Fn(String)) -> Ending {
        let (prefix, rest) = tail.bytes.split_at(PREFIX_BYTES.min(tail.bytes.len()));
        let flags = prefix.first().copied().unwrap_or_default();
        let size = prefix.get(1..).and_then(|size| <[u8; 4]>::try_from(size).ok());
        let size = size.map_or(0, |size| u32::from_be_bytes(size) as usize);
        let raw = rest.get(..size).unwrap_or(rest);
        if rest.len() > size {
            note(format!(
                "after the end of the stream, {} bytes followed",
                rest.len() - size
            ));
        }
        let metadata = grpc::metadata(&self.headers);
        let encoding = protocol::message_encoding(&metadata).unwrap_or(NO_ENCODING);
        let payload = if flags & 1 == 0 {
            raw.to_vec()
        } else {
            match grpc::inflate(encoding, raw, limit) {
                Ok(payload) => payload.to_vec(),
                Err(error) => return broken(format!("the ending of the call is unknown: in its last frame, {error}")),
            }
        };
        let status = if protocol.is_web() {
            let trailers = web::trailers(&payload);
            let found = status::status(&header_map(&trailers), StatusBlock::Trailers);
            let status = found.unwrap_or_else(|| Status {
                code: status::UNKNOWN,
                message: "the trailers hold no grpc-status".to_owned(),
                ..Status::default()
            });
            Status { trailers, ..status }
        } else {
            connect::end_of_stream(&payload).unwrap_or_else(|| Status {
                code: status::INTERNAL,
                message: "the last frame of the stream does not hold the JSON that it must".to_owned(),
                ..Status::default()
            })
        };
        let canonical = if protocol.is_web() {
            web::payload(&status.trailers)
        } else {
            connect::end_payload(&status)
        };
        let frame = [&flagged_prefix(protocol.end_flag(), canonical.len())[..], &canonical].concat();
        Ending::Status(if tail.bytes == frame[..] {
            status
        } else {
            with_body(status, &tail.bytes)
        })
    }

    /// The status of an error.
    fn of_error(&self, http: u16, tail: &Tail, limit: u64) -> Status {
        let encoding = self.headers.get("content-encoding").and_then(|name| name.to_str().ok());
        let body = match encoding {
            Some(encoding) => grpc::inflate(encoding, &tail.bytes, limit).ok(),
            None => Some(tail.bytes.clone().freeze()),
        };
        let content_type = self.headers.get("content-type").and_then(|kind| kind.to_str().ok());
        let content_type = content_type.unwrap_or_default();
        let json = protocol::content_type_is(content_type, "application/json");
        let said = status::status(&self.headers, StatusBlock::TrailersOnly)
            .or_else(|| connect::unary_error(body.as_deref().filter(|_| json)?, http));
        let mut status = said.unwrap_or_else(|| Status {
            code: status::code_of_http(http),
            message: match content_type {
                "" => format!("the server answered HTTP {http} with no content-type"),
                kind => format!("the server answered HTTP {http} with {kind}"),
            },
            ..Status::default()
        });
        status.trailers = connect::unary_trailers(&grpc::metadata(&self.headers));
        status.trailers_only = false;
        if tail.bytes.is_empty() {
            return status;
        }
        with_body(status, &tail.bytes)
    }
}

fn with_body(mut status: Status, body: &[u8]) -> Status {
    status.trailers.push(protocol::BODY, body);
    status
}

#[cfg(test)]
mod tests;
