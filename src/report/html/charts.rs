//! Charts that need no script: arrivals and amplitudes, as SVG.

use maud::{Markup, html};

use crate::{
    model::text::counted,
    report::{
        finding_text,
        input::ReportInput,
        picture::{
            scale::{self, Tick},
            timeline::Arrivals,
        },
    },
};

/// Margins of the drawing: left edge, right edge, upper edge and ground line, in a box of 1000 × 200.
const LEFT: f64 = 64.0;
const RIGHT: f64 = 990.0;
const TOP: f64 = 26.0;
const GROUND: f64 = 160.0;

/// Width of the text of a stall.
const STALL_TEXT: f64 = 90.0;

/// Formats a length in the drawing.
fn px(length: f64) -> String {
    format!("{length:.1}")
}

/// The chart of arrivals, with calls, stalls, losses and findings.
pub(super) fn timeline(input: &ReportInput) -> Markup {
    let arrivals = &input.pictures.arrivals;
    let length = arrivals.length_ns.max(1) as f64;
    let x = |ns: u64| LEFT + (ns as f64 / length).clamp(0.0, 1.0) * (RIGHT - LEFT);
    let described = format!(
        "Arrivals: {} over {:.3} seconds, {}, {}.",
        counted(arrivals.messages.iter().sum(), "message"),
        length / 1e9,
        counted(arrivals.silences.len() as u64, "stall"),
        match arrivals.lost.len() {
            1 => "1 loss".to_owned(),
            losses => format!("{losses} losses"),
        }
    );
    let place = |tick: &Tick| x((tick.at * 1e9) as u64);
    let seconds = scale::numbers(0.0, length / 1e9, 10);
    let slot_us = (arrivals.length_ns / 1000 / arrivals.messages.len().max(1) as u64) as i64;
    let drawing = html! {
        (stalls(arrivals, x))
        (bars(&arrivals.messages))
        @for call in &arrivals.calls {
            @let (from, to) = (x(call.start_ns), x(call.end_ns.unwrap_or(arrivals.length_ns)));
            line.call x1=(px(from)) x2=(px(to.max(from + 1.0))) y1=(px(GROUND + 3.0)) y2=(px(GROUND + 3.0)) {
                title { "call " (call.call) @if call.end_ns.is_none() { " (no ending)" } }
            }
        }
        @for lost in &arrivals.lost {
            @let at = x(lost.offset_ns);
            line.lost x1=(px(at)) x2=(px(at)) y1=(TOP) y2=(GROUND) {
                title { (counted(lost.messages, "message")) " lost" }
            }
            text.lost-text x=(px(at + 4.0)) y=(TOP + 30.0) { (lost.messages) " lost" }
        }
        @for (at, finding) in input.validation.findings.iter().enumerate() {
            @if let Some(offset_ns) = finding.first.offset_ns {
                @let said = format!("{}: {}", finding_text::severity(finding.severity), finding.rule);
                a href={ "#finding-" (at + 1) } aria-label=(said) {
                    path class={ "mark " (finding_text::severity(finding.severity)) }
                        d={ "M" (px(x(offset_ns) - 7.0)) " 6h14l-7 12z" } { title { (said) } }
                }
            }
        }
        (ticks(&seconds, place, "seconds since the start of the capture"))
    };
    html! {
        h3 #timeline { "Arrivals" }
        (figure(&described, &drawing, &html! { "Messages received per " (scale::length(slot_us)) "." }))
    }
}

fn stalls(arrivals: &Arrivals, x: impl Fn(u64) -> f64) -> Markup {
    html! {
        @for silence in &arrivals.silences {
            @let (from, to) = (x(silence.from_ns), x(silence.to_ns));
            @let said = scale::length(((silence.to_ns - silence.from_ns) / 1000) as i64);
            rect.stall x=(px(from)) y=(TOP) width=(px((to - from).max(1.0))) height=(GROUND - TOP) {
                title { "call " (silence.call) " silent for " (said) }
            }
            @if to - from > STALL_TEXT {
                text.stall-text x=(px(f64::midpoint(from, to))) y=(TOP + 14.0) text-anchor="middle" { "stall " (said) }
            }
        }
    }
}

/// The histogram of amplitudes.
pub(super) fn histogram(input: &ReportInput) -> Markup {
    let histogram = &input.pictures.histogram;
    let low = f64::from(histogram.low_db);
    let high = low + f64::from(histogram.bar_db) * histogram.counts.len() as f64;
    let described = format!("Histogram of the finite values, from {low:.1} to {high:.1} dB.");
    let x = |tick: &Tick| LEFT + (tick.at - low) / (high - low) * (RIGHT - LEFT);
    let amplitude = &input.stats.amplitude;
    let odd = [
        ("−∞", amplitude.negative_infinite),
        ("+∞", amplitude.positive_infinite),
        ("NaN", amplitude.nan),
    ];
    html! {
        h3 { "Amplitudes" }
        @if histogram.counts.is_empty() {
            p { "There is no finite value." }
        } @else {
            (figure(
                &described,
                &html! { (bars(&histogram.counts)) (ticks(&scale::numbers(low, high, 10), x, "dB")) },
                &html! {
                    "Finite values per " (format!("{:.2}", histogram.bar_db)) " dB."
                    @for (name, count) in odd {
                        @if count > 0 { " " (counted(count, "value")) @if count == 1 { " is " } @else { " are " } (name) "." }
                    }
                },
            ))
        }
    }
}

fn figure(described: &str, drawing: &Markup, caption: &Markup) -> Markup {
    html! {
        figure {
            div.chart tabindex="0" role="group" aria-label=(described) {
                svg viewBox="0 0 1000 200" role="group" { title { (described) } (drawing) }
            }
            figcaption { (caption) }
        }
    }
}

fn bars(counts: &[u64]) -> Markup {
    let most = counts.iter().copied().max().unwrap_or(0).max(1);
    let wide = (RIGHT - LEFT) / counts.len().max(1) as f64;
    let bar = |(at, count): (usize, &u64)| {
        let high = (*count as f64 / most as f64 * (GROUND - TOP)).max(1.5);
        let (left, wide) = (LEFT + at as f64 * wide, (wide - 0.4).max(0.8));
        format!("M{left:.1} {GROUND}v-{high:.1}h{wide:.1}v{high:.1}z")
    };
    let bars: String = counts
        .iter()
        .enumerate()
        .filter(|(_, count)| **count > 0)
        .map(bar)
        .collect();
    html! {
        path.bar d=(bars) {}
        @for tick in scale::numbers(0.0, most as f64, (most as usize).min(3)) {
            @let y = GROUND - tick.at / most as f64 * (GROUND - TOP);
            text x=(LEFT - 8.0) y=(px(y + 4.0)) text-anchor="end" { (tick.label) }
        }
    }
}

fn ticks(ticks: &[Tick], x: impl Fn(&Tick) -> f64, unit: &str) -> Markup {
    html! {
        line.axis x1=(LEFT) x2=(RIGHT) y1=(GROUND) y2=(GROUND) {}
        @for tick in ticks { text x=(px(x(tick))) y=(GROUND + 20.0) text-anchor="middle" { (tick.label) } }
        text x=(RIGHT) y=(GROUND + 38.0) text-anchor="end" { (unit) }
    }
}
