use std::io::Cursor;

use prost::Message as _;

use super::*;
use crate::{
    das::{
        dialect::datastream,
        proto::{self, FOCUS_DESCRIPTOR_SET},
    },
    file::{Header, Writer, WriterOptions},
    model::event::{
        CallStart, Cancelled, Direction, Ending, Event, EventKind, Gap, Headers, Message, Metadata, Party, Status,
    },
};

type Memory = Reader<Cursor<Vec<u8>>>;

/// A row of three sensors of four bins, told apart by its number.
fn row(number: i64) -> proto::datastream::SpectrogramRow {
    let value = |sensor: i32, bin: i32| -20.0 - (number % 50) as f32 - sensor as f32 * 0.25 - bin as f32 * 0.125;
    proto::datastream::SpectrogramRow {
        canvas_id: "canvas".to_owned(),
        sensors: (0..3)
            .map(|id| proto::datastream::SensorIntensity {
                id,
                intensity: (0..4).map(|bin| value(id, bin)).collect(),
            })
            .collect(),
        start_timestamp: 1_000_000 + number * 100,
        end_timestamp: 1_000_000 + number * 100 + 100,
    }
}

fn frame(rows: Vec<proto::datastream::SpectrogramRow>) -> Vec<u8> {
    proto::datastream::DataStream {
        rows,
        current_max_amp: 1.0,
        current_min_amp: -99.0,
    }
    .encode_to_vec()
}

fn start(method: &str) -> EventKind {
    let method = method.to_owned();
    EventKind::CallStart(CallStart {
        method,
        ..CallStart::default()
    })
}

fn received(data: Vec<u8>) -> EventKind {
    EventKind::Message(Message::plain(Direction::Received, data))
}

fn sent(data: Vec<u8>) -> EventKind {
    EventKind::Message(Message::plain(Direction::Sent, data))
}

fn ok() -> EventKind {
    EventKind::End(Ending::Status(Status::default()))
}

/// A call of `frames`, one message each.
fn call(frames: Vec<Vec<u8>>) -> Vec<EventKind> {
    let opening = [
        start(datastream::METHOD),
        sent(datastream::stream_request("job", 0)),
        EventKind::HalfClose,
    ];
    opening
        .into_iter()
        .chain(frames.into_iter().map(received))
        .chain([ok()])
        .collect()
}

/// Calls that run at the same time, an event of each in turn.
fn capture(calls: &[Vec<EventKind>]) -> Memory {
    let mut header = Header::new(0);
    header.set_descriptor_set(FOCUS_DESCRIPTOR_SET);
    capture_with(&header, calls)
}

fn capture_with(header: &Header, calls: &[Vec<EventKind>]) -> Memory {
    let mut writer = Writer::new(Vec::new(), header, WriterOptions::default()).unwrap();
    let longest = calls.iter().map(Vec::len).max().unwrap_or(0);
    for at in 0..longest {
        for (number, call) in (1..).zip(calls) {
            if let Some(kind) = call.get(at) {
                let event = Event {
                    call: number,
                    seq: at as u64 + 1,
                    offset_ns: at as u64 * 1000,
                    kind: kind.clone(),
                };
                writer.write(&event).unwrap();
            }
        }
    }
    Reader::new(Cursor::new(writer.finish_into().unwrap().0)).unwrap()
}

fn rows(numbers: impl IntoIterator<Item = i64>) -> Vec<Vec<u8>> {
    numbers.into_iter().map(|number| frame(vec![row(number)])).collect()
}

fn between(a: Vec<Vec<u8>>, b: Vec<Vec<u8>>) -> CaptureDiff {
    diff(
        &mut capture(&[call(a)]),
        &mut capture(&[call(b)]),
        DiffOptions::default(),
    )
    .unwrap()
}

fn told(diff: &CaptureDiff) -> Vec<(DifferenceKind, DifferenceSubject)> {
    let differences = diff.calls.iter().flat_map(|call| &call.differences);
    differences
        .map(|difference| (difference.kind, difference.what))
        .collect()
}

#[test]
fn a_capture_is_the_same_as_itself() {
    let diff = between(rows(0..300), rows(0..300));
    assert!(!diff.differs && diff.totals.rows == 300 && told(&diff).is_empty());
}

