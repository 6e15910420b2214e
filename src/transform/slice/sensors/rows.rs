//! `datastream`: rows of sensors.

use super::outcome::{Filtered, Outcome};
use crate::transform::slice::error::EncodeError;
use crate::{
    das::{dialect::datastream, focus::SensorSet, spectrogram::Frame},
    grpc::protobuf::{FIXED64, Fields, Value, copy_fields, put_delimited, put_key},
};

const ROWS: u32 = 1;
const MAXIMUM: u32 = 2;
const MINIMUM: u32 = 3;
const SENSORS: u32 = 2;
const SENSOR_ID: u32 = 1;

/// Removes the sensors that are not selected. Declared extremes that were those of the frame become those of what is
/// left, so that what was true stays true; others stay as they are.
pub(super) fn filter(bytes: &[u8], wanted: &SensorSet) -> Result<Outcome, EncodeError> {
    let frame = datastream::decode(bytes)?;
    let met = frame
        .rows
        .iter()
        .flat_map(|row| &row.sensors)
        .any(|sensor| wanted.contains(sensor.id));
    let (mut max, mut min) = extremes(&frame, wanted);
    let mut out = Vec::with_capacity(bytes.len());
    copy_fields("DataStream", bytes, &mut out, |field, out| {
        match (field.number, field.value) {
            (ROWS, Value::Bytes(row)) => put_delimited(out, ROWS, &sift_row(row, wanted)?),
            (MAXIMUM, _) if max.is_some() => put_double(out, MAXIMUM, max.take()),
            (MINIMUM, _) if min.is_some() => put_double(out, MINIMUM, min.take()),
            _ => return Ok::<_, EncodeError>(false),
        }
        Ok(true)
    })?;
    // Zero is not on the wire, and what is left may be another number.
    put_double(&mut out, MAXIMUM, max);
    put_double(&mut out, MINIMUM, min);
    let message = Filtered::Anew(out);
    Ok(Outcome { message, met })
}

fn sift_row(row: &[u8], wanted: &SensorSet) -> Result<Vec<u8>, EncodeError> {
    let mut out = Vec::with_capacity(row.len());
    copy_fields("SpectrogramRow", row, &mut out, |field, _| {
        match (field.number, field.value) {
            (SENSORS, Value::Bytes(sensor)) => Ok::<_, EncodeError>(!wanted.contains(id(sensor)?)),
            _ => Ok(false),
        }
    })?;
    Ok(out)
}

fn id(sensor: &[u8]) -> Result<i32, EncodeError> {
    let (mut id, mut fields) = (0, Fields::new("SensorIntensity", sensor));
    while let Some(field) = fields.next_field()? {
        if field.number == SENSOR_ID {
            id = field.int32()?;
        }
    }
    Ok(id)
}

fn put_double(out: &mut Vec<u8>, number: u32, value: Option<f64>) {
    if let Some(value) = value {
        put_key(out, number, FIXED64);
        out.extend_from_slice(&value.to_le_bytes());
    }
}

/// Smallest and largest of the numbers; with infinities, and without.
#[derive(Debug, Clone, Copy)]
struct Extremes {
    all: Option<(f32, f32)>,
    finite: Option<(f32, f32)>,
}

impl Extremes {
    fn of(frame: &Frame<'_>, wanted: impl Fn(i32) -> bool) -> Self {
        let widen = |span: Option<(f32, f32)>, value: f32| {
            let (low, high) = span.unwrap_or((value, value));
            Some((low.min(value), high.max(value)))
        };
        let mut found = Self {
            all: None,
            finite: None,
        };
        let sensors = frame.rows.iter().flat_map(|row| &row.sensors);
        for value in sensors
            .filter(|sensor| wanted(sensor.id))
            .flat_map(|sensor| sensor.intensity.iter())
        {
            if value.is_nan() {
                continue;
            }
            found.all = widen(found.all, value);
            if value.is_finite() {
                found.finite = widen(found.finite, value);
            }
        }
        found
    }
}

/// Largest relative difference of a double from the float that it was computed from.
const RELATIVE: f64 = 1e-6;

/// The new maximum and minimum; `None` where the declared one was not that of the frame, and stays.
fn extremes(frame: &Frame<'_>, wanted: &SensorSet) -> (Option<f64>, Option<f64>) {
    let before = Extremes::of(frame, |_| true);
    let after = Extremes::of(frame, |id| wanted.contains(id));
    let choose = |declared: f64, pick: fn((f32, f32)) -> f32| {
        let is = |actual: Option<(f32, f32)>| {
            actual.is_some_and(|span| {
                let actual = f64::from(pick(span));
                actual.total_cmp(&declared).is_eq() || (actual - declared).abs() <= RELATIVE * declared.abs()
            })
        };
        let left = if is(before.all) {
            after.all
        } else if is(before.finite) {
            after.finite.or(after.all)
        } else {
            None
        };
        left.map(|span| f64::from(pick(span)))
    };
    (
        choose(frame.declared_max, |span| span.1),
        choose(frame.declared_min, |span| span.0),
    )
}
