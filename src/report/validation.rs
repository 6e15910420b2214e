//! The report of a validation: the schema of `capture validate --format json`.

use serde::Serialize;

use super::junit::{Case, Suite};
use crate::{
    analyze::validate::{ExpectedItem, ReadTo, Validation},
    model::{
        finding::{Finding, Severity, Verdict},
        text::counted,
    },
};

/// Version of the JSON schema.
pub(crate) const SCHEMA: u32 = 1;

/// The result of a validation of one capture. Its JSON form is one object; keys may be added within a version.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// Version of the JSON schema, [`SCHEMA`].
    pub validation: u32,
    /// The capture.
    pub capture: String,
    /// Verdict on the capture.
    pub verdict: Verdict,
    /// Findings of this severity and above fail the validation: `error`, or `warning` when strict.
    pub fails_from: Severity,
    /// Number of findings that are errors.
    pub errors: usize,
    /// Number of findings that are warnings.
    pub warnings: usize,
    /// Number of validated frames.
    pub frames: u64,
    /// Number of their rows.
    pub rows: u64,
    /// Number of calls with a spectrogram stream.
    pub calls: u64,
    /// Number of calls of other methods.
    pub(crate) other_calls: u64,
    /// Number of messages that these received.
    pub(crate) other_messages: u64,
    /// True when the capture is about a service without spectrograms.
    #[serde(skip)]
    pub(crate) is_service: bool,
    /// True when the capture ends with its summary.
    pub finished: bool,
    /// True when the capture was still being recorded during the validation, so that the verdict is preliminary.
    pub recording: bool,
    /// Why the capture could not be read to its end.
    pub damage: Option<String>,
    /// The expectations with their sources.
    pub expectations: Vec<ExpectedItem>,
    /// The findings, worst first.
    pub findings: Vec<Finding>,
}

impl Report {
    /// Makes the report of a validation of a capture, which could be read up to `read_to`; findings of `fails_from` and
    /// above fail it.
    #[must_use]
    pub fn new(capture: String, validation: Validation, fails_from: Severity, read_to: &ReadTo) -> Self {
        let mut findings = validation.findings;
        // Stable: within a severity the validator's own order stays.
        findings.sort_by_key(|finding| std::cmp::Reverse(finding.severity));
        let of = |severity| findings.iter().filter(|finding| finding.severity == severity).count();
        let fails = findings.iter().any(|finding| finding.severity >= fails_from);
        Self {
            validation: SCHEMA,
            capture,
            verdict: if fails { Verdict::Fail } else { Verdict::Pass },
            fails_from,
            errors: of(Severity::Error),
            warnings: of(Severity::Warning),
            frames: validation.frames,
            rows: validation.rows,
            calls: validation.calls.into(),
            other_calls: validation.other_calls.into(),
            other_messages: validation.other_messages,
            is_service: validation.is_service,
            finished: *read_to == ReadTo::End,
            recording: *read_to == ReadTo::Growing,
            damage: match read_to {
                ReadTo::Damage(what) => Some(what.clone()),
                _ => None,
            },
            expectations: validation.expected,
            findings,
        }
    }

    /// What was judged: frames and rows, or calls and messages of a service without spectrograms.
    pub(crate) fn judged(&self) -> String {
        if self.is_service {
            let (calls, messages) = (self.other_calls, self.other_messages);
            return format!("{}, {}", counted(calls, "call"), counted(messages, "message"));
        }
        format!("{}, {}", counted(self.frames, "frame"), counted(self.rows, "row"))
    }

    /// True when the verdict is a failure.
    #[must_use]
    pub fn fails(&self) -> bool {
        self.verdict == Verdict::Fail
    }

    /// The report as a JUnit suite, with one case for each of `rules`.
    #[must_use]
    pub fn suite<'a>(&'a self, rules: &[&'a str]) -> Suite<'a> {
        let found = |rule| self.findings.iter().find(|finding| finding.rule == rule);
        let cases = rules.iter().map(|rule| Case {
            rule,
            finding: found(*rule),
        });
        Suite {
            name: &self.capture,
            cases: cases.collect(),
            fails_from: self.fails_from,
        }
    }
}