#[test]
fn a_missing_an_extra_a_duplicated_and_a_moved_row_are_told_apart() {
    let cases: [(Vec<i64>, DifferenceKind, i64); 5] = [
        ((0..100).filter(|n| *n != 40).collect(), DifferenceKind::Missing, 40),
        ((0..100).chain([777]).collect(), DifferenceKind::Extra, 777),
        ((0..41).chain(40..100).collect(), DifferenceKind::Duplicated, 40),
        (
            (0..40).chain(41..60).chain([40]).chain(60..100).collect(),
            DifferenceKind::Moved,
            40,
        ),
        (
            (0..20).chain([40]).chain(20..40).chain(41..100).collect(),
            DifferenceKind::Moved,
            40,
        ),
    ];
    for (numbers, kind, number) in cases {
        let diff = between(rows(0..100), rows(numbers));
        assert_eq!(told(&diff), [(kind, DifferenceSubject::Row)], "{diff:?}");
        let text = &diff.calls[0].differences[0].text;
        assert!(text.contains(&(1_000_000 + number * 100).to_string()), "{text}");
    }
}

#[test]
fn many_faults_at_once_are_counted_each() {
    let numbers = (0..400)
        .filter(|n| n % 50 != 7)
        .flat_map(|n| if n % 90 == 3 { vec![n, n] } else { vec![n] });
    let diff = between(rows(0..400), rows(numbers));
    let missing = (0..400).filter(|n| n % 50 == 7).count() as u64;
    let doubled = (0..400).filter(|n| n % 90 == 3 && n % 50 != 7).count() as u64;
    let totals = diff.totals;
    assert_eq!(
        (totals.rows_missing, totals.rows_duplicated, totals.rows_extra),
        (missing, doubled, 0)
    );
    assert_eq!(
        (totals.rows_moved, totals.rows_changed, totals.rows),
        (0, 0, 400 - missing)
    );
}

#[test]
fn a_row_that_moves_beyond_the_window_is_missing_and_extra() {
    let far = (0..10).chain(11..200).chain([10]).chain(200..300);
    let diff = between(rows(0..300), rows(far));
    assert_eq!(
        told(&diff),
        [
            (DifferenceKind::Missing, DifferenceSubject::Row),
            (DifferenceKind::Extra, DifferenceSubject::Row)
        ]
    );
}

#[test]
fn changed_values_are_placed_and_measured_and_tolerances_forgive() {
    let mut changed = row(5);
    changed.sensors[2].intensity[1] += 0.5;
    changed.sensors[0].intensity[0] += 0.001;
    let b = || {
        rows(0..5)
            .into_iter()
            .chain([frame(vec![changed.clone()])])
            .chain(rows(6..10))
            .collect::<Vec<_>>()
    };
    let diff = between(rows(0..10), b());
    assert_eq!(told(&diff), [(DifferenceKind::Changed, DifferenceSubject::Row)]);
    let max = diff.max_abs.unwrap();
    assert_eq!(
        (max.difference, max.place.row, max.place.sensor, max.place.bin),
        (0.5, Some(5), Some(2), Some(1))
    );
    assert_eq!((diff.totals.values_changed, diff.totals.rows_changed), (2, 1));
    let with = |abs, rel| {
        let options = DiffOptions {
            abs,
            rel,
            ..DiffOptions::default()
        };
        super::diff(&mut capture(&[call(rows(0..10))]), &mut capture(&[call(b())]), options).unwrap()
    };
    assert_eq!(with(0.01, 0.0).totals.values_changed, 1);
    assert!(!with(0.5, 0.0).differs && !with(0.0, 0.1).differs);
    let mut dead = row(5);
    dead.sensors[1].intensity[3] = f32::NAN;
    let nan = rows(0..5)
        .into_iter()
        .chain([frame(vec![dead])])
        .chain(rows(6..10))
        .collect();
    assert_eq!(
        between(rows(0..10), nan).max_abs.map(|max| max.difference),
        Some(f64::INFINITY)
    );
}

