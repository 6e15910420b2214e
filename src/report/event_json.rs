//! Events as JSON, one object each: what `capture cat --format json` prints.

use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use serde::{Serialize, Serializer, ser::SerializeMap};

use super::{
    call_context::{CallContext, CallContexts},
    message::Decoded,
    schema::Schema,
    status_details,
};
use crate::{
    file::Digest,
    grpc,
    model::{
        event::{Ending, Event, EventKind, GoAway, Message, Metadata},
        finding::utc,
    },
};

/// Turns the events of a capture into JSON objects, in their order.
///
/// Each object has `event`, `call`, `seq`, `offset_ns` and `time` (UTC, where the capture has a clock), and then what the
/// kind holds. A message has `number` (from 1 in its call and direction), `direction`, `compressed` and `size` (bytes as
/// recorded). Where the schema knows the method, or it is one of gRPC's own, it also has `type` and `message` (the proto3
/// JSON mapping with the names of the .proto file) and, where there are any, `unknown_fields` (each `in`, `number` and
/// `data`, the field as on the wire in base64). A message of a method that is not known has `data` in base64. One that
/// cannot be decoded as a whole has `data` and `decode_error`, which names the fields; in `message` each of them is an
/// object with `@decode_error` and `@data`, and the other fields are as always.
#[derive(Debug)]
pub struct EventJson {
    schema: Schema,
    /// Wall-clock time of offset 0; 0 where it is not known.
    anchor_unix_ns: u64,
    calls: CallContexts,
}

impl EventJson {
    /// A converter that decodes messages by `schema`; offset 0 is `anchor_unix_ns` by the wall clock, 0 where that is
    /// not known.
    #[must_use]
    pub fn new(schema: Schema, anchor_unix_ns: u64) -> Self {
        Self {
            schema,
            anchor_unix_ns,
            calls: CallContexts::default(),
        }
    }

    /// Formats one event as one line of JSON, without the line end. What is not to be shown must be [passed
    /// over](Self::pass).
    ///
    /// # Errors
    /// None in practice: everything an event holds can be written as JSON.
    pub fn line(&mut self, event: &Event) -> Result<String, serde_json::Error> {
        let number = self.calls.note(event);
        let context = self.calls.of(event);
        let line = serde_json::to_string(&Line {
            event,
            number,
            anchor_unix_ns: self.anchor_unix_ns,
            schema: &self.schema,
            context,
        });
        self.calls.forget(event);
        line
    }

    /// Decodes subsequent messages by another schema.
    pub fn set_schema(&mut self, schema: Schema) {
        self.schema = schema;
    }

    /// Notes an event that is not printed.
    pub fn pass(&mut self, event: &Event) {
        self.calls.note(event);
        self.calls.forget(event);
    }
}

struct Line<'a> {
    event: &'a Event,
    number: Option<u64>,
    anchor_unix_ns: u64,
    schema: &'a Schema,
    context: Option<&'a CallContext>,
}

impl Serialize for Line<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Event {
            call,
            seq,
            offset_ns,
            kind,
        } = self.event;
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("event", kind.name())?;
        map.serialize_entry("call", call)?;
        map.serialize_entry("seq", seq)?;
        map.serialize_entry("offset_ns", offset_ns)?;
        if let Some(time) = self.time() {
            map.serialize_entry("time", &time)?;
        }
        match kind {
            EventKind::CallStart(start) => {
                map.serialize_entry("method", &start.method)?;
                map.serialize_entry("authority", &start.authority)?;
                map.serialize_entry("peer", &start.peer)?;
                map.serialize_entry("metadata", &MetadataPairs(&start.metadata))?;
                if start.connection > 0 {
                    map.serialize_entry("connection", &start.connection)?;
                }
                if let Some(sha256) = start.certificate_sha256 {
                    map.serialize_entry("certificate_sha256", &Digest(sha256))?;
                }
            }
            EventKind::Headers(headers) => map.serialize_entry("metadata", &MetadataPairs(&headers.metadata))?,
            EventKind::Message(message) => self.message(&mut map, message)?,
            EventKind::HalfClose => {}
            EventKind::End(ending) => {
                end(&mut map, ending)?;
                if let Ending::Status(status) = ending
                    && let (Some(bytes), Some(descriptor)) =
                        (status_details::decode(&status.trailers), status_details::descriptor())
                {
                    let decoded = Decoded::new(self.schema.pool(), descriptor, &bytes);
                    map.serialize_entry("status_details", &decoded)?;
                }
            }
            EventKind::Gap(gap) => {
                map.serialize_entry("direction", &gap.direction)?;
                map.serialize_entry("messages", &gap.messages)?;
                map.serialize_entry("reason", &gap.reason)?;
            }
            EventKind::Note(note) => {
                map.serialize_entry("author", &note.author)?;
                map.serialize_entry("text", &note.text)?;
            }
        }
        map.end()
    }
}

