//! The sections about the whole capture.

use super::{
    number::{float, optional},
    page::Page,
};
use crate::{
    analyze::stats::{
        Amplitude, Breaks, LinesDt, RowTiming, SensorStats, Sensors, Spread, Stats, Structure, Timing, TimingSource,
    },
    model::finding::Place,
};

pub(super) fn stream(page: &mut Page, stats: &Stats) {
    let (totals, structure) = (&stats.totals, &stats.structure);
    page.heading("capture");
    page.line("dialect", stats.dialect.as_deref().unwrap_or("-"));
    page.line("calls", totals.calls);
    page.line("messages sent", totals.sent_messages);
    page.line("messages received", totals.messages);
    page.line("message bytes", totals.message_bytes);
    page.line("messages lost", totals.lost_messages);
    page.line("undecodable", totals.undecodable);
    page.line("frames", totals.frames);
    page.line("empty frames", structure.empty_frames);
    page.line("rows", totals.rows);
    let per_frame = structure.rows_per_frame_min.zip(structure.rows_per_frame_max);
    page.line("rows per frame", range(per_frame));
    for damaged in &stats.undecodable {
        page.line(
            "undecodable",
            format_args!("{}: {}", at(&damaged.place), damaged.problem),
        );
    }
}

pub(super) fn structure(page: &mut Page, stats: &Stats) {
    let structure = &stats.structure;
    page.heading("structure");
    page.line("sensors", sensor_ids(&structure.sensors));
    page.line(
        "bins",
        range(structure.sensors.bins_min.zip(structure.sensors.bins_max)),
    );
    for shape in &structure.shapes {
        let ids = range(shape.first_sensor.zip(shape.last_sensor));
        let bins = range(Some((shape.bins_min, shape.bins_max)));
        let shown = format!("{} sensors ({ids}) x {bins} bins", shape.sensors);
        page.line(
            "shape",
            format_args!("{shown}, {} rows, first in {}", shape.rows, at(&shape.first)),
        );
    }
    page.line("shape changes", structure.shape_changes);
    for (number, canvas) in (1..).zip(&structure.canvases) {
        let name = format!("canvas {number}");
        page.line(
            &name,
            format_args!("{} rows, first in {}", canvas.rows, at(&canvas.first)),
        );
    }
    page.line("canvas changes", structure.canvas_changes);
    for unknown in &structure.unknown_fields {
        let field = unknown.field;
        page.line(
            "unknown field",
            format_args!(
                "{} {} of wire type {}, {} times, first in {}",
                field.message,
                field.number,
                field.wire_type,
                unknown.count,
                at(&unknown.first)
            ),
        );
    }
    not_listed(page, structure);
    if structure.guessed_layout {
        page.line("layout", "guessed");
    }
    if structure.frames_without_values > 0 {
        page.line("frames without values", structure.frames_without_values);
    }
}

fn not_listed(page: &mut Page, structure: &Structure) {
    for (name, count) in [
        ("rows of other shapes", structure.rows_of_other_shapes),
        ("rows on other canvases", structure.rows_of_other_canvases),
        ("other unknown fields", structure.other_unknown_fields),
    ] {
        if count > 0 {
            page.line(name, count);
        }
    }
}

pub(super) fn amplitude(page: &mut Page, stats: &Stats) {
    let amplitude = &stats.amplitude;
    page.heading("amplitude");
    for (name, count) in [
        ("values", amplitude.values),
        ("finite", amplitude.finite),
        ("-inf", amplitude.negative_infinite),
        ("+inf", amplitude.positive_infinite),
        ("nan", amplitude.nan),
        ("zeros", amplitude.zeros),
    ] {
        page.line(name, count);
    }
    for (name, value) in [
        ("min", amplitude.min_db),
        ("max", amplitude.max_db),
        ("mean", amplitude.mean_db),
        ("std", amplitude.std_db),
    ] {
        page.line(name, optional(value));
    }
    if let Some(percentiles) = &amplitude.percentiles_db {
        for (name, value) in [
            ("p01", percentiles.p01),
            ("p05", percentiles.p05),
            ("p25", percentiles.p25),
            ("p50", percentiles.p50),
            ("p75", percentiles.p75),
            ("p95", percentiles.p95),
            ("p99", percentiles.p99),
        ] {
            page.line(name, float(value));
        }
        if percentiles.approximate {
            page.line(
                "percentiles",
                format_args!("within {}", float(percentiles.relative_error)),
            );
        }
    }
    declared(page, stats);
}

fn declared(page: &mut Page, stats: &Stats) {
    let declared = &stats.declared;
    page.heading("declared extremes");
    page.line("max", optional(declared.max_db));
    page.line("min", optional(declared.min_db));
    page.line("frames compared", declared.frames);
    page.line("frames that differ", declared.frames_that_differ);
    page.line("frames beyond", declared.frames_beyond);
    page.line("largest difference max", float(declared.largest_max_difference_db));
    page.line("largest difference min", float(declared.largest_min_difference_db));
    if let Some(first) = &declared.first {
        page.line("first that differs", at(first));
    }
}

