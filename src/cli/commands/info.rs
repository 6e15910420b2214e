//! `capture info`: what a capture is and holds.

use std::{collections::BTreeSet, fs::File};

use crate::{
    das::proto::FOCUS_DESCRIPTOR_SET,
    file::{Attribute, CallOverview, Digest, FileError, Header, Overview, Reader},
    grpc::standard,
    model::text::printable,
    report::{event_json::EndingJson, event_text, schema::Schema},
};
use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use serde::{Serialize, Serializer};
use serde_json::{Map, Value, json};

use super::{Done, Outcome, input, output, schema};
use crate::cli::flags::ReportArgs;

#[derive(Serialize)]
struct Info {
    capture: String,
    format: String,
    /// Wall-clock time of offset 0.
    started: String,
    started_unix_ns: u64,
    finished: bool,
    events: u64,
    calls: u64,
    /// Messages received.
    messages: u64,
    message_bytes: Option<u64>,
    sent_messages: u64,
    gaps: u64,
    chunks: u64,
    raw_bytes: u64,
    stored_bytes: u64,
    /// Nanoseconds from the start to the last event.
    duration_ns: u64,
    digest: Option<Digest>,
    /// The capture that this one continues.
    #[serde(skip_serializing_if = "Option::is_none")]
    continues: Option<Value>,
    attributes: Map<String, Value>,
    /// Services of the embedded schema, including those without a call.
    services: Vec<String>,
    /// Services of the calls that the embedded schema describes.
    described_services: Vec<String>,
    /// Services of the calls that the embedded schema does not describe.
    undescribed_services: Vec<String>,
    #[serde(serialize_with = "call_list")]
    call_list: Vec<CallOverview>,
    /// Calls listed without their trailers, because there are too many.
    #[serde(skip_serializing_if = "is_zero")]
    trailers_left_out: u64,
    notes: Vec<Value>,
}

/// One call. Made when it is written: a hundred thousand of them take much memory as values.
#[derive(Serialize)]
struct CallJson<'a> {
    call: u32,
    method: Option<&'a str>,
    authority: Option<&'a str>,
    start_offset_ns: u64,
    end_offset_ns: Option<u64>,
    sent: u64,
    received: u64,
    ending: Option<EndingJson<'a>>,
}

