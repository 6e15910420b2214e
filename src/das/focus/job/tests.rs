use super::*;
use crate::das::focus::words::View;

fn json(value: &Value) -> Result<JobSpec, JobError> {
    JobSpec::parse(&value.to_string(), Format::Json)
}

fn spec() -> JobSpec {
    JobSpec {
        sensors: Span { min: 5, max: 9 },
        frequency: Span { min: 0.5, max: 200.0 },
        nfft: 512,
        height: 800,
        time_axis_s: 30,
        view: View::Single,
        period: Period::Recorded {
            start_s: 1_700_000_000,
            end_s: 1_700_000_060,
        },
        extra: Map::new(),
    }
}

#[test]
fn the_request_has_the_rest_shape() {
    let expected = json!({
        "displayTimeAxisDuration": 30, "nfftSelection": 512, "displayInfo": {"height": 800},
        "channels": {"min": 5, "max": 9}, "frequencyRange": {"min": 0.5, "max": 200},
        "start_time": 1_700_000_000, "end_time": 1_700_000_060, "view_type": "1",
    });
    assert_eq!(spec().to_request(), expected);
    let live = JobSpec::default().to_request();
    assert!(live["start_time"].is_null() && live["end_time"].is_null());
}

#[test]
fn own_words_the_specifications_and_rest_names_mean_the_same() {
    let own = json!({"sensors": "5..9", "frequency": [0.5, 200], "nfft": 512, "height": "800", "time_axis": 30,
        "view": "single", "start": 1_700_000_000, "end": "2023-11-14T22:14:20Z"});
    let specification = json!({"sensors_min": 5, "sensors_max": 9, "freq_min": 0.5, "freq_max": 200, "nfft": 512,
        "canvas_height": 800, "displayTimeAxisDuration": 30, "view_type": 1, "live": false,
        "start_time": 1_700_000_000, "end_time": 1_700_000_060});
    for description in [own, specification, spec().to_request()] {
        assert_eq!(json(&description), Ok(spec()), "{description}");
    }
}

#[test]
fn toml_is_read_with_tables_and_dates() {
    let text = "nfft = 512\nheight = 800\ntime_axis_s = 30\nview = 1\nstart = 2023-11-14T22:13:20Z\nend = 1700000060\n\
                [sensors]\nmin = 5\nmax = 9\n[frequency]\nmin = 0.5\nmax = 200";
    assert_eq!(JobSpec::parse(text, Format::Toml), Ok(spec()));
}

#[test]
fn an_empty_description_is_the_default_job() {
    assert_eq!(JobSpec::parse("", Format::Toml), Ok(JobSpec::default()));
    assert_eq!(
        JobSpec::parse("{\"live\": true, \"start\": null}", Format::Json),
        Ok(JobSpec::default())
    );
}

#[test]
fn a_slip_of_a_known_key_is_an_error_that_suggests_it() {
    let slips = [
        ("nftt", "nfft"),
        ("sensor", "sensors"),
        ("chanels", "channels"),
        ("viewtyp", "view_type"),
    ];
    for (key, expected) in slips {
        match json(&json!({ key: 5 })) {
            Err(JobError::UnknownKey { key: found, nearest }) => {
                assert_eq!((found.as_str(), nearest.as_str()), (key, expected));
            }
            other => panic!("{key}: {other:?}"),
        }
    }
    let nested = json(&json!({"channels": {"min": 1, "mac": 5}})).unwrap_err();
    assert!(nested.to_string().contains("did you mean `channels.max`"), "{nested}");
}

#[test]
fn other_unknown_fields_are_kept_and_sent() {
    let job = json(
        &json!({"task_id": "t-1", "displayInfo": {"height": 7, "width": 9}, "extra": {"nftt": 1, "nfftSelection": 3},
        "site": {"a": [1]}}),
    );
    let request = job.unwrap().to_request();
    assert_eq!(
        (&request["task_id"], &request["nftt"], &request["site"]["a"][0]),
        (&json!("t-1"), &json!(1), &json!(1))
    );
    assert_eq!(request["displayInfo"], json!({"height": 7, "width": 9}));
    assert_eq!(request["nfftSelection"], 1024, "what is ours is not replaced");
}

#[test]
fn values_of_the_wrong_type_name_their_field() {
    let table = [
        (json!({"nfft": "many"}), "nfft"),
        (json!({"nfft": null}), "nfft"),
        (json!({"nfft": 1.5}), "nfft"),
        (json!({"nfft": {"a": 1}}), "nfft"),
        (json!({"channels": {"min": [], "max": 5}}), "channels.min"),
        (json!({"sensors": [1, 2, 3]}), "sensors"),
        (json!({"sensors": "1..2.5"}), "sensors"),
        (json!({"freq_min": true, "freq_max": 1}), "freq_min"),
        (json!({"view": 7}), "view"),
        (json!({"live": "maybe"}), "live"),
        (json!({"start": "yesterday"}), "start"),
        (json!([1]), "the job description"),
    ];
    for (description, expected) in table {
        match json(&description) {
            Err(JobError::Type { field, .. }) => assert_eq!(field, expected, "{description}"),
            other => panic!("{description}: {other:?}"),
        }
    }
}

#[test]
fn what_no_job_can_mean_is_refused_with_its_field() {
    let table = [
        (json!({"sensors": "9..5"}), "sensors"),
        (json!({"sensors": "-1..5"}), "sensors"),
        (json!({"sensors_min": 5}), "sensors_max"),
        (json!({"channels": {"max": 5}}), "channels.min"),
        (json!({"frequency": "9..5"}), "frequency"),
        (json!({"frequency": [-1, 5]}), "frequency"),
        (json!({"nfft": 0}), "nfft"),
        (json!({"height": -1}), "height"),
        (json!({"time_axis": 0}), "time_axis"),
        (json!({"start": 5}), "start"),
        (json!({"end_time": 5}), "end_time"),
        (json!({"start": 5, "end": 5}), "end"),
        (json!({"start": -5, "end": 5}), "start"),
        (
            json!({"start": 1_700_000_000_000_i64, "end": 1_700_000_060_000_i64}),
            "start",
        ),
        (json!({"live": true, "start": 1, "end": 2}), "live"),
        (json!({"live": false}), "live"),
    ];
    for (description, expected) in table {
        match json(&description) {
            Err(JobError::Value { field, .. }) => assert_eq!(field, expected, "{description}"),
            other => panic!("{description}: {other:?}"),
        }
    }
}

#[test]
fn sensor_zero_is_left_to_the_server() {
    assert_eq!(
        json(&json!({"sensors": "0..10"})).unwrap().sensors,
        Span { min: 0, max: 10 }
    );
}

#[test]
fn a_text_of_another_format_says_where() {
    let error = JobSpec::parse("{\"nfft\": }", Format::Json).unwrap_err();
    assert!(error.to_string().contains("line 1"), "{error}");
    assert!(JobSpec::parse("nfft 5", Format::Toml).is_err());
}
