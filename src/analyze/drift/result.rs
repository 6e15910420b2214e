//! The result of a comparison of schemas, as plain values.

use std::collections::BTreeSet;

use serde::Serialize;

use crate::model::finding::Place;

/// Version of the JSON schema.
pub(crate) const SCHEMA: u32 = 1;

/// Largest number of findings that are listed; more are counted.
pub(super) const MAX_LISTED: usize = 1000;

/// What a change means for those who read what was recorded. Later ones are worse.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum DriftVerdict {
    /// Nothing that is compared differs.
    #[default]
    Identical,
    /// There are differences, and everything recorded is still read.
    Additive,
    /// Something recorded is not read, or read as something else.
    Breaking,
}

impl DriftVerdict {
    /// The name in JSON.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Identical => "identical",
            Self::Additive => "additive",
            Self::Breaking => "breaking",
        }
    }
}

/// Who would read what was recorded with the other schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum DriftDirection {
    /// The server reads the recorded requests.
    Requests,
    /// The client reads the recorded answers.
    Answers,
    /// Both.
    Both,
}

impl DriftDirection {
    pub(super) const fn of(requests: bool, answers: bool) -> Self {
        match (requests, answers) {
            (true, false) => Self::Requests,
            (false, true) => Self::Answers,
            _ => Self::Both,
        }
    }

    const fn has_requests(self) -> bool {
        matches!(self, Self::Requests | Self::Both)
    }

    const fn has_answers(self) -> bool {
        matches!(self, Self::Answers | Self::Both)
    }
}

/// The result of a comparison.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct SchemaDrift {
    /// Version of the JSON schema, `SCHEMA`.
    pub(crate) drift: u32,
    /// The worst of the schema, the evidence and the REST answers.
    pub(crate) verdict: DriftVerdict,
    /// What the definitions alone say, as `buf breaking` judges them.
    pub(crate) schema_verdict: DriftVerdict,
    /// Whether the server reads the recorded requests.
    pub(crate) requests: DriftVerdict,
    /// Whether a client of today reads the recorded answers.
    pub(crate) answers: DriftVerdict,
    /// Number of breaking findings.
    pub(crate) breaking: u64,
    /// Number of the other findings.
    pub(crate) additive: u64,
    pub(crate) compared: ComparedParts,
    /// Breaking ones first.
    pub(crate) findings: Vec<DriftFinding>,
    /// Number of findings that are not listed.
    pub(crate) more: u64,
    pub(crate) evidence: DriftEvidence,
    /// `None` when the capture holds no REST answer, or none is compared.
    pub(crate) rest: Option<RestDrift>,
}

/// What was compared.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub(crate) struct ComparedParts {
    /// Recorded methods that the capture's schema has.
    pub(crate) methods: Vec<String>,
    /// Recorded methods that it does not have.
    pub(crate) methods_without_schema: Vec<String>,
    /// Types that one of the schemas uses and does not define.
    pub(crate) undefined: Vec<String>,
    /// Messages that the methods need.
    pub(crate) messages: u64,
    /// Enums that they need.
    pub(crate) enums: u64,
}

/// One difference of two definitions.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct DriftFinding {
    /// Name of the rule.
    pub(crate) rule: &'static str,
    /// The smallest category of buf that has the rule; `None` when buf has none for it.
    pub(crate) category: Option<&'static str>,
    pub(crate) severity: DriftVerdict,
    /// The full name of what differs.
    pub(crate) path: String,
    pub(crate) direction: DriftDirection,
    /// The first recorded method that needs it.
    pub(crate) method: Option<String>,
    /// What the capture has; `None` when it has nothing.
    pub(crate) recorded: Option<String>,
    /// What the other schema has.
    pub(crate) live: Option<String>,
    /// The difference in words.
    pub(crate) message: String,
}

/// What becomes of the recorded messages when they are read with the other schema.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub(crate) struct DriftEvidence {
    /// Messages that were recorded of the compared methods.
    pub(crate) messages: u64,
    /// Messages that could not be read with the capture's own schema either.
    pub(crate) unreadable: u64,
    /// Messages in JSON, which are not read.
    pub(crate) json: u64,
    /// Messages that the other schema cannot read at all.
    pub(crate) refused: u64,
    /// The sums over all fields.
    pub(crate) totals: ValueCounts,
    /// Fields with a change; the worst first.
    pub(crate) fields: Vec<FieldEvidence>,
    /// Number of fields that are not listed.
    pub(crate) more: u64,
    /// True when the schemas differ in more places than are followed.
    pub(crate) is_partial: bool,
}

