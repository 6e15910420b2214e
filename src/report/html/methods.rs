//! The table of methods on the page of a service.

use maud::{Markup, html};

use crate::{
    analyze::stats::{MethodStats, Quantiles},
    model::text::grouped,
    report::{input::ReportInput, stats_text},
};

/// Number of methods in the table.
const METHODS: usize = 100;

/// The columns of the table.
const COLUMNS: [&str; 11] = [
    "method",
    "calls",
    "endings",
    "p50, ms",
    "p95, ms",
    "p99, ms",
    "first message p99, ms",
    "sent",
    "bytes sent",
    "received",
    "bytes received",
];

pub(super) fn table(input: &ReportInput) -> Markup {
    let methods: Vec<_> = if input.stats.is_service() {
        input.stats.methods.methods.iter().collect()
    } else {
        input.stats.service_methods().collect()
    };
    html! {
        @if !methods.is_empty() {
            section #methods {
                h2 { "Methods" }
                div.wide tabindex="0" role="group" aria-label="Methods" { table {
                    thead { tr { @for name in COLUMNS { th { (name) } } } }
                    tbody { @for method in methods.iter().take(METHODS) { (row(method)) } }
                } }
                @if methods.len() > METHODS { p.faint { "And " (methods.len() - METHODS) " more." } }
                p class="small faint" {
                    "Times are from the opening of a call to its status, of calls that the server ended."
                }
            }
        }
    }
}

fn row(method: &MethodStats) -> Markup {
    let ms = |ns: u64| format!("{:.3}", ns as f64 / 1e6);
    let time = |times: Option<Quantiles>, of: fn(&Quantiles) -> u64| {
        times.map_or_else(|| "-".to_owned(), |times| ms(of(&times)))
    };
    html! {
        tr {
            td.mono.method { (name(&method.method)) }
            td.number { (grouped(method.calls)) }
            td { (stats_text::endings(method)) }
            td.number { (time(method.duration_ns, |times| times.p50)) }
            td.number { (time(method.duration_ns, |times| times.p95)) }
            td.number { (time(method.duration_ns, |times| times.p99)) }
            td.number { (time(method.first_message_ns, |times| times.p99)) }
            td.number { (grouped(method.sent_messages)) }
            td.number { (grouped(method.sent_bytes)) }
            td.number { (grouped(method.messages)) }
            td.number { (grouped(method.message_bytes)) }
        }
    }
}

/// A method's name that may break behind its service.
pub(super) fn name(method: &str) -> Markup {
    let (service, name) = method.rsplit_once('/').unwrap_or_default();
    html! {
        @if service.is_empty() { (method) } @else { (service) "/" wbr; (name) }
    }
}