impl Line<'_> {
    fn time(&self) -> Option<String> {
        let known = self.anchor_unix_ns > 0;
        known
            .then(|| utc(self.anchor_unix_ns.saturating_add(self.event.offset_ns)))
            .flatten()
    }

    fn message<M: SerializeMap>(&self, map: &mut M, message: &Message) -> Result<(), M::Error> {
        map.serialize_entry("number", &self.number)?;
        map.serialize_entry("direction", &message.direction)?;
        map.serialize_entry("compressed", &message.compressed)?;
        map.serialize_entry("size", &message.data.len())?;
        let encoded = |map: &mut M| map.serialize_entry("data", &BASE64.encode(&message.data));
        let found = self.context.and_then(|context| {
            let descriptor = self.schema.descriptor(&context.method, message.direction)?;
            Some((descriptor, context.inflated(message)))
        });
        match found {
            None => encoded(map),
            Some((_, Err(error))) => {
                map.serialize_entry("decode_error", &error.to_string())?;
                encoded(map)
            }
            Some((descriptor, Ok(plain))) => {
                let decoded = Decoded::new(self.schema.pool(), descriptor, &plain);
                map.serialize_entry("type", decoded.type_name())?;
                map.serialize_entry("message", &decoded)?;
                let unknown = decoded.unknown_fields();
                if !unknown.is_empty() {
                    map.serialize_entry("unknown_fields", &unknown)?;
                }
                if let Some(problem) = decoded.problem() {
                    map.serialize_entry("decode_error", &problem)?;
                    encoded(map)?;
                }
                Ok(())
            }
        }
    }
}

fn end<M: SerializeMap>(map: &mut M, ending: &Ending) -> Result<(), M::Error> {
    map.serialize_entry("ending", ending.name())?;
    match ending {
        Ending::Status(status) => {
            map.serialize_entry("code", &status.code)?;
            map.serialize_entry("status", &grpc::status::name(status.code))?;
            map.serialize_entry("message", &status.message)?;
            map.serialize_entry("trailers_only", &status.trailers_only)?;
            map.serialize_entry("trailers", &MetadataPairs(&status.trailers))
        }
        Ending::Cancelled(cancelled) => {
            map.serialize_entry("by", &cancelled.by)?;
            if let Some(code) = cancelled.code {
                map.serialize_entry("reset", &code)?;
            }
            if cancelled.cut {
                map.serialize_entry("cut", &true)?;
            }
            map.serialize_entry("reason", &cancelled.reason)
        }
        Ending::Broken(broken) => {
            map.serialize_entry("error", &broken.error)?;
            map.serialize_entry("goaway", &broken.goaway)?;
            if let Some(code) = broken.reset {
                map.serialize_entry("reset", &code)?;
            }
            if let Some(announced) = &broken.announced {
                map.serialize_entry("announced", &Announced::of(announced))?;
            }
            if broken.ended {
                map.serialize_entry("ended", &true)?;
            }
            Ok(())
        }
        Ending::Deadline(deadline) => {
            map.serialize_entry("limit", &deadline.limit)?;
            map.serialize_entry("after_ns", &deadline.after_ns)
        }
    }
}

/// A GOAWAY as JSON.
#[derive(Serialize)]
struct Announced {
    last_stream: u32,
    code: u32,
    debug_data: String,
}

impl Announced {
    fn of(goaway: &GoAway) -> Self {
        Self {
            last_stream: goaway.last_stream,
            code: goaway.code,
            debug_data: String::from_utf8_lossy(&goaway.data).into_owned(),
        }
    }
}

/// An ending as a JSON object of its own, as `info` and `record` list it for each call.
#[derive(Debug, Clone, Copy)]
pub(crate) struct EndingJson<'a>(pub &'a Ending);

impl Serialize for EndingJson<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        end(&mut map, self.0)?;
        map.end()
    }
}

/// Metadata as a list of pairs: order and repetition are kept. A value that is not text is `{"base64": …}`.
struct MetadataPairs<'a>(&'a Metadata);

impl Serialize for MetadataPairs<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        #[serde(untagged)]
        enum Value<'a> {
            Text(&'a str),
            Bytes { base64: String },
        }
        serializer.collect_seq(self.0.iter().map(|(name, value)| {
            let value = match std::str::from_utf8(value) {
                Ok(text) => Value::Text(text),
                Err(_) => Value::Bytes {
                    base64: BASE64.encode(value),
                },
            };
            (name, value)
        }))
    }
}
