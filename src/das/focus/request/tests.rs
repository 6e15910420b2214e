use super::*;
use crate::das::focus::{Period, Span, View};

fn body() -> Value {
    JobSpec::default().to_request()
}

#[test]
fn a_whole_request_is_read_back() {
    let request = ConfigureRequest::parse(&body()).unwrap();
    assert_eq!(
        request,
        ConfigureRequest {
            job: JobSpec::default(),
            absent: vec![]
        }
    );
}

#[test]
fn numbers_may_be_strings_and_the_view_a_number() {
    let body = json!({
        "displayTimeAxisDuration": "10", "nfftSelection": "1024", "displayInfo": {"height": "7"},
        "channels": {"min": "3", "max": 4}, "frequencyRange": {"min": "0", "max": "500.0"},
        "start_time": "100", "end_time": 200.0, "view_type": 2, "nftt": 1,
    });
    let job = ConfigureRequest::parse(&body).unwrap().job;
    assert_eq!(
        (job.sensors, job.height, job.view),
        (Span { min: 3, max: 4 }, 7, View::Waterfall)
    );
    assert_eq!(
        job.period,
        Period::Recorded {
            start_s: 100,
            end_s: 200
        }
    );
    assert_eq!(job.extra["nftt"], 1, "a server keeps what it does not know");
}

#[test]
fn absent_fields_are_named_and_defaults_stand_in() {
    let request = ConfigureRequest::parse(&json!({"channels": {"min": 1, "max": 2}, "nfftSelection": 8})).unwrap();
    assert_eq!(
        request.absent,
        ["displayTimeAxisDuration", "displayInfo.height", "frequencyRange"]
    );
    assert_eq!(request.job.height, JobSpec::default().height);
}

#[test]
fn refusals_carry_status_field_and_a_body_that_names_it() {
    let table = [
        ("/channels/max", json!("x"), 422, "channels.max"),
        ("/channels", json!("x"), 422, "channels"),
        ("/channels/max", json!(0), 400, "channels.max"),
        ("/channels/min", json!(-1), 400, "channels.min"),
        ("/frequencyRange/max", json!(-1), 400, "frequencyRange.max"),
        ("/nfftSelection", json!(0), 400, "nfftSelection"),
        ("/displayInfo/height", json!(null), 422, "displayInfo.height"),
        ("/start_time", json!(5), 400, "start_time"),
        ("/view_type", json!("9"), 422, "view_type"),
    ];
    for (pointer, value, status, field) in table {
        let mut body = body();
        *body.pointer_mut(pointer).unwrap() = value;
        let error = ConfigureRequest::parse(&body).unwrap_err();
        assert_eq!((error.status, error.field.as_str()), (status, field), "{error}");
        let text = crate::das::focus::error_text(&error.body()).unwrap();
        assert!(text.contains(field), "{text}");
    }
    assert_eq!(ConfigureRequest::parse(&json!("no object")).unwrap_err().status, 422);
}
