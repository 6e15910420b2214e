//! Definition of a rule.

use serde::Serialize;

use crate::model::finding::Severity;

/// One invariant of a capture, of its calls or of their streams.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Rule {
    /// Name in findings, expectation files and reports, kebab-case.
    pub id: &'static str,
    /// Severity of a breach, unless [`Self::otherwise`] or an expectation file sets another one.
    pub severity: Severity,
    /// A second severity, and the occasion on which it applies.
    pub otherwise: Option<(Severity, &'static str)>,
    /// Phase of a job in which breaches arise.
    #[serde(skip)]
    pub(crate) phase: RulePhase,
    /// The invariant in a few words.
    pub title: &'static str,
    /// Unit of the count, in the plural.
    pub unit: &'static str,
    /// The description: what is judged, when, and what is not.
    pub doc: &'static str,
    /// The advice after a breach.
    pub hint: &'static str,
}

impl Rule {
    /// The severity in words, with the occasion on which it is another one: `error; warning when lines_dt is only inferred`.
    #[must_use]
    pub fn severity_text(&self) -> String {
        match self.otherwise {
            Some((severity, when)) => format!("{}; {severity} when {when}", self.severity),
            None => self.severity.to_string(),
        }
    }

    /// True when a breach can have this severity without a configured level.
    pub(super) fn allows(&self, severity: Severity) -> bool {
        self.severity == severity || self.otherwise.is_some_and(|(other, _)| other == severity)
    }
}

/// How early in the life of a job or a call the breaches of a rule arise: what arises earlier makes the others happen, and stands
/// first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum RulePhase {
    /// The capture is damaged and the rest is unknown.
    Damage,
    /// There was no job or no server, or it could not be reached.
    Beginning,
    /// The job or the server was not healthy.
    Health,
    /// The stream was ended.
    Ending,
    /// Messages, or whole streams, were lost on the way.
    Loss,
    /// No message came, or no further one.
    Silence,
    /// The content differs from the request, or cannot be read.
    Identity,
    /// The content is wrong.
    Content,
    /// The total is too small.
    Sum,
    /// The recording ends there.
    Cut,
}
