//! Tests of the whole validator: clean streams, real recordings, expectations.

mod causes;
mod defects;
mod service;

use super::{testing::Scenario, *};
use crate::{das::proto::datastream as ds, file::Reader, model::event::EventKind};

fn capture(name: &str, levels: &str) -> Validation {
    let reader = Reader::open(format!("{}/captures/{name}.gcap", env!("CARGO_MANIFEST_DIR"))).unwrap();
    let expect =
        Expectations::from_header(reader.header()).merge(Expectations::parse_toml(levels, &Rule::NAMES).unwrap());
    let mut validator = Validator::new(expect, reader.header());
    for event in reader {
        validator.observe(&event.unwrap());
    }
    validator.finish()
}

fn rules(validation: &Validation) -> Vec<(&'static str, Severity)> {
    validation
        .findings
        .iter()
        .map(|finding| (finding.rule, finding.severity))
        .collect()
}

fn said(validation: &Validation, rule: &str) -> String {
    let finding = validation.findings.iter().find(|finding| finding.rule == rule);
    finding.map_or_else(String::new, |finding| finding.message.clone())
}

#[test]
fn clean_streams_of_both_dialects_give_no_finding() {
    for scenario in [Scenario::datastream(), Scenario::panda()] {
        let validation = scenario.validate();
        assert_eq!(validation.findings, [], "{}", scenario.method);
        assert_eq!(validation.verdict(Strictness::Strict), Verdict::Pass);
        assert_eq!((validation.calls, validation.frames), (1, 40));
    }
}

#[test]
fn a_real_recording_of_a_quake_is_clean() {
    let validation = capture("optodas-quake", "");
    assert_eq!(validation.findings, []);
    assert_eq!(
        (validation.frames, validation.rows, validation.message_bytes > 3_900_000),
        (73, 190, true)
    );
    assert_eq!(validation.observed.lines_dt_s, Some(0.05));
    assert_eq!(validation.observed.sensors.len(), 51);
    assert_eq!(validation.observed.fps, None, "offsets come from the rows");
}

#[test]
fn a_real_recording_with_dead_channels_and_a_jittering_clock_gives_warnings_that_say_so() {
    let validation = capture("febus-jitter", "");
    let warning = Severity::Warning;
    assert_eq!(
        rules(&validation),
        [
            ("infinity", warning),
            ("dead-sensor", warning),
            ("clock-jitter", warning)
        ]
    );
    let counts: Vec<_> = validation.findings.iter().map(|finding| finding.count).collect();
    assert_eq!(counts, [2000, 80, 9]);
    let infinity = said(&validation, "infinity");
    assert!(
        infinity.contains("2,000 values in all: -inf (2,000), sensors 0 (1,250), 1 (750)"),
        "{infinity}"
    );
    let dead = said(&validation, "dead-sensor");
    assert!(dead.contains("80 spectra in all, sensors 0 (50), 1 (30)"), "{dead}");
    let jitter = said(&validation, "clock-jitter");
    assert!(
        jitter.starts_with("a row begins 16 ms late") && jitter.ends_with("9 times in all"),
        "{jitter}"
    );
    assert_eq!(validation.verdict(Strictness::Normal), Verdict::Pass);
    assert_eq!(validation.verdict(Strictness::Strict), Verdict::Fail);
}

#[test]
fn synthetic_captures_say_what_they_were_made_to_say() {
    let (error, warning, info) = (Severity::Error, Severity::Warning, Severity::Info);
    for (name, expected) in [
        ("empty-stream", vec![("zero-frames", error)]),
        ("trailers-only-error", vec![("error-status", error)]),
        ("nan", vec![("nan", error)]),
        ("zero-ids", vec![]),
        ("unknown-fields", vec![("unknown-fields", warning)]),
        ("production", vec![("guessed-layout", info)]),
    ] {
        assert_eq!(rules(&capture(name, "")), expected, "{name}");
    }
}

#[test]
fn what_init_writes_from_a_capture_lets_the_same_capture_pass() {
    for name in ["optodas-quake", "febus-jitter", "zero-ids", "production"] {
        let text = Expectations::init_from(&capture(name, "").observed);
        let again = capture(name, &text);
        assert_eq!(
            again.verdict(Strictness::Normal),
            Verdict::Pass,
            "{name}: {text}\n{:?}",
            again.findings
        );
        assert!(
            again
                .expected
                .iter()
                .any(|item| item.source == crate::das::expect::ExpectationSource::File),
            "{name}: {text}"
        );
    }
    let quake = Expectations::init_from(&capture("optodas-quake", "").observed);
    assert!(
        quake.contains("lines_dt_s = 0.05") && quake.contains("bins = 100"),
        "{quake}"
    );
}

