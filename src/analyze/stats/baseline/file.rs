//! The reader of baseline files.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::{
    methods::MethodBaseline,
    metrics::METRICS,
    values::{Baseline, VERSION},
};
use crate::analyze::stats::TimingSource;

/// A baseline file that cannot be used; every error names the key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BaselineError {
    /// The text is not a JSON object.
    #[error("could not read the baseline: {problem}")]
    Syntax {
        /// The problem, with its line where the parser gives it.
        problem: String,
    },
    /// The file has another version.
    #[error("could not read the baseline: `baseline` is {found}, this build reads {VERSION}; save it again")]
    Version {
        /// The version in the file.
        found: String,
    },
    /// A key is missing.
    #[error("could not read the baseline: key `{key}` is missing; save it again, or write null for what is not judged")]
    Missing {
        /// The missing key.
        key: &'static str,
    },
    /// A key that no baseline has.
    #[error("could not read the baseline: key `{key}` is unknown; known are {known}")]
    Unknown {
        /// The unknown key.
        key: String,
        /// The keys of a baseline.
        known: String,
    },
    /// A key has an invalid value.
    #[error("could not read the baseline: `{key}` must be {expected}, not {found}")]
    Value {
        /// The key with the invalid value.
        key: &'static str,
        /// The expected kind of value.
        expected: &'static str,
        /// The value in the file.
        found: String,
    },
}

/// Keys that files of earlier builds do not have.
const LATER: [&str; 4] = ["inter_arrival_max_ns", "captures", "spread", "methods"];

pub(super) fn parse(text: &str) -> Result<Baseline, BaselineError> {
    let syntax = |problem: String| BaselineError::Syntax { problem };
    let Value::Object(file) = serde_json::from_str(text).map_err(|error| syntax(error.to_string()))? else {
        return Err(syntax("it is no JSON object".to_owned()));
    };
    match file.get("baseline") {
        None => return Err(BaselineError::Missing { key: "baseline" }),
        Some(version) if version.as_u64() == Some(VERSION.into()) => {}
        Some(version) => {
            return Err(BaselineError::Version {
                found: version.to_string(),
            });
        }
    }
    let keys = || {
        ["baseline", "timing"]
            .into_iter()
            .chain(METRICS.iter().map(|metric| metric.key))
            .chain(LATER)
    };
    if let Some(key) = file.keys().find(|key| !keys().any(|known| known == key.as_str())) {
        return Err(BaselineError::Unknown {
            key: key.clone(),
            known: keys().collect::<Vec<_>>().join(", "),
        });
    }
    Ok(Baseline {
        baseline: VERSION,
        timing: timing(&file)?,
        frames: number(&file, "frames")?,
        rows: number(&file, "rows")?,
        frames_per_s: number(&file, "frames_per_s")?,
        rows_per_s: number(&file, "rows_per_s")?,
        megabytes_per_s: number(&file, "megabytes_per_s")?,
        first_frame_ns: number(&file, "first_frame_ns")?,
        inter_arrival_p50_ns: number(&file, "inter_arrival_p50_ns")?,
        inter_arrival_p95_ns: number(&file, "inter_arrival_p95_ns")?,
        inter_arrival_p99_ns: number(&file, "inter_arrival_p99_ns")?,
        inter_arrival_max_ns: match file.get("inter_arrival_max_ns") {
            None => None,
            Some(_) => number(&file, "inter_arrival_max_ns")?,
        },
        captures: captures(&file)?,
        spread: spread(&file)?,
        methods: methods(&file)?,
    })
}

fn captures(file: &Map<String, Value>) -> Result<u32, BaselineError> {
    let Some(value) = file.get("captures") else {
        return Ok(1);
    };
    let captures = value.as_u64().and_then(|captures| u32::try_from(captures).ok());
    captures
        .filter(|captures| *captures > 0)
        .ok_or_else(|| BaselineError::Value {
            key: "captures",
            expected: "a number of captures",
            found: value.to_string(),
        })
}

fn spread(file: &Map<String, Value>) -> Result<BTreeMap<&'static str, f64>, BaselineError> {
    let key = "spread";
    let Some(value) = file.get(key) else {
        return Ok(BTreeMap::new());
    };
    let wrong = |found: &Value| BaselineError::Value {
        key,
        expected: "an object of metrics, each a number that is not negative",
        found: found.to_string(),
    };
    let object = value.as_object().ok_or_else(|| wrong(value))?;
    let entry = |(name, value): (&String, &Value)| {
        let metric = METRICS.iter().find(|metric| metric.key == name);
        let number = value.as_f64().filter(|number| *number >= 0.0 && number.is_finite());
        match (metric, number) {
            (Some(metric), Some(number)) => Ok((metric.key, number)),
            _ => Err(wrong(&Value::from(format!("{name}: {value}")))),
        }
    };
    object.iter().map(entry).collect()
}

fn methods(file: &Map<String, Value>) -> Result<BTreeMap<String, MethodBaseline>, BaselineError> {
    let key = "methods";
    let Some(value) = file.get(key) else {
        return Ok(BTreeMap::new());
    };
    let wrong = |found: String| BaselineError::Value {
        key,
        expected: "an object of methods, each with its latencies",
        found,
    };
    let methods: BTreeMap<String, MethodBaseline> =
        serde_json::from_value(value.clone()).map_err(|error| wrong(error.to_string()))?;
    match methods.iter().find(|(_, method)| !method.is_valid()) {
        Some((name, _)) => Err(wrong(format!("a negative number at {name}"))),
        None => Ok(methods),
    }
}

fn timing(file: &Map<String, Value>) -> Result<TimingSource, BaselineError> {
    let key = "timing";
    let value = file.get(key).ok_or(BaselineError::Missing { key })?;
    match value.as_str() {
        Some("delivery") => Ok(TimingSource::Delivery),
        Some("rows") => Ok(TimingSource::Rows),
        _ => Err(BaselineError::Value {
            key,
            expected: "`delivery` or `rows`",
            found: value.to_string(),
        }),
    }
}

fn number(file: &Map<String, Value>, key: &'static str) -> Result<Option<f64>, BaselineError> {
    match file.get(key) {
        None => Err(BaselineError::Missing { key }),
        Some(Value::Null) => Ok(None),
        Some(value) => match value.as_f64().filter(|number| *number >= 0.0 && number.is_finite()) {
            Some(number) => Ok(Some(number)),
            None => Err(BaselineError::Value {
                key,
                expected: "a number that is not negative, or null",
                found: value.to_string(),
            }),
        },
    }
}
