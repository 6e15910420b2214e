//! The sections about a capture without spectrogram streams: its totals and its methods.

use super::{
    normal,
    number::{float, optional},
    page::Page,
};
use crate::analyze::stats::{MethodStats, Quantiles, Stats};

pub(super) fn totals(page: &mut Page, stats: &Stats) {
    let (totals, methods) = (&stats.totals, &stats.methods);
    page.heading("capture");
    page.line("calls", totals.calls);
    page.line("methods", methods.methods.len());
    if methods.calls_of_unlisted_methods > 0 {
        page.line("calls not listed", methods.calls_of_unlisted_methods);
    }
    page.line("retries", methods.retries);
    page.line("messages sent", totals.sent_messages);
    page.line("messages received", totals.messages);
    page.line("message bytes", totals.message_bytes);
    page.line("messages lost", totals.lost_messages);
}

pub(super) fn method(page: &mut Page, method: &MethodStats) {
    page.heading(&format!("method {}", normal::text(&method.method, &[])));
    page.line("calls", method.calls);
    for (name, count) in method.statuses.iter() {
        page.line(&format!("status {name}"), count);
    }
    for (name, count) in [
        ("cancelled", method.cancelled),
        ("broken", method.broken),
        ("deadlines", method.deadline),
        ("without an ending", method.unended),
        ("retries", method.retries),
        ("messages lost", method.lost_messages),
    ] {
        if count > 0 {
            page.line(name, count);
        }
    }
    page.line("messages sent", method.sent_messages);
    page.line("bytes sent", method.sent_bytes);
    page.line("sizes sent", sizes(method.sent_size_bytes));
    page.line("messages received", method.messages);
    page.line("bytes received", method.message_bytes);
    page.line("sizes received", sizes(method.message_size_bytes));
}

/// What depends on the time of arrival.
pub(super) fn timing(page: &mut Page, method: &MethodStats) {
    page.heading(&format!("arrival {}", normal::text(&method.method, &[])));
    for (name, times) in [
        ("to the status", method.duration_ns),
        ("to the first message", method.first_message_ns),
        ("between messages", method.message_gap_ns),
    ] {
        let Some(times) = times else { continue };
        for (quantile, ns) in [
            ("p50", times.p50),
            ("p95", times.p95),
            ("p99", times.p99),
            ("max", times.max),
        ] {
            page.line(&format!("{name} {quantile} ns"), ns);
        }
        page.line(&format!("{name} mean ns"), float(times.mean));
    }
    page.line("calls/s", optional(method.calls_per_s));
    page.line("messages/s", optional(method.messages_per_s));
    page.line("MB/s", optional(method.megabytes_per_s));
    page.line("most open", method.most_open);
    page.line("mean open", optional(method.mean_open));
}

fn sizes(sizes: Option<Quantiles>) -> String {
    sizes.map_or_else(|| "-".to_owned(), |sizes| format!("{}..{}", sizes.min, sizes.max))
}
