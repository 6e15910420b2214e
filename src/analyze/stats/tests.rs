use super::{calls::MAX_LISTED_CALLS, *};
use crate::{
    das::{
        dialect::{Dialect, datastream, pandadatastream},
        proto::{datastream as spec, pandadatastream as production},
    },
    file::{Attribute, Digest, Header},
    model::event::{CallStart, Direction, Ending, Event, EventKind, Gap, Message, Status},
};
use prost::Message as _;

/// Events of calls under construction; one event each 100 ms.
#[derive(Default)]
struct Tape {
    collector: Option<StatsCollector>,
    offset_ns: u64,
}

impl Tape {
    fn new(header: &Header) -> Self {
        Self::with(header, StatsOptions::default())
    }

    fn with(header: &Header, options: StatsOptions) -> Self {
        Self {
            collector: Some(StatsCollector::new(header, options)),
            offset_ns: 0,
        }
    }

    fn add(&mut self, call: u32, kind: EventKind) -> &mut Self {
        let event = Event {
            call,
            seq: 1,
            offset_ns: self.offset_ns,
            kind,
        };
        self.offset_ns += 100_000_000;
        self.collector.as_mut().unwrap().observe(&event);
        self
    }

    fn open(&mut self, call: u32, dialect: Dialect) -> &mut Self {
        let start = CallStart {
            method: dialect.method().to_owned(),
            ..CallStart::default()
        };
        self.add(call, EventKind::CallStart(start))
    }

    fn receive(&mut self, call: u32, bytes: Vec<u8>) -> &mut Self {
        self.add(call, EventKind::Message(Message::plain(Direction::Received, bytes)))
    }

    fn send(&mut self, call: u32, bytes: Vec<u8>) -> &mut Self {
        self.add(call, EventKind::Message(Message::plain(Direction::Sent, bytes)))
    }

    fn end(&mut self, call: u32) -> &mut Self {
        self.add(call, EventKind::End(Ending::Status(Status::default())))
    }

    fn stats(&mut self) -> Stats {
        self.collector.take().unwrap().finish()
    }
}

fn row(number: i64, sensors: &[(i32, &[f32])], canvas: &str) -> spec::SpectrogramRow {
    let sensor = |(id, intensity): &(i32, &[f32])| spec::SensorIntensity {
        id: *id,
        intensity: intensity.to_vec(),
    };
    spec::SpectrogramRow {
        canvas_id: canvas.to_owned(),
        sensors: sensors.iter().map(sensor).collect(),
        start_timestamp: 1000 + number * 100,
        end_timestamp: 1100 + number * 100,
    }
}

fn frame(max: f64, min: f64, rows: Vec<spec::SpectrogramRow>) -> Vec<u8> {
    let frame = spec::DataStream {
        rows,
        current_max_amp: max,
        current_min_amp: min,
    };
    frame.encode_to_vec()
}

fn capture(name: &str) -> Stats {
    let path = format!("{}/captures/{name}.gcap", env!("CARGO_MANIFEST_DIR"));
    Stats::of(&mut Reader::open(path).unwrap()).unwrap()
}

#[test]
fn frames_are_counted_and_measured() {
    let mut tape = Tape::new(&Header::new(0));
    tape.open(1, Dialect::DataStream)
        .send(1, datastream::stream_request("12-70788", 5));
    let first = frame(3.0, 1.0, vec![row(0, &[(1, &[1.0, 2.0]), (3, &[2.0, 3.0])], "a")]);
    let second = frame(
        9.0,
        1.0,
        vec![
            row(1, &[(1, &[1.0, 2.0]), (3, &[2.0, 3.0])], "a"),
            row(3, &[(1, &[1.0])], "b"),
        ],
    );
    // Lengths below 128 are varints of one byte.
    assert!(first.len() < 128 && second.len() < 128);
    let digest = Digest::of(
        &[&first, &second]
            .into_iter()
            .flat_map(|bytes| std::iter::once(bytes.len() as u8).chain(bytes.iter().copied()))
            .collect::<Vec<u8>>(),
    );
    let bytes = (first.len() + second.len()) as u64;
    let stats = tape.receive(1, first).receive(1, second).end(1).stats();

    assert_eq!((stats.totals.frames, stats.totals.rows, stats.totals.calls), (2, 3, 1));
    let call = &stats.calls[0];
    assert_eq!((call.messages, call.message_bytes, call.rows), (2, bytes, 3));
    assert_eq!(
        call.request,
        Some(RequestStats::Job {
            job_id: "12-70788".to_owned(),
            max_frames: 5
        })
    );
    assert_eq!(
        (call.first_frame_ns, call.duration_ns),
        (Some(200_000_000), 100_000_000)
    );
    assert_eq!(call.silence_before_end_ns, Some(100_000_000));
    assert_eq!(call.ending.as_ref().unwrap().status.as_deref(), Some("OK"));
    assert_eq!(call.digest, Some(digest));

    let structure = &stats.structure;
    assert_eq!(
        (structure.rows_per_frame_min, structure.rows_per_frame_max),
        (Some(1), Some(2))
    );
    let shapes: Vec<_> = structure
        .shapes
        .iter()
        .map(|shape| (shape.sensors, shape.bins_max, shape.rows, shape.first.row))
        .collect();
    assert_eq!(shapes, [(2, 2, 2, Some(0)), (1, 1, 1, Some(2))]);
    assert_eq!((structure.shape_changes, structure.canvas_changes), (1, 1));
    assert_eq!(structure.sensors.ids, [1, 3]);
    assert_eq!((structure.sensors.step, structure.sensors.bins_min), (Some(2), Some(1)));

    assert_eq!(stats.amplitude.values, 9);
    assert_eq!((stats.amplitude.min_db, stats.amplitude.max_db), (Some(1.0), Some(3.0)));
    assert_eq!(
        (stats.declared.frames_that_differ, stats.declared.frames_beyond),
        (1, 0)
    );
    assert_eq!(stats.declared.first.as_ref().unwrap().message, Some(2));
    assert_eq!((stats.rows.timed, stats.rows.dropped), (3, 1));
    assert_eq!(stats.timing.frames_per_s, Some(10.0));
}