#[test]
fn a_finding_carries_place_values_and_hint() {
    let validation = capture("nan", "");
    let [finding] = validation.findings.as_slice() else {
        panic!("one finding")
    };
    assert_eq!(
        finding.first.to_string(),
        "call 1, message 3, row 2, sensor 2, bin 3, at 0.303 s"
    );
    assert_eq!(finding.seen.as_deref(), Some("NaN"));
    assert!(
        !finding.hint.is_empty() && finding.message.contains("sensor 2"),
        "{finding:?}"
    );
}

#[test]
fn rules_are_allowed_and_severities_changed_by_expectations() {
    assert_eq!(rules(&capture("nan", "allow = ['nan']")), []);
    assert_eq!(
        rules(&capture("nan", "[severity]\nnan = 'info'")),
        [("nan", Severity::Info)]
    );
    assert_eq!(rules(&capture("empty-stream", "allow_empty = true")), []);
    let status_allowed = capture("trailers-only-error", "allow = ['error-status']");
    assert_eq!(
        rules(&status_allowed),
        [("zero-frames", Severity::Error)],
        "no false green"
    );
}

/// A response as `capture serve` derives it from a capture's data, whatever was asked.
fn served(scenario: &mut Scenario, lines_dt: &str) {
    scenario
        .header
        .set(Attribute::CONFIGURE_SERVER, crate::das::focus::REPLAY_SERVER);
    scenario.request(
        r#"{"displayTimeAxisDuration": 10, "nfftSelection": 1024, "displayInfo": {"height": 1000},
        "channels": {"min": 100, "max": 110}, "frequencyRange": {"min": 0, "max": 500},
        "start_time": null, "end_time": null, "view_type": "0"}"#,
    );
    scenario.response(&format!(
        r#"{{"status": "Config received successfully", "job_id": "1-1", "stream_url": "http://127.0.0.1",
        "stream_port": 1, "stream_amount": 1, "channel_amount": 4,
        "channel_to_stream_index": {{"1": 0, "2": 0, "3": 0, "4": 0}}, "frequencies_amount": 8,
        "frequencies_list": [0.0, 71.4, 142.8, 214.2, 285.7, 357.1, 428.5, 500.0],
        "lines_dt": {lines_dt}, "view_type": "0"}}"#
    ));
}

#[test]
fn a_record_of_a_served_capture_is_clean_whatever_was_asked() {
    for mut scenario in [Scenario::datastream(), Scenario::panda()] {
        served(&mut scenario, "0.1");
        assert_eq!(scenario.validate().findings, [], "{}", scenario.method);
        served(&mut scenario, "null");
        assert_eq!(scenario.validate().findings, [], "{}", scenario.method);
    }
}

#[test]
fn pauses_are_never_errors_even_when_the_served_row_duration_was_taken_from_one() {
    let mut scenario = Scenario::datastream();
    for row in scenario.rows().skip(1) {
        row.start_timestamp += 3_600_000;
        row.end_timestamp += 3_600_000;
    }
    for lines_dt in ["0.1", "3600.1", "null"] {
        served(&mut scenario, lines_dt);
        let validation = scenario.validate();
        assert_eq!(
            validation.count(Severity::Error),
            0,
            "{lines_dt}: {:?}",
            validation.findings
        );
        assert!(
            said(&validation, "missing-rows").contains("pauses for 1 h 0 min"),
            "{lines_dt}"
        );
    }
}

