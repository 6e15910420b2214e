//! Shifting of the timestamps of a frame's rows; everything else stays unchanged: unknown fields, order and encoding
//! stay. Pure.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use bytes::Bytes;

use crate::replay::pace::Schedule;
use crate::{
    das::dialect::Dialect,
    grpc::protobuf::{DecodeError, Field, Fields, Value, copy_fields, put_delimited, put_varint},
    model::varint,
};

/// Field numbers of `datastream`: rows in a frame, first and last moment in a row (epoch ms).
const ROWS: u32 = 1;
const START: u32 = 3;
const END: u32 = 4;
/// Field number of `pandadatastream`: the moment of each row (epoch ms).
const TIMESTAMPS: u32 = 3;

/// Shifts the rows of one frame by `shift_ms`.
///
/// A row's start of 0 is absent from the wire; it is written when the row has an end, and moves like any other.
pub(super) fn restamp(dialect: Dialect, frame: &[u8], shift_ms: i64) -> Result<Vec<u8>, DecodeError> {
    // A timestamp that grows from nothing takes eleven bytes; there are few rows in a frame.
    let mut out = Vec::with_capacity(frame.len() + 256);
    copy_fields("DataStream", frame, &mut out, |field, out| {
        match (dialect, field.number, field.value) {
            (Dialect::DataStream, ROWS, Value::Bytes(row)) => put_delimited(out, ROWS, &moved_row(row, shift_ms)?),
            (Dialect::PandaDataStream, TIMESTAMPS, Value::Varint(at)) => put_moved(out, TIMESTAMPS, at, shift_ms),
            (Dialect::PandaDataStream, TIMESTAMPS, Value::Bytes(packed)) => {
                let mut moved = Vec::with_capacity(packed.len() + 8);
                for at in moments(field)? {
                    varint::put(&mut moved, shifted(at as u64, shift_ms));
                }
                put_delimited(out, TIMESTAMPS, &moved);
            }
            _ => return Ok(false),
        }
        Ok::<_, DecodeError>(true)
    })?;
    Ok(out)
}

/// The latest timestamp in a frame, epoch ms; `None` when they name none.
pub(super) fn newest_ms(dialect: Dialect, frame: &[u8]) -> Option<i64> {
    let mut newest: Option<i64> = None;
    let mut note = |at: u64| newest = newest.max(Some(at as i64));
    let mut fields = Fields::new("DataStream", frame);
    while let Ok(Some(field)) = fields.next_field() {
        match (dialect, field.number, field.value) {
            (Dialect::DataStream, ROWS, Value::Bytes(row)) => {
                let mut row = Fields::new("SpectrogramRow", row);
                while let Ok(Some(field)) = row.next_field() {
                    if let (START | END, Value::Varint(at)) = (field.number, field.value) {
                        note(at);
                    }
                }
            }
            (Dialect::PandaDataStream, TIMESTAMPS, Value::Varint(at)) => note(at),
            (Dialect::PandaDataStream, TIMESTAMPS, Value::Bytes(_)) => {
                for at in moments(&field).unwrap_or_default() {
                    note(at as u64);
                }
            }
            _ => {}
        }
    }
    newest
}

fn moved_row(row: &[u8], shift_ms: i64) -> Result<Vec<u8>, DecodeError> {
    let mut out = Vec::with_capacity(row.len() + 24);
    let (mut has_start, mut has_end) = (false, false);
    copy_fields("SpectrogramRow", row, &mut out, |field, out| {
        let (START | END, Value::Varint(at)) = (field.number, field.value) else {
            return Ok::<_, DecodeError>(false);
        };
        has_start |= field.number == START;
        has_end |= field.number == END;
        put_moved(out, field.number, at, shift_ms);
        Ok(true)
    })?;
    if has_end && !has_start {
        put_moved(&mut out, START, 0, shift_ms);
    }
    Ok(out)
}

/// The timestamps in a packed run.
fn moments(field: &Field<'_>) -> Result<Vec<i64>, DecodeError> {
    let mut moments = Vec::new();
    field.add_int64s(&mut moments)?;
    Ok(moments)
}

fn shifted(at: u64, shift_ms: i64) -> u64 {
    (at as i64).saturating_add(shift_ms) as u64
}

fn put_moved(out: &mut Vec<u8>, number: u32, at: u64, shift_ms: i64) {
    put_varint(out, number, shifted(at, shift_ms));
}

/// Number of passes whose shifts are kept: streams of a job are seldom more than one pass apart.
const REMEMBERED_PASSES: u64 = 64;

/// The shift of the rows in each pass: the same for all streams of a job that were started together, so that a client
/// can still match them row by row.
#[derive(Debug, Default)]
pub(super) struct Shifts(Mutex<BTreeMap<u64, i64>>);

impl Shifts {
    /// The shift of a pass; the stream that comes to it first computes it for all.
    fn of(&self, pass: u64, compute: impl FnOnce() -> i64) -> i64 {
        let mut shifts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let shift = *shifts.entry(pass).or_insert_with(compute);
        if let Some(oldest) = pass.checked_sub(REMEMBERED_PASSES) {
            *shifts = shifts.split_off(&oldest);
        }
        shift
    }
}

/// Shifts the rows of one call.
#[derive(Debug)]
pub(super) struct Restamper {
    dialect: Dialect,
    shifts: Arc<Shifts>,
    schedule: Schedule,
    /// Start of the replayed call, epoch ms.
    began_ms: i64,
    current: Option<(u64, i64)>,
}

impl Restamper {
    /// A restamper for a call that began at `began_ms` (epoch); `schedule` counts from there.
    pub(super) const fn new(dialect: Dialect, shifts: Arc<Shifts>, schedule: Schedule, began_ms: i64) -> Self {
        Self {
            dialect,
            shifts,
            schedule,
            began_ms,
            current: None,
        }
    }

    /// The frame with shifted timestamps, for pass number `pass` at `offset_ns` of the time line; `None` when it is to
    /// be sent as it is.
    pub(super) fn message(&mut self, frame: &Bytes, pass: u64, offset_ns: u64) -> Option<Bytes> {
        let shift_ms = match self.current {
            Some((of_pass, shift_ms)) if of_pass == pass => shift_ms,
            _ => {
                let newest_ms = newest_ms(self.dialect, frame)?;
                let due = self.schedule.due(offset_ns).unwrap_or(Duration::ZERO);
                let due_ms = i64::try_from(due.as_millis()).unwrap_or(i64::MAX);
                let shift_ms = self
                    .shifts
                    .of(pass, || self.began_ms.saturating_add(due_ms).saturating_sub(newest_ms));
                self.current = Some((pass, shift_ms));
                shift_ms
            }
        };
        // What cannot be read is sent as it is: a client must be able to meet it.
        restamp(self.dialect, frame, shift_ms).ok().map(Bytes::from)
    }
}

#[cfg(test)]
mod tests;
