//! What the validator says: findings, and the verdict they lead to.

use serde::Serialize;

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Worth knowing.
    Info,
    /// Suspicious; fails only a strict validation.
    Warning,
    /// Wrong; fails every validation.
    Error,
}

/// Where something was noticed. Unset parts do not apply.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct Place {
    /// The call, counted from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub call: Option<u32>,
    /// Received message of the call, counted from 0.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<u64>,
    /// Row of the call, counted from 0.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub row: Option<u64>,
    /// Sensor id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sensor: Option<i32>,
    /// Frequency bin, counted from 0.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bin: Option<u64>,
    /// Nanoseconds since the capture began.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub offset_ns: Option<u64>,
    /// Byte within the message.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub byte: Option<u64>,
}

/// One thing the validator noticed; repeats are folded into one finding with a count.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Finding {
    /// Identifier of the rule, kebab-case (`zero-frames`).
    pub rule: &'static str,
    /// How bad it is.
    pub severity: Severity,
    /// How often it was noticed.
    pub count: u64,
    /// Where it was noticed first.
    pub first: Place,
    /// Where it was noticed last.
    pub last: Place,
    /// What was seen, and what was expected.
    pub message: String,
    /// What to do about it.
    pub hint: String,
}

/// The outcome of a validation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Nothing that fails it was found.
    Pass,
    /// At least one finding fails it.
    Fail,
}
