//! The data for the page's script.

use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use serde_json::{Value, json};

use crate::model::text::printable_json;
use crate::report::{
    finding_text,
    input::ReportInput,
    picture::{Limits, SensorState, colour},
};

/// Colour limits: percentiles of the cells.
const LIMITS: (f64, f64) = (0.02, 0.995);
/// The embedded range of values: beyond these, values are told as the limit.
const RANGE: (f64, f64) = (0.0005, 0.9995);

/// Formats the data as one JSON object, without text that could end the element around it.
pub(super) fn json(input: &ReportInput) -> String {
    printable_json(&value(input).to_string()).replace('<', "\\u003c")
}

/// Colour limits of the waterfall.
pub(super) fn limits(input: &ReportInput) -> Limits {
    input.pictures.waterfall.limits(LIMITS.0, LIMITS.1)
}

/// Colour limits of the spectrograms.
pub(super) fn cube_limits(input: &ReportInput) -> Option<Limits> {
    input.pictures.cube.as_ref().map(|cube| cube.limits(LIMITS.0, LIMITS.1))
}

fn value(input: &ReportInput) -> Value {
    let pictures = &input.pictures;
    let plan = &pictures.plan;
    if plan.sensors.is_empty() || plan.bins == 0 {
        return json!({ "waterfall": null });
    }
    let raster = &pictures.waterfall;
    let range = raster.limits(RANGE.0, RANGE.1);
    let shown = limits(input);
    let waterfall = json!({
        "slots": raster.slots,
        "slot_us": pictures.slots.length_us,
        "columns": raster.columns,
        "low": range.low,
        "high": range.high,
        "limits": [shown.low, shown.high],
        "cells": BASE64.encode(raster.quantised(range)),
    });
    let cube = pictures.cube.as_ref().map(|cube| {
        let range = cube.limits(RANGE.0, RANGE.1);
        let shown = cube.limits(LIMITS.0, LIMITS.1);
        json!({
            "slots": cube.slots,
            "slot_us": pictures.cube_slots.length_us,
            "bins": cube.bins,
            "bins_each": cube.bins_each,
            "low": range.low,
            "high": range.high,
            "limits": [shown.low, shown.high],
            "cells": BASE64.encode(cube.quantised(range)),
        })
    });
    let sensors: Vec<_> = (0..raster.columns)
        .filter_map(|column| pictures.sensors(column))
        .collect();
    let state = |column: usize| {
        let first = column * pictures.columns.each;
        let of = plan.sensors.iter().skip(first).take(pictures.columns.each);
        let worst = of.map(|sensor| sensor.state).find(|state| *state != SensorState::Alive);
        worst.map_or_else(String::new, |state| format!(" ({})", state.name()))
    };
    let states: Vec<_> = (0..raster.columns).map(state).collect();
    let segments = plan.time.segments.iter();
    let segments: Vec<_> = segments.map(|one| [one.start_us, one.length_us, one.at_us]).collect();
    let findings = input.validation.findings.iter().enumerate();
    let findings: Vec<_> = findings
        .map(|(at, finding)| json!([finding_text::severity(finding.severity), input.place_us(at).0]))
        .collect();
    let length_us = pictures.slots.length_us.saturating_mul(pictures.slots.count as i64);
    json!({
        "length_us": length_us,
        "row_us": plan.time.row_us,
        "segments": segments,
        "sensors": sensors,
        "states": states,
        "liveliest": pictures.liveliest,
        "frequencies_hz": input.frequencies_hz.as_ref().filter(|list| list.len() == plan.bins),
        "findings": findings,
        "colours": BASE64.encode(colour::map().concat()),
        "waterfall": waterfall,
        "cube": cube,
    })
}