#[test]
fn a_request_counts_when_the_response_maps_nothing_and_ids_are_meant() {
    let asked = |min, max| {
        let mut scenario = Scenario::datastream();
        scenario.request(&format!(r#"{{"channels": {{"min": {min}, "max": {max}}}}}"#));
        rules(&scenario.validate())
    };
    assert_eq!(asked(1, 4), []);
    assert_eq!(asked(1, 50), [("request-not-met", Severity::Error)]);
    assert_eq!(asked(1, 3), [("unexpected-sensor", Severity::Error)]);
    assert_eq!(
        asked(500, 600),
        [("unexpected-sensor", Severity::Warning)],
        "numbered otherwise"
    );
    let mut stepped = Scenario::datastream();
    let sensors = stepped.rows().flat_map(|row| &mut row.sensors);
    sensors.for_each(|sensor| sensor.id = 32_450 + 50 * sensor.id);
    stepped.request(r#"{"channels": {"min": 32500, "max": 32650}}"#);
    assert_eq!(rules(&stepped.validate()), [], "servers may step over channels");
    let mut from_zero = Scenario::datastream();
    from_zero
        .rows()
        .flat_map(|row| &mut row.sensors)
        .for_each(|sensor| sensor.id -= 1);
    from_zero.request(r#"{"channels": {"min": 1, "max": 4}}"#);
    assert_eq!(rules(&from_zero.validate()), [], "counted from 0");
}

/// Frames of one row with these sensors, bins and starts.
fn recording(ids: &[i32], bins: usize, starts: &[(i64, i64)]) -> Scenario {
    let mut scenario = Scenario::datastream();
    let template = scenario.items.remove(0);
    scenario.items.clear();
    for (number, (start, end)) in starts.iter().enumerate() {
        let mut item = template.clone();
        let sensor = |(at, id): (usize, &i32)| ds::SensorIntensity {
            id: *id,
            intensity: (0..bins)
                .map(|bin| ((number * 7919 + at * 104_729 + bin * 31) % 9973) as f32 / -50.0)
                .collect(),
        };
        item.1.frame().rows = vec![ds::SpectrogramRow {
            canvas_id: String::new(),
            sensors: ids.iter().enumerate().map(sensor).collect(),
            start_timestamp: *start,
            end_timestamp: *end,
        }];
        super::testing::refit(item.1.frame());
        item.0 = 300_000_000 + number as u64 * 1_000_000;
        scenario.items.push(item);
    }
    scenario
}

#[test]
fn unlike_recordings_are_clean_and_pauses_are_warnings() {
    let regular = |count: i64, dt: f64| -> Vec<(i64, i64)> {
        let at = |row: i64| (row as f64 * dt).round() as i64;
        (0..count).map(|row| (at(row), at(row + 1))).collect()
    };
    let bands: Vec<i32> = (0..301).collect();
    let stepped: Vec<i32> = (0..51).map(|at| 32_500 + 50 * at).collect();
    for (what, scenario) in [
        ("band energies", recording(&bands, 5, &regular(20, 1000.0))),
        ("a long single channel", recording(&[0], 512, &regular(200, 33.333))),
        ("stepped ids", recording(&stepped, 10, &regular(50, 16.67))),
        ("one value a row", recording(&[7], 1, &regular(60, 250.0))),
        ("a single row", recording(&[7], 16, &regular(1, 250.0))),
    ] {
        assert_eq!(scenario.validate().findings, [], "{what}");
    }
    let mut day = regular(60, 10_000.0);
    day[20..]
        .iter_mut()
        .for_each(|(start, end)| (*start, *end) = (*start + 7_200_000, *end + 7_200_000));
    day[40..]
        .iter_mut()
        .for_each(|(start, end)| (*start, *end) = (*start + 9_000_000, *end + 9_000_000));
    let paused = recording(&[1], 128, &day).validate();
    assert_eq!(rules(&paused), [("missing-rows", Severity::Warning)]);
    assert!(
        said(&paused, "missing-rows").contains("2 h 30 min"),
        "{}",
        said(&paused, "missing-rows")
    );
}

#[test]
fn calls_of_another_service_are_no_stream_of_a_job_and_are_judged_for_themselves() {
    let mut scenario = Scenario::datastream();
    scenario.method = "/other.Service/Method".to_owned();
    let validation = scenario.validate();
    let (error, info) = (Severity::Error, Severity::Info);
    assert_eq!(rules(&validation), [("zero-frames", error), ("not-decoded", info)]);
    assert_eq!((validation.calls, validation.other_calls), (0, 1));
    // Nothing says that there should be a job.
    scenario.header = crate::file::Header::new(0);
    let validation = scenario.validate();
    assert_eq!(rules(&validation), [("not-decoded", info)]);
    assert_eq!(validation.verdict(Strictness::Strict), Verdict::Pass);
    // Unless frames are asked for.
    scenario.file = "minimum_frames = 1".to_owned();
    assert_eq!(rules(&scenario.validate())[0], ("zero-frames", error));
}

#[test]
fn timing_of_an_import_is_not_taken_for_a_delivery() {
    let mut scenario = Scenario::datastream();
    for (at, (offset, _)) in scenario.items.iter_mut().enumerate() {
        *offset += at as u64 * 20_000_000_000 + 7_000_000_000;
    }
    assert_eq!(rules(&scenario.validate()).len(), 2, "stall and late first frame");
    scenario.header.set(Attribute::TIMING, "rows");
    scenario.file = "minimum_fps = 1000".to_owned();
    assert_eq!(scenario.validate().findings, []);
}

#[test]
fn a_live_validator_is_an_observer() {
    fn watch(observer: &mut dyn Observer, scenario: &Scenario) {
        for event in scenario.events() {
            observer.observe(&event);
        }
    }
    let scenario = Scenario::datastream();
    let mut validator = Validator::new(Expectations::default(), &scenario.header);
    watch(&mut validator, &scenario);
    assert_eq!(validator.finish().rows, 80);
}

#[test]
fn hostile_bytes_never_panic() {
    let mut seed = 0x1234_5678_9abc_def0_u64;
    let mut random = move || {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        seed
    };
    for clean in [Scenario::datastream(), Scenario::panda()] {
        for _ in 0..60 {
            let mut scenario = clean.clone();
            for at in 0..scenario.items.len() {
                let (place, bit) = (random(), random() % 8);
                scenario.raw(at, |bytes| {
                    let place = place as usize % bytes.len();
                    bytes[place] ^= 1 << bit;
                });
            }
            let events = scenario.events();
            let messages = events
                .iter()
                .filter(|event| matches!(event.kind, EventKind::Message(_)))
                .count();
            assert_eq!(scenario.validate().messages as usize, messages - 1);
        }
    }
}
