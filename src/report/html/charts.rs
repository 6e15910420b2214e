//! Charts that need no script: arrivals and amplitudes, as SVG.

use std::fmt::Write as _;

use crate::report::{
    finding_text,
    input::ReportInput,
    picture::scale::{self, Tick},
};

/// The drawing: left edge, right edge, upper edge and ground line, in a box of 1000 × 200.
const LEFT: f64 = 64.0;
const RIGHT: f64 = 990.0;
const TOP: f64 = 26.0;
const GROUND: f64 = 160.0;

/// When messages arrived, with calls, stalls, losses and findings.
pub(super) fn timeline(input: &ReportInput) -> String {
    let arrivals = &input.pictures.arrivals;
    let length = arrivals.length_ns.max(1) as f64;
    let x = |ns: u64| LEFT + (ns as f64 / length).clamp(0.0, 1.0) * (RIGHT - LEFT);
    let received: u64 = arrivals.messages.iter().sum();
    let described = format!(
        "Arrivals: {received} messages over {:.3} seconds, {} stalls, {} losses.",
        length / 1e9,
        arrivals.silences.len(),
        arrivals.lost.len()
    );
    let mut text = "<h3 id=\"timeline\">Arrivals</h3>\n<figure>\n".to_owned();
    begin(&mut text, &described);
    for silence in &arrivals.silences {
        let (from, to) = (x(silence.from_ns), x(silence.to_ns));
        let said = scale::length(((silence.to_ns - silence.from_ns) / 1000) as i64);
        let _ = writeln!(
            text,
            "<rect class=\"stall\" x=\"{from:.1}\" y=\"{TOP}\" width=\"{:.1}\" height=\"{}\"><title>call {} silent for \
             {said}</title></rect>",
            (to - from).max(1.0),
            GROUND - TOP,
            silence.call
        );
        if to - from > 90.0 {
            let middle = f64::midpoint(from, to);
            let _ = writeln!(
                text,
                "<text class=\"stall-text\" x=\"{middle:.1}\" y=\"{}\" text-anchor=\"middle\">stall {said}</text>",
                TOP + 14.0
            );
        }
    }
    bars(&mut text, &arrivals.messages);
    for call in &arrivals.calls {
        let (from, to) = (x(call.start_ns), x(call.end_ns.unwrap_or(arrivals.length_ns)));
        let state = if call.end_ns.is_some() { "" } else { " (no ending)" };
        let _ = writeln!(
            text,
            "<line class=\"call\" x1=\"{from:.1}\" x2=\"{:.1}\" y1=\"{}\" y2=\"{}\"><title>call {}{state}</title></line>",
            to.max(from + 1.0),
            GROUND + 3.0,
            GROUND + 3.0,
            call.call
        );
    }
    for lost in &arrivals.lost {
        let at = x(lost.offset_ns);
        let _ = writeln!(
            text,
            "<line class=\"lost\" x1=\"{at:.1}\" x2=\"{at:.1}\" y1=\"{TOP}\" y2=\"{GROUND}\"><title>{} messages \
             lost</title></line><text class=\"lost-text\" x=\"{:.1}\" y=\"{}\">{} lost</text>",
            lost.messages,
            at + 4.0,
            TOP + 30.0,
            lost.messages
        );
    }
    for (at, finding) in input.validation.findings.iter().enumerate() {
        let Some(offset_ns) = finding.first.offset_ns else {
            continue;
        };
        let x = x(offset_ns);
        let severity = finding_text::severity(finding.severity);
        let _ = writeln!(
            text,
            "<a href=\"#finding-{}\" aria-label=\"{severity}: {}\"><path class=\"mark {severity}\" d=\"M{:.1} 6h14l-7 \
             12z\"><title>{severity}: {}</title></path></a>",
            at + 1,
            finding.rule,
            x - 7.0,
            finding.rule
        );
    }
    let place = |tick: &Tick| x((tick.at * 1e9) as u64);
    ticks(
        &mut text,
        &scale::numbers(0.0, length / 1e9, 10),
        place,
        "seconds since the capture began",
    );
    let slot_us = (arrivals.length_ns / 1000 / arrivals.messages.len().max(1) as u64) as i64;
    let _ = writeln!(
        text,
        "</svg></div>\n<figcaption>Messages received in each {}.</figcaption>\n</figure>",
        scale::length(slot_us)
    );
    text
}

