//! Comparison of two JSON answers by their keys and the types of their values.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::{
    das::focus::parse_body,
    model::event::{Note, PROXY_AUTHOR},
};

use super::result::{DriftDirection, DriftFinding, DriftVerdict, RestDrift};

/// Largest number of keys that are distinguished in an answer.
const MAX_KEYS: usize = 10_000;
/// Longest path of a key in bytes; what is deeper is not compared.
const MAX_PATH_BYTES: usize = 1000;

/// Types of the values of each key, by the path of the key; `[]` stands for the elements of a list.
type Shape = BTreeMap<String, BTreeSet<&'static str>>;

/// Compares a recorded answer with one of today.
///
/// # Errors
/// When one cannot be read; the text says which.
pub(crate) fn compare(recorded: &[u8], live: &[u8]) -> Result<RestDrift, String> {
    let read = |bytes, which| {
        let value = parse_body(bytes).map_err(|error| format!("{which} cannot be read: {error}"))?;
        let mut shape = Shape::new();
        note(&value, "", &mut shape);
        Ok::<_, String>(shape)
    };
    let (was, is) = (
        read(recorded, "the recorded answer")?,
        read(live, "the answer of today")?,
    );
    let mut findings = Vec::new();
    for (path, types) in &was {
        match is.get(path) {
            Some(now) if now == types => {}
            Some(now) => {
                let fits = types.iter().all(|known| *known == "null" || now.contains(known))
                    || now.iter().all(|known| *known == "null");
                let text = format!("{} was {} and is {}", told(path), listed(types), listed(now));
                let sides = (Some(listed(types)), Some(listed(now)));
                findings.push(finding("REST_KEY_SAME_TYPE", !fits, path, sides, text));
            }
            None if parent(path).is_some_and(|parent| was.contains_key(parent) && !is.contains_key(parent)) => {}
            // Of a list without elements, it is not known what would be in it.
            None if is_empty_list(&was, &is, path) => {}
            None => {
                let text = format!("{} is gone", told(path));
                findings.push(finding(
                    "REST_KEY_NO_DELETE",
                    true,
                    path,
                    (Some(listed(types)), None),
                    text,
                ));
            }
        }
    }
    for (path, types) in is.iter().filter(|(path, _)| !was.contains_key(*path)) {
        let is_within = parent(path).is_some_and(|parent| is.contains_key(parent) && !was.contains_key(parent));
        if !is_within && !is_empty_list(&is, &was, path) {
            let text = format!("{} is new", told(path));
            findings.push(finding(
                "REST_KEY_ADDED",
                false,
                path,
                (None, Some(listed(types))),
                text,
            ));
        }
    }
    findings.sort_by_key(|finding| std::cmp::Reverse(finding.severity));
    Ok(RestDrift {
        verdict: findings
            .iter()
            .map(|finding| finding.severity)
            .max()
            .unwrap_or_default(),
        keys: was.len() as u64,
        findings,
    })
}

/// The answer to a configuration in a note of the proxy; `None` in any other note.
pub(super) fn of_note(note: &Note) -> Option<Vec<u8>> {
    if note.author != PROXY_AUTHOR {
        return None;
    }
    let note = parse_body(note.text.as_bytes()).ok()?;
    let rest = note.get("rest")?;
    let is_done = rest
        .get("status")?
        .as_u64()
        .is_some_and(|status| (200..300).contains(&status));
    let path = rest.get("path")?.as_str()?.split('?').next()?;
    let answer = rest.get("response")?;
    let is_answer = is_done && rest.get("method")? == "POST" && path.ends_with("/configure") && answer.is_object();
    is_answer.then(|| answer.to_string().into_bytes())
}

/// Notes the types of a value and of what is in it. The parser bounds how deep values are nested.
fn note(value: &Value, path: &str, shape: &mut Shape) {
    if path.len() > MAX_PATH_BYTES || (shape.len() >= MAX_KEYS && !shape.contains_key(path)) {
        return;
    }
    let name = match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    };
    shape.entry(path.to_owned()).or_default().insert(name);
    match value {
        Value::Array(values) => {
            for value in values {
                note(value, &format!("{path}[]"), shape);
            }
        }
        Value::Object(values) => {
            for (key, value) in values {
                let within = if path.is_empty() {
                    key.clone()
                } else {
                    format!("{path}.{key}")
                };
                note(value, &within, shape);
            }
        }
        _ => {}
    }
}

