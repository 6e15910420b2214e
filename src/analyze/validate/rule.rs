//! What a rule is, and the list of them all.

use serde::Serialize;

use crate::model::finding::Severity;

/// One invariant of a spectrogram stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Rule {
    /// Its name in findings, expectation files and reports, kebab-case.
    pub id: &'static str,
    /// How bad a breach is, unless [`Self::otherwise`] or an expectation file says something else.
    pub severity: Severity,
    /// How bad a breach is on another occasion, and on which.
    pub otherwise: Option<(Severity, &'static str)>,
    /// When in the life of a job its breaches arise.
    #[serde(skip)]
    pub(crate) phase: RulePhase,
    /// What must hold, in a few words.
    pub title: &'static str,
    /// What is counted, in the plural.
    pub unit: &'static str,
    /// What is judged, when, and what is not.
    pub doc: &'static str,
    /// What to do about a breach.
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

    /// True when a breach can have this severity without anybody asking for it.
    pub(super) fn allows(&self, severity: Severity) -> bool {
        self.severity == severity || self.otherwise.is_some_and(|(other, _)| other == severity)
    }
}

/// How early in the life of a job a rule's breaches arise: what arises earlier makes the others happen, and stands first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum RulePhase {
    /// What lies behind it is not known.
    Damage,
    /// There was no job, or it could not be reached.
    Beginning,
    /// The job itself was not well.
    Health,
    /// The stream was ended.
    Ending,
    /// Messages, or whole streams, were lost on the way.
    Loss,
    /// Nothing came, or nothing more.
    Silence,
    /// Something else came than was asked for, or what cannot be read.
    Identity,
    /// What came is wrong.
    Content,
    /// The sum of it is too little.
    Sum,
    /// The recording ends there.
    Cut,
}
