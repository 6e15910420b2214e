//! Numbers, identity, calls, remarks, what was configured, and how to play it again.

use std::fmt::Write as _;

use super::escape::escape;
use crate::{
    file::{Header, attribute},
    report::{input::ReportInput, picture::scale, stats_text},
};

/// Rows of a table of calls; a proxy may record any number.
const CALLS: usize = 100;
/// Characters of a configure body that are shown.
const MAX_BODY: usize = 64 << 10;

pub(super) fn statistics(input: &ReportInput) -> String {
    let text = escape(&stats_text::render(&input.stats));
    format!("<section id=\"statistics\">\n<h2>Statistics</h2>\n<pre tabindex=\"0\">{text}</pre>\n</section>\n")
}

pub(super) fn identity(input: &ReportInput) -> String {
    let mut rows = Vec::new();
    for (name, value) in facts(input) {
        let value = escape(&value);
        rows.push(format!(
            "<tr><th scope=\"row\">{}</th><td>{value}</td></tr>",
            escape(&name)
        ));
    }
    format!(
        "<section id=\"identity\">\n<h2>The capture</h2>\n<table>\n<tbody>\n{}\n</tbody>\n</table>\n</section>\n",
        rows.join("\n")
    )
}

/// What the capture is: names and values.
pub(in crate::report) fn facts(input: &ReportInput) -> Vec<(String, String)> {
    let header = &input.header;
    let mut facts = Vec::new();
    let mut add = |name: &str, value: String| facts.push((name.to_owned(), value));
    add("file", input.capture.clone());
    let digest = input.summary.map(|summary| summary.digest.to_string());
    add(
        "digest",
        digest.unwrap_or_else(|| "none: the recording was not finished".to_owned()),
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
        ("job", attribute::JOB_ID),
        ("dialect", attribute::DIALECT),
        ("source", attribute::SOURCE),
        ("recorded by", attribute::TOOL),
        ("schema", attribute::DESCRIPTOR_SHA256),
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

pub(super) fn calls(input: &ReportInput) -> String {
    let mut text = "<section id=\"calls\">\n<h2>Calls</h2>\n".to_owned();
    if input.stats.calls.is_empty() {
        text.push_str("<p>There is no call.</p>\n</section>\n");
        return text;
    }
    text.push_str(
        "<div class=\"wide\" tabindex=\"0\" role=\"group\" aria-label=\"Calls\"><table>\n<thead><tr><th>call</th><th>method</th>\
         <th>messages</th><th>lost</th><th>ending</th><th>message digest</th></tr></thead>\n<tbody>\n",
    );
    for call in input.stats.calls.iter().take(CALLS) {
        let ending = call
            .ending
            .as_ref()
            .map_or_else(|| "no ending".to_owned(), stats_text::ending);
        let digest = call.digest.map_or_else(String::new, |digest| digest.to_string());
        let _ = writeln!(
            text,
            "<tr><td>{}</td><td class=\"mono\">{}</td><td>{}</td><td>{}</td><td>{}</td><td class=\"mono\">{digest}</td></tr>",
            call.call,
            escape(&call.method),
            call.messages,
            call.lost_messages,
            escape(&ending),
        );
    }
    text.push_str("</tbody>\n</table></div>\n");
    let more = input.stats.totals.calls.saturating_sub(CALLS as u64);
    if more > 0 {
        let _ = writeln!(text, "<p class=\"faint\">And {more} more calls.</p>");
    }
    text.push_str("</section>\n");
    text
}

pub(super) fn notes(input: &ReportInput) -> String {
    if input.notes.is_empty() {
        return String::new();
    }
    let mut text = "<section id=\"notes\">\n<h2>Remarks</h2>\n<ul>\n".to_owned();
    for (_, offset_ns, note) in &input.notes {
        let (said, author) = (escape(&note.text), escape(&note.author));
        let _ = writeln!(
            text,
            "<li>{said} <span class=\"faint\">({author}, at {:.3} s)</span></li>",
            *offset_ns as f64 / 1e9
        );
    }
    text.push_str("</ul>\n</section>\n");
    text
}

pub(super) fn configure(input: &ReportInput) -> String {
    let bodies = [
        ("Request", attribute::CONFIGURE_REQUEST),
        ("Response", attribute::CONFIGURE_RESPONSE),
    ];
    let bodies = bodies.map(|(title, name)| Some((title, body(&input.header, name)?)));
    if bodies.iter().all(Option::is_none) {
        return "<section id=\"configure\">\n<h2>Configure</h2>\n<p>The capture holds no configure request or response: the \
                job was dialled, or imported.</p>\n</section>\n"
            .to_owned();
    }
    let mut text = "<section id=\"configure\">\n<h2>Configure</h2>\n".to_owned();
    for (title, body) in bodies.into_iter().flatten() {
        let _ = writeln!(text, "<h3>{title}</h3>\n<pre tabindex=\"0\">{}</pre>", escape(&body));
    }
    text.push_str("</section>\n");
    text
}

/// A configure body for people: JSON in lines, anything else as it is, cut where it is very long.
pub(in crate::report) fn body(header: &Header, name: &str) -> Option<String> {
    let bytes = header.get(name)?;
    let parsed = serde_json::from_slice::<serde_json::Value>(bytes).ok();
    let pretty = parsed.and_then(|value| serde_json::to_string_pretty(&value).ok());
    let text = pretty.unwrap_or_else(|| String::from_utf8_lossy(bytes).into_owned());
    let end = text.char_indices().nth(MAX_BODY).map_or(text.len(), |(at, _)| at);
    let more = if end < text.len() { "\n…" } else { "" };
    Some(format!("{}{more}", &text[..end]))
}

pub(super) fn again(input: &ReportInput) -> String {
    let commands = input.again.commands(&input.capture);
    let lines: Vec<_> = commands.iter().map(|command| format!("$ {command}")).collect();
    let remark = input.again.remark.as_ref();
    let remark = remark.map_or_else(String::new, |remark| format!("<p>{}</p>\n", escape(remark)));
    let repository = match env!("CARGO_PKG_REPOSITORY") {
        "" => String::new(),
        url => format!(" Its source is at {}.", escape(url)),
    };
    format!(
        "<section id=\"again\">\n<h2>See it again</h2>\n{remark}<p>The first command gets the program \
         <code>capture</code>, in the version that made this page.{repository} <code>validate</code> judges the capture as \
         this page does, <code>serve</code> serves it as a local server for any client, <code>verify</code> proves that the \
         file is whole.</p>\n<pre tabindex=\"0\">{}</pre>\n</section>\n",
        escape(&lines.join("\n"))
    )
}
