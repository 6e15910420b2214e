//! Comparison of two rows.

use std::collections::{HashMap, HashSet};

use super::{
    DiffOptions, Extreme,
    items::{Head, RowItem},
};
use crate::{das::spectrogram::UnknownField, model::finding::Place};

/// Sensors that are named in a text; more are counted.
const MAX_NAMED: usize = 8;

/// The differences of two rows.
#[derive(Debug, Default)]
pub(super) struct RowDiff {
    /// The differences in words; empty when nothing is.
    pub(super) texts: Vec<String>,
    /// Values that differ by more than the tolerance.
    pub(super) values: u64,
    /// True when any bit of a value differs, within the tolerance or beyond.
    pub(super) bits: bool,
    pub(super) max_abs: Option<Extreme>,
    pub(super) max_rel: Option<Extreme>,
    /// For each sensor of the first row, the largest difference beyond the tolerance.
    pub(super) by_sensor: Vec<f32>,
}

pub(super) fn compare(a: &RowItem, b: &RowItem, options: DiffOptions) -> RowDiff {
    let mut diff = RowDiff::default();
    times(a, b, &mut diff.texts);
    if a.canvas != b.canvas {
        let name = |canvas: &Option<String>| canvas.clone().unwrap_or_default();
        diff.texts
            .push(format!("canvas `{}` and `{}`", name(&a.canvas), name(&b.canvas)));
    }
    if a.mark == b.mark {
        diff.by_sensor = vec![0.0; a.sensors.len()];
        return diff;
    }
    let others: HashMap<i32, &Vec<f32>> = b.sensors.iter().map(|(id, values)| (*id, values)).collect();
    let missing: Vec<i32> = a
        .sensors
        .iter()
        .map(|(id, _)| *id)
        .filter(|id| !others.contains_key(id))
        .collect();
    let own: HashSet<i32> = a.sensors.iter().map(|(id, _)| *id).collect();
    let extra: Vec<i32> = b
        .sensors
        .iter()
        .map(|(id, _)| *id)
        .filter(|id| !own.contains(id))
        .collect();
    if !missing.is_empty() {
        diff.texts.push(format!("{} missing", named(&missing)));
    }
    if !extra.is_empty() {
        diff.texts.push(format!("{} extra", named(&extra)));
    }
    let ids = |row: &RowItem| row.sensors.iter().map(|(id, _)| *id).collect::<Vec<_>>();
    if missing.is_empty() && extra.is_empty() && ids(a) != ids(b) {
        diff.texts
            .push("the sensors are in another order, or one occurs twice".to_owned());
    }
    let mut bins = None;
    for (id, values) in &a.sensors {
        let Some(other) = others.get(id) else {
            diff.by_sensor.push(f32::INFINITY);
            continue;
        };
        if values.len() != other.len() {
            bins.get_or_insert((*id, values.len(), other.len()));
        }
        let worst = compare_values(&mut diff, a.place.at_sensor(*id), values, other, options);
        diff.by_sensor.push(worst);
    }
    if let Some((id, a, b)) = bins {
        diff.texts.push(format!("sensor {id} has {a} bins and {b}"));
    }
    if let (Some(abs), true) = (diff.max_abs, diff.values > 0) {
        let all: usize = a.sensors.iter().map(|(_, values)| values.len()).sum();
        let (sensor, bin) = (abs.place.sensor.unwrap_or(0), abs.place.bin.unwrap_or(0));
        let rel = diff.max_rel.map_or(0.0, |rel| rel.difference);
        diff.texts.push(format!(
            "{} of {all} values differ, by up to {} dB at sensor {sensor}, bin {bin} ({} and {}), relatively by up to {}",
            diff.values,
            short(abs.difference),
            short(abs.a),
            short(abs.b),
            short(rel),
        ));
    }
    diff
}

fn times(a: &RowItem, b: &RowItem, texts: &mut Vec<String>) {
    let show = |time: Option<i64>| time.map_or_else(|| "none".to_owned(), |ms| format!("{ms} ms"));
    if a.start_ms != b.start_ms {
        texts.push(format!("start {} and {}", show(a.start_ms), show(b.start_ms)));
    }
    if a.end_ms != b.end_ms {
        texts.push(format!("end {} and {}", show(a.end_ms), show(b.end_ms)));
    }
    if a.key != b.key && a.start_ms == b.start_ms && a.mark == b.mark {
        texts.push("another row number".to_owned());
    }
}