#[test]
fn sensors_times_and_what_a_message_says_beside_its_rows_are_compared() {
    let edited = |edit: &dyn Fn(&mut proto::datastream::DataStream)| {
        let mut frame = proto::datastream::DataStream::decode(&frame(vec![row(1)])[..]).unwrap();
        edit(&mut frame);
        let diff = between(rows(1..2), vec![frame.encode_to_vec()]);
        diff.calls[0]
            .differences
            .iter()
            .map(|difference| difference.text.clone())
            .collect::<Vec<_>>()
            .join(" & ")
    };
    assert!(edited(&|frame| drop(frame.rows[0].sensors.remove(1))).contains("sensor 1 missing"));
    assert!(edited(&|frame| frame.rows[0].sensors[1].id = 9).contains("sensor 9 extra"));
    assert!(edited(&|frame| frame.rows[0].sensors.reverse()).contains("another order"));
    assert!(edited(&|frame| frame.rows[0].sensors[0].intensity.truncate(3)).contains("4 bins and 3"));
    assert!(edited(&|frame| frame.rows[0].end_timestamp += 1).contains("end 1000200 ms and 1000201 ms"));
    assert!(edited(&|frame| frame.rows[0].start_timestamp += 1).contains("start 1000100 ms and 1000101 ms"));
    assert!(edited(&|frame| frame.rows[0].canvas_id.clear()).contains("canvas `canvas` and ``"));
    assert!(edited(&|frame| frame.current_max_amp = 2.0).contains("declared maximum 1 and 2"));
}

#[test]
fn bytes_that_no_row_explains_are_a_difference_of_their_own() {
    let mut other = frame(vec![row(1)]);
    other.extend([0x78, 1]);
    let diff = between(rows(1..3), vec![other.clone(), frame(vec![row(2)])]);
    assert_eq!(told(&diff), [(DifferenceKind::Changed, DifferenceSubject::Message)]);
    assert_eq!(
        diff.calls[0].differences[0].text,
        "unknown fields none and DataStream.15"
    );
    let mut third = frame(vec![row(1)]);
    third.extend([0x78, 2]);
    let diff = between(vec![other], vec![third]);
    assert!(
        diff.calls[0].differences[0].text.starts_with("all rows are equal")
            && diff.calls[0].differences[0].text.ends_with(" on: 02)"),
        "{diff:?}"
    );
}

#[test]
fn rows_in_other_messages_are_told_once() {
    let pairs = (0..10).map(|n| frame(vec![row(2 * n), row(2 * n + 1)])).collect();
    let diff = between(rows(0..20), pairs);
    assert_eq!(told(&diff), [(DifferenceKind::Changed, DifferenceSubject::Message)]);
    assert!(
        diff.calls[0].differences[0]
            .text
            .contains("distributed over messages differently")
    );
    assert_eq!(diff.totals.rows, 20);
}

#[test]
fn a_message_that_cannot_be_decoded_shows_as_such() {
    let b = rows(0..3)
        .into_iter()
        .chain([vec![0x0a, 0x7f]])
        .chain(rows(4..6))
        .collect();
    let diff = between(rows(0..6), b);
    assert_eq!((diff.totals.rows_missing, diff.totals.messages_extra), (1, 1));
    assert!(
        diff.calls[0]
            .differences
            .iter()
            .any(|found| found.text.contains("2 bytes (")),
        "{diff:?}"
    );
}

#[test]
fn calls_are_known_by_their_request_whatever_their_order() {
    let stream = |id: i32, numbers: std::ops::Range<i64>| {
        let mut call = call(rows(numbers));
        call[1] = sent(datastream::stream_request(&format!("job-{id}"), 0));
        call
    };
    let a = || vec![stream(1, 0..20), stream(2, 100..130), stream(3, 300..310)];
    let b = || vec![stream(3, 300..310), stream(1, 0..20), stream(4, 0..5)];
    let diff = diff(&mut capture(&a()), &mut capture(&b()), DiffOptions::default()).unwrap();
    let paired: Vec<_> = diff.calls.iter().map(|call| (call.a, call.b)).collect();
    assert_eq!(paired, [(Some(1), Some(2)), (Some(2), Some(3)), (Some(3), Some(1))]);
    assert!(
        diff.calls[1]
            .differences
            .iter()
            .any(|found| found.text == "job_id: `job-2` and `job-4`"),
        "{diff:?}"
    );
    let fewer = super::diff(&mut capture(&a()), &mut capture(&a()[..2]), DiffOptions::default()).unwrap();
    assert_eq!(told(&fewer), [(DifferenceKind::Missing, DifferenceSubject::Call)]);
}

