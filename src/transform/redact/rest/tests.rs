use serde_json::json;

use super::*;

/// A text as UTF-16 with its mark.
fn wide(text: &str) -> Vec<u8> {
    let units = [0xfeff].into_iter().chain(text.encode_utf16());
    units.flat_map(u16::to_le_bytes).collect()
}

fn clean(rest: &Value) -> Value {
    let text = json!({ "rest": rest }).to_string();
    let clean = note(&text, &[], None, &mut Ledger::default()).unwrap_or(text);
    serde_json::from_str::<Value>(&clean).unwrap()["rest"].take()
}

#[test]
fn secrets_of_an_exchange_go_by_their_names() {
    let exchange = json!({
        "method": "POST",
        "path": "/configure?site=a&access_token=hunter2",
        "request": r#"{"a":{"b":[{"password":"hunter2","n":1.50}]},"log":"{\"secret\":\"hunter2\"}"}"#,
        "response": "user=u&password=hunter2",
        "status": 200,
        "error": "error sending request for url (http://me:hunter2@h/?token=hunter2)",
        "headers": {"Authorization": "Bearer hunter2", "accept": "*/*"},
    });
    let clean = clean(&exchange);
    assert!(!clean.to_string().contains("hunter2"), "{clean}");
    assert_eq!(clean["path"], "/configure?site=a&access_token=[redacted]");
    assert_eq!(
        clean["request"],
        r#"{"a":{"b":[{"password":"[redacted]","n":1.5}]},"log":"{\"secret\":\"[redacted]\"}"}"#
    );
    assert_eq!(clean["headers"]["accept"], "*/*");
}

#[test]
fn a_body_without_a_secret_stays_byte_for_byte() {
    let body = "{ \"job_id\" : \"12-1\",\r\n \"n\": 1.50e0 }";
    let exchange = json!({"path": "/configure", "request": body, "response": ""});
    assert_eq!(clean(&exchange), exchange);
    assert_eq!(note("{\"rest\":1}", &[], None, &mut Ledger::default()), None);
    assert_eq!(note("a remark", &[], None, &mut Ledger::default()), None);
}

#[test]
fn a_key_that_stands_twice_hides_nothing() {
    let body = r#"{"a":{"password":"hunter2"},"a":{"b":1}}"#;
    assert!(!clean(&json!({ "request": body })).to_string().contains("hunter2"));
    let broken = r#"{"a":{"password":"hunter2""#;
    assert!(!clean(&json!({ "request": broken })).to_string().contains("hunter2"));
}

#[test]
fn a_secret_goes_where_its_name_is_a_value() {
    for body in [
        r#"{"headers":[{"name":"Authorization","value":"Token hunter2"}]}"#,
        r#"{"headers":[["X-Api-Key","hunter2"],["accept","*/*"]]}"#,
        r#"{"env":{"key":"DB_PASSWORD","Value":{"plain":"hunter2"}}}"#,
    ] {
        let clean = clean(&json!({ "request": body })).to_string();
        assert!(!clean.contains("hunter2") && clean.contains("redacted"), "{clean}");
    }
    let harmless = json!({ "request": r#"{"headers":[["accept","hunter2"],{"name":"site","value":"hunter2"}]}"# });
    assert_eq!(clean(&harmless), harmless);
}

#[test]
fn a_body_that_is_no_text_is_left_out_when_it_could_hold_a_secret() {
    for (bytes, stays) in [
        (&b"\x1f\x8b\x08\x00 gzip"[..], false),
        (b"\xff\xfe token=hunter2 \xff", false),
        (&wide(r#"{"password":"hunter2"}"#), false),
        (&wide(r#"{"site":"hunter2"}"#), true),
        (b"\xff\xfe nothing \xff", true),
    ] {
        let clean = clean(&json!({ "request_base64": STANDARD.encode(bytes), "status": 1 }));
        assert_eq!(clean.get("request_base64").is_some(), stays, "{clean}");
        assert_eq!(clean.get("request_withheld").is_some(), !stays, "{clean}");
    }
}

#[test]
fn rules_for_keys_count_in_bodies_forms_and_queries() {
    let rules = [
        KeyRule::new("customer", &Action::Mask),
        KeyRule::new("line", &Action::Drop),
        KeyRule::new("stream_url", &Action::Host),
    ];
    let text = json!({"rest": {
        "path": "/configure?customer=ACME%20Ltd&line=7&x=1",
        "request": "customer=ACME+Ltd&x=1",
        "response": r#"{"customer":"ACME Ltd","stream_url":"http://10.1.2.3:5"}"#,
        "job": "http://10.1.2.3:5000",
        "error": "no ACME Ltd",
    }});
    let mut ledger = Ledger::default();
    let clean = note(&text.to_string(), &rules, Some(&Action::Host), &mut ledger).unwrap();
    let clean: Value = serde_json::from_str(&clean).unwrap();
    assert_eq!(
        clean["rest"],
        json!({
            "path": "/configure?customer=[redacted]&x=1",
            "request": "customer=[redacted]&x=1",
            "response": r#"{"customer":"[redacted]","stream_url":"http://redacted.invalid:5"}"#,
            "job": "http://redacted.invalid:5000",
            "error": "no [redacted]",
        })
    );
}
