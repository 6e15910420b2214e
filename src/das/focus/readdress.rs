//! Replacement of the job's address in a configure response: every other byte stays as it was.

use std::ops::Range;

use serde::de::{DeserializeOwned, IgnoredAny};
use serde_json::Value;

use super::response::{Endpoint, EndpointScheme, split_port};

/// Writes `to` into `stream_url` and `stream_port` of a configure response, each in its original form: with or without
/// scheme and port, as a number or as text. A scheme becomes the one of `to`, where that has one. `None` when the text
/// is not a JSON object.
///
/// ```
/// use grpc_capture::das::{Endpoint, readdress};
/// let to = Endpoint { scheme: None, host: "127.0.0.1".to_owned(), port: 4000 };
/// let answer = readdress(r#"{"stream_url": "http://10.1.2.3", "stream_port": "12301", "lines_dt": 1e-1}"#, &to);
/// let new = r#"{"stream_url": "http://127.0.0.1", "stream_port": "4000", "lines_dt": 1e-1}"#;
/// assert_eq!(answer.as_deref(), Some(new));
/// ```
#[must_use]
pub fn readdress(answer: &str, to: &Endpoint) -> Option<String> {
    let (open, members) = members(answer)?;
    // A port that says something wins over the URL's.
    let says_port = |value: &Value| match value {
        Value::Null => false,
        Value::String(text) => !text.trim().is_empty(),
        _ => true,
    };
    let port_apart = members
        .iter()
        .any(|(key, value, _)| key == "stream_port" && says_port(value));
    let mut new = String::with_capacity(answer.len() + 32);
    let mut done = 0;
    if !members.iter().any(|(key, ..)| key == "stream_url") {
        new.push_str(&answer[..open]);
        new.push_str(&format!("\"stream_url\":{}", Value::from(url("", to, port_apart))));
        new.push_str(if members.is_empty() { "" } else { "," });
        done = open;
    }
    for (key, value, at) in members {
        let value = match key.as_str() {
            "stream_url" => Value::from(url(value.as_str().unwrap_or_default(), to, port_apart)),
            "stream_port" if value.is_string() && says_port(&value) => Value::from(to.port.to_string()),
            "stream_port" if says_port(&value) => Value::from(to.port),
            _ => continue,
        };
        new.push_str(&answer[done..at.start]);
        new.push_str(&value.to_string());
        done = at.end;
    }
    new.push_str(&answer[done..]);
    Some(new)
}

fn url(old: &str, to: &Endpoint, port_apart: bool) -> String {
    let old = old.trim();
    let (scheme, rest) = match old.split_once("://") {
        Some((scheme, rest)) => (Some(scheme), rest),
        None => (None, old),
    };
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, tail) = rest.split_at(end);
    let has_port = split_port(authority).is_some_and(|(_, port)| port.is_some());
    let mut new = String::new();
    if let Some(scheme) = scheme {
        let grpc = scheme.to_ascii_lowercase().starts_with("grpc");
        new.push_str(match (to.scheme, grpc) {
            (None, _) => scheme,
            (Some(EndpointScheme::Http), false) => "http",
            (Some(EndpointScheme::Https), false) => "https",
            (Some(EndpointScheme::Http), true) => "grpc",
            (Some(EndpointScheme::Https), true) => "grpcs",
        });
        new.push_str("://");
    }
    if has_port || !port_apart {
        new.push_str(&to.authority());
    } else if to.host.contains(':') {
        new.push_str(&format!("[{}]", to.host));
    } else {
        new.push_str(&to.host);
    }
    new.push_str(tail);
    new
}

type Member = (String, Value, Range<usize>);

