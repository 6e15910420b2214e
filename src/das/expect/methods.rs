//! Expectations about the calls of a method: the tables `[method."GLOB"]` of an expectation file.

use std::fmt::Write as _;

use serde_json::Value as Json;
use toml::{Table, Value};

use super::error::{ExpectError, nearest, number, wrong};
use crate::grpc::{MethodPattern, status};

/// The keys of a method's table.
const KEYS: [&str; 6] = [
    "statuses",
    "minimum_calls",
    "minimum_messages",
    "latency_s",
    "first_message_s",
    "message_gap_s",
];

/// The keys of a table of limits.
const LIMIT_KEYS: [&str; 4] = ["p50", "p95", "p99", "max"];

/// Calls of a pattern that are expected when nothing else is said: a pattern that fits no call may be misspelt.
const MINIMUM_CALLS: u64 = 1;

/// What is expected of the calls whose method fits a pattern.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct MethodExpectation {
    /// The methods.
    pub(crate) pattern: MethodPattern,
    /// Codes of the statuses that a call may end with; `None` when nothing is said of them. Where several patterns fit
    /// a method, the most precise one that gives statuses counts.
    pub(crate) statuses: Option<Vec<u32>>,
    /// Minimum number of calls of all methods that fit.
    pub(crate) minimum_calls: u64,
    /// Minimum number of messages that these calls receive.
    pub(crate) minimum_messages: Option<u64>,
    /// Limits of the time from the opening to the status, of methods with one message in each direction.
    pub(crate) latency_s: Limits,
    /// Limits of the time from the opening to the first message.
    pub(crate) first_message_s: Limits,
    /// Limits of the time between two messages that a call receives.
    pub(crate) message_gap_s: Limits,
}

/// Upper limits of a distribution, seconds.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(crate) struct Limits {
    pub(crate) p50: Option<f64>,
    pub(crate) p95: Option<f64>,
    pub(crate) p99: Option<f64>,
    pub(crate) max: Option<f64>,
}

impl Limits {
    /// The limits that are given, with the names of their quantiles.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&'static str, f64)> + use<> {
        let values = [self.p50, self.p95, self.p99, self.max];
        let named = LIMIT_KEYS.into_iter().zip(values);
        named.filter_map(|(name, limit)| Some((name, limit?)))
    }

    fn parse(key: &str, value: &Value) -> Result<Self, ExpectError> {
        const EXPECTED: &str = "a number of seconds, or limits such as { p50 = 0.1, p99 = 1, max = 5 }";
        let seconds = |value: &Value| {
            let seconds = number(value).filter(|seconds| *seconds > 0.0);
            seconds.ok_or_else(|| wrong(key, EXPECTED, value))
        };
        let Value::Table(table) = value else {
            return Ok(Self {
                max: Some(seconds(value)?),
                ..Self::default()
            });
        };
        let mut limits = Self::default();
        for (name, value) in table {
            let limit = match name.as_str() {
                "p50" => &mut limits.p50,
                "p95" => &mut limits.p95,
                "p99" => &mut limits.p99,
                "max" => &mut limits.max,
                _ => return Err(unknown(name, &LIMIT_KEYS)),
            };
            *limit = Some(seconds(value)?);
        }
        Ok(limits)
    }

    /// The limits as a TOML value; `None` without any.
    fn to_toml(self) -> Option<String> {
        let limits: Vec<_> = self.iter().map(|(name, limit)| format!("{name} = {limit:?}")).collect();
        (!limits.is_empty()).then(|| format!("{{ {} }}", limits.join(", ")))
    }
}

impl MethodExpectation {
    /// Expects nothing of these methods but that they are called.
    fn new(pattern: &str) -> Self {
        Self {
            pattern: MethodPattern::new(pattern),
            statuses: None,
            minimum_calls: MINIMUM_CALLS,
            minimum_messages: None,
            latency_s: Limits::default(),
            first_message_s: Limits::default(),
            message_gap_s: Limits::default(),
        }
    }

