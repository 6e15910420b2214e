use serde_json::json;

use super::*;

#[test]
fn the_text_is_found_under_each_key_and_in_each_shape() {
    let table = [
        (json!({"error": "Invalid job_id"}), Some("Invalid job_id")),
        (json!({"message": " waiting for fiber "}), Some("waiting for fiber")),
        (json!({"detail": "Not Found"}), Some("Not Found")),
        (json!({"error": {"code": 5, "message": "no"}}), Some("no")),
        (json!({"error": true, "message": "broken"}), Some("broken")),
        (
            json!({"detail": [{"loc": ["body", "channels", 0], "msg": "bad", "type": "t"}, {"msg": "worse"}, "worst"]}),
            Some("channels.0: bad; worse; worst"),
        ),
        (json!({"detail": []}), None),
        (json!({"error": "", "message": null}), None),
        (json!({"status": "ok"}), None),
        (json!("error"), None),
    ];
    for (body, expected) in table {
        assert_eq!(error_text(&body).as_deref(), expected, "{body}");
    }
}

#[test]
fn endless_nesting_is_given_up() {
    let mut body = json!("deep");
    for _ in 0..100 {
        body = json!({ "error": body });
    }
    assert_eq!(error_text(&body), None);
}

#[test]
fn an_answer_that_names_a_job_is_refused_only_by_error() {
    assert_eq!(refusal(&json!({"job_id": "1", "message": "welcome"})), None);
    assert_eq!(refusal(&json!({"job_id": "1", "error": null})), None);
    assert_eq!(refusal(&json!({"job_id": "1", "error": "no"})).as_deref(), Some("no"));
    assert_eq!(refusal(&json!({"message": "no"})).as_deref(), Some("no"));
}
