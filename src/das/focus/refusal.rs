//! Error texts of a Focus Server, which may come in a response with status 200.

use serde_json::Value;

/// Keys that may hold the text of an error, the most reliable first.
const KEYS: [&str; 3] = ["error", "message", "detail"];

/// Depth of nested objects that are searched for a text; real answers nest once.
const MAX_DEPTH: usize = 4;

/// The text of an error response: under `error`, `message` or `detail`, as a string, an object that holds one, or a
/// list of `{loc, msg}` objects. `None` when there is no such text.
///
/// ```
/// use grpc_capture::das::error_text;
/// let body = serde_json::json!({"detail": [{"loc": ["body", "channels", "max"], "msg": "field required"}]});
/// assert_eq!(error_text(&body).as_deref(), Some("channels.max: field required"));
/// assert_eq!(error_text(&serde_json::json!({"job_id": "12-1"})), None);
/// ```
#[must_use]
pub fn error_text(body: &Value) -> Option<String> {
    under_a_key(body, MAX_DEPTH)
}

/// The text of an error in a response whose HTTP status reports success: `error`, or `message` and `detail` when the
/// answer names no job.
#[must_use]
pub fn refusal(body: &Value) -> Option<String> {
    let says_error = body.get("error").and_then(|error| text(error, MAX_DEPTH));
    says_error.or_else(|| match body.get("job_id").or_else(|| body.get("stream_port")) {
        None | Some(Value::Null) => error_text(body),
        Some(_) => None,
    })
}

fn under_a_key(body: &Value, depth: usize) -> Option<String> {
    KEYS.iter().find_map(|key| text(body.get(key)?, depth))
}

fn text(value: &Value, depth: usize) -> Option<String> {
    match value {
        Value::String(text) => Some(text.trim().to_owned()).filter(|text| !text.is_empty()),
        Value::Array(items) if depth > 0 => {
            let texts = items
                .iter()
                .filter_map(|item| text(item, depth - 1))
                .collect::<Vec<_>>();
            Some(texts.join("; ")).filter(|text| !text.is_empty())
        }
        Value::Object(fields) if depth > 0 => match fields.get("msg") {
            Some(message) => text(message, depth - 1).map(|message| match place(fields.get("loc")) {
                Some(place) => format!("{place}: {message}"),
                None => message,
            }),
            None => under_a_key(value, depth - 1),
        },
        _ => None,
    }
}

/// Formats `["body", "channels", "max"]` as `channels.max`.
fn place(loc: Option<&Value>) -> Option<String> {
    let parts = loc?.as_array()?.iter();
    let parts = parts.map(|part| part.as_str().map_or_else(|| part.to_string(), str::to_owned));
    let parts = parts.filter(|part| part != "body").collect::<Vec<_>>();
    Some(parts.join(".")).filter(|place| !place.is_empty())
}

#[cfg(test)]
mod tests;
