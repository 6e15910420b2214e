//! Validation of configure requests. Pure.
//!
//! Only `channels` is required; other fields are checked where they are given, and unknown fields are accepted.

use std::fmt;

use serde_json::Value;

/// An invalid field of a configure request, with the problem.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::serve) struct Problem {
    field: String,
    expected: String,
    got: Option<Value>,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: expected {}", self.field, self.expected)?;
        match &self.got {
            Some(got) => write!(f, ", got {got}"),
            None => f.write_str(", but it is missing"),
        }
    }
}

impl Problem {
    /// Path of the field in the request.
    pub(in crate::serve) fn field(&self) -> &str {
        &self.field
    }
}

/// Validates a configure request; the first problem is the answer.
pub(in crate::serve) fn check(request: &Value) -> Result<(), Problem> {
    if !request.is_object() {
        let (field, expected) = ("body".to_owned(), "a JSON object".to_owned());
        return Err(Problem {
            field,
            expected,
            got: Some(request.clone()),
        });
    }
    let field = |path| Field {
        path,
        value: find(request, path),
    };
    let (min, max) = match find(request, "sensors_min").or_else(|| find(request, "sensors_max")) {
        // The words of the specification, for the same thing.
        Some(_) => (field("sensors_min"), field("sensors_max")),
        None => (field("channels.min"), field("channels.max")),
    };
    ordered(&max, min.integer(0)?, max.integer(0)?)?;
    for path in [
        "nfftSelection",
        "nfft",
        "displayInfo.height",
        "canvas_height",
        "displayTimeAxisDuration",
    ] {
        field(path).optional(|field| field.integer(1).map(drop))?;
    }
    for (min, max) in [
        ("frequencyRange.min", "frequencyRange.max"),
        ("freq_min", "freq_max"),
        ("start_time", "end_time"),
    ] {
        let (min, max) = (field(min), field(max));
        let low = min.optional(Field::number)?;
        let high = max.optional(Field::number)?;
        if let (Some(low), Some(high)) = (low, high) {
            ordered(&max, low, high)?;
        }
    }
    let (start, end) = (field("start_time"), field("end_time"));
    if start.value.is_some() != end.value.is_some() {
        let missing = if start.value.is_none() { start } else { end };
        return Err(missing.problem("a time, because the other end of the range is given (both null = live)"));
    }
    field("view_type").optional(Field::view_type)?;
    Ok(())
}

struct Field<'a> {
    path: &'static str,
    value: Option<&'a Value>,
}

impl Field<'_> {
    /// Runs `check` if the field exists.
    fn optional<T>(&self, check: impl Fn(&Self) -> Result<T, Problem>) -> Result<Option<T>, Problem> {
        self.value.map(|_| check(self)).transpose()
    }

    fn integer(&self, least: i64) -> Result<f64, Problem> {
        let number = self.value.and_then(Value::as_i64).filter(|number| *number >= least);
        number
            .map(|number| number as f64)
            .ok_or_else(|| self.problem(&format!("a whole number of {least} or more")))
    }

    fn number(&self) -> Result<f64, Problem> {
        let number = self.value.and_then(Value::as_f64).filter(|number| *number >= 0.0);
        number.ok_or_else(|| self.problem("a number of 0 or more"))
    }

    fn view_type(&self) -> Result<(), Problem> {
        let known = match self.value {
            Some(Value::String(text)) => ["0", "1", "2"].contains(&text.as_str()),
            Some(Value::Number(number)) => number.as_i64().is_some_and(|number| (0..=2).contains(&number)),
            _ => false,
        };
        if known {
            Ok(())
        } else {
            Err(self.problem("\"0\" (multi), \"1\" (single) or \"2\" (waterfall)"))
        }
    }

    fn problem(&self, expected: &str) -> Problem {
        Problem {
            field: self.path.to_owned(),
            expected: expected.to_owned(),
            got: self.value.cloned(),
        }
    }
}

fn ordered(max: &Field<'_>, low: f64, high: f64) -> Result<(), Problem> {
    if low <= high {
        Ok(())
    } else {
        Err(max.problem(&format!("at least its lower bound {low}")))
    }
}

/// The value at a dotted path; `None` when it is absent or null.
fn find<'a>(value: &'a Value, path: &str) -> Option<&'a Value> {
    path.split('.')
        .try_fold(value, |value, key| value.get(key))
        .filter(|value| !value.is_null())
}
