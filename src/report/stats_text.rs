//! Statistics as text.

mod methods;

use crate::{
    analyze::stats::{Amplitude, Breaks, CallStats, RowTiming, SensorStats, Stats, Timing, TimingSource},
    das::dialect::Dialect,
    model::text::{counted, printable},
};
pub(super) use methods::{ending, endings};

/// Number of sensors listed in the text: the quietest and the loudest; JSON holds all of them.
const LISTED_SENSORS: usize = 5;

/// Renders all statistics for people: totals, structure, amplitude, timing, and the sensors that stand out.
#[must_use]
pub fn render(stats: &Stats) -> String {
    let mut lines = Vec::new();
    if stats.is_service() {
        methods::totals(&mut lines, stats);
        methods::methods(&mut lines, stats.methods.methods.iter());
        methods::failed_calls(&mut lines, stats);
        return lines.join("\n");
    }
    totals(&mut lines, stats);
    structure(&mut lines, stats);
    amplitude(&mut lines, &stats.amplitude);
    declared(&mut lines, stats);
    delivery(&mut lines, &stats.timing);
    rows(&mut lines, &stats.rows);
    sensors(&mut lines, &stats.sensors);
    methods::methods(&mut lines, stats.service_methods());
    for call in &stats.calls {
        lines.push(call_line(call));
    }
    lines.join("\n")
}

fn add(lines: &mut Vec<String>, name: &str, text: impl AsRef<str>) {
    lines.push(format!("{name:<11}{}", text.as_ref()));
}

fn totals(lines: &mut Vec<String>, stats: &Stats) {
    let totals = &stats.totals;
    let mut text = format!(
        "{}, {}, {} in {}; {} lost",
        counted(totals.frames, "frame"),
        counted(totals.rows, "row"),
        counted(totals.message_bytes, "byte"),
        counted(totals.calls, "call"),
        counted(totals.lost_messages, "message")
    );
    if totals.undecodable > 0 {
        text.push_str(&format!(
            "; {} CANNOT BE DECODED",
            counted(totals.undecodable, "message")
        ));
    }
    add(lines, "frames", text);
    for undecodable in stats.undecodable.iter().take(LISTED_SENSORS) {
        add(
            lines,
            "",
            format!("{}: {}", undecodable.place, printable(&undecodable.problem)),
        );
    }
}

fn structure(lines: &mut Vec<String>, stats: &Stats) {
    let structure = &stats.structure;
    let sensors = &structure.sensors;
    let ids = match (sensors.first, sensors.last, sensors.step) {
        (Some(first), Some(last), _) if first == last => format!(" ({first})"),
        (Some(first), Some(last), Some(step)) if step != 1 => format!(" ({first} to {last} in steps of {step})"),
        (Some(first), Some(last), _) => format!(" ({first} to {last})"),
        _ => String::new(),
    };
    let range = |low: Option<u64>, high: Option<u64>| match (low, high) {
        (Some(low), Some(high)) if low == high => low.to_string(),
        (Some(low), Some(high)) => format!("{low} to {high}"),
        _ => "no".to_owned(),
    };
    add(
        lines,
        "structure",
        format!(
            "{} rows a frame, {} sensors{ids}, {} bins",
            range(structure.rows_per_frame_min, structure.rows_per_frame_max),
            sensors.count,
            range(sensors.bins_min, sensors.bins_max)
        ),
    );
    let canvases: Vec<_> = structure.canvases.iter().map(|canvas| printable(&canvas.id)).collect();
    if !canvases.is_empty() {
        add(lines, "canvas", canvases.join(", "));
    }
    if structure.shape_changes > 0 {
        let (changes, shapes) = (structure.shape_changes, structure.shapes.len());
        add(lines, "shapes", format!("{shapes} shapes, {changes} changes"));
    }
    for unknown in &structure.unknown_fields {
        let field = &unknown.field;
        let (message, number, wire_type) = (field.message, field.number, field.wire_type);
        let text = format!(
            "{message} field {number} (wire type {wire_type}), {} times",
            unknown.count
        );
        add(lines, "unknown", text);
    }
    if structure.guessed_layout {
        add(
            lines,
            "payload",
            "read as f32, channel-major, which is an assumption: give its element type and axis",
        );
    }
    if structure.frames_without_values > 0 {
        add(
            lines,
            "payload",
            format!("{} frames do not fit their shape", structure.frames_without_values),
        );
    }
}

fn amplitude(lines: &mut Vec<String>, amplitude: &Amplitude) {
    if let (Some(min), Some(max), Some(mean), Some(std)) =
        (amplitude.min_db, amplitude.max_db, amplitude.mean_db, amplitude.std_db)
    {
        let text = format!("{min:.3} to {max:.3} dB, mean {mean:.3}, standard deviation {std:.3}");
        add(lines, "amplitude", text);
    }
    if let Some(p) = &amplitude.percentiles_db {
        let about = if p.approximate { "about " } else { "" };
        let text = format!(
            "{about}p01 {:.2}  p05 {:.2}  p25 {:.2}  p50 {:.2}  p75 {:.2}  p95 {:.2}  p99 {:.2} dB",
            p.p01, p.p05, p.p25, p.p50, p.p75, p.p95, p.p99
        );
        add(lines, "", text);
    }
    let odd = [
        ("-inf", amplitude.negative_infinite),
        ("+inf", amplitude.positive_infinite),
        ("NaN", amplitude.nan),
        ("zero", amplitude.zeros),
    ];
    let odd: Vec<_> = odd
        .iter()
        .filter(|(_, count)| *count > 0)
        .map(|(name, count)| format!("{count} {name}"))
        .collect();
    let odd = if odd.is_empty() {
        "all finite".to_owned()
    } else {
        odd.join(", ")
    };
    add(lines, "values", format!("{}: {odd}", amplitude.values));
}