/// What became of values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub(crate) struct ValueCounts {
    /// Values that were recorded.
    pub(crate) values: u64,
    /// Values that are read as another value.
    pub(crate) changed: u64,
    /// Values of a field that the other schema has, and that its reader does not get.
    pub(crate) vanished: u64,
    /// Values that the other schema has no field, or no enum value, for.
    pub(crate) unknown: u64,
    /// Enum values that have another name.
    pub(crate) renamed: u64,
    /// Values that only the other schema knows.
    pub(crate) became_known: u64,
    /// Values, or absences, for which the other schema refuses the whole message.
    pub(crate) refused: u64,
}

impl ValueCounts {
    pub(super) const fn is_breaking(&self) -> bool {
        self.changed + self.vanished + self.refused > 0
    }

    pub(super) const fn is_quiet(&self) -> bool {
        !self.is_breaking() && self.unknown + self.renamed + self.became_known == 0
    }

    pub(super) const fn add(&mut self, more: &Self) {
        self.values += more.values;
        self.changed += more.changed;
        self.vanished += more.vanished;
        self.unknown += more.unknown;
        self.renamed += more.renamed;
        self.became_known += more.became_known;
        self.refused += more.refused;
    }
}

/// What became of the values of one field.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct FieldEvidence {
    /// The full name of the field; of one that only the other schema has, its name there.
    pub(crate) path: String,
    pub(crate) number: u32,
    pub(crate) direction: DriftDirection,
    #[serde(flatten)]
    pub(crate) counts: ValueCounts,
    /// The first change.
    pub(crate) first: Option<ValueChange>,
}

/// One value that changed.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct ValueChange {
    pub(crate) place: Place,
    pub(crate) method: String,
    /// The value as it was recorded.
    pub(crate) recorded: String,
    /// What the other schema makes of it.
    pub(crate) live: String,
}

/// The difference of two REST answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct RestDrift {
    pub(crate) verdict: DriftVerdict,
    /// Number of keys that were compared.
    pub(crate) keys: u64,
    pub(crate) findings: Vec<DriftFinding>,
}

/// What the rules found.
#[derive(Debug, Default)]
pub(super) struct Judged {
    pub(super) findings: Vec<DriftFinding>,
    /// Types that one of the schemas uses and does not define.
    pub(super) undefined: BTreeSet<String>,
    /// Breaking findings beyond those.
    pub(super) more_breaking: u64,
    /// Other findings beyond those.
    pub(super) more_additive: u64,
}

impl SchemaDrift {
    pub(super) fn new(compared: ComparedParts, judged: Judged, evidence: DriftEvidence) -> Self {
        let mut findings = judged.findings;
        findings.sort_by(|one, other| {
            let key = |finding: &DriftFinding| (std::cmp::Reverse(finding.severity), finding.path.clone());
            key(one)
                .cmp(&key(other))
                .then(one.rule.cmp(other.rule))
                .then_with(|| one.message.cmp(&other.message))
        });
        let worst = |has: fn(DriftDirection) -> bool| {
            let of = findings.iter().filter(|finding| has(finding.direction));
            let of_values = evidence.fields.iter().filter(|field| has(field.direction));
            let by_values = of_values.map(|field| match field.counts {
                counts if counts.is_breaking() => DriftVerdict::Breaking,
                counts if counts.is_quiet() => DriftVerdict::Identical,
                _ => DriftVerdict::Additive,
            });
            let by_rules = of.map(|finding| finding.severity);
            by_rules.chain(by_values).max().unwrap_or_default()
        };
        let (requests, answers) = (worst(DriftDirection::has_requests), worst(DriftDirection::has_answers));
        let schema_verdict = findings
            .iter()
            .map(|finding| finding.severity)
            .max()
            .unwrap_or_default();
        let breaking = findings
            .iter()
            .filter(|finding| finding.severity == DriftVerdict::Breaking)
            .count() as u64;
        let additive = findings.len() as u64 - breaking + judged.more_additive;
        let breaking = breaking + judged.more_breaking;
        let more = (breaking + additive).saturating_sub(MAX_LISTED as u64);
        findings.truncate(MAX_LISTED);
        Self {
            drift: SCHEMA,
            verdict: schema_verdict.max(requests).max(answers),
            schema_verdict,
            requests,
            answers,
            breaking,
            additive,
            compared,
            findings,
            more,
            evidence,
            rest: None,
        }
    }

    /// True when something was not compared.
    pub(crate) fn is_incomplete(&self) -> bool {
        let compared = &self.compared;
        !compared.undefined.is_empty() || !compared.methods_without_schema.is_empty() || self.evidence.is_partial
    }

    /// Adds the comparison of the REST answers.
    pub(crate) fn set_rest(&mut self, rest: RestDrift) {
        self.verdict = self.verdict.max(rest.verdict);
        self.rest = Some(rest);
    }
}
