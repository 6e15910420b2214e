use bytes::Bytes;
use serde_json::json;

use super::*;
use crate::{
    das::dialect::pandadatastream::METHOD as STREAM_DATA,
    file::Header,
    serve::{
        CaptureSource,
        script::{Call, Job, Request},
        shape::JobShape,
    },
};

fn entry((configure_request, configure_response): (Option<Value>, Option<Value>), shape: Option<JobShape>) -> Entry {
    let job = Job {
        job_id: "12-1".to_owned(),
        calls: Vec::new(),
    };
    Entry {
        job,
        source_at: 0,
        source: CaptureSource::memory("made", Header::default(), Vec::new()),
        configure_request,
        configure_response,
        shape,
    }
}

fn endpoint() -> Endpoint {
    Endpoint {
        scheme: "http",
        host: "pod.local".to_owned(),
        port: 5000,
    }
}

fn request() -> Value {
    json!({
        "displayTimeAxisDuration": 30, "nfftSelection": 1024, "displayInfo": {"height": 1000},
        "channels": {"min": 1, "max": 50}, "frequencyRange": {"min": 0, "max": 500},
        "start_time": null, "end_time": null, "view_type": "0",
    })
}

fn with(path: &str, value: Value) -> Value {
    let mut request = request();
    *request.pointer_mut(path).unwrap() = value;
    request
}

#[test]
fn a_recorded_response_is_answered_with_our_address_and_nothing_else_changed() {
    let recorded = json!({
        "status": "", "job_id": "9-9", "stream_url": "https://10.0.0.1", "stream_port": "12301",
        "view_type": 2, "surprise": [1, null], "metadata": {"site": "north"},
    });
    let entry = entry((None, Some(recorded)), None);
    assert_eq!(
        Value::Object(response(&entry, &endpoint(), None)).to_string(),
        json!({
            "status": "", "job_id": "12-1", "stream_url": "http://pod.local", "stream_port": "5000",
            "view_type": 2, "surprise": [1, null], "metadata": {"site": "north"},
        })
        .to_string()
    );
    assert_eq!(live_metadata(&entry), Some(json!({"site": "north"})));
}

#[test]
fn without_one_the_answer_is_what_the_data_tells() {
    let shape = JobShape {
        sensors: vec![7, 9],
        bins: 3,
        lines_dt_s: Some(0.25),
    };
    let asked = with("/frequencyRange", json!({"min": 10, "max": 20}));
    assert_eq!(
        Value::Object(response(&entry((None, None), Some(shape)), &endpoint(), Some(&asked))).to_string(),
        json!({
            "status": "Config received successfully", "job_id": "12-1", "stream_url": "http://pod.local",
            "stream_port": 5000, "stream_amount": 1, "channel_amount": 2,
            "channel_to_stream_index": {"7": 0, "9": 0}, "frequencies_list": [10.0, 15.0, 20.0],
            "frequencies_amount": 3, "lines_dt": 0.25, "view_type": "0",
        })
        .to_string()
    );
}

#[test]
fn production_channels_are_mapped_to_their_streams() {
    let call = |stream_id: u8, sensors: Vec<i32>| Call {
        call: u32::from(stream_id) + 1,
        method: STREAM_DATA.to_owned(),
        start_ns: 0,
        request: Some(Request {
            compressed: false,
            data: Bytes::from(vec![8, stream_id]),
        }),
        requests: super::super::plan::Requests::default(),
        marks: Vec::new(),
        metadata: crate::model::event::Metadata::default(),
        connection: 0,
        answer_encoding: None,
        half_closed: false,
        answered: true,
        end: None,
        shape: Some(JobShape {
            sensors,
            bins: 4,
            lines_dt_s: None,
        }),
        by_fields: None,
        values: Vec::new(),
        packed: None,
        place: None,
    };
    let mut entry = entry((None, None), None);
    entry.job.calls = vec![call(0, vec![1, 2]), call(1, vec![3])];
    let body = response(&entry, &endpoint(), None);
    assert_eq!(body["channel_to_stream_index"], json!({"1": 0, "2": 0, "3": 1}));
    assert_eq!(
        (&body["stream_amount"], &body["channel_amount"]),
        (&json!(2), &json!(3))
    );
}

