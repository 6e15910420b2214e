//! Events as JSON, one object each: what `capture cat --format json` prints.

use std::collections::BTreeMap;

use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use prost_reflect::{DynamicMessage, SerializeOptions};
use serde::{Serialize, Serializer, ser::SerializeMap};

use super::{
    schema::Schema,
    unknown::{may_hold_any, unknown_fields},
};
use crate::{
    file::Digest,
    grpc,
    model::{
        event::{Ending, Event, EventKind, GoAway, Message, MessageNumbers, Metadata},
        finding::utc,
    },
};

/// Turns the events of a capture into JSON objects, in their order.
///
/// Each object has `event`, `call`, `seq`, `offset_ns` and `time` (UTC, where the capture has a clock), and then what the
/// kind holds. A message has `number` (from 1 in its call and direction), `direction`, `compressed` and `size` (bytes as recorded); where the schema knows the method, `type` and `message` (the proto3
/// JSON mapping with the names of the .proto file) and, where there are any, `unknown_fields` (each `in`, `number` and
/// `data`, the field as on the wire in base64); otherwise `data` in base64, with `decode_error` when the schema
/// knows the method and the message does not fit.
#[derive(Debug)]
pub struct EventJson {
    schema: Schema,
    /// Wall-clock time of offset 0; 0 where it is not known.
    anchor_unix_ns: u64,
    numbers: MessageNumbers,
    /// Method and message encodings of each call.
    calls: BTreeMap<u32, CallContext>,
}

#[derive(Debug, Default)]
struct CallContext {
    method: String,
    request_encoding: Option<String>,
    response_encoding: Option<String>,
}

impl EventJson {
    /// A converter that decodes messages by `schema`; offset 0 is `anchor_unix_ns` by the wall clock, 0 where that is
    /// not known.
    #[must_use]
    pub fn new(schema: Schema, anchor_unix_ns: u64) -> Self {
        Self {
            schema,
            anchor_unix_ns,
            numbers: MessageNumbers::default(),
            calls: BTreeMap::new(),
        }
    }

    /// Formats one event as one line of JSON, without the line end. What is not to be shown must be [passed
    /// over](Self::pass).
    ///
    /// # Errors
    /// None in practice: everything an event holds can be written as JSON.
    pub fn line(&mut self, event: &Event) -> Result<String, serde_json::Error> {
        let number = self.note(event);
        let context = self.calls.get(&event.call);
        let line = serde_json::to_string(&Line {
            event,
            number,
            anchor_unix_ns: self.anchor_unix_ns,
            schema: &self.schema,
            context,
        });
        self.forget(event);
        line
    }

    /// Decodes subsequent messages by another schema.
    pub fn set_schema(&mut self, schema: Schema) {
        self.schema = schema;
    }

    /// Notes an event that is not printed.
    pub fn pass(&mut self, event: &Event) {
        self.note(event);
        self.forget(event);
    }

    fn forget(&mut self, event: &Event) {
        if matches!(event.kind, EventKind::End(_)) {
            self.calls.remove(&event.call);
        }
    }

    fn note(&mut self, event: &Event) -> Option<u64> {
        let encoding = |metadata: &Metadata| metadata.get_text("grpc-encoding").map(str::to_owned);
        match &event.kind {
            EventKind::CallStart(start) => {
                let context = self.calls.entry(event.call).or_default();
                context.method.clone_from(&start.method);
                context.request_encoding = encoding(&start.metadata);
            }
            EventKind::Headers(headers) => {
                self.calls.entry(event.call).or_default().response_encoding = encoding(&headers.metadata);
            }
            _ => {}
        }
        self.numbers.of(event)
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
            EventKind::End(ending) => end(&mut map, ending)?,
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
        match self.decode(message) {
            Some(Ok(decoded)) => {
                map.serialize_entry("type", decoded_type(&decoded).as_str())?;
                map.serialize_entry("message", &Decoded(&decoded))?;
                let unknown = unknown_fields(&decoded);
                if unknown.is_empty() {
                    Ok(())
                } else {
                    map.serialize_entry("unknown_fields", &unknown)
                }
            }
            Some(Err(error)) => {
                map.serialize_entry("decode_error", &error)?;
                map.serialize_entry("data", &BASE64.encode(&message.data))
            }
            None => map.serialize_entry("data", &BASE64.encode(&message.data)),
        }
    }

    fn decode(&self, message: &Message) -> Option<Result<DynamicMessage, String>> {
        let decoded = self.decode_any(message)?;
        // JSON shows what is inside an Any, which needs a type that the schema may lack.
        Some(decoded.and_then(|decoded| {
            if may_hold_any(&decoded)
                && let Err(error) = serde_json::to_writer(std::io::sink(), &Decoded(&decoded))
            {
                return Err(error.to_string());
            }
            Ok(decoded)
        }))
    }

    fn decode_any(&self, message: &Message) -> Option<Result<DynamicMessage, String>> {
        let context = self.context?;
        if !message.compressed {
            return self.schema.decode(&context.method, message.direction, &message.data);
        }
        let encoding = match message.direction {
            crate::model::event::Direction::Sent => context.request_encoding.as_deref(),
            crate::model::event::Direction::Received => context.response_encoding.as_deref(),
        };
        match grpc::inflate(encoding.unwrap_or(grpc::NO_ENCODING), &message.data, grpc::MAX_INFLATED) {
            Ok(plain) => self.schema.decode(&context.method, message.direction, &plain),
            Err(error) => Some(Err(error.to_string())),
        }
    }
}

fn decoded_type(decoded: &DynamicMessage) -> String {
    use prost_reflect::ReflectMessage as _;
    decoded.descriptor().full_name().to_owned()
}

/// A decoded message in the proto3 JSON mapping (64-bit integers are strings, for many programs read numbers as doubles),
/// except that defaults are shown and names are those of the .proto file.
struct Decoded<'a>(&'a DynamicMessage);

impl Serialize for Decoded<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let options = SerializeOptions::new()
            .stringify_64_bit_integers(true)
            .use_proto_field_name(true)
            .skip_default_fields(false);
        self.0.serialize_with_options(serializer, &options)
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
