//! The calls of a service over time, as the network panel of a browser draws them: SVG, without a script.

use maud::{Markup, html};

use crate::{
    analyze::stats::CallStats,
    model::text::grouped,
    report::{
        call_messages::{self, is_ok},
        input::ReportInput,
        picture::scale::{self, Tick},
        stats_text,
    },
};

/// Edges of the bars, in a box of 1000 units.
const LEFT: f64 = 300.0;
const RIGHT: f64 = 985.0;

/// Height of a row and of its bar.
const ROW: f64 = 18.0;
const BAR: f64 = 12.0;

/// Number of characters of a method that fit beside its bar.
const METHOD: usize = 38;

/// Draws the calls; nothing for captures of spectrogram streams.
pub(super) fn calls(input: &ReportInput) -> Markup {
    let mut calls = call_messages::listed(&input.stats);
    calls.retain(|call| call.start_ns.is_some());
    if calls.is_empty() || !input.stats.is_service() {
        return Markup::default();
    }
    let all = input.stats.totals.calls;
    let failed = calls.iter().any(|call| !is_ok(call));
    let from = calls.iter().filter_map(|call| call.start_ns).min().unwrap_or(0);
    let last = input.stats.totals.last_offset_ns;
    let to = calls
        .iter()
        .map(|call| call.end_ns.unwrap_or(last))
        .max()
        .unwrap_or(last);
    let length = to.saturating_sub(from).max(1) as f64;
    let x = |ns: u64| LEFT + (ns.saturating_sub(from) as f64 / length).clamp(0.0, 1.0) * (RIGHT - LEFT);
    let ground = ROW * calls.len() as f64 + 6.0;
    let view = format!("0 0 1000 {:.0}", ground + 42.0);
    let described = format!("{} calls over {:.3} seconds.", calls.len(), length / 1e9);
    let (begin_s, end_s) = (from as f64 / 1e9, to as f64 / 1e9);
    let at = |tick: &Tick| x((tick.at * 1e9) as u64);
    html! {
        section #waterfall-of-calls {
            h2 { "Calls over time" }
            figure {
                div.calls tabindex="0" role="group" aria-label=(described) {
                    svg viewBox=(view) role="group" {
                        title { (described) }
                        @for (row, call) in calls.iter().enumerate() { (bar(call, row, &x, last)) }
                        line.axis x1=(LEFT) x2=(RIGHT) y1=(px(ground)) y2=(px(ground)) {}
                        @for tick in scale::numbers(begin_s, end_s, 6) {
                            text x=(px(at(&tick))) y=(px(ground + 16.0)) text-anchor="middle" { (tick.label) }
                        }
                        text x=(RIGHT) y=(px(ground + 34.0)) text-anchor="end" { "seconds since the start of the capture" }
                    }
                }
                figcaption {
                    "Each bar is a call from its opening to its ending; the light part is the time to its first message. A click \
                    on a bar shows the messages of its call."
                    @if all > calls.len() as u64 { " Of " (grouped(all)) " calls, " (calls.len()) " are drawn." }
                    @if failed { " Calls that did not end with OK come first." }
                }
            }
        }
    }
}

fn bar(call: &CallStats, row: usize, x: &impl Fn(u64) -> f64, last_ns: u64) -> Markup {
    let start_ns = call.start_ns.unwrap_or(0);
    let end_ns = call.end_ns.unwrap_or(last_ns);
    let y = ROW * row as f64 + 4.0;
    let (from, to) = (x(start_ns), x(end_ns));
    let first = call.first_frame_ns.map(|wait_ns| x(start_ns.saturating_add(wait_ns)));
    let how = call
        .ending
        .as_ref()
        .map_or_else(|| "no ending".to_owned(), stats_text::ending);
    let ms = end_ns.saturating_sub(start_ns) as f64 / 1e6;
    let said = format!("call {}: {}, {how}, {ms:.3} ms", call.call, call.method);
    let method: String = call.method.chars().rev().take(METHOD).collect();
    let method: String = method.chars().rev().collect();
    html! {
        a href={ "#call-" (call.call) } aria-label=(said) {
            g class=(class(call)) {
                title { (said) }
                text.method x=(LEFT - 8.0) y=(px(y + BAR - 2.0)) text-anchor="end" { (call.call) " " (method) }
                rect.whole x=(px(from)) y=(px(y)) width=(px((to - from).max(2.0))) height=(BAR) {}
                @if let Some(first) = first {
                    rect.wait x=(px(from)) y=(px(y)) width=(px((first - from).max(0.0))) height=(BAR) {}
                }
            }
        }
    }
}

/// The CSS class of a call's ending.
fn class(call: &CallStats) -> &'static str {
    match call.ending.as_ref().map(|ending| ending.kind) {
        _ if is_ok(call) => "ok",
        Some("cancelled") | None => "open",
        Some(_) => "failed",
    }
}

/// Formats a length in the drawing.
fn px(length: f64) -> String {
    format!("{length:.1}")
}
