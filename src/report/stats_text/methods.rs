//! Statistics of methods as text.

use crate::{
    analyze::stats::{CallStats, EndingStats, MAX_METHODS, MethodStats, Quantiles, Stats},
    model::text::{counted, grouped, printable},
};

/// Number of calls listed in the text; JSON holds more of them.
const LISTED_CALLS: usize = 20;

/// Renders the totals of a service: calls, endings and messages.
pub(super) fn totals(lines: &mut Vec<String>, stats: &Stats) {
    let (totals, methods) = (&stats.totals, &stats.methods);
    let mut calls = format!(
        "{} in {}, at most {} open at once",
        counted(totals.calls, "call"),
        counted(methods.methods.len() as u64, "method"),
        methods.most_open_calls
    );
    if methods.retries > 0 {
        calls.push_str(&format!(", {} of earlier calls", retries(methods.retries)));
    }
    if methods.calls_of_unlisted_methods > 0 {
        calls.push_str(&format!(
            "; {} beyond the first {MAX_METHODS} methods are not listed by method",
            counted(methods.calls_of_unlisted_methods, "call")
        ));
    }
    add(lines, "calls", calls);
    let messages = format!(
        "{} sent, {} received with {}; {} lost",
        counted(totals.sent_messages, "message"),
        counted(totals.messages, "message"),
        counted(totals.message_bytes, "byte"),
        counted(totals.lost_messages, "message")
    );
    add(lines, "messages", messages);
}

/// Renders each method.
pub(super) fn methods<'a>(lines: &mut Vec<String>, methods: impl Iterator<Item = &'a MethodStats>) {
    methods.for_each(|method| one(lines, method));
}

/// Renders the calls that did not end with OK.
pub(super) fn failed_calls(lines: &mut Vec<String>, stats: &Stats) {
    let is_ok = |call: &&CallStats| call.ending.as_ref().is_some_and(|ending| ending.code == Some(0));
    let failed: Vec<_> = stats.calls.iter().filter(|call| !is_ok(call)).collect();
    for call in failed.iter().take(LISTED_CALLS) {
        let how = call.ending.as_ref().map_or_else(|| "no ending".to_owned(), ending);
        let retry = call
            .retry_of
            .map_or_else(String::new, |first| format!(", a retry of call {first}"));
        lines.push(format!(
            "call {:<5} {}  {}  {how}{retry}",
            call.call,
            printable(&call.method),
            counted(call.messages, "message")
        ));
    }
    let more = failed.len().saturating_sub(LISTED_CALLS);
    if more > 0 {
        lines.push(format!(
            "and {} that did not end with OK",
            counted(more as u64, "more call")
        ));
    }
}

fn one(lines: &mut Vec<String>, method: &MethodStats) {
    add(lines, "method", printable(&method.method));
    add(
        lines,
        "",
        format!("{}: {}", counted(method.calls, "call"), endings(method)),
    );
    let rate = |value: Option<f64>| value.map_or_else(|| "-".to_owned(), |value| format!("{value:.2}"));
    add(
        lines,
        "",
        format!(
            "{} calls/s, {} messages/s, {} MB/s, at most {} open, {} on average",
            rate(method.calls_per_s),
            rate(method.messages_per_s),
            rate(method.megabytes_per_s),
            method.most_open,
            rate(method.mean_open)
        ),
    );
    for (name, times) in [
        ("to the status", method.duration_ns),
        ("to the first message", method.first_message_ns),
        ("between messages", method.message_gap_ns),
    ] {
        if let Some(times) = times {
            add(lines, "", format!("{name} {}", quantiles(&times, ms)));
        }
    }
    for (name, messages, bytes, sizes) in [
        ("sent", method.sent_messages, method.sent_bytes, method.sent_size_bytes),
        (
            "received",
            method.messages,
            method.message_bytes,
            method.message_size_bytes,
        ),
    ] {
        let sizes = sizes.map_or_else(String::new, |sizes| {
            format!(", sizes {}", quantiles(&sizes, |size| size.to_string()))
        });
        let text = format!(
            "{} {name} with {}{sizes}",
            counted(messages, "message"),
            counted(bytes, "byte")
        );
        add(lines, "", text);
    }
}

/// The endings of a method's calls with their numbers.
pub(crate) fn endings(method: &MethodStats) -> String {
    let statuses = method
        .statuses
        .iter()
        .map(|(name, count)| format!("{} {name}", grouped(count)));
    let others = [
        ("cancelled", method.cancelled),
        ("broken", method.broken),
        ("timed out", method.deadline),
        ("without an ending", method.unended),
    ];
    let others = others.into_iter().filter(|(_, count)| *count > 0);
    let mut all: Vec<_> = statuses
        .chain(others.map(|(name, count)| format!("{} {name}", grouped(count))))
        .collect();
    if method.lost_messages > 0 {
        all.push(format!("{} lost", counted(method.lost_messages, "message")));
    }
    if method.retries > 0 {
        all.push(retries(method.retries));
    }
    all.join(", ")
}

fn quantiles(values: &Quantiles, text: impl Fn(u64) -> String) -> String {
    let [p50, p95, p99, max] = [values.p50, values.p95, values.p99, values.max].map(text);
    format!("p50 {p50}, p95 {p95}, p99 {p99}, max {max}")
}

fn retries(count: u64) -> String {
    format!("{} {}", grouped(count), if count == 1 { "retry" } else { "retries" })
}

fn ms(ns: u64) -> String {
    format!("{:.3} ms", ns as f64 / 1e6)
}

fn add(lines: &mut Vec<String>, name: &str, text: impl AsRef<str>) {
    lines.push(format!("{name:<11}{}", text.as_ref()));
}

/// Describes the ending of a call in one phrase.
pub(crate) fn ending(ending: &EndingStats) -> String {
    let name = ending.status.clone().unwrap_or_else(|| ending.kind.to_owned());
    match ending.text.as_str() {
        "" => name,
        text => format!("{name}: {}", printable(text)),
    }
}
