use serde_json::json;

use super::*;

fn endpoint(answer: Value) -> Result<String, EndpointError> {
    ConfigureResponse::from(answer)
        .endpoint("focus.example")
        .map(|endpoint| endpoint.to_string())
}

#[test]
fn a_production_answer_is_read() {
    let answer = json!({
        "status": "", "job_id": "12-70788", "stream_url": "http://10.10.10.100", "stream_port": "12301",
        "stream_amount": 3, "channel_amount": 50, "channel_to_stream_index": {"1": 0, "18": "1", "x": 2},
        "frequencies_list": [0, 0.5, "1"], "frequencies_amount": 3, "lines_dt": 0.039, "view_type": "0",
        "metadata": {"site": "here"}, "new_field": [1],
    });
    let response = ConfigureResponse::from(answer.clone());
    assert_eq!(response.job_id().as_deref(), Some("12-70788"));
    assert_eq!((response.stream_port(), response.stream_amount()), (Some(12301), 3));
    assert_eq!(
        (response.channel_amount(), response.frequencies_amount()),
        (Some(50), Some(3))
    );
    assert_eq!(response.channel_to_stream_index(), BTreeMap::from([(1, 0), (18, 1)]));
    assert_eq!(response.frequencies_list(), Some(vec![0.0, 0.5, 1.0]));
    assert_eq!((response.lines_dt_s(), response.view_type()), (Some(0.039), Some(0)));
    assert_eq!(
        (response.status(), response.metadata()),
        (Some(""), Some(&json!({"site": "here"})))
    );
    assert_eq!(response.into_raw(), answer);
}

#[test]
fn an_answer_that_says_little_has_defaults() {
    let response = ConfigureResponse::from(json!({"job_id": 7, "view_type": 2, "stream_amount": 0}));
    assert_eq!(
        (
            response.job_id().as_deref(),
            response.view_type(),
            response.stream_amount()
        ),
        (Some("7"), Some(2), 1)
    );
    let nothing = ConfigureResponse::from(json!("text"));
    assert_eq!(
        (nothing.job_id(), nothing.stream_port(), nothing.stream_amount()),
        (None, None, 1)
    );
    assert!(nothing.channel_to_stream_index().is_empty() && nothing.metadata().is_none());
}

#[test]
fn the_endpoint_is_found_in_every_spelling() {
    let table = [
        (json!({"stream_url": "10.1.2.3", "stream_port": 1}), "10.1.2.3:1"),
        (json!({"stream_url": "https://h/", "stream_port": "2"}), "https://h:2"),
        (json!({"stream_url": "http://h:9/", "stream_port": 2}), "http://h:2"),
        (json!({"stream_url": "h:9"}), "h:9"),
        (json!({"stream_url": "h:9", "stream_port": ""}), "h:9"),
        (json!({"stream_url": "https://h"}), "https://h:443"),
        (json!({"stream_url": "0.0.0.0", "stream_port": 2}), "focus.example:2"),
        (json!({"stream_url": "http://[::]:5"}), "http://focus.example:5"),
        (json!({"stream_url": "", "stream_port": 2}), "focus.example:2"),
        (json!({"stream_port": 2}), "focus.example:2"),
        (json!({"stream_url": "[2001:db8::1]:7"}), "[2001:db8::1]:7"),
        (
            json!({"stream_url": "2001:db8::1", "stream_port": 7}),
            "[2001:db8::1]:7",
        ),
    ];
    for (answer, expected) in table {
        assert_eq!(endpoint(answer.clone()).as_deref(), Ok(expected), "{answer}");
    }
    let v6 = ConfigureResponse::from(json!({"stream_port": 2}))
        .endpoint("[::1]")
        .unwrap();
    assert_eq!(v6.authority(), "[::1]:2");
}

#[test]
fn an_answer_that_tells_no_endpoint_is_refused() {
    let table = [
        json!({"stream_url": "h"}),
        json!({}),
        json!({"stream_url": "h:x"}),
        json!({"stream_url": "ftp://h:1"}),
        json!({"stream_url": "h:9", "stream_port": "many"}),
        json!({"stream_url": "h", "stream_port": 0}),
        json!({"stream_url": "h", "stream_port": 70000}),
    ];
    for answer in table {
        let error = endpoint(answer.clone()).unwrap_err();
        assert!(error.to_string().contains("the answer"), "{answer}: {error}");
    }
}
