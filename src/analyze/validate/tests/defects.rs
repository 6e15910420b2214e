//! Injected defects: each must be found by its rule, at its place, and by no other rule.

use std::collections::BTreeSet;

use super::super::{
    RULES, ReadTo,
    testing::{BINS, DT_MS, Item, MS, SENSORS, START_MS, Scenario, refit, refit_panda},
};
use crate::{
    das::dialect::{Layout, datastream::HEALTH_METHOD},
    model::{
        event::{Broken, Cancelled, Deadline, Ending, FAILURE_AUTHOR, Limit, PROXY_AUTHOR, Party, Status},
        finding::Severity::{self, Error, Info, Warning},
    },
};

type Expected = &'static [(&'static str, Severity, &'static str)];

/// Name, what breaks the stream, and the findings: rule, severity, first place.
type Defect = (&'static str, fn(&mut Scenario), Expected);

fn status(code: u32) -> Ending {
    let message = "no job 1-1".to_owned();
    Ending::Status(Status {
        code,
        message,
        ..Status::default()
    })
}

fn limit(limit: Limit) -> Ending {
    let after_ns = 5_000 * MS;
    Ending::Deadline(Deadline { limit, after_ns })
}

fn broken(goaway: bool) -> Ending {
    let error = "connection reset".to_owned();
    Ending::Broken(Broken {
        error,
        goaway,
        ..Broken::default()
    })
}

fn cancelled(by: Party) -> Ending {
    let reason = "CANCEL".to_owned();
    Ending::Cancelled(Cancelled::new(by, reason))
}

fn freeze(scenario: &mut Scenario, from: usize, to: usize) {
    let rows = scenario.frame(from - 1).rows.clone();
    for at in from..to {
        for (row, source) in scenario.frame(at).rows.iter_mut().zip(&rows) {
            row.sensors.clone_from(&source.sensors);
        }
    }
}

fn shift(scenario: &mut Scenario, from_row: usize, by_ms: i64) {
    for row in scenario.rows().skip(from_row) {
        row.start_timestamp += by_ms;
        row.end_timestamp += by_ms;
    }
}

fn rescale(scenario: &mut Scenario, change: fn(i64) -> i64) {
    for row in scenario.rows() {
        row.start_timestamp = change(row.start_timestamp);
        row.end_timestamp = change(row.end_timestamp);
    }
}

/// The capture begins at this time, milliseconds since 1970.
fn arrived(scenario: &mut Scenario, at_ms: i64) {
    scenario.header.anchor_unix_ns = at_ms as u64 * MS;
}

fn set(scenario: &mut Scenario, message: usize, value: f32) {
    scenario.frame(message).rows[0].sensors[1].intensity[3] = value;
}

const REFUSED: &str = r#"{"rest": {"method": "POST", "path": "/configure", "status": 503,
    "response": "{\"error\": \"waiting for fiber\"}"}}"#;

const MAPPED: &str = r#"{"stream_amount": 1, "channel_to_stream_index": {"1": 0, "2": 0, "3": 0, "4": 0},
    "lines_dt": 0.1, "frequencies_amount": 8}"#;