/// How often each amplitude occurs.
pub(super) fn histogram(input: &ReportInput) -> String {
    let histogram = &input.pictures.histogram;
    if histogram.counts.is_empty() {
        return "<h3>Amplitudes</h3>\n<p>There is no finite value.</p>\n".to_owned();
    }
    let low = f64::from(histogram.low_db);
    let high = low + f64::from(histogram.bar_db) * histogram.counts.len() as f64;
    let described = format!("Histogram of the finite values, from {low:.1} to {high:.1} dB.");
    let mut text = "<h3>Amplitudes</h3>\n<figure>\n".to_owned();
    begin(&mut text, &described);
    bars(&mut text, &histogram.counts);
    let x = |tick: &Tick| LEFT + (tick.at - low) / (high - low) * (RIGHT - LEFT);
    ticks(&mut text, &scale::numbers(low, high, 10), x, "dB");
    let amplitude = &input.stats.amplitude;
    let odd = [
        ("−∞", amplitude.negative_infinite),
        ("+∞", amplitude.positive_infinite),
        ("NaN", amplitude.nan),
    ];
    let odd = odd.iter().filter(|(_, count)| *count > 0);
    let odd: Vec<_> = odd
        .map(|(name, count)| format!(" {count} values are {name}."))
        .collect();
    let odd = odd.concat();
    let _ = writeln!(
        text,
        "</svg></div>\n<figcaption>Finite values in each {:.2} dB.{odd}</figcaption>\n</figure>",
        histogram.bar_db
    );
    text
}

fn begin(text: &mut String, described: &str) {
    let _ = writeln!(
        text,
        "<div class=\"chart\" tabindex=\"0\" role=\"group\" aria-label=\"{described}\"><svg viewBox=\"0 0 1000 200\" \
         role=\"group\"><title>{described}</title>"
    );
}

fn bars(text: &mut String, counts: &[u64]) {
    let most = counts.iter().copied().max().unwrap_or(0).max(1);
    let wide = (RIGHT - LEFT) / counts.len().max(1) as f64;
    text.push_str("<path class=\"bar\" d=\"");
    for (at, count) in counts.iter().enumerate().filter(|(_, count)| **count > 0) {
        let high = (*count as f64 / most as f64 * (GROUND - TOP)).max(1.5);
        let left = LEFT + at as f64 * wide;
        let _ = write!(
            text,
            "M{left:.1} {GROUND}v-{high:.1}h{:.1}v{high:.1}z",
            (wide - 0.4).max(0.8)
        );
    }
    text.push_str("\"/>\n");
    for tick in scale::numbers(0.0, most as f64, (most as usize).min(3)) {
        let y = GROUND - tick.at / most as f64 * (GROUND - TOP);
        let _ = writeln!(
            text,
            "<text x=\"{}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>",
            LEFT - 8.0,
            y + 4.0,
            tick.label
        );
    }
}

fn ticks(text: &mut String, ticks: &[Tick], x: impl Fn(&Tick) -> f64, unit: &str) {
    let _ = writeln!(
        text,
        "<line class=\"axis\" x1=\"{LEFT}\" x2=\"{RIGHT}\" y1=\"{GROUND}\" y2=\"{GROUND}\"/>"
    );
    for tick in ticks {
        let _ = writeln!(
            text,
            "<text x=\"{:.1}\" y=\"{}\" text-anchor=\"middle\">{}</text>",
            x(tick),
            GROUND + 20.0,
            tick.label
        );
    }
    let _ = writeln!(
        text,
        "<text x=\"{RIGHT}\" y=\"{}\" text-anchor=\"end\">{unit}</text>",
        GROUND + 38.0
    );
}