/// The positions of an object's members, and of the members that hold the address. The others' values are not looked
/// at.
fn members(text: &str) -> Option<(usize, Vec<Member>)> {
    let (Value::Object(_), end) = value::<Value>(text, 0)? else {
        return None;
    };
    if !text.get(end..)?.trim().is_empty() {
        return None;
    }
    let open = space(text, 0) + 1;
    let mut at = space(text, open);
    let mut found = Vec::new();
    while text.as_bytes().get(at)? != &b'}' {
        let (key, end) = value::<String>(text, at)?;
        // Behind the colon.
        let from = space(text, space(text, end) + 1);
        let to = if key == "stream_url" || key == "stream_port" {
            let (said, to) = value::<Value>(text, from)?;
            found.push((key, said, from..to));
            to
        } else {
            let (_, to) = value::<IgnoredAny>(text, from)?;
            found.push((key, Value::Null, from..to));
            to
        };
        at = space(text, to);
        if text.as_bytes().get(at)? == &b',' {
            at = space(text, at + 1);
        }
    }
    Some((open, found))
}

/// The JSON value at a byte position, and its end.
fn value<T: DeserializeOwned>(text: &str, at: usize) -> Option<(T, usize)> {
    let mut values = serde_json::Deserializer::from_str(text.get(at..)?).into_iter::<T>();
    let value = values.next()?.ok()?;
    Some((value, at + values.byte_offset()))
}

/// The position of the next byte that is not white space.
fn space(text: &str, at: usize) -> usize {
    let rest = text.as_bytes().iter().skip(at);
    at + rest.take_while(|byte| b" \t\r\n".contains(byte)).count()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::das::focus::ConfigureResponse;

    fn to(scheme: Option<EndpointScheme>, host: &str) -> Endpoint {
        Endpoint {
            scheme,
            host: host.to_owned(),
            port: 4000,
        }
    }

    #[test]
    fn each_form_is_kept_and_leads_to_the_new_address() {
        for (old, new) in [
            (
                r#"{"stream_url":"http://10.1.2.3","stream_port":"12301"}"#,
                r#"{"stream_url":"http://p","stream_port":"4000"}"#,
            ),
            (
                r#"{ "stream_port" : 12301 , "a": [1.50, {"stream_port": 7}], "stream_url" : "10.1.2.3" }"#,
                r#"{ "stream_port" : 4000 , "a": [1.50, {"stream_port": 7}], "stream_url" : "p" }"#,
            ),
            (
                r#"{"stream_url":"http://h:9/x/","stream_port":2}"#,
                r#"{"stream_url":"http://p:4000/x/","stream_port":4000}"#,
            ),
            (r#"{"stream_url":"h:9"}"#, r#"{"stream_url":"p:4000"}"#),
            (
                r#"{"stream_url":"http://h","stream_port":""}"#,
                r#"{"stream_url":"http://p:4000","stream_port":""}"#,
            ),
            (
                r#"{"stream_url":"","stream_port":2}"#,
                r#"{"stream_url":"p","stream_port":4000}"#,
            ),
            (r#"{"stream_port":2}"#, r#"{"stream_url":"p","stream_port":4000}"#),
            (
                r#"{"stream_url":null,"stream_port":2.0,"n":12345678901234567890123}"#,
                r#"{"stream_url":"p","stream_port":4000,"n":12345678901234567890123}"#,
            ),
        ] {
            let written = readdress(old, &to(None, "p")).unwrap();
            assert_eq!(written, new, "{old}");
            let answer = ConfigureResponse::from(serde_json::from_str::<Value>(&written).unwrap());
            assert_eq!(answer.endpoint("other").unwrap().authority(), "p:4000", "{old}");
        }
    }

    #[test]
    fn a_scheme_says_how_the_new_address_is_secured() {
        let old = r#"{"stream_url":"https://h","stream_port":1}"#;
        let new = readdress(old, &to(Some(EndpointScheme::Http), "::1")).unwrap();
        assert_eq!(new, r#"{"stream_url":"http://[::1]","stream_port":4000}"#);
        let old = r#"{"stream_url":"grpc://h:1"}"#;
        let new = readdress(old, &to(Some(EndpointScheme::Https), "::1")).unwrap();
        assert_eq!(new, r#"{"stream_url":"grpcs://[::1]:4000"}"#);
    }

    #[test]
    fn what_is_no_object_is_left_alone() {
        for text in [
            "",
            "[]",
            "1",
            "{",
            r#"{"a":1"#,
            r#"{"a"}"#,
            r#"{"a":1} x"#,
            "\u{feff}{}",
        ] {
            assert_eq!(readdress(text, &to(None, "p")), None, "{text}");
        }
    }
}