fn compare_values(diff: &mut RowDiff, place: Place, a: &[f32], b: &[f32], options: DiffOptions) -> f32 {
    let mut worst = 0_f32;
    for (bin, (one, other)) in a.iter().zip(b).enumerate() {
        if one.to_bits() == other.to_bits() {
            continue;
        }
        diff.bits = true;
        let (abs, rel) = difference(f64::from(*one), f64::from(*other));
        let larger = f64::from(one.abs().max(other.abs()));
        if abs <= options.abs + options.rel * if larger.is_finite() { larger } else { 0.0 } {
            continue;
        }
        diff.values += 1;
        worst = worst.max(abs as f32);
        let extreme = |difference| Extreme {
            difference,
            a: f64::from(*one),
            b: f64::from(*other),
            place: place.at_bin(bin as u64),
        };
        if diff.max_abs.is_none_or(|max| abs > max.difference) {
            diff.max_abs = Some(extreme(abs));
        }
        if diff.max_rel.is_none_or(|max| rel > max.difference) {
            diff.max_rel = Some(extreme(rel));
        }
    }
    worst
}

/// Absolute and relative difference. Two NaN are the same thing, and so are 0 and −0 but for their bits.
fn difference(a: f64, b: f64) -> (f64, f64) {
    if a.is_nan() && b.is_nan() {
        return (0.0, 0.0);
    }
    let abs = (a - b).abs();
    if abs.is_nan() || abs.is_infinite() {
        return (f64::INFINITY, f64::INFINITY);
    }
    let larger = a.abs().max(b.abs());
    (abs, if larger > 0.0 { abs / larger } else { 0.0 })
}

/// Describes in words how the fields of two messages besides their rows differ.
pub(super) fn compare_heads(a: &Head, b: &Head, options: DiffOptions) -> Vec<String> {
    let mut texts = Vec::new();
    let mut number = |what: &str, a: f64, b: f64| {
        let (abs, _) = difference(a, b);
        let larger = a.abs().max(b.abs());
        if a.to_bits() != b.to_bits() && abs > options.abs + options.rel * if larger.is_finite() { larger } else { 0.0 }
        {
            texts.push(format!("{what} {} and {}", short(a), short(b)));
        }
    };
    number("declared maximum", a.declared_max, b.declared_max);
    number("declared minimum", a.declared_min, b.declared_min);
    if a.block != b.block {
        texts.push("another block: channels, shape, job or payload size".to_owned());
    }
    if a.unknown != b.unknown {
        texts.push(format!(
            "unknown fields {} and {}",
            unknown(&a.unknown),
            unknown(&b.unknown)
        ));
    }
    texts
}

fn unknown(fields: &[UnknownField]) -> String {
    let mut kinds: Vec<_> = fields.to_vec();
    kinds.sort_unstable();
    kinds.dedup();
    let named = kinds.iter().take(MAX_NAMED);
    let mut list: Vec<_> = named
        .map(|kind| {
            let count = fields.iter().filter(|field| *field == kind).count();
            let times = if count == 1 {
                String::new()
            } else {
                format!(" ({count} times)")
            };
            format!("{}.{}{times}", kind.message, kind.number)
        })
        .collect();
    if kinds.len() > MAX_NAMED {
        list.push(format!("{} more", kinds.len() - MAX_NAMED));
    }
    if list.is_empty() {
        "none".to_owned()
    } else {
        list.join(", ")
    }
}

fn named(ids: &[i32]) -> String {
    let noun = if ids.len() == 1 { "sensor" } else { "sensors" };
    let list: Vec<_> = ids.iter().take(MAX_NAMED).map(ToString::to_string).collect();
    let more = ids.len().saturating_sub(MAX_NAMED);
    let more = if more > 0 {
        format!(" and {more} more")
    } else {
        String::new()
    };
    format!("{noun} {}{more}", list.join(", "))
}

/// A number with up to six significant digits.
fn short(value: f64) -> String {
    if value == 0.0 || !value.is_finite() {
        return value.to_string();
    }
    let digits = (5 - value.abs().log10().floor() as i32).clamp(0, 12) as usize;
    let text = format!("{value:.digits$}");
    if text.contains('.') {
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    } else {
        text
    }
}