fn call_list<S: Serializer>(calls: &[CallOverview], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(calls.iter().map(|call| CallJson {
        call: call.call,
        method: call.start.as_ref().map(|start| start.method.as_str()),
        authority: call.start.as_ref().map(|start| start.authority.as_str()),
        start_offset_ns: call.start_offset_ns,
        end_offset_ns: call.ending.as_ref().map(|_| call.end_offset_ns),
        sent: call.sent,
        received: call.received,
        ending: call.ending.as_ref().map(EndingJson),
    }))
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for a reference")]
const fn is_zero(count: &u64) -> bool {
    *count == 0
}

pub(crate) fn run(args: &ReportArgs) -> Done {
    input::read(&args.capture, |reader| {
        let info = gather(args, reader)?;
        output::print(args.format.format, &info, text)?;
        Ok(Outcome::Ok)
    })
}

fn gather(args: &ReportArgs, reader: &mut Reader<File>) -> Result<Info, FileError> {
    let summary = reader.summary()?;
    let overview = reader.overview()?;
    let header = reader.header();
    let services = services(header);
    let (described_services, undescribed): (Vec<_>, Vec<_>) = called(&overview)
        .into_iter()
        .partition(|service| services.contains(service));
    // Health and reflection are decoded in any case.
    let undescribed = undescribed.into_iter().filter(|service| !standard::has(service));
    let undescribed_services = undescribed.collect();
    let stored_bytes = summary.map_or_else(
        || std::fs::metadata(&args.capture).map_or(0, |metadata| metadata.len()),
        |summary| summary.stored_bytes,
    );
    Ok(Info {
        capture: args.capture.display().to_string(),
        format: reader.version().to_string(),
        started: output::wall_clock(header.anchor_unix_ns),
        started_unix_ns: header.anchor_unix_ns,
        finished: summary.is_some(),
        events: overview.events,
        calls: overview.calls.len() as u64,
        messages: overview.calls.iter().map(|call| call.received).sum(),
        sent_messages: overview.calls.iter().map(|call| call.sent).sum(),
        message_bytes: summary.map(|summary| summary.message_bytes),
        gaps: overview.gaps,
        chunks: overview.chunks,
        raw_bytes: overview.raw_bytes,
        stored_bytes,
        duration_ns: overview.last_offset_ns,
        digest: summary.map(|summary| summary.digest),
        continues: header.continues().map(|earlier| {
            json!({
                "path": earlier.path,
                "digest": earlier.digest,
                "last_offset_ns": earlier.last_offset_ns,
                "pause_ns": earlier.pause_ns(header),
            })
        }),
        attributes: attributes(header),
        services,
        described_services,
        undescribed_services,
        trailers_left_out: overview.trailers_left_out,
        notes: notes(&overview),
        call_list: overview.calls,
    })
}

/// Converts attributes to JSON: JSON ones as they are, texts as texts, the descriptor set by its size.
fn attributes(header: &Header) -> Map<String, Value> {
    let attributes = header.attributes.iter().map(|(name, value)| {
        let value = match (name.as_str(), std::str::from_utf8(value)) {
            (Attribute::DESCRIPTOR_SET, _) => json!({ "bytes": value.len() }),
            (Attribute::CONFIGURE_REQUEST | Attribute::CONFIGURE_RESPONSE, Ok(text)) => {
                serde_json::from_str(text).unwrap_or_else(|_| text.into())
            }
            (_, Ok(text)) => text.into(),
            (_, Err(_)) => json!({ "base64": BASE64.encode(value) }),
        };
        (name.clone(), value)
    });
    attributes.collect()
}

/// The services of the schema; a schema that cannot be read leaves the other results usable; `cat` tells of it.
fn services(header: &Header) -> Vec<String> {
    let set = header.get(Attribute::DESCRIPTOR_SET);
    let schema = set.and_then(|set| Schema::from_descriptor_set(set).ok());
    let Some(schema) = schema else { return Vec::new() };
    schema::warn(&schema);
    schema.services()
}

/// The services of the calls, sorted.
fn called(overview: &Overview) -> BTreeSet<String> {
    let methods = overview.calls.iter().filter_map(|call| call.start.as_ref());
    methods
        .filter_map(|start| Some(start.method.strip_prefix('/')?.split_once('/')?.0.to_owned()))
        .collect()
}

/// The line that says which calls the schema describes. What is embedded for services that nobody called is listed
/// separately, and the Focus Server's, which a proxy embeds whatever it is before, is not worth a word then.
fn schema_line(info: &Info) -> Option<String> {
    let listed = |services: &[String]| printable(&services.join(", "));
    let ours =
        Schema::from_descriptor_set(FOCUS_DESCRIPTOR_SET).map_or_else(|_| Vec::new(), |schema| schema.services());
    let called = |service: &&String| info.described_services.contains(service);
    let others = info
        .services
        .iter()
        .filter(|service| !called(service) && !ours.contains(service));
    let others: Vec<_> = others.cloned().collect();
    let mut parts = Vec::new();
    if !info.described_services.is_empty() {
        parts.push(listed(&info.described_services));
    }
    if !info.undescribed_services.is_empty() {
        parts.push(format!("none for {}", listed(&info.undescribed_services)));
    }
    if !others.is_empty() {
        parts.push(format!("embedded, and not called: {}", listed(&others)));
    }
    (!parts.is_empty()).then(|| parts.join("; "))
}

fn call_line(call: &CallOverview) -> String {
    let method = call
        .start
        .as_ref()
        .map_or("(its start is missing)", |start| start.method.as_str());
    let ending = call
        .ending
        .as_ref()
        .map_or_else(|| "no ending".to_owned(), event_text::ending);
    let received = output::grouped(call.received);
    format!(
        "call {:<4} {}  {} sent, {received} received  {ending}",
        call.call,
        printable(method),
        call.sent
    )
}

fn notes(overview: &Overview) -> Vec<Value> {
    let notes = overview.notes.iter();
    notes
        .map(|(offset_ns, note)| json!({ "offset_ns": offset_ns, "author": note.author, "text": note.text }))
        .collect()
}

fn text(info: &Info) -> String {
    let mut lines = vec![format!(
        "capture   {} (format {})",
        printable(&info.capture),
        info.format
    )];
    let mut add = |name: &str, value: String| lines.push(format!("{:<9} {value}", printable(name)));
    add("started", info.started.clone());
    add("length", output::seconds(info.duration_ns));
    for (name, value) in &info.attributes {
        match value {
            Value::String(text) if name == Attribute::CONTINUES => {
                let number = |key| info.continues.as_ref().and_then(|earlier| earlier.get(key)?.as_u64());
                let spans = number("last_offset_ns").zip(number("pause_ns"));
                let when = spans.map_or_else(String::new, |(last, pause)| {
                    let (last, pause) = (output::seconds(last), output::seconds(pause));
                    format!(", which ends at {last}, {pause} before this one begins")
                });
                add(name, format!("{}{when}", printable(text)));
            }
            Value::String(text) if name != Attribute::DESCRIPTOR_SHA256 && !name.starts_with("continues.") => {
                add(name, printable(text));
            }
            _ => {}
        }
    }
    if let Some(schema) = schema_line(info) {
        add("schema", schema);
    }
    let (messages, gaps) = (
        output::counted(info.messages, "message"),
        output::counted(info.gaps, "message"),
    );
    let bytes = info
        .message_bytes
        .map_or_else(String::new, |bytes| format!(" of {}", output::bytes(bytes)));
    add(
        "holds",
        format!(
            "{}, {messages}{bytes} received, {} sent, {gaps} lost",
            output::counted(info.calls, "call"),
            info.sent_messages
        ),
    );
    let ratio = info.raw_bytes as f64 / info.stored_bytes.max(1) as f64;
    let stored = output::bytes(info.stored_bytes);
    add(
        "file",
        format!("{stored} in {} ({ratio:.2} : 1)", output::counted(info.chunks, "chunk")),
    );
    add(
        "digest",
        info.digest.map_or_else(
            || "none: unfinished".to_owned(),
            |digest| format!("{digest} (as stored; `capture verify` checks it)"),
        ),
    );
    lines.extend(info.call_list.iter().map(call_line));
    for note in &info.notes {
        let say = |key| printable(note.get(key).and_then(Value::as_str).unwrap_or_default());
        lines.push(format!("note      {} (by {})", say("text"), say("author")));
    }
    lines.join("\n")
}