#[test]
fn damage_is_counted_placed_and_does_not_stop_the_rest() {
    let mut tape = Tape::new(&Header::new(0));
    let good = frame(1.0, 1.0, vec![row(0, &[(0, &[1.0])], "")]);
    let unknown = [good.clone(), vec![0x78, 7, 0x78, 8]].concat();
    let gap = Gap {
        direction: Direction::Received,
        messages: 3,
        reason: String::new(),
    };
    let stats = tape
        .open(1, Dialect::DataStream)
        .receive(1, b"\x0a\x7f".to_vec())
        .add(1, EventKind::Gap(gap))
        .receive(1, unknown)
        .receive(1, good)
        .stats();
    assert_eq!((stats.totals.frames, stats.totals.undecodable), (2, 1));
    assert_eq!((stats.totals.lost_messages, stats.calls[0].lost_messages), (3, 3));
    assert_eq!(stats.undecodable[0].place.message, Some(1));
    let unknown = &stats.structure.unknown_fields;
    assert_eq!((unknown.len(), unknown[0].field.number, unknown[0].count), (1, 15, 2));
    assert_eq!(unknown[0].first.message, Some(2));
    assert!(stats.calls[0].ending.is_none());
}

#[test]
fn nothing_makes_nothing_up() {
    let stats = Tape::new(&Header::new(0)).open(1, Dialect::DataStream).end(1).stats();
    assert_eq!((stats.totals.frames, stats.timing.silent_calls), (0, 1));
    assert_eq!((stats.amplitude.mean_db, stats.amplitude.percentiles_db), (None, None));
    assert_eq!((stats.timing.first_frame_ns, stats.timing.frames_per_s), (None, None));
    let json = serde_json::to_string(&stats).unwrap();
    assert!(json.starts_with(r#"{"stats":1,"dialect":null,"totals":{"#), "{json}");
}

#[test]
fn other_methods_are_counted_and_not_judged() {
    let mut tape = Tape::new(&Header::new(0));
    let start = CallStart {
        method: datastream::HEALTH_METHOD.to_owned(),
        ..CallStart::default()
    };
    let stats = tape
        .add(1, EventKind::CallStart(start))
        .receive(1, b"\x08\x01".to_vec())
        .end(1)
        .stats();
    assert_eq!((stats.totals.messages, stats.totals.frames), (1, 0));
    assert_eq!((stats.timing.silent_calls, stats.timing.first_frame_ns), (0, None));
    assert_eq!(stats.calls[0].dialect, None);
}

#[test]
fn production_frames_are_read_with_their_share_of_the_channels() {
    let stats = capture("production");
    assert_eq!(
        (stats.totals.calls, stats.totals.frames, stats.totals.rows),
        (3, 24, 24)
    );
    assert_eq!(stats.calls[2].request, Some(RequestStats::Stream { stream_id: 2 }));
    assert_eq!(
        (stats.structure.sensors.count, stats.structure.sensors.step),
        (50, Some(1))
    );
    assert_eq!((stats.structure.shapes.len(), stats.structure.shape_changes), (3, 0));
    assert!(stats.structure.guessed_layout);
    let rows = &stats.rows;
    assert_eq!(
        (rows.lines_dt_ms, rows.lines_dt_from),
        (Some(100.0), Some(LinesDt::Configure))
    );
    assert_eq!((rows.gaps.count, rows.duplicates, rows.dropped), (0, 0, 0));
    let completeness = rows.completeness.unwrap();
    assert!((completeness.fraction - 0.8).abs() < 1e-12, "{completeness:?}");
    let ending = stats.calls[0].ending.as_ref().unwrap();
    assert_eq!((ending.kind, ending.goaway), ("broken", true));
}

#[test]
fn a_payload_that_does_not_fit_its_shape_is_told() {
    let block = production::DataStream {
        start_channel: 1,
        end_channel: 2,
        timestamp_in_milis: vec![1000],
        row_index: vec![0],
        data_shape_x: 4,
        data_shape_y: 1,
        main_data: vec![vec![0; 7]],
        ..production::DataStream::default()
    };
    let mut tape = Tape::new(&Header::new(0));
    let stats = tape
        .open(1, Dialect::PandaDataStream)
        .send(1, pandadatastream::stream_request(1))
        .receive(1, block.encode_to_vec())
        .stats();
    assert_eq!((stats.structure.frames_without_values, stats.amplitude.values), (1, 0));
    assert!(!stats.structure.guessed_layout);
}

#[test]
fn imported_captures_say_that_no_delivery_was_timed() {
    assert_eq!(capture("febus-jitter").timing.source, TimingSource::Rows);
    assert_eq!(capture("zero-ids").timing.source, TimingSource::Delivery);
}

#[test]
fn a_real_recording_gives_the_numbers_of_its_description() {
    let stats = capture("febus-jitter");
    assert_eq!((stats.totals.frames, stats.totals.rows), (18, 50));
    let amplitude = &stats.amplitude;
    assert_eq!(
        (amplitude.values, amplitude.negative_infinite, amplitude.nan),
        (125_000, 2000, 0)
    );
    for (found, described) in [
        (amplitude.min_db, -316.447_387_695_312_5),
        (amplitude.max_db, 53.948_810_577_392_58),
        (amplitude.mean_db, 12.812_151_560_834_492),
        (amplitude.std_db, 18.445_966_210_738_064),
        (amplitude.percentiles_db.map(|p| p.p01), -44.539_818_344_116_21),
        (amplitude.percentiles_db.map(|p| p.p50), 17.188_740_730_285_645),
        (amplitude.percentiles_db.map(|p| p.p99), 39.271_648_979_187_01),
    ] {
        assert!(
            (found.unwrap() - described).abs() <= described.abs() * 1e-9,
            "{found:?}, {described}"
        );
    }
    assert_eq!(stats.rows.durations, [rows::Duration { ms: 200, rows: 50 }]);
    assert_eq!((stats.rows.gaps.count, stats.rows.overlaps.count), (5, 4));
    assert_eq!((stats.rows.gaps.longest_ms, stats.rows.dropped), (16.0, 0));
    assert_eq!((stats.declared.frames, stats.declared.frames_that_differ), (18, 0));
    let dead = stats.sensors.iter().filter(|sensor| sensor.amplitude.finite == 0);
    assert_eq!(dead.map(|sensor| sensor.id).collect::<Vec<_>>(), [0]);
}

#[test]
fn the_same_events_give_the_same_digits() {
    let (one, two) = (capture("febus-jitter"), capture("febus-jitter"));
    assert_eq!(
        serde_json::to_string(&one).unwrap(),
        serde_json::to_string(&two).unwrap()
    );
}

#[test]
fn digests_can_be_left_out() {
    let options = StatsOptions {
        digests: Digests::Skip,
        ..StatsOptions::default()
    };
    let stats = Tape::with(&Header::new(0), options)
        .open(1, Dialect::DataStream)
        .receive(1, Vec::new())
        .stats();
    assert_eq!((stats.calls[0].digest, stats.structure.empty_frames), (None, 1));
}

#[test]
fn a_request_that_cannot_be_read_asks_for_nothing() {
    let mut header = Header::new(0);
    header.set(Attribute::CONFIGURE_REQUEST, "{");
    header.set(Attribute::CONFIGURE_RESPONSE, r#"{"lines_dt": "soon"}"#);
    let stats = Tape::new(&header).open(1, Dialect::DataStream).stats();
    assert!(stats.rows.completeness.is_none() && stats.rows.lines_dt_ms.is_none());
}

#[test]
fn calls_beyond_the_list_still_count_for_the_totals() {
    let mut tape = Tape::new(&Header::new(0));
    for call in 1..=MAX_LISTED_CALLS as u32 + 1 {
        tape.open(call, Dialect::DataStream).receive(call, Vec::new()).end(call);
    }
    let stats = tape.stats();
    assert_eq!(stats.calls.len(), MAX_LISTED_CALLS);
    assert_eq!((stats.totals.calls, stats.totals.frames), (1001, 1001));
}

#[test]
fn a_canvas_id_takes_no_more_than_its_share_of_the_memory() {
    let long = "ü".repeat(10_000);
    let mut tape = Tape::new(&Header::new(0));
    let stats = tape
        .open(1, Dialect::DataStream)
        .receive(1, frame(1.0, 1.0, vec![row(0, &[(0, &[1.0])], &long)]))
        .stats();
    let canvas = &stats.structure.canvases[0];
    assert_eq!((canvas.id.chars().count(), canvas.rows), (200, 1));
}