pub(super) fn rows(page: &mut Page, rows: &RowTiming) {
    page.heading("row timing");
    page.line("rows with time", rows.timed);
    page.line("rows without time", rows.untimed);
    page.line("span ms", whole(rows.span_ms));
    let from = match rows.lines_dt_from {
        Some(LinesDt::Configure) => " by the job's answer",
        Some(LinesDt::Duration) => " by the median duration",
        Some(LinesDt::Step) => " by the median step",
        None => "",
    };
    page.line("lines_dt ms", format_args!("{}{from}", optional(rows.lines_dt_ms)));
    for duration in &rows.durations {
        page.line("duration ms", format_args!("{} in {} rows", duration.ms, duration.rows));
    }
    page.line("step ms", spread(rows.step_ms));
    page.line("gaps", breaks(&rows.gaps));
    page.line("overlaps", breaks(&rows.overlaps));
    page.line("duplicates", rows.duplicates);
    page.line("late", rows.late);
    page.line("clock steps", rows.clock_steps);
    page.line("dropped, estimated", rows.dropped);
    if let Some(completeness) = &rows.completeness {
        let (covered, asked) = (float(completeness.covered_ms), float(completeness.asked_ms));
        let fraction = float(completeness.fraction);
        page.line(
            "complete",
            format_args!("{fraction}: {covered} of {asked} requested ms"),
        );
    }
}

pub(super) fn timing(page: &mut Page, timing: &Timing) {
    page.heading("arrival");
    let source = match timing.source {
        TimingSource::Delivery => "a clock",
        TimingSource::Rows => "the rows, no delivery was timed",
    };
    page.line("times from", source);
    page.line("first frame ns", whole(timing.first_frame_ns));
    page.line("silent calls", timing.silent_calls);
    page.line("duration ns", timing.duration_ns);
    page.line("frames/s", optional(timing.frames_per_s));
    page.line("rows/s", optional(timing.rows_per_s));
    page.line("MB/s", optional(timing.megabytes_per_s));
    if let Some(waits) = &timing.inter_arrival {
        for (name, ns) in [
            ("inter-arrival count", waits.count),
            ("inter-arrival min ns", waits.min_ns),
            ("inter-arrival p50 ns", waits.p50_ns),
            ("inter-arrival p95 ns", waits.p95_ns),
            ("inter-arrival p99 ns", waits.p99_ns),
            ("inter-arrival max ns", waits.max_ns),
        ] {
            page.line(name, ns);
        }
        page.line("inter-arrival mean ns", float(waits.mean_ns));
        page.line("jitter ns", float(waits.jitter_ns));
    }
    page.line("stalls", timing.stalls);
    page.line("stalled ns", timing.stalled_ns);
}

pub(super) fn sensors(page: &mut Page, sensors: &[SensorStats], listed: usize) {
    page.heading("sensors");
    page.plain(&columns(TITLES.map(str::to_owned)));
    for sensor in sensors.iter().take(listed) {
        let Amplitude {
            min_db,
            max_db,
            mean_db,
            std_db,
            percentiles_db,
            ..
        } = sensor.amplitude;
        page.plain(&columns([
            sensor.id.to_string(),
            sensor.spectra.to_string(),
            range(Some((sensor.bins_min, sensor.bins_max))),
            optional(min_db),
            optional(percentiles_db.map(|percentiles| percentiles.p05)),
            optional(percentiles_db.map(|percentiles| percentiles.p50)),
            optional(percentiles_db.map(|percentiles| percentiles.p95)),
            optional(max_db),
            optional(mean_db),
            optional(std_db),
            sensor.amplitude.negative_infinite.to_string(),
            sensor.amplitude.positive_infinite.to_string(),
            sensor.amplitude.nan.to_string(),
        ]));
    }
    if sensors.len() > listed {
        page.plain(&format!("{} more, not listed", sensors.len() - listed));
    }
}

/// The columns of the table of sensors.
const TITLES: [&str; 13] = [
    "id", "spectra", "bins", "min", "p05", "p50", "p95", "max", "mean", "std", "-inf", "+inf", "nan",
];

/// Formats right-aligned columns of one width, so that a number that grows moves no other.
fn columns(texts: [String; 13]) -> String {
    texts.map(|text| format!("{text:>11}")).concat()
}

fn sensor_ids(sensors: &Sensors) -> String {
    let ids = range(sensors.first.zip(sensors.last));
    let many = sensors.count > 1;
    match sensors.step {
        _ if !many => format!("{}, id {ids}", sensors.count),
        Some(step) => format!("{}, ids {ids} in steps of {step}", sensors.count),
        None if sensors.ids.is_empty() => format!("{}, ids {ids} in uneven steps", sensors.count),
        None => {
            let ids: Vec<_> = sensors.ids.iter().map(ToString::to_string).collect();
            format!("{}, ids {}", sensors.count, ids.join(" "))
        }
    }
}

fn range<T: std::fmt::Display + PartialEq>(ends: Option<(T, T)>) -> String {
    match ends {
        None => "-".to_owned(),
        Some((min, max)) if min == max => min.to_string(),
        Some((min, max)) => format!("{min}..{max}"),
    }
}

fn whole<T: std::fmt::Display>(value: Option<T>) -> String {
    value.map_or_else(|| "-".to_owned(), |value| value.to_string())
}

fn spread(spread: Option<Spread>) -> String {
    spread.map_or_else(
        || "-".to_owned(),
        |spread| format!("{} to {}, median {}", spread.min, spread.max, spread.median),
    )
}

fn breaks(breaks: &Breaks) -> String {
    match breaks.count {
        0 => "0".to_owned(),
        count => format!(
            "{count}, {} ms in all, longest {} ms",
            float(breaks.total_ms),
            float(breaks.longest_ms)
        ),
    }
}

/// A place without its times: call, message and row.
fn at(place: &Place) -> String {
    let parts = [
        place.call.map(|call| format!("call {call}")),
        place.message.map(|message| format!("message {message}")),
        place.row.map(|row| format!("row {row}")),
    ];
    parts.into_iter().flatten().collect::<Vec<_>>().join(" ")
}
