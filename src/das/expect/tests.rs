use super::*;
use crate::file::{Attribute, Header};

/// Rules of the validator.
const RULES: [&str; 6] = [
    "clock-jitter",
    "infinity",
    "nan",
    "stall",
    "zero-frames",
    "zero-messages",
];

fn parsed(text: &str) -> Expectations {
    Expectations::parse_toml(text, &RULES).unwrap()
}

fn refused(text: &str) -> String {
    Expectations::parse_toml(text, &RULES).unwrap_err().to_string()
}

#[test]
fn every_key_of_a_file_is_read() {
    let expect = parsed(
        "sensors = [1, 2, 5]\nbins = 64\nfrequency_hz = [0, 500.0]\namplitude_db = [-200, 50]\nlines_dt_s = 0.05\n\
         minimum_fps = 10\nminimum_mb_per_s = 1.5\nfirst_frame_s = 2\nlargest_gap_s = 3\nminimum_frames = 4\n\
         minimum_rows = 5\nallow_empty = true\nstreams = 3\nwindow_s = 60\nallow = ['nan']\n[severity]\nstall = 'error'\ninfinity = 'info'",
    );
    let keys: Vec<_> = expect.list().iter().map(|item| item.key).collect();
    assert_eq!(keys.len(), 13, "{keys:?}");
    assert!(expect.list().iter().all(|item| item.source == ExpectationSource::File));
    assert_eq!(
        expect.sensors.map(|set| set.value.to_string()).as_deref(),
        Some("1..2, 5")
    );
    let levels = [
        ("infinity", Level::Info),
        ("nan", Level::Off),
        ("stall", Level::Error),
        ("zero-frames", Level::Off),
        ("zero-messages", Level::Off),
    ];
    assert_eq!(expect.levels, BTreeMap::from(levels));
}

#[test]
fn slips_name_what_was_meant() {
    for (text, meant) in [
        ("minimum_fsp = 3", "did you mean `minimum_fps`?"),
        ("lines_dt = 0.05", "did you mean `lines_dt_s`?"),
        ("allow = ['clock-jiter']", "did you mean `clock-jitter`?"),
        ("[severity]\nzero_frames = 'off'", "did you mean `zero-frames`?"),
        ("[severity]\nnan = 'of'", "`error`, `warning`, `info` or `off`"),
    ] {
        assert!(refused(text).contains(meant), "{text}: {}", refused(text));
    }
}

#[test]
fn values_of_another_kind_are_refused_with_their_key() {
    for text in [
        "bins = 0",
        "bins = 2.5",
        "sensors = '5..1'",
        "sensors = []",
        "sensors = ['a']",
        "frequency_hz = [5, 1]",
        "frequency_hz = [5]",
        "lines_dt_s = 0",
        "lines_dt_s = nan",
        "allow = 'nan'",
        "allow_empty = 1",
        "severity = 3",
        "streams = 99999999999",
        "minimum_fps = -1",
    ] {
        let key = text.split(' ').next().unwrap();
        assert!(refused(text).contains(&format!("`{key}`")), "{text}: {}", refused(text));
    }
    assert!(refused("bins = ").contains("TOML"));
}

#[test]
fn a_set_of_sensors_is_read_joined_and_written() {
    let set: SensorSet = "5, 1..3, 4".parse().unwrap();
    assert_eq!((set.to_string().as_str(), set.len()), ("1..5", 5));
    assert!(!set.contains(0) && set.contains(1) && set.contains(5) && !set.contains(6));
    let stepped: SensorSet = [32500, 32550].into_iter().collect();
    assert_eq!(stepped.to_string(), "32500, 32550");
    assert!(!stepped.contains(32501));
    assert!("x".parse::<SensorSet>().is_err());
}

fn header(request: Option<&str>, response: Option<&str>) -> Header {
    let mut header = Header::new(0);
    for (name, body) in [
        (Attribute::CONFIGURE_REQUEST, request),
        (Attribute::CONFIGURE_RESPONSE, response),
    ] {
        if let Some(body) = body {
            header.set(name, body);
        }
    }
    header
}

const REQUEST: &str = r#"{"displayTimeAxisDuration": 10, "nfftSelection": 1024, "displayInfo": {"height": 1000},
    "channels": {"min": 1, "max": 50}, "frequencyRange": {"min": 0, "max": 500}, "start_time": 100, "end_time": 160,
    "view_type": "0"}"#;