#[test]
fn messages_of_other_methods_are_compared_by_field_or_by_bytes() {
    let health = |version: &str| {
        let answer = proto::datastream::HealthResponse {
            healthy: true,
            version: version.to_owned(),
        };
        vec![
            start(datastream::HEALTH_METHOD),
            sent(Vec::new()),
            received(answer.encode_to_vec()),
            ok(),
        ]
    };
    let other = |data: &[u8]| vec![start("/x.Y/Z"), sent(vec![1]), received(data.to_vec()), ok()];
    let a = vec![health("1.0"), other(b"abcdef")];
    let b = vec![health("1.1"), other(b"abcxef")];
    let diff = diff(&mut capture(&a), &mut capture(&b), DiffOptions::default()).unwrap();
    let texts: Vec<_> = diff
        .calls
        .iter()
        .map(|call| call.differences[0].text.as_str())
        .collect();
    assert_eq!(
        texts,
        [
            "version: `1.0` and `1.1`",
            "6 bytes (from byte 3 on: 64 65 66) and 6 bytes (from byte 3 on: 78 65 66)"
        ]
    );
    assert_eq!(diff.totals.messages_changed, 2);
}

#[test]
fn metadata_endings_and_gaps_count_and_what_is_volatile_does_not() {
    let headers = |entries: &[(&str, &str)]| {
        let mut metadata = Metadata::default();
        for (name, value) in entries {
            metadata.push(*name, *value);
        }
        EventKind::Headers(Headers { metadata })
    };
    let with = |entries: &[(&str, &str)], end: EventKind, lost: u64| {
        let mut call = call(rows(0..3));
        call.insert(3, headers(entries));
        call.pop();
        if lost > 0 {
            let reason = "disk".to_owned();
            call.push(EventKind::Gap(Gap {
                direction: Direction::Received,
                messages: lost,
                reason,
            }));
        }
        call.push(end);
        capture(&[call])
    };
    let run = |entries: &[(&str, &str)], end: EventKind, lost: u64, metadata| {
        let mut a = with(&[("date", "today"), ("x-version", "1")], ok(), 0);
        diff(
            &mut a,
            &mut with(entries, end, lost),
            DiffOptions {
                metadata,
                ..DiffOptions::default()
            },
        )
        .unwrap()
    };
    let stable = MetadataMode::Stable;
    assert!(!run(&[("x-version", "1"), ("date", "tomorrow")], ok(), 0, stable).differs);
    assert!(run(&[("x-version", "1"), ("date", "tomorrow")], ok(), 0, MetadataMode::All).differs);
    let changed = run(&[("x-version", "2")], ok(), 0, stable);
    assert_eq!(told(&changed), [(DifferenceKind::Changed, DifferenceSubject::Metadata)]);
    assert!(!run(&[("x-version", "2")], ok(), 0, MetadataMode::Ignore).differs);
    let same = [("x-version", "1")];
    let status = EventKind::End(Ending::Status(Status {
        code: 14,
        ..Status::default()
    }));
    assert_eq!(
        told(&run(&same, status, 0, stable)),
        [(DifferenceKind::Changed, DifferenceSubject::Ending)]
    );
    let stopped = EventKind::End(Ending::Cancelled(Cancelled {
        by: Party::Us,
        reason: "enough".to_owned(),
        code: None,
        cut: false,
    }));
    assert_eq!(
        told(&run(&same, stopped, 0, stable)),
        [(DifferenceKind::Changed, DifferenceSubject::Ending)]
    );
    assert_eq!(
        told(&run(&same, ok(), 3, stable)),
        [(DifferenceKind::Changed, DifferenceSubject::Gap)]
    );
}

#[test]
fn the_map_keeps_every_difference_however_long_the_call_is() {
    let mut changed = row(2500);
    changed.sensors[1].intensity[0] += 4.0;
    let frames = |changed: proto::datastream::SpectrogramRow| {
        rows(0..2500)
            .into_iter()
            .chain([frame(vec![changed])])
            .chain(rows(2501..5000))
            .collect::<Vec<_>>()
    };
    let mut a = capture(&[call(frames(row(2500)))]);
    let mut b = capture(&[call(frames(changed))]);
    let (_, map) = diff_with_map(&mut a, &mut b, DiffOptions::default(), FieldPatterns::default()).unwrap();
    let map = map.unwrap();
    assert_eq!(
        (map.rows(), map.sensors.as_slice(), map.step),
        (5000, &[0, 1, 2][..], 8)
    );
    assert!(map.columns.len() <= map::MAX_COLUMNS);
    let marked: Vec<_> = map.columns.iter().filter(|column| !column.worst.is_empty()).collect();
    assert_eq!(marked.len(), 1);
    assert_eq!(marked[0].worst[1].to_bits(), 4_f32.to_bits());
}

mod live;
