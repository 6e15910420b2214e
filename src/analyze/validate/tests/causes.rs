//! The first finding is the first cause.

use super::super::testing::{Item, Scenario};
use crate::{
    das::dialect::datastream::HEALTH_METHOD,
    model::event::{Broken, Ending, FAILURE_AUTHOR, GoAway, PROXY_AUTHOR, Status},
};

fn ok() -> Ending {
    Ending::Status(Status::default())
}

fn first(scenario: &Scenario) -> (&'static str, String) {
    let finding = scenario.validate().findings.swap_remove(0);
    (finding.rule, finding.message)
}

/// Rules by rank, and the hint of zero-frames.
fn told(scenario: &Scenario) -> (Vec<&'static str>, String) {
    let findings = scenario.validate().findings;
    let hint = findings.iter().find(|finding| finding.rule == "zero-frames");
    let hint = hint.map_or_else(String::new, |finding| finding.hint.clone());
    (findings.iter().map(|finding| finding.rule).collect(), hint)
}

#[test]
fn an_empty_stream_of_an_unhealthy_job_is_not_blamed_on_another_client() {
    let mut scenario = Scenario::datastream();
    scenario.items.clear();
    let (rules, hint) = told(&scenario);
    assert_eq!(rules, ["zero-frames"]);
    assert!(hint.contains("another client"), "nothing is known: {hint}");
    scenario.other_call(HEALTH_METHOD, Some(b""), ok());
    let (rules, hint) = told(&scenario);
    assert_eq!(rules, ["unhealthy-job", "zero-frames"]);
    assert!(!hint.contains("another client"), "{hint}");
    // It became healthy before the stream was opened.
    scenario.other_call(HEALTH_METHOD, Some(b"\x08\x01"), ok());
    assert_eq!(told(&scenario).0, ["zero-frames"]);
    // The health of another job tells nothing.
    scenario.before.clear();
    scenario.other_call(HEALTH_METHOD, Some(b""), ok());
    scenario.authority = "other:1";
    assert_eq!(told(&scenario).0, ["zero-frames"]);
}

#[test]
fn a_server_without_health_check_is_not_unhealthy() {
    for code in [5, 12] {
        let mut scenario = Scenario::datastream();
        let status = Status {
            code,
            ..Status::default()
        };
        scenario.other_call(HEALTH_METHOD, None, Ending::Status(status));
        assert_eq!(scenario.validate().findings, []);
    }
}

#[test]
fn a_refusal_that_was_followed_by_a_job_is_none() {
    let note = |status: u16, body: &str| {
        let rest = serde_json::json!({"method": "POST", "path": "/configure", "status": status, "response": body});
        serde_json::json!({ "rest": rest }).to_string()
    };
    let mut scenario = Scenario::datastream();
    scenario.note(PROXY_AUTHOR, &note(503, "waiting for fiber"));
    scenario.note(PROXY_AUTHOR, &note(200, r#"{"job_id": "1-1"}"#));
    assert_eq!(scenario.validate().findings, []);
    scenario.note(
        PROXY_AUTHOR,
        &note(404, r#"{"error": "no recording found in the given time range"}"#),
    );
    scenario.items.clear();
    let (rules, _) = told(&scenario);
    assert_eq!(rules, ["configure-refused", "zero-frames"]);
    assert!(
        first(&scenario).1.contains("404: no recording found"),
        "{:?}",
        first(&scenario)
    );
}

#[test]
fn what_the_recorder_could_not_do_stands_before_what_lacks_for_it() {
    let mut scenario = Scenario::datastream();
    scenario.calls = 0;
    scenario.note(
        FAILURE_AUTHOR,
        "job:1 did not become ready within 5s: CheckHealth answers healthy = false",
    );
    let (rule, message) = first(&scenario);
    assert_eq!(rule, "not-recorded");
    assert!(message.contains("healthy = false"), "{message}");
    // Without it, zero frames are a failure still.
    scenario.file = "allow = ['not-recorded']".to_owned();
    assert_eq!(told(&scenario).0, ["zero-frames"]);
}

#[test]
fn a_lost_message_stands_before_the_empty_stream_that_it_leaves() {
    let mut scenario = Scenario::datastream();
    scenario.items = vec![(300_000_000, Item::Gap(40))];
    assert_eq!(told(&scenario).0, ["gap", "zero-frames"]);
}

#[test]
fn a_goaway_is_told_with_its_code_and_its_reason() {
    let mut scenario = Scenario::datastream();
    let announced = GoAway {
        last_stream: 1,
        code: 11,
        data: (&b"too_many_pings"[..]).into(),
    };
    scenario.end(
        10,
        Ending::Broken(Broken {
            announced: Some(announced),
            ..Broken::new("broken pipe")
        }),
    );
    let (rule, message) = first(&scenario);
    assert_eq!(rule, "broken-call");
    assert!(
        message.contains("ENHANCE_YOUR_CALM") && message.contains("too_many_pings"),
        "{message}"
    );
}

#[test]
fn a_capture_without_a_stream_tells_how_its_calls_failed() {
    let mut scenario = Scenario::datastream();
    scenario.calls = 0;
    let message = "unknown method StreamSpectrogram".to_owned();
    let status = Status {
        code: 12,
        message,
        ..Status::default()
    };
    scenario.other_call(
        "/datastream.DataStreamService/StreamSpectrogram",
        None,
        Ending::Status(status),
    );
    let (rule, message) = first(&scenario);
    assert_eq!(rule, "error-status");
    assert!(message.contains("UNIMPLEMENTED: unknown method"), "{message}");
    assert_eq!(told(&scenario).0[..2], ["error-status", "zero-frames"]);
}

#[test]
fn what_made_the_others_happen_stands_first_whatever_their_number() {
    let mut scenario = Scenario::datastream();
    scenario.rows().for_each(|row| row.sensors[1].intensity[3] = f32::NAN);
    scenario.file = "minimum_frames = 100".to_owned();
    scenario.items.insert(20, (4_300_000_000, Item::Gap(1)));
    scenario.ending = None;
    let (rules, _) = told(&scenario);
    assert_eq!(rules, ["gap", "nan", "short-stream", "unended-call"]);
}
