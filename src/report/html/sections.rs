//! Sections of the page: statistics, identity, calls, remarks, configuration, and commands to reproduce it.

use maud::{Markup, html};

use super::methods;
use crate::{
    file::{Attribute, Header},
    model::text::counted,
    report::{
        call_messages::{self, CallMessages, is_ok},
        input::ReportInput,
        picture::scale,
        stats_text,
    },
};

/// Number of rows in the table of calls; a proxy may record any number.
const CALLS: usize = 100;
/// Number of characters shown of a configure body.
const MAX_BODY: usize = 64 << 10;

pub(super) fn statistics(input: &ReportInput) -> Markup {
    html! {
        section #statistics {
            h2 { "Statistics" }
            pre tabindex="0" { (stats_text::render(&input.stats)) }
        }
    }
}

pub(super) fn identity(input: &ReportInput) -> Markup {
    html! {
        section #identity {
            h2 { "The capture" }
            table { tbody {
                @for (name, value) in facts(input) { tr { th scope="row" { (name) } td { (value) } } }
            } }
        }
    }
}

/// The identity of the capture: names and values.
pub(crate) fn facts(input: &ReportInput) -> Vec<(String, String)> {
    let header = &input.header;
    let mut facts = Vec::new();
    let mut add = |name: &str, value: String| facts.push((name.to_owned(), value));
    add("file", input.capture.clone());
    let digest = input.summary.map(|summary| summary.digest.to_string());
    add(
        "digest",
        digest.unwrap_or_else(|| "none, because the recording was not finished".to_owned()),
    );
    let start_us = i64::try_from(header.anchor_unix_ns / 1000).unwrap_or(i64::MAX);
    let length_us = (input.stats.totals.last_offset_ns / 1000) as i64;
    add(
        "recorded",
        format!("{}, for {}", scale::date_and_time(start_us), scale::length(length_us)),
    );
    let segments = &input.pictures.plan.time.segments;
    if let (Some(first), Some(last)) = (segments.first(), segments.last()) {
        let end = last.start_us.saturating_add(last.length_us);
        let (first, end) = (scale::date_and_time(first.start_us), scale::date_and_time(end));
        add("rows", format!("{first} to {end}"));
    }
    for (label, name) in [
        ("job", Attribute::JOB_ID),
        ("dialect", Attribute::DIALECT),
        ("source", Attribute::SOURCE),
        ("recorded by", Attribute::TOOL),
        ("schema", Attribute::DESCRIPTOR_SHA256),
    ] {
        if let Some(value) = header.text(name) {
            add(label, value.to_owned());
        }
    }
    for (name, value) in header.tags() {
        add(&format!("tag {name}"), value.to_owned());
    }
    add("file format", input.format.clone());
    add("reported by", format!("grpc-capture {}", env!("CARGO_PKG_VERSION")));
    facts
}

pub(super) fn calls(input: &ReportInput) -> Markup {
    let is_service = input.stats.is_service();
    let calls: Vec<_> = if is_service {
        call_messages::listed(&input.stats)
    } else {
        input.stats.calls.iter().take(CALLS).collect()
    };
    let more = input.stats.totals.calls.saturating_sub(calls.len() as u64);
    html! {
        section #calls {
            h2 { "Calls" }
            @if input.stats.calls.is_empty() {
                p { "There is no call." }
            } @else {
                div.wide tabindex="0" role="group" aria-label="Calls" { table {
                    thead { tr {
                        @for name in ["call", "method", "messages", "lost", "ending", "message digest"] { th { (name) } }
                    } }
                    tbody {
                        @for call in calls {
                            @let messages = input.messages.get(&call.call);
                            tr.failed[is_service && !is_ok(call)] id=[messages.is_none().then(|| anchor(call.call))] {
                                td { (call.call) }
                                td.mono.method { (methods::name(&call.method)) }
                                td.number { (call.messages) }
                                td.number { (call.lost_messages) }
                                td { (call.ending.as_ref().map_or_else(|| "no ending".to_owned(), stats_text::ending)) }
                                td.mono { @if let Some(digest) = call.digest { (digest.to_string()) } }
                            }
                            @if let Some(messages) = messages { (messages_of(call.call, messages)) }
                        }
                    }
                } }
                @if more > 0 { p.faint { "And " (counted(more, "more call")) "." } }
            }
        }
    }
}

/// The place of a call on the page, which links lead to.
fn anchor(call: u32) -> String {
    format!("call-{call}")
}

/// The messages of a call, folded. A link to a place inside opens them.
fn messages_of(call: u32, messages: &CallMessages) -> Markup {
    html! {
        tr.messages { td colspan="6" { details {
            summary { "messages of call " (call) }
            pre id=(anchor(call)) tabindex="0" { @for line in &messages.lines { (line) "\n" } }
            @if messages.more > 0 { p.faint { "And " (counted(messages.more, "more event")) "." } }
        } } }
    }
}

pub(super) fn notes(input: &ReportInput) -> Markup {
    html! {
        @if !input.notes.is_empty() {
            section #notes {
                h2 { "Remarks" }
                ul {
                    @for (_, offset_ns, note) in &input.notes {
                        @let at = format!("{:.3}", *offset_ns as f64 / 1e9);
                        li { (note.text) " " span.faint { "(" (note.author) ", at " (at) " s)" } }
                    }
                }
            }
        }
    }
}

pub(super) fn configure(input: &ReportInput) -> Markup {
    let bodies = [
        ("Request", Attribute::CONFIGURE_REQUEST),
        ("Response", Attribute::CONFIGURE_RESPONSE),
    ];
    let bodies: Vec<_> = bodies
        .into_iter()
        .filter_map(|(title, name)| Some((title, body(&input.header, name)?)))
        .collect();
    if bodies.is_empty() && input.stats.is_service() {
        return Markup::default();
    }
    html! {
        section #configure {
            h2 { "Configure" }
            @if bodies.is_empty() {
                p { "The capture holds no configure request or response, because the job was dialled or imported." }
            }
            @for (title, body) in bodies {
                h3 { (title) }
                pre tabindex="0" { (body) }
            }
        }
    }
}

/// Formats a configure body for people: JSON in lines, anything else as it is, cut where it is very long.
pub(crate) fn body(header: &Header, name: &str) -> Option<String> {
    let bytes = header.get(name)?;
    let parsed = serde_json::from_slice::<serde_json::Value>(bytes).ok();
    let pretty = parsed.and_then(|value| serde_json::to_string_pretty(&value).ok());
    let text = pretty.unwrap_or_else(|| String::from_utf8_lossy(bytes).into_owned());
    let end = text.char_indices().nth(MAX_BODY).map_or(text.len(), |(at, _)| at);
    let more = if end < text.len() { "\n…" } else { "" };
    Some(format!("{}{more}", &text[..end]))
}

pub(super) fn again(input: &ReportInput) -> Markup {
    let commands = input.again.commands(&input.capture);
    if commands.is_empty() {
        return Markup::default();
    }
    let lines: Vec<_> = commands.iter().map(|command| format!("$ {command}")).collect();
    let repository = env!("CARGO_PKG_REPOSITORY");
    html! {
        section #again {
            h2 { "Reproduce" }
            @if let Some(remark) = &input.again.remark { p { (remark) } }
            p {
                "The first command gets the program " code { "capture" } ", in the version that made this page."
                @if !repository.is_empty() { " Its source is at " (repository) "." }
                " " code { "validate" } " gives the verdict of this page, " code { "serve" }
                " serves it as a local server for any client, " code { "verify" } " checks that the file is complete."
            }
            pre tabindex="0" { (lines.join("\n")) }
        }
    }
}
