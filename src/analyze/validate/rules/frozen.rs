//! Rules about intensities that do not change over time.

use bytes::Bytes;

use crate::{
    analyze::validate::{
        finding_log::{FindingLog, Note, Text},
        rule::{Rule, RulePhase},
        scan::{Scan, mark, same},
    },
    das::{
        dialect::{Dialect, Layout, datastream, pandadatastream},
        spectrogram::{Frame, Row, Sensor as Spectrum, Values},
    },
    grpc,
    model::{
        event::Message,
        finding::{Place, Severity},
    },
};

/// Largest inflated size of a compressed frame that is compared with the next one, in bytes: both are in memory then.
const MAX_COMPARED: u64 = 32 << 20;

/// The whole payload does not change.
pub(crate) const FROZEN_PAYLOAD: Rule = Rule {
    id: "frozen-payload",
    severity: Severity::Error,
    otherwise: None,
    phase: RulePhase::Content,
    title: "intensities change from frame to frame",
    unit: "frames or rows",
    doc: "All intensities of a frame are bit by bit those of the previous frame, or those of a row those of the \
          previous row, although time goes on. Judged from 16 values on. A frame that is sent again with its own \
          timestamps is duplicate-rows.",
    hint: "the server repeats its last spectrum: its source has stopped",
};

/// One sensor does not change.
pub(crate) const STUCK_SENSOR: Rule = Rule {
    id: "stuck-sensor",
    severity: Severity::Warning,
    otherwise: None,
    phase: RulePhase::Content,
    title: "every sensor changes",
    unit: "spectra",
    doc: "The spectrum of a sensor is bit by bit the same in 8 or more consecutive rows (16 or more values), while \
          other sensors change. Zeros are zero-sensor, and −inf is dead-sensor.",
    hint: "the channel is stuck or padded",
};

/// Number of equal values from which chance is excluded.
const MIN_VALUES: usize = 16;

/// Number of rows with an equal sensor from which chance is excluded.
const MIN_ROWS: usize = 8;

/// The state about the last frame: the message itself, cheaply, and what tells it apart at a glance.
#[derive(Debug, Default)]
pub(crate) struct Memory {
    data: Bytes,
    compressed: bool,
    first: Glance,
    last: Glance,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Glance {
    mark: u64,
    time: Option<(i64, i64)>,
}

/// Dialect and layout of a call, to decode its last message again.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Speech<'a> {
    pub(crate) dialect: Dialect,
    pub(crate) layout: Layout,
    pub(crate) encoding: &'a str,
}

/// Which part of a frame repeats the one before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Repeats {
    Nothing,
    /// Its first row equals the last row of the frame before.
    FirstRow,
    /// The whole frame equals the frame before.
    Frame,
}

impl Memory {
    /// Compares a frame with the last one, exactly, but only when their marks are equal.
    pub(crate) fn compare(&self, speech: Speech<'_>, frame: &Frame<'_>) -> Repeats {
        let Some(row) = frame.rows.first().filter(|row| !row.sensors.is_empty()) else {
            return Repeats::Nothing;
        };
        let now = glance(row);
        let as_frame = now.mark == self.first.mark && advances(self.first, now);
        let as_row = now.mark == self.last.mark && advances(self.last, now);
        if self.data.is_empty() || !(as_frame || as_row) {
            return Repeats::Nothing;
        }
        let inflated = if self.compressed {
            grpc::inflate(speech.encoding, &self.data, MAX_COMPARED).unwrap_or_default()
        } else {
            self.data.clone()
        };
        let before = match speech.dialect {
            Dialect::DataStream => datastream::decode(&inflated),
            Dialect::PandaDataStream => pandadatastream::decode(&inflated, speech.layout),
        };
        let Ok(before) = before else { return Repeats::Nothing };
        let alike = before.rows.len() == frame.rows.len();
        if as_frame && alike && before.rows.iter().zip(&frame.rows).all(|(a, b)| same_row(a, b)) {
            Repeats::Frame
        } else if as_row && before.rows.last().is_some_and(|last| same_row(last, row)) {
            Repeats::FirstRow
        } else {
            Repeats::Nothing
        }
    }

