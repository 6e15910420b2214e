//! Values of a job's fields: numbers as numbers or strings, ranges in three shapes.

use serde_json::Value;

use crate::das::focus::{
    job_error::JobError,
    words::{Span, View},
};

/// The key under which the TOML parser returns a date.
pub(super) const TOML_DATE: &str = "$__toml_private_datetime";

pub(super) fn span<T: Copy>(
    name: &str,
    value: &Value,
    end: impl Fn(&str, &Value) -> Result<T, JobError>,
) -> Result<Span<T>, JobError> {
    let parts = match value {
        Value::Array(ends) => ends.clone(),
        Value::String(text) => {
            let ends = text.parse::<Span<f64>>();
            ends.map(|span| vec![Value::from(span.min), Value::from(span.max)])
                .unwrap_or_default()
        }
        number => vec![number.clone(), number.clone()],
    };
    match parts.as_slice() {
        [min, max] => Ok(Span {
            min: end(name, min)?,
            max: end(name, max)?,
        }),
        _ => Err(wrong(name, "a range such as \"1..10\", [1, 10] or {min, max}", value)),
    }
}

pub(super) fn float(name: &str, value: &Value) -> Result<f64, JobError> {
    let number = match value {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    };
    number
        .filter(|number| number.is_finite())
        .ok_or_else(|| wrong(name, "a number", value))
}

pub(super) fn integer(name: &str, value: &Value) -> Result<i64, JobError> {
    if let Some(number) = value.as_i64() {
        return Ok(number);
    }
    // Beyond 2^53 a float no longer tells whole numbers apart.
    let whole = |number: &f64| number.fract() == 0.0 && number.abs() < 9_007_199_254_740_992.0;
    let number = float(name, value).ok().filter(whole);
    number
        .map(|number| number as i64)
        .ok_or_else(|| wrong(name, "a whole number", value))
}

pub(super) fn boolean(name: &str, value: &Value) -> Result<bool, JobError> {
    match value {
        Value::Bool(value) => Ok(*value),
        Value::String(text) if text.eq_ignore_ascii_case("true") => Ok(true),
        Value::String(text) if text.eq_ignore_ascii_case("false") => Ok(false),
        _ => Err(wrong(name, "true or false", value)),
    }
}

pub(super) fn view(name: &str, value: &Value) -> Result<View, JobError> {
    let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    text.parse()
        .map_err(|_| wrong(name, "multi (0), single (1) or waterfall (2)", value))
}

/// Seconds since the Unix epoch, or a date with its zone; null is no time.
pub(super) fn time(name: &str, value: &Value) -> Result<Option<i64>, JobError> {
    if value.is_null() {
        return Ok(None);
    }
    if let Ok(seconds) = integer(name, value) {
        return Ok(Some(seconds));
    }
    let text = value.get(TOML_DATE).unwrap_or(value).as_str().unwrap_or_default();
    let date = text.parse::<jiff::Timestamp>().map(jiff::Timestamp::as_second);
    date.map(Some).map_err(|_| {
        wrong(
            name,
            "seconds since 1970, or a date such as 2024-05-01T12:00:00Z",
            value,
        )
    })
}

pub(super) fn wrong(field: &str, expected: &'static str, found: &Value) -> JobError {
    let found = match found {
        Value::Array(_) => "an array".to_owned(),
        Value::Object(_) => "an object".to_owned(),
        other => other.to_string().chars().take(60).collect(),
    };
    JobError::Type {
        field: field.to_owned(),
        expected,
        found,
    }
}