/// The path of what a path is in.
fn parent(path: &str) -> Option<&str> {
    if path.is_empty() {
        return None;
    }
    match path.strip_suffix("[]") {
        Some(list) => Some(list),
        None => Some(path.rsplit_once('.').map_or("", |(parent, _)| parent)),
    }
}

/// Whether a path is within the elements of a list that has none on the other side.
fn is_empty_list(with: &Shape, without: &Shape, path: &str) -> bool {
    let lists = path.match_indices("[]").map(|(at, _)| &path[..at]);
    lists.into_iter().any(|list| {
        let elements = format!("{list}[]");
        with.contains_key(&elements)
            && !without.contains_key(&elements)
            && without.get(list).is_some_and(|types| types.contains("array"))
    })
}

fn told(path: &str) -> String {
    if path.is_empty() {
        "the answer".to_owned()
    } else {
        format!("the key {path}")
    }
}

fn listed(types: &BTreeSet<&'static str>) -> String {
    types.iter().copied().collect::<Vec<_>>().join(" or ")
}

fn finding(
    rule: &'static str,
    is_breaking: bool,
    path: &str,
    (recorded, live): (Option<String>, Option<String>),
    message: String,
) -> DriftFinding {
    DriftFinding {
        rule,
        category: None,
        severity: if is_breaking {
            DriftVerdict::Breaking
        } else {
            DriftVerdict::Additive
        },
        path: path.to_owned(),
        direction: DriftDirection::Answers,
        method: None,
        recorded,
        live,
        message,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(recorded: &str, live: &str) -> Vec<(&'static str, String)> {
        let rest = compare(recorded.as_bytes(), live.as_bytes()).unwrap();
        rest.findings
            .into_iter()
            .map(|finding| (finding.rule, finding.path))
            .collect()
    }

    #[test]
    fn answers_are_compared_by_keys_and_types() {
        assert_eq!(
            rules(
                r#"{"a": 1, "b": [{"c": "x"}]}"#,
                r#"{"a": 2.5, "b": [{"c": "y"}, {"c": ""}]}"#
            ),
            []
        );
        assert_eq!(
            rules(r#"{"a": 1, "b": {"c": 1}}"#, r#"{"a": "1", "d": null}"#),
            [
                ("REST_KEY_SAME_TYPE", "a".to_owned()),
                ("REST_KEY_NO_DELETE", "b".to_owned()),
                ("REST_KEY_ADDED", "d".to_owned())
            ]
        );
        // What an empty list would hold is not known, and a null may become anything.
        assert_eq!(rules(r#"{"a": [{"b": 1}], "c": null}"#, r#"{"a": [], "c": null}"#), []);
        let rest = compare(br#"{"c": null}"#, br#"{"c": 1}"#).unwrap();
        assert_eq!(rest.verdict, DriftVerdict::Additive);
    }

    #[test]
    fn the_proxy_notes_the_answer_to_a_configuration() {
        let note = |author: &str, path: &str, status: u32| Note {
            author: author.to_owned(),
            text: format!(
                r#"{{"rest": {{"method": "POST", "path": "{path}", "status": {status}, "response": {{"job_id": "a"}}}}}}"#
            ),
        };
        let found = of_note(&note(PROXY_AUTHOR, "/focus-server/configure?x=1", 200));
        assert_eq!(found.as_deref(), Some(&br#"{"job_id":"a"}"#[..]));
        assert_eq!(of_note(&note(PROXY_AUTHOR, "/configure", 500)), None);
        assert_eq!(of_note(&note(PROXY_AUTHOR, "/ack", 200)), None);
        assert_eq!(of_note(&note("me", "/configure", 200)), None);
    }

    #[test]
    fn what_is_no_json_is_named() {
        assert!(compare(b"{", b"{}").unwrap_err().contains("recorded"));
        assert!(compare(b"{}", b"<html>").unwrap_err().contains("today"));
    }
}