const DATASTREAM: &[Defect] = &[
    (
        "a message is dropped",
        |s| drop(s.items.remove(7)),
        &[("missing-rows", Warning, "call 1, message 8, row 14")],
    ),
    (
        "a message is dropped, lines_dt is in the response",
        |s| {
            s.items.remove(7);
            s.response(r#"{"lines_dt": "0.1"}"#);
        },
        &[("missing-rows", Error, "call 1, message 8, row 14")],
    ),
    (
        "a row is dropped, lines_dt is expected",
        |s| {
            s.frame(30).rows.remove(0);
            refit(s.frame(30));
            s.file = "lines_dt_s = 0.1".into();
        },
        &[("missing-rows", Error, "call 1, message 31, row 60")],
    ),
    (
        "a message is doubled",
        |s| s.items.insert(8, s.items[7].clone()),
        &[("duplicate-rows", Warning, "call 1, message 9, row 16")],
    ),
    (
        "the first message is doubled",
        |s| s.items.insert(1, s.items[0].clone()),
        &[("duplicate-rows", Warning, "call 1, message 2, row 2")],
    ),
    (
        "a message is doubled, lines_dt is known",
        |s| {
            s.items.insert(8, s.items[7].clone());
            s.response(r#"{"lines_dt": 0.1}"#);
        },
        &[("duplicate-rows", Error, "call 1, message 9, row 16")],
    ),
    (
        "a message comes again later",
        |s| s.items.insert(24, s.items[20].clone()),
        &[("duplicate-rows", Warning, "call 1, message 25, row 48")],
    ),
    (
        "two messages are swapped",
        |s| s.items.swap(7, 8),
        &[("backwards-time", Warning, "call 1, message 9, row 16")],
    ),
    (
        "a row's time is wrong",
        |s| {
            let row = &mut s.frame(20).rows[0];
            row.start_timestamp -= 1_000_000;
            row.end_timestamp -= 1_000_000;
        },
        &[("backwards-time", Warning, "call 1, message 21, row 40")],
    ),
    (
        "the clock is set back",
        |s| shift(s, 40, -7_000),
        &[("backwards-time", Warning, "call 1, message 21, row 40")],
    ),
    (
        "the clock jitters",
        |s| shift(s, 20, 10),
        &[("clock-jitter", Warning, "call 1, message 11, row 20")],
    ),
    (
        "blocks overlap",
        |s| shift(s, 20, -60),
        &[("overlap", Warning, "call 1, message 11, row 20")],
    ),
    (
        "the recording pauses for an hour",
        |s| {
            shift(s, 20, 3_600_000);
            s.response(r#"{"lines_dt": 0.1}"#);
        },
        &[("missing-rows", Warning, "call 1, message 11, row 20")],
    ),
    (
        "a row lasts too long",
        |s| s.frame(12).rows[1].end_timestamp += 50,
        &[("row-duration", Warning, "call 1, message 13, row 25")],
    ),
    (
        "rows come at another rate than expected",
        |s| s.file = "lines_dt_s = 0.05".into(),
        &[("row-duration", Error, "call 1, message 1, row 1")],
    ),
    (
        "a row ends before it starts",
        |s| s.frame(12).rows[1].end_timestamp -= 500,
        &[("end-before-start", Error, "call 1, message 13, row 25")],
    ),
    (
        "timestamps are in microseconds",
        |s| rescale(s, |ms| ms * 1000),
        &[("timestamp-unit", Warning, "call 1, message 1, row 0")],
    ),
    (
        "timestamps are in nanoseconds, and a message is dropped",
        |s| {
            rescale(s, |ms| ms * 1_000_000);
            s.items.remove(7);
        },
        &[
            ("timestamp-unit", Warning, "call 1, message 1, row 0"),
            ("missing-rows", Warning, "call 1, message 8, row 14"),
        ],
    ),
    (
        "timestamps are in seconds",
        |s| {
            rescale(s, |ms| ms / 1000);
            s.response(r#"{"lines_dt": 0.1}"#);
        },
        &[("timestamp-unit", Warning, "call 1, message 1, row 0")],
    ),
    (
        "every row bears one time",
        |s| {
            rescale(s, |_| START_MS);
            s.response(r#"{"lines_dt": 0.1}"#);
        },
        &[("stuck-clock", Warning, "call 1, message 1, row 1")],
    ),
    (
        "every row of a short stream begins at one time",
        |s| {
            s.items.truncate(2);
            s.rows().for_each(|row| row.start_timestamp = START_MS);
        },
        &[("stuck-clock", Warning, "call 1, message 1, row 1")],
    ),
    (
        "timestamps are not filled in",
        |s| rescale(s, |_| 0),
        &[("stuck-clock", Warning, "call 1, message 1, row 1")],
    ),
    (
        "the clock stands still for a while, and goes on",
        |s| {
            let stop = START_MS + 40 * DT_MS;
            for row in s.rows().skip(40).take(20) {
                (row.start_timestamp, row.end_timestamp) = (stop, stop + DT_MS);
            }
        },
        &[("stuck-clock", Warning, "call 1, message 21, row 41")],
    ),
    (
        "the clock of a live job is a day slow",
        |s| {
            arrived(s, START_MS + 86_400_000);
            s.request(r#"{"start_time": null, "end_time": null}"#);
        },
        &[("clock-off", Warning, "call 1, message 1, row 0")],
    ),
    (
        "the rows of a recording are not those that were asked for",
        |s| {
            arrived(s, START_MS + 86_400_000);
            s.request(r#"{"start_time": 1600000000, "end_time": 1600000060}"#);
        },
        &[("clock-off", Warning, "call 1, message 1, row 0")],
    ),
    (
        "rows come from the future",
        |s| arrived(s, START_MS - 86_400_000),
        &[("clock-off", Warning, "call 1, message 1, row 0")],
    ),
    (
        "fewer sensors come than were asked for",
        |s| s.request(r#"{"channels": {"min": 1, "max": 51}}"#),
        &[("request-not-met", Error, "the capture")],
    ),
    (
        "fewer sensors are answered than were asked for",
        |s| {
            s.request(r#"{"channels": {"min": 1, "max": 51}}"#);
            s.response(MAPPED);
        },
        &[("request-not-met", Error, "the capture")],
    ),
    (
        "fewer sensors are answered than were asked for, and numbered otherwise",
        |s| {
            s.request(r#"{"channels": {"min": 100, "max": 150}}"#);
            s.response(MAPPED);
        },
        &[("request-not-met", Warning, "the capture")],
    ),
    (
        "frequencies that were asked for are not answered",
        |s| {
            s.request(r#"{"frequencyRange": {"min": 0, "max": 500}}"#);
            s.response(r#"{"frequencies_list": [0, 20, 40, 60, 80, 100, 120, 140]}"#);
        },
        &[("request-not-met", Warning, "the capture")],
    ),
    (
        "sensors that the response maps never come",
        |s| {
            s.request(r#"{"channels": {"min": 1, "max": 6}}"#);
            s.response(r#"{"channel_to_stream_index": {"1": 0, "2": 0, "3": 0, "4": 0, "5": 0, "6": 0}}"#);
        },
        &[
            ("missing-sensor", Error, "sensor 5"),
            ("missing-sensor", Warning, "call 1, message 1, row 0, sensor 5"),
        ],
    ),
    (
        "a value is NaN",
        |s| set(s, 5, f32::NAN),
        &[("nan", Error, "call 1, message 6, row 10, sensor 2, bin 3")],
    ),
    (
        "a value is -inf and the extremes know",
        |s| {
            set(s, 5, f32::NEG_INFINITY);
            refit(s.frame(5));
        },
        &[("infinity", Warning, "call 1, message 6, row 10, sensor 2, bin 3")],
    ),
    (
        "a value is -inf and the extremes leave it out",
        |s| set(s, 5, f32::NEG_INFINITY),
        &[("infinity", Warning, "call 1, message 6, row 10, sensor 2, bin 3")],
    ),
    (
        "a value is +inf",
        |s| {
            set(s, 5, f32::INFINITY);
            refit(s.frame(5));
        },
        &[("infinity", Warning, "call 1, message 6, row 10, sensor 2, bin 3")],
    ),
    (
        "a sensor is dead",
        |s| {
            s.frame(5).rows[0].sensors[2].intensity.fill(f32::NEG_INFINITY);
            refit(s.frame(5));
        },
        &[
            ("infinity", Warning, "call 1, message 6, row 10, sensor 3, bin 0"),
            ("dead-sensor", Warning, "call 1, message 6, row 10, sensor 3"),
        ],
    ),
    (
        "a frame is all zero",
        |s| {
            for row in &mut s.frame(5).rows {
                row.sensors.iter_mut().for_each(|sensor| sensor.intensity.fill(0.0));
            }
        },
        &[("all-zero", Error, "call 1, message 6, row 10")],
    ),
    (
        "every frame is all zero, and the amplitude is bounded",
        |s| {
            s.rows()
                .flat_map(|row| &mut row.sensors)
                .for_each(|sensor| sensor.intensity.fill(0.0));
            s.file = "amplitude_db = [-100, -50]".into();
        },
        &[("all-zero", Error, "call 1, message 1, row 0")],
    ),
    (
        "a sensor is zero",
        |s| s.frame(5).rows[1].sensors[0].intensity.fill(0.0),
        &[("zero-sensor", Warning, "call 1, message 6, row 11, sensor 1")],
    ),
    (
        "the payload freezes for one frame",
        |s| freeze(s, 9, 10),
        &[("frozen-payload", Error, "call 1, message 10")],
    ),
    (
        "the payload freezes for good",
        |s| freeze(s, 9, 40),
        &[("frozen-payload", Error, "call 1, message 10")],
    ),
    (
        "a row repeats the one before it",
        |s| {
            let frame = s.frame(9);
            frame.rows[1].sensors = frame.rows[0].sensors.clone();
        },
        &[("frozen-payload", Error, "call 1, message 10, row 19")],
    ),
    (
        "a row repeats the last one of the frame before",
        |s| {
            let sensors = s.frame(8).rows[1].sensors.clone();
            s.frame(9).rows[0].sensors = sensors;
        },
        &[("frozen-payload", Error, "call 1, message 10, row 18")],
    ),
    (
        "a sensor is stuck",
        |s| {
            let stuck = s.frame(5).rows[0].sensors[1].intensity.clone();
            s.rows()
                .skip(11)
                .for_each(|row| row.sensors[1].intensity.clone_from(&stuck));
            s.refit();
        },
        &[("stuck-sensor", Warning, "call 1, message 6, row 11, sensor 2")],
    ),
    (
        "a row is ragged",
        |s| s.frame(6).rows[0].sensors[2].intensity.truncate(BINS - 1),
        &[("ragged-rows", Error, "call 1, message 7, row 12, sensor 3")],
    ),
    (
        "the first sensor of a row has no bins",
        |s| s.frame(6).rows[0].sensors[0].intensity.clear(),
        &[("ragged-rows", Error, "call 1, message 7, row 12, sensor 1")],
    ),
    (
        "a sensor stands twice",
        |s| s.frame(6).rows[1].sensors[2].id = 1,
        &[("duplicate-sensor", Error, "call 1, message 7, row 13, sensor 1")],
    ),
    (
        "a sensor drops out of a row",
        |s| drop(s.frame(6).rows[0].sensors.remove(2)),
        &[("sensor-set-change", Warning, "call 1, message 7, row 12, sensor 3")],
    ),
    (
        "a sensor drops out that is expected",
        |s| {
            s.rows().skip(12).for_each(|row| drop(row.sensors.remove(2)));
            s.file = "sensors = '1..4'".into();
        },
        &[("missing-sensor", Error, "call 1, message 7, row 12, sensor 3")],
    ),
    (
        "a sensor drops out that the response maps",
        |s| {
            s.frame(6).rows[0].sensors.remove(2);
            s.response(MAPPED);
        },
        &[("missing-sensor", Warning, "call 1, message 7, row 12, sensor 3")],
    ),
    (
        "a sensor comes that is not configured",
        |s| {
            s.rows().skip(12).for_each(|row| row.sensors[3].id = 9);
            s.response(r#"{"channel_to_stream_index": {"1": 0, "2": 0, "3": 0, "4": 0}, "stream_amount": 2}"#);
        },
        &[("unexpected-sensor", Error, "call 1, message 7, row 12, sensor 9")],
    ),
    (
        "a sensor comes that was not asked for",
        |s| {
            s.frame(6).rows[0].sensors[3].id = 9;
            s.request(r#"{"channels": {"min": 1, "max": 4}}"#);
        },
        &[("unexpected-sensor", Error, "call 1, message 7, row 12, sensor 9")],
    ),
    (
        "sensors change their order",
        |s| s.rows().skip(30).for_each(|row| row.sensors.reverse()),
        &[("sensor-order", Warning, "call 1, message 16, row 30")],
    ),
    (
        "the bins are not those of the response",
        |s| {
            s.frame(6)
                .rows
                .iter_mut()
                .flat_map(|row| &mut row.sensors)
                .for_each(|sensor| sensor.intensity.truncate(6));
            s.response(MAPPED);
        },
        &[("unexpected-bins", Error, "call 1, message 7, row 12")],
    ),
    (
        "the bins change",
        |s| {
            s.rows()
                .skip(12)
                .flat_map(|row| &mut row.sensors)
                .for_each(|sensor| sensor.intensity.truncate(6));
            s.refit();
        },
        &[("shape-change", Warning, "call 1, message 7, row 12")],
    ),
    (
        "the canvas changes",
        |s| s.rows().skip(12).for_each(|row| row.canvas_id = "other".into()),
        &[("canvas-change", Warning, "call 1, message 7, row 12")],
    ),
    (
        "a value is out of bounds",
        |s| {
            set(s, 5, 12.0);
            refit(s.frame(5));
            s.file = "amplitude_db = [-100, -50]".into();
        },
        &[(
            "out-of-range-amplitude",
            Error,
            "call 1, message 6, row 10, sensor 2, bin 3",
        )],
    ),
    (
        "the extremes are upside down",
        |s| {
            let frame = s.frame(5);
            std::mem::swap(&mut frame.current_max_amp, &mut frame.current_min_amp);
        },
        &[("max-below-min", Error, "call 1, message 6")],
    ),
    (
        "the maximum is wrong",
        |s| s.frame(5).current_max_amp += 1.0,
        &[("extremes-mismatch", Error, "call 1, message 6")],
    ),
    (
        "the minimum is wrong",
        |s| s.frame(5).current_min_amp += 0.5,
        &[("extremes-mismatch", Error, "call 1, message 6")],
    ),
    (
        "the extremes are left out",
        |s| (s.frame(5).current_max_amp, s.frame(5).current_min_amp) = (0.0, 0.0),
        &[("extremes-mismatch", Error, "call 1, message 6")],
    ),
    (
        "a message is garbage",
        |s| s.raw(5, |bytes| *bytes = vec![0xff; 40]),
        &[("malformed-message", Error, "call 1, message 6, byte 0")],
    ),
    (
        "a message ends within a varint",
        |s| s.raw(5, |bytes| *bytes = vec![0x0a, 0x80]),
        &[("malformed-message", Error, "call 1, message 6, byte 1")],
    ),
    (
        "a message is cut off",
        |s| s.raw(5, |bytes| bytes.truncate(20)),
        &[("malformed-message", Error, "call 1, message 6, byte 1")],
    ),
    (
        "a field has another wire type",
        |s| s.raw(5, |bytes| drop(bytes.splice(0..0, [0x10, 0x01]))),
        &[("malformed-message", Error, "call 1, message 6, byte 0")],
    ),
    (
        "a canvas is not UTF-8",
        |s| s.raw(5, |bytes| drop(bytes.splice(0..0, [0x0a, 0x03, 0x0a, 0x01, 0xff]))),
        &[("malformed-message", Error, "call 1, message 6, byte 4")],
    ),
    (
        "a message cannot be inflated",
        |s| {
            s.encoding = Some("gzip");
            s.items[5].1 = Item::Compressed(b"junk".to_vec());
        },
        &[("malformed-message", Error, "call 1, message 6")],
    ),
    (
        "every message is garbage",
        |s| (0..40).for_each(|at| s.raw(at, |bytes| *bytes = vec![0xff; 40])),
        &[("malformed-message", Error, "call 1, message 1, byte 0")],
    ),
    (
        "fields are unknown",
        |s| (5..40).for_each(|at| s.raw(at, |bytes| bytes.extend([0x78, 0x01]))),
        &[("unknown-fields", Warning, "call 1, message 6")],
    ),
    (
        "a message is empty",
        |s| s.raw(6, Vec::clear),
        &[("empty-frame", Error, "call 1, message 7")],
    ),
    (
        "a row holds no sensors",
        |s| s.frame(6).rows[1].sensors.clear(),
        &[("empty-frame", Error, "call 1, message 7, row 13")],
    ),
    (
        "the sensors of a row hold no bins",
        |s| {
            s.frame(6).rows[1]
                .sensors
                .iter_mut()
                .for_each(|sensor| sensor.intensity.clear());
        },
        &[("empty-frame", Error, "call 1, message 7, row 13")],
    ),
    (
        "the recorder lost messages",
        |s| {
            let at = s.items[6].0;
            s.items.splice(6..8, [(at, Item::Gap(2))]);
        },
        &[("gap", Error, "call 1, message 7")],
    ),
    (
        "more rows are missing than the recorder lost",
        |s| {
            let at = s.items[6].0;
            s.items.splice(6..9, [(at, Item::Gap(1))]);
        },
        &[
            ("gap", Error, "call 1, message 7"),
            ("missing-rows", Warning, "call 1, message 7, row 12"),
        ],
    ),
    (
        "the first frame is late",
        |s| s.items.iter_mut().for_each(|(at, _)| *at += 6_000 * MS),
        &[("late-first-frame", Warning, "call 1, message 1")],
    ),
    (
        "the stream stalls",
        |s| s.items.iter_mut().skip(10).for_each(|(at, _)| *at += 11_000 * MS),
        &[("stall", Warning, "call 1, message 11")],
    ),
    (
        "the stream is slower than its target",
        |s| s.file = "minimum_fps = 6".into(),
        &[("low-throughput", Warning, "call 1")],
    ),
    (
        "the stream brings fewer bytes than its target",
        |s| s.file = "minimum_mb_per_s = 1".into(),
        &[("low-throughput", Warning, "call 1")],
    ),
    (
        "the stream is empty",
        |s| s.items.clear(),
        &[("zero-frames", Error, "call 1")],
    ),
    (
        "the stream is empty when we stop it",
        |s| {
            s.items.clear();
            s.end(0, cancelled(Party::Us));
        },
        &[("zero-frames", Error, "call 1")],
    ),
    (
        "there is no call",
        |s| s.calls = 0,
        &[("zero-frames", Error, "the capture")],
    ),
    (
        "the job was not recorded",
        |s| {
            s.calls = 0;
            s.note(FAILURE_AUTHOR, "job:1 did not become ready within 5s");
        },
        &[
            ("not-recorded", Error, "at 0.000 s"),
            ("zero-frames", Error, "the capture"),
        ],
    ),
    (
        "one of several jobs was not recorded",
        |s| s.note(FAILURE_AUTHOR, "job b: connection refused"),
        &[("not-recorded", Error, "at 0.000 s")],
    ),
    (
        "the job was refused",
        |s| {
            s.calls = 0;
            s.note(PROXY_AUTHOR, REFUSED);
        },
        &[
            ("configure-refused", Error, "at 0.000 s"),
            ("zero-frames", Error, "the capture"),
        ],
    ),
    (
        "another job was refused",
        |s| s.note(PROXY_AUTHOR, REFUSED),
        &[("configure-refused", Warning, "at 0.000 s")],
    ),
    (
        "the job is unhealthy and streams nothing",
        |s| {
            s.items.clear();
            s.other_call(HEALTH_METHOD, Some(b""), status(0));
        },
        &[("unhealthy-job", Error, "call 100"), ("zero-frames", Error, "call 1")],
    ),
    (
        "the job is unhealthy and is not asked for a stream",
        |s| {
            s.calls = 0;
            s.other_call("/grpc.health.v1.Health/Check", Some(b"\x08\x02"), status(0));
        },
        &[
            ("unhealthy-job", Error, "call 100"),
            ("zero-frames", Error, "the capture"),
        ],
    ),
    (
        "the job does not answer whether it is healthy, and streams",
        |s| s.other_call(HEALTH_METHOD, None, status(14)),
        &[("unhealthy-job", Warning, "call 100")],
    ),
    (
        "the job is not known",
        |s| {
            s.items.clear();
            s.end(0, status(5));
        },
        &[("error-status", Error, "call 1")],
    ),
    (
        "the server becomes unavailable while it streams",
        |s| s.end(10, status(14)),
        &[("error-status", Error, "call 1")],
    ),
    (
        "the connection breaks",
        |s| s.end(10, broken(false)),
        &[("broken-call", Error, "call 1")],
    ),
    (
        "the connection breaks after a long silence",
        |s| s.end(60_000, broken(false)),
        &[("broken-call", Error, "call 1")],
    ),
    (
        "the server says goodbye while it streams",
        |s| s.end(10, broken(true)),
        &[("broken-call", Error, "call 1")],
    ),
    (
        "the server resets the call",
        |s| s.end(10, cancelled(Party::Server)),
        &[("broken-call", Error, "call 1")],
    ),
    (
        "our idle limit runs out",
        |s| s.end(30_000, limit(Limit::Idle)),
        &[("deadline", Error, "call 1")],
    ),
    (
        "our first-frame limit runs out",
        |s| {
            s.items.clear();
            s.end(5_000, limit(Limit::FirstFrame));
        },
        &[("deadline", Error, "call 1")],
    ),
    (
        "the capture stops early",
        |s| s.ending = None,
        &[("unended-call", Error, "call 1")],
    ),
    (
        "the recorder was cut off before a frame came",
        |s| {
            s.items.clear();
            s.ending = None;
            s.read_to = ReadTo::CutOff;
        },
        &[("unended-call", Error, "call 1"), ("zero-frames", Error, "the capture")],
    ),
    (
        "the capture is being recorded, and not as long yet as it should be",
        |s| {
            s.file = "minimum_frames = 100".into();
            s.ending = None;
            s.read_to = ReadTo::Growing;
        },
        &[("unended-call", Info, "call 1")],
    ),
    (
        "the capture is being recorded, and no frame has come",
        |s| {
            s.items.clear();
            s.ending = None;
            s.read_to = ReadTo::Growing;
        },
        &[("unended-call", Info, "call 1"), ("zero-frames", Error, "the capture")],
    ),
    (
        "the capture is damaged behind a wrong value",
        |s| {
            set(s, 5, f32::NAN);
            s.ending = None;
            s.read_to = ReadTo::Damage("could not read chunk 12".into());
        },
        &[
            ("damaged-capture", Error, "at 8.100 s"),
            ("nan", Error, "call 1, message 6, row 10, sensor 2, bin 3"),
        ],
    ),
    (
        "there are fewer frames than expected",
        |s| s.file = "minimum_frames = 41".into(),
        &[("short-stream", Error, "the capture")],
    ),
    (
        "the stream is shorter than the window",
        |s| {
            s.request(r#"{"start_time": 1700000000, "end_time": 1700000060}"#);
            s.response(r#"{"lines_dt": 0.1}"#);
        },
        &[("short-stream", Warning, "the capture")],
    ),
    (
        "the bins lie outside the range that was asked for",
        |s| {
            s.request(r#"{"frequencyRange": {"min": 0, "max": 100}}"#);
            s.response(r#"{"frequencies_list": [0, 20, 40, 60, 80, 100, 120, 140]}"#);
        },
        &[("out-of-range-frequency", Warning, "the capture")],
    ),
    (
        "fewer streams than expected",
        |s| s.file = "streams = 2".into(),
        &[("missing-stream", Error, "the capture")],
    ),
];

const PANDA: &[Defect] = &[
    (
        "a block is dropped",
        |s| drop(s.items.remove(7)),
        &[("missing-rows", Warning, "call 1, message 8, row 7")],
    ),
    (
        "a block is dropped, lines_dt is known",
        |s| {
            s.items.remove(7);
            s.response(MAPPED);
        },
        &[("missing-rows", Error, "call 1, message 8, row 7")],
    ),
    (
        "a block is doubled",
        |s| s.items.insert(8, s.items[7].clone()),
        &[("duplicate-rows", Warning, "call 1, message 9, row 8")],
    ),
    (
        "two blocks are swapped",
        |s| s.items.swap(7, 8),
        &[("backwards-time", Warning, "call 1, message 9, row 8")],
    ),
    (
        "the clock jumps while row numbers go on",
        |s| (20..40).for_each(|at| s.block(at).timestamp_in_milis[0] += 3_600_000),
        &[("clock-jump", Warning, "call 1, message 21, row 20")],
    ),
    (
        "a shape is zero",
        |s| s.block(6).data_shape_y = 0,
        &[("bad-shape", Error, "call 1, message 7")],
    ),
    (
        "a shape is negative",
        |s| s.block(6).data_shape_x = -32,
        &[("bad-shape", Error, "call 1, message 7")],
    ),
    (
        "the channels are upside down",
        |s| s.block(6).end_channel = 0,
        &[("bad-shape", Error, "call 1, message 7")],
    ),
    (
        "a row does not divide by its channels",
        |s| s.block(6).end_channel = 5,
        &[("bad-shape", Error, "call 1, message 7")],
    ),
    (
        "a payload is cut off",
        |s| s.block(6).main_data[0].truncate(127),
        &[("indivisible-payload", Error, "call 1, message 7")],
    ),
    (
        "a payload is left out",
        |s| s.block(6).main_data.clear(),
        &[("empty-frame", Error, "call 1, message 7")],
    ),
    (
        "the channels are those of another stream",
        |s| {
            (s.block(6).start_channel, s.block(6).end_channel) = (5, 8);
            s.response(MAPPED);
        },
        &[("channel-range-mismatch", Error, "call 1, message 7")],
    ),
    (
        "the channels change",
        |s| (20..40).for_each(|at| (s.block(at).start_channel, s.block(at).end_channel) = (5, 8)),
        &[("sensor-set-change", Warning, "call 1, message 21, row 20, sensor 1")],
    ),
    (
        "the payload freezes",
        |s| {
            let payload = s.block(8).main_data.clone();
            (9..40).for_each(|at| s.block(at).main_data.clone_from(&payload));
        },
        &[("frozen-payload", Error, "call 1, message 10")],
    ),
    (
        "a block is all zero",
        |s| refit_panda(s.block(6), |values| values.fill(0.0)),
        &[("all-zero", Error, "call 1, message 7, row 6")],
    ),
    (
        "a value is NaN",
        |s| refit_panda(s.block(6), |values| values[BINS + 3] = f32::NAN),
        &[("nan", Error, "call 1, message 7, row 6, sensor 2, bin 3")],
    ),
    (
        "a value lies beyond the running extremes",
        |s| refit_panda(s.block(6), |values| values[BINS + 3] = -40.0),
        &[("extremes-mismatch", Error, "call 1, message 7")],
    ),
    (
        "the running extremes are upside down",
        |s| s.block(6).global_minimum = 3.0,
        &[("max-below-min", Error, "call 1, message 7")],
    ),
    (
        "the running maximum falls",
        |s| (20..40).for_each(|at| s.block(at).global_maximum = -55.0),
        &[("global-maximum-fell", Warning, "call 1, message 21")],
    ),
    (
        "the job changes",
        |s| (0..40).for_each(|at| s.block(at).job_id = Some(if at < 20 { 1 } else { 2 })),
        &[("job-change", Warning, "call 1, message 21")],
    ),
    (
        "fields are unknown",
        |s| s.raw(5, |bytes| bytes.extend([0xf8, 0x01, 0x01])),
        &[("unknown-fields", Warning, "call 1, message 6")],
    ),
    (
        "a block is garbage",
        |s| s.raw(5, |bytes| *bytes = vec![0xff; 40]),
        &[("malformed-message", Error, "call 1, message 6, byte 0")],
    ),
    (
        "a stream of the job is not recorded",
        |s| {
            s.response(
                r#"{"stream_amount": 3, "channel_to_stream_index": {"1": 0, "2": 0, "3": 0, "4": 0, "5": 1, "6": 2}}"#,
            );
        },
        &[("missing-stream", Error, "the capture")],
    ),
    (
        "sensors are lacking over all streams",
        |s| s.file = "sensors = '1..5'".into(),
        &[("missing-sensor", Error, "sensor 5")],
    ),
    (
        "the layout is guessed",
        |s| s.layout = Layout::default(),
        &[("guessed-layout", Info, "call 1, message 1")],
    ),
    (
        "the values have another width",
        |s| (0..40).for_each(|at| s.block(at).main_data[0].truncate(SENSORS as usize * BINS * 2)),
        &[("guessed-layout", Info, "call 1, message 1")],
    ),
];

fn check(clean: fn() -> Scenario, defects: &[Defect]) {
    let mut wrong = Vec::new();
    for (name, break_it, expected) in defects {
        let mut scenario = clean();
        break_it(&mut scenario);
        let validation = scenario.validate();
        let mut found: Vec<_> = validation
            .findings
            .iter()
            .map(|finding| {
                let place = finding.first.to_string();
                let place = place.split(", at ").next().unwrap_or_default().to_owned();
                (finding.rule, finding.severity, place)
            })
            .collect();
        let mut expected: Vec<_> = expected
            .iter()
            .map(|(rule, severity, place)| (*rule, *severity, (*place).to_owned()))
            .collect();
        found.sort();
        expected.sort();
        if found != expected {
            wrong.push(format!("{name}:\n  expected {expected:?}\n  found    {found:?}"));
        }
        for finding in &validation.findings {
            assert!(finding.count > 0 && !finding.message.is_empty(), "{name}: {finding:?}");
        }
    }
    assert!(
        wrong.is_empty(),
        "{} of {}:\n{}",
        wrong.len(),
        defects.len(),
        wrong.join("\n")
    );
}

#[test]
fn every_defect_of_a_datastream_is_found_by_its_rule_at_its_place_and_by_no_other() {
    check(Scenario::datastream, DATASTREAM);
}

#[test]
fn every_defect_of_a_pandadatastream_is_found_by_its_rule_at_its_place_and_by_no_other() {
    check(Scenario::panda, PANDA);
}

#[test]
fn every_rule_has_a_defect_that_it_finds() {
    let tried = DATASTREAM.iter().chain(PANDA).flat_map(|(.., expected)| *expected);
    let tried: BTreeSet<_> = tried.map(|(rule, ..)| *rule).chain(super::service::tried()).collect();
    let all: BTreeSet<_> = RULES.iter().map(|rule| rule.id).collect();
    assert_eq!(tried, all);
}

#[test]
fn endings_that_are_no_defect_are_not_told() {
    for (after_ms, ending) in [
        (30_000, broken(true)),
        (30_000, status(14)),
        (10, cancelled(Party::Us)),
        (10, cancelled(Party::Client)),
        (30_000, status(0)),
    ] {
        let mut scenario = Scenario::datastream();
        scenario.end(after_ms, ending.clone());
        assert_eq!(scenario.validate().findings, [], "{ending:?}");
    }
}

#[test]
fn repeats_are_counted_to_the_last_place() {
    let mut scenario = Scenario::datastream();
    for at in [5, 9, 30] {
        set(&mut scenario, at, f32::NAN);
    }
    let validation = scenario.validate();
    let [finding] = validation.findings.as_slice() else {
        panic!("one finding")
    };
    assert_eq!(
        (finding.count, finding.first.message, finding.last.message),
        (3, Some(6), Some(31))
    );
    let mut dropped = Scenario::datastream();
    dropped.items.drain(7..10);
    assert_eq!(dropped.validate().findings[0].count, 6, "rows");
    let mut doubled = Scenario::datastream();
    doubled.items.insert(8, doubled.items[7].clone());
    assert_eq!(doubled.validate().findings[0].count, 2, "rows");
    let mut frozen = Scenario::datastream();
    freeze(&mut frozen, 9, 40);
    assert_eq!(frozen.validate().findings[0].count, 31, "frames");
}

#[test]
fn a_compressed_stream_that_freezes_is_found() {
    use std::io::Write as _;
    let mut scenario = Scenario::datastream();
    freeze(&mut scenario, 9, 12);
    scenario.encoding = Some("gzip");
    for (_, item) in &mut scenario.items {
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        gzip.write_all(&item.encode()).unwrap();
        *item = Item::Compressed(gzip.finish().unwrap());
    }
    let validation = scenario.validate();
    let rules: Vec<_> = validation
        .findings
        .iter()
        .map(|finding| (finding.rule, finding.count))
        .collect();
    assert_eq!(rules, [("frozen-payload", 3)]);
}