#[test]
fn channels_come_from_the_recorded_response_then_from_the_data() {
    let shape = Some(JobShape {
        sensors: vec![40, 4],
        bins: 1,
        lines_dt_s: None,
    });
    let recorded = json!({"channel_to_stream_index": {"10": 0, "9": 0, "x": 1}});
    assert_eq!(
        channel_range(&entry((None, Some(recorded)), shape.clone())),
        Some((9, 10))
    );
    assert_eq!(channel_range(&entry((None, Some(json!({}))), shape)), Some((4, 40)));
    assert_eq!(channel_range(&entry((None, None), None)), None);
}

#[test]
fn a_host_header_loses_its_port() {
    let hosts = [
        ("pod.local:8080", "pod.local"),
        ("10.0.0.1", "10.0.0.1"),
        ("[::1]:80", "[::1]"),
        ("[::1]", "[::1]"),
    ];
    for (header, host) in hosts {
        assert_eq!(host_of(header), Some(host));
    }
    assert_eq!((host_of(""), host_of(":80"), host_of("[::1")), (None, None, None));
}

#[test]
fn good_requests_pass() {
    let spec_words =
        json!({"sensors_min": 0, "sensors_max": 10, "freq_min": 0, "freq_max": 500, "nfft": 1024, "live": true});
    let historic = {
        let mut request = with("/start_time", json!(1_700_000_000));
        request["end_time"] = json!(1_700_000_060);
        request
    };
    for good in [
        request(),
        spec_words,
        historic,
        with("/view_type", json!(2)),
        json!({"channels": {"min": 1, "max": 1}}),
    ] {
        assert_eq!(check(&good), Ok(()), "{good}");
    }
}

#[test]
fn a_bad_request_is_refused_with_the_field_named() {
    let cases = [
        (json!([]), "body"),
        (json!({}), "channels.min"),
        (json!({"channels": 5}), "channels.min"),
        (json!({"channels": {"min": 1}}), "channels.max"),
        (json!({"sensors_max": 4}), "sensors_min"),
        (with("/channels/min", json!("one")), "channels.min"),
        (with("/channels/min", json!(-1)), "channels.min"),
        (with("/channels/max", json!(0)), "channels.max"),
        (with("/nfftSelection", json!(0)), "nfftSelection"),
        (with("/nfftSelection", json!(10.5)), "nfftSelection"),
        (with("/displayInfo/height", json!("tall")), "displayInfo.height"),
        (with("/displayTimeAxisDuration", json!(-3)), "displayTimeAxisDuration"),
        (with("/frequencyRange/max", json!(-1)), "frequencyRange.max"),
        (with("/frequencyRange/min", json!(501)), "frequencyRange.max"),
        (with("/start_time", json!(5)), "end_time"),
        (with("/end_time", json!(5)), "start_time"),
        (with("/view_type", json!("7")), "view_type"),
        (with("/view_type", json!([])), "view_type"),
    ];
    for (bad, field) in cases {
        let problem = check(&bad).expect_err(&bad.to_string()).to_string();
        assert!(problem.starts_with(&format!("{field}: ")), "{bad} gave {problem}");
    }
}

#[test]
fn the_address_is_written_as_the_recorded_one_was() {
    for (url, port, expected) in [
        (
            json!("10.0.0.7"),
            json!("12301"),
            json!({"stream_url": "pod.local", "stream_port": "5000"}),
        ),
        (
            json!("http://10.0.0.7"),
            json!(12301),
            json!({"stream_url": "http://pod.local", "stream_port": 5000}),
        ),
        (
            json!("http://10.0.0.7:12301"),
            Value::Null,
            json!({"stream_url": "http://pod.local:5000"}),
        ),
        (
            json!("http://10.0.0.7"),
            Value::Null,
            json!({"stream_url": "http://pod.local:5000"}),
        ),
    ] {
        let mut recorded = json!({"stream_url": url});
        if !port.is_null() {
            recorded["stream_port"] = port;
        }
        let entry = entry((None, Some(recorded)), None);
        let mut expected = expected;
        expected["job_id"] = json!(entry.job.job_id);
        assert_eq!(Value::Object(response(&entry, &endpoint(), None)), expected);
    }
}