    /// Remembers a frame; its bytes are shared, not copied.
    pub(crate) fn remember(&mut self, message: &Message, frame: &Frame<'_>) {
        let rows = (frame.rows.first(), frame.rows.last());
        let (Some(first), Some(last)) = rows else { return };
        *self = Self {
            data: message.data.clone(),
            compressed: message.compressed,
            first: glance(first),
            last: glance(last),
        };
    }
}

fn glance(row: &Row<'_>) -> Glance {
    Glance {
        mark: row.sensors.first().map_or(0, |sensor| mark(&sensor.intensity)),
        time: time(row),
    }
}

/// The key that orders rows in time; `None` when the sender fills in no times.
fn time(row: &Row<'_>) -> Option<(i64, i64)> {
    let times = (row.start_ms.unwrap_or(0), row.end_ms.unwrap_or(0));
    let numbered = row.index.filter(|index| *index != 0).map(|index| (index, 0));
    numbered.or(Some(times).filter(|times| *times != (0, 0)))
}

fn advances(before: Glance, now: Glance) -> bool {
    now.time.is_none() || now.time > before.time
}

/// True when the time of the second row is after that of the first.
pub(crate) fn goes_on(before: &Row<'_>, row: &Row<'_>) -> bool {
    let now = time(row);
    now.is_none() || now > time(before)
}

/// True when both rows have the same sensors with the same values.
pub(crate) fn same_row(a: &Row<'_>, b: &Row<'_>) -> bool {
    let pairs = || a.sensors.iter().zip(&b.sensors);
    a.sensors.len() == b.sensors.len() && pairs().all(|(a, b)| a.id == b.id && same(&a.intensity, &b.intensity))
}

/// True when there are enough values for a judgement.
pub(crate) fn says_something(row: &Row<'_>) -> bool {
    row.sensors.iter().map(|sensor| sensor.intensity.len()).sum::<usize>() >= MIN_VALUES
}

pub(crate) fn frozen(log: &mut FindingLog, place: Place) {
    log.note(Note::new(&FROZEN_PAYLOAD, place), || {
        Text::new(format!("all intensities are those from before, at {place}"))
    });
}

/// The state of one sensor.
#[derive(Debug, Default)]
pub(crate) struct Sensor {
    mark: u64,
    repeat: Option<Box<Repeat>>,
}

/// A spectrum that equals the one before it; from here on it is compared exactly.
#[derive(Debug)]
struct Repeat {
    values: Vec<u32>,
    rows: usize,
    since: Place,
}

impl Sensor {
    /// Adds the sensor's next spectrum, with its mark.
    #[inline]
    pub(crate) fn see(&mut self, log: &mut FindingLog, place: Place, sensor: &Spectrum<'_>, mark: u64) {
        if mark == self.mark {
            self.repeated(log, place.at_sensor(sensor.id), &sensor.intensity);
        } else {
            self.mark = mark;
            if self.repeat.is_some() {
                self.repeat = None;
            }
        }
    }

    #[cold]
    fn repeated(&mut self, log: &mut FindingLog, place: Place, values: &Values<'_>) {
        let scan = Scan::of(values);
        if scan.is_zero() || scan.is_dead() {
            return;
        }
        let bits = || values.iter().map(f32::to_bits);
        let same = self
            .repeat
            .as_ref()
            .is_some_and(|repeat| bits().eq(repeat.values.iter().copied()));
        let Some(repeat) = self.repeat.as_mut().filter(|_| same) else {
            let values = bits().collect();
            let (rows, since) = (1, place);
            self.repeat = Some(Box::new(Repeat { values, rows, since }));
            return;
        };
        repeat.rows += 1;
        let enough = MIN_ROWS.max(MIN_VALUES.div_ceil(repeat.values.len().max(1)));
        let (rows, since) = (repeat.rows, repeat.since);
        if rows == enough {
            stuck(log, since, rows - 1, rows);
            stuck(log, place, 1, rows);
        } else if rows > enough {
            stuck(log, place, 1, rows);
        }
    }
}

fn stuck(log: &mut FindingLog, place: Place, times: usize, rows: usize) {
    let note = Note::new(&STUCK_SENSOR, place).times(times as u64).weight(rows as f64);
    log.note(note, || {
        Text::new(format!("the same spectrum in {rows} rows, up to {place}"))
    });
}