#[test]
fn the_response_says_what_is_sent_and_the_request_what_was_asked() {
    let response = r#"{"stream_amount": 3, "channel_to_stream_index": {"1": 0, "2": 1}, "lines_dt": "0.05",
        "frequencies_list": [0.0, 250.0, 500.0], "frequencies_amount": 3}"#;
    let expect = Expectations::from_header(&header(Some(REQUEST), Some(response)));
    assert_eq!(expect.bins.map(|bins| bins.value), Some(3));
    assert_eq!(
        expect.lines_dt_s.map(|dt| (dt.value, dt.source)),
        Some((0.05, ExpectationSource::Response))
    );
    assert_eq!(expect.window_s.map(|window| window.value), Some(60.0));
    assert_eq!(expect.streams.map(|streams| streams.value), Some(3));
    assert_eq!(expect.channels.streams, BTreeMap::from([(1, 0), (2, 1)]));
    assert_eq!(expect.channels.asked, None, "the response maps the channels");
    let asked = Expectations::from_header(&header(Some(REQUEST), None));
    assert_eq!(asked.channels.asked, Some(Span { min: 1, max: 50 }));
}

#[test]
fn what_is_absent_or_unreadable_or_null_says_nothing() {
    let derived_from_nothing = r#"{"stream_amount": 1, "channel_to_stream_index": {}, "lines_dt": null,
        "frequencies_list": [], "frequencies_amount": 0}"#;
    let served = Expectations::from_header(&header(Some(REQUEST), Some(derived_from_nothing)));
    assert_eq!(
        (served.bins, served.lines_dt_s, served.channels),
        (None, None, Channels::default())
    );
    for body in ["", "[]", "{", "null", "{}"] {
        let expect = Expectations::from_header(&header(Some(body), Some(body)));
        assert_eq!(
            (expect.sensors, expect.bins, expect.frequency_hz),
            (None, None, None),
            "{body}"
        );
        assert_eq!(expect.channels, Channels::default(), "{body}");
    }
}

#[test]
fn a_file_stands_over_the_header_and_flags_over_a_file() {
    let header = Expectations::from_header(&header(None, Some(r#"{"lines_dt": 0.1, "frequencies_amount": 9}"#)));
    let flags = Expectations {
        lines_dt_s: Some(Expected::flag(0.3)),
        ..Expectations::default()
    };
    let all = header.merge(parsed("lines_dt_s = 0.2\nallow = ['nan']")).merge(flags);
    assert_eq!(all.lines_dt_s, Some(Expected::flag(0.3)));
    assert_eq!(all.bins.map(|bins| bins.source), Some(ExpectationSource::Response));
    assert_eq!(all.levels.get("nan"), Some(&Level::Off));
}

#[test]
fn what_init_writes_is_read_back() {
    let observed = Observed {
        sensors: vec![32500, 32550, 32600, 32650],
        bins: Some(100),
        lines_dt_s: Some(0.05),
        amplitude_db: Some((-120.5, -3.25)),
        fps: Some(7.6543),
        first_frame_s: Some(0.4),
        largest_gap_s: Some(2.0),
        frames: 73,
        rows: 190,
        streams: 1,
        methods: Vec::new(),
    };
    let expect = parsed(&Expectations::init_from(&observed));
    assert_eq!(
        expect.sensors.map(|set| set.value.ids().collect::<Vec<_>>()),
        Some(vec![32500, 32550, 32600, 32650])
    );
    assert_eq!(
        expect.amplitude_db.map(|span| span.value),
        Some(Span { min: -180.0, max: 56.0 })
    );
    assert_eq!(expect.minimum_fps.map(|fps| fps.value), Some(6.12));
    assert_eq!(expect.largest_gap_s, None);
    assert!(expect.levels.is_empty());
    parsed(&Expectations::init_from(&Observed::default()));
}

#[test]
fn what_was_written_down_can_be_written_again() {
    let text = "sensors = '1..3, 7'\nbins = 5\nfrequency_hz = [0, 2.5]\namplitude_db = [-100, 3e-5]\nlines_dt_s = 0.05\n\
                minimum_fps = 3\nminimum_mb_per_s = 0.1\nfirst_frame_s = 2\nlargest_gap_s = 1\nminimum_frames = 9\n\
                minimum_rows = 8\nstreams = 3\nwindow_s = 60\nallow_empty = true\nallow = ['stall']\n\
                [severity]\ninfinity = 'error'\nclock-jitter = 'info'";
    let expect = Expectations::parse_toml(text, &RULES).unwrap();
    assert_eq!(Expectations::parse_toml(&expect.to_toml(), &RULES).unwrap(), expect);
    assert_eq!(Expectations::default().to_toml(), "");
}