fn declared(lines: &mut Vec<String>, stats: &Stats) {
    let declared = &stats.declared;
    let (frames, beyond) = (declared.frames, declared.frames_beyond);
    // Production declares the extremes of the whole job so far, which a single frame need not reach.
    let running = stats
        .calls
        .iter()
        .any(|call| call.dialect == Some(Dialect::PandaDataStream));
    let differ = if running { 0 } else { declared.frames_that_differ };
    if differ + beyond > 0 {
        let text = format!("{differ} of {frames} frames differ from their declared extremes, {beyond} exceed them");
        add(lines, "declared", text);
    }
}

fn delivery(lines: &mut Vec<String>, timing: &Timing) {
    if timing.source == TimingSource::Rows {
        add(
            lines,
            "delivery",
            "not timed: offsets come from the timestamps of the rows",
        );
        return;
    }
    let first = timing.first_frame_ns.map_or_else(|| "never".to_owned(), ms);
    let rate = |value: Option<f64>| value.map_or_else(|| "-".to_owned(), |value| format!("{value:.2}"));
    let text = format!(
        "first frame after {first}, {} frames/s, {} rows/s, {} MB/s",
        rate(timing.frames_per_s),
        rate(timing.rows_per_s),
        rate(timing.megabytes_per_s)
    );
    add(lines, "delivery", text);
    if let Some(arrival) = &timing.inter_arrival {
        let [p50, p95, p99, max] = [arrival.p50_ns, arrival.p95_ns, arrival.p99_ns, arrival.max_ns].map(ms);
        add(
            lines,
            "",
            format!("between frames p50 {p50}, p95 {p95}, p99 {p99}, max {max}"),
        );
    }
    if timing.stalls > 0 {
        add(
            lines,
            "stalls",
            format!("{} of {} in all", timing.stalls, ms(timing.stalled_ns)),
        );
    }
}

fn ms(ns: u64) -> String {
    format!("{:.3} ms", ns as f64 / 1e6)
}

fn rows(lines: &mut Vec<String>, rows: &RowTiming) {
    let Some(span) = rows.span_ms else { return };
    let line = rows
        .lines_dt_ms
        .map_or_else(String::new, |dt| format!(", one each {dt} ms"));
    add(
        lines,
        "rows",
        format!("{} over {:.3} s{line}", rows.timed + rows.untimed, span as f64 / 1000.0),
    );
    let breaks = |name: &str, breaks: &Breaks| {
        (breaks.count > 0).then(|| format!("{} {name} (longest {} ms)", breaks.count, breaks.longest_ms))
    };
    let counted = |name: &str, count: u64| (count > 0).then(|| format!("{count} {name}"));
    let parts = [
        breaks("gaps", &rows.gaps),
        breaks("overlaps", &rows.overlaps),
        counted("duplicates", rows.duplicates),
        counted("late", rows.late),
        counted("clock steps", rows.clock_steps),
        counted("missing", rows.dropped),
    ];
    let parts: Vec<_> = parts.into_iter().flatten().collect();
    if !parts.is_empty() {
        add(lines, "", parts.join(", "));
    }
    if let Some(completeness) = &rows.completeness {
        add(
            lines,
            "",
            format!("{:.2} % of the requested time", completeness.fraction * 100.0),
        );
    }
}

/// Lists the sensors that stand out: those without a value, the quietest and the loudest.
fn sensors(lines: &mut Vec<String>, sensors: &[SensorStats]) {
    let dead: Vec<_> = sensors
        .iter()
        .filter(|sensor| sensor.amplitude.finite == 0)
        .map(|sensor| sensor.id)
        .collect();
    if !dead.is_empty() {
        let listed: Vec<_> = dead.iter().take(LISTED_SENSORS).map(ToString::to_string).collect();
        let more = if dead.len() > listed.len() { ", …" } else { "" };
        add(
            lines,
            "sensors",
            format!("{} without a finite value: {}{more}", dead.len(), listed.join(", ")),
        );
    }
    let mut living: Vec<_> = sensors
        .iter()
        .filter_map(|sensor| Some((sensor.amplitude.mean_db?, sensor.id)))
        .collect();
    living.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
    if living.len() > 1 {
        let show = |part: &[(f64, i32)]| {
            let shown = part.iter().map(|(mean, id)| format!("{id} ({mean:.1})"));
            shown.collect::<Vec<_>>().join(", ")
        };
        let few = LISTED_SENSORS.min(living.len());
        add(lines, "quietest", show(&living[..few]));
        living.reverse();
        add(lines, "loudest", show(&living[..few]));
    }
}

fn call_line(call: &CallStats) -> String {
    let ending = call
        .ending
        .as_ref()
        .map_or_else(|| "no ending".to_owned(), methods::ending);
    format!(
        "call {:<5} {}  {}, {}  {ending}",
        call.call,
        printable(&call.method),
        counted(call.frames, "frame"),
        counted(call.rows, "row")
    )
}