    /// The three kinds of limits, with their keys.
    pub(crate) const fn limits(&self) -> [(&'static str, Limits); 3] {
        [
            ("latency_s", self.latency_s),
            ("first_message_s", self.first_message_s),
            ("message_gap_s", self.message_gap_s),
        ]
    }

    fn parse(pattern: &str, value: &Value) -> Result<Self, ExpectError> {
        let table = value.as_table();
        let table = table.ok_or_else(|| wrong(pattern, "a table, such as [method.\"/a.B/*\"]", value))?;
        let mut expected = Self::new(pattern);
        for (key, value) in table {
            match key.as_str() {
                "statuses" => expected.statuses = Some(statuses(key, value)?),
                "minimum_calls" => expected.minimum_calls = whole(key, value)?,
                "minimum_messages" => expected.minimum_messages = Some(whole(key, value)?),
                "latency_s" => expected.latency_s = Limits::parse(key, value)?,
                "first_message_s" => expected.first_message_s = Limits::parse(key, value)?,
                "message_gap_s" => expected.message_gap_s = Limits::parse(key, value)?,
                _ => return Err(unknown(key, &KEYS)),
            }
        }
        Ok(expected)
    }

    /// The entries of the table, keys and values as TOML.
    fn entries(&self) -> Vec<(&'static str, String)> {
        let statuses = self.statuses.as_ref().map(|codes| {
            let names: Vec<_> = codes.iter().map(|code| shown(*code)).collect();
            format!("[{}]", names.join(", "))
        });
        let calls = (self.minimum_calls != MINIMUM_CALLS).then(|| self.minimum_calls.to_string());
        let messages = self.minimum_messages.map(|minimum| minimum.to_string());
        let values = [
            ("statuses", statuses),
            ("minimum_calls", calls),
            ("minimum_messages", messages),
        ];
        let limits = self.limits().map(|(key, limits)| (key, limits.to_toml()));
        let all = values.into_iter().chain(limits);
        all.filter_map(|(key, value)| Some((key, value?))).collect()
    }

    /// The expectation in words.
    pub(super) fn text(&self) -> String {
        let entries = self.entries();
        let entries: Vec<_> = entries.iter().map(|(key, value)| format!("{key} = {value}")).collect();
        let what = if entries.is_empty() {
            "called".to_owned()
        } else {
            entries.join(", ")
        };
        format!("{}: {what}", self.pattern.text())
    }
}

/// Reads the table `method`: patterns and what is expected of them.
pub(super) fn parse(key: &str, value: &Value) -> Result<Vec<MethodExpectation>, ExpectError> {
    let table: Option<&Table> = value.as_table();
    let table = table.ok_or_else(|| wrong(key, "a table, such as [method.\"/a.B/*\"]", value))?;
    table
        .iter()
        .map(|(pattern, value)| MethodExpectation::parse(pattern, value))
        .collect()
}

/// Writes the tables of the methods.
pub(super) fn write(text: &mut String, methods: &[MethodExpectation]) {
    for expected in methods {
        let _ = writeln!(text, "\n[method.{}]", quoted(expected.pattern.text()));
        for (key, value) in expected.entries() {
            let _ = writeln!(text, "{key} = {value}");
        }
    }
}

/// A text as a quoted key of TOML. JSON's escapes are TOML's, which in addition refuses DEL.
pub(super) fn quoted(text: &str) -> String {
    Json::from(text).to_string().replace('\u{7f}', "\\u007f")
}

/// Merges two lists: what `over` says of a pattern replaces what was said of the same.
pub(super) fn merge(mut methods: Vec<MethodExpectation>, over: Vec<MethodExpectation>) -> Vec<MethodExpectation> {
    methods.retain(|known| over.iter().all(|new| new.pattern != known.pattern));
    methods.extend(over);
    methods
}

/// The statuses that a call of a method may end with, by the most precise pattern that gives any.
pub(crate) fn allowed<'a>(methods: &'a [MethodExpectation], method: &str) -> Option<&'a [u32]> {
    let fitting = methods.iter().filter(|expected| expected.pattern.matches(method));
    let given = fitting.filter_map(|expected| Some((expected.pattern.precision(), expected.statuses.as_deref()?)));
    given
        .max_by_key(|(precision, _)| *precision)
        .map(|(_, statuses)| statuses)
}

/// A status code as a TOML value.
fn shown(code: u32) -> String {
    let name = status::name(code);
    if status::code(&name).is_some() {
        format!("\"{name}\"")
    } else {
        code.to_string()
    }
}

fn statuses(key: &str, value: &Value) -> Result<Vec<u32>, ExpectError> {
    const EXPECTED: &str = "a list of statuses, such as [\"OK\", \"NOT_FOUND\"]";
    let code = |value: &Value| match value {
        Value::String(name) => status::code(name),
        Value::Integer(code) => u32::try_from(*code).ok(),
        _ => None,
    };
    let list = value.as_array().filter(|list| !list.is_empty());
    let list = list.ok_or_else(|| wrong(key, EXPECTED, value))?;
    let codes = list
        .iter()
        .map(|value| code(value).ok_or_else(|| wrong(key, EXPECTED, value)));
    codes.collect()
}

fn whole(key: &str, value: &Value) -> Result<u64, ExpectError> {
    let number = value.as_integer().and_then(|number| u64::try_from(number).ok());
    number.ok_or_else(|| wrong(key, "a whole number", value))
}

fn unknown(key: &str, known: &[&'static str]) -> ExpectError {
    ExpectError::UnknownKey {
        key: key.to_owned(),
        nearest: nearest(key, known),
    }
}

#[cfg(test)]
mod tests;
