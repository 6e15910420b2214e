//! The log of findings: repeats of a finding are merged as they come, so that the log stays small.

use std::{collections::BTreeMap, fmt, sync::Arc};

use super::rule::Rule;
use crate::das::expect::Level;
use crate::{
    das::spectrogram::UnknownField,
    model::finding::{Finding, Place, Severity},
    model::text::grouped,
};

/// Largest number of sensors that a finding counts separately; the others are only in its total. A fibre with more bad
/// sensors than that is bad all over.
const MAX_SENSORS: usize = 4096;

/// Largest number of kinds that a finding counts separately. A schema that drifts in more fields is another schema.
const MAX_KINDS: usize = 64;

/// Largest number of sensors or kinds in a message.
const NAMED: usize = 8;

/// The findings so far.
#[derive(Debug, Default)]
pub(super) struct FindingLog {
    levels: BTreeMap<&'static str, Level>,
    entries: BTreeMap<(&'static str, Severity), Entry>,
    errors: u64,
    latest_error: Option<(&'static str, Place)>,
}

#[derive(Debug)]
struct Entry {
    rule: &'static Rule,
    count: u64,
    first: Place,
    last: Place,
    weight: f64,
    text: Text,
    sensors: BTreeMap<i32, u64>,
    kinds: BTreeMap<Kind, u64>,
}

/// Distinguishes repeats of a finding.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    /// By a word.
    Word(&'static str),
    /// By a name from the capture, which the message of a single breach has already.
    Named(Arc<str>),
    /// By a field that the schema does not know.
    Field(UnknownField),
}

/// One breach of a rule.
#[derive(Debug, Clone)]
pub(super) struct Note {
    rule: &'static Rule,
    place: Place,
    count: u64,
    weight: f64,
    severity: Option<Severity>,
    kind: Option<Kind>,
}

impl Note {
    pub(super) const fn new(rule: &'static Rule, place: Place) -> Self {
        Self {
            rule,
            place,
            count: 1,
            weight: 0.0,
            severity: None,
            kind: None,
        }
    }

    /// Counts the breach this many times.
    pub(super) const fn times(mut self, count: u64) -> Self {
        self.count = count;
        self
    }

    /// Sets how bad the breach is; the finding's message describes the worst breach, the first of equals.
    pub(super) const fn weight(mut self, weight: f64) -> Self {
        self.weight = weight;
        self
    }

    /// Chooses one of the two severities of the rule; the guide's table of rules tells both.
    pub(super) fn severity(mut self, severity: Severity) -> Self {
        debug_assert!(self.rule.allows(severity), "{} is never {severity}", self.rule.id);
        self.severity = Some(severity);
        self
    }

    pub(super) fn kind(mut self, kind: Kind) -> Self {
        self.kind = Some(kind);
        self
    }
}

/// Message and hint of a breach.
#[derive(Debug, Clone, Default)]
pub(super) struct Text {
    message: String,
    seen: Option<String>,
    expected: Option<String>,
    hint: Option<&'static str>,
}

impl Text {
    pub(super) fn new(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            ..Self::default()
        }
    }

    pub(super) fn seen(mut self, seen: impl fmt::Display) -> Self {
        self.seen = Some(format!("{seen}"));
        self
    }

    /// Sets a hint for this very case, where the rule's own hint does not help.
    pub(super) const fn hint(mut self, hint: &'static str) -> Self {
        self.hint = Some(hint);
        self
    }

    pub(super) fn expected(mut self, expected: impl fmt::Display) -> Self {
        self.expected = Some(format!("{expected}"));
        self
    }
}

impl FindingLog {
    pub(super) fn new(levels: BTreeMap<&'static str, Level>) -> Self {
        Self {
            levels,
            ..Self::default()
        }
    }

    /// The severity that applies to a breach of a rule; `None` when the rule is off.
    pub(super) fn severity(&self, rule: &Rule, severity: Option<Severity>) -> Option<Severity> {
        match self.levels.get(rule.id) {
            Some(level) => level.severity(),
            None => Some(severity.unwrap_or(rule.severity)),
        }
    }

    /// Adds a breach to the log; `text` is asked only when it will be told.
    pub(super) fn note(&mut self, note: Note, text: impl FnOnce() -> Text) {
        let Some(severity) = self.severity(note.rule, note.severity) else {
            return;
        };
        let entry = match self.entries.entry((note.rule.id, severity)) {
            std::collections::btree_map::Entry::Vacant(vacant) => vacant.insert(Entry {
                rule: note.rule,
                count: 0,
                first: note.place,
                last: note.place,
                weight: note.weight,
                text: text(),
                sensors: BTreeMap::new(),
                kinds: BTreeMap::new(),
            }),
            std::collections::btree_map::Entry::Occupied(occupied) => {
                let entry = occupied.into_mut();
                if note.weight > entry.weight {
                    entry.weight = note.weight;
                    entry.text = text();
                }
                entry
            }
        };
        entry.count += note.count;
        entry.last = note.place;
        if severity == Severity::Error {
            self.errors += note.count;
            self.latest_error = Some((note.rule.id, note.place));
        }
        if let Some(sensor) = note.place.sensor {
            add(&mut entry.sensors, sensor, note.count, MAX_SENSORS);
        }
        if let Some(kind) = note.kind {
            add(&mut entry.kinds, kind, note.count, MAX_KINDS);
        }
    }

    /// Number of errors so far, with rule and place of the latest.
    pub(super) fn latest_error(&self) -> Option<(u64, &'static str, Place)> {
        let (rule, place) = self.latest_error?;
        Some((self.errors, rule, place))
    }

    /// Returns the findings, worst first: by severity, then what made the others happen ([`RulePhase`]), then by count,
    /// then by where they begin.
    pub(super) fn finish(self) -> Vec<Finding> {
        let entries = self.entries.into_iter();
        let mut findings: Vec<_> = entries
            .map(|((_, severity), entry)| (entry.rule.phase, entry.finding(severity)))
            .collect();
        findings.sort_by_key(|(phase, finding)| {
            let begins = (finding.first.offset_ns, finding.first.call, finding.first.message);
            (
                std::cmp::Reverse(finding.severity),
                *phase,
                std::cmp::Reverse(finding.count),
                begins,
            )
        });
        findings.into_iter().map(|(_, finding)| finding).collect()
    }
}

fn add<K: Ord>(counts: &mut BTreeMap<K, u64>, key: K, count: u64, limit: usize) {
    if let Some(known) = counts.get_mut(&key) {
        *known += count;
    } else if counts.len() < limit {
        counts.insert(key, count);
    }
}

impl Entry {
    fn finding(self, severity: Severity) -> Finding {
        let message = self.message();
        Finding {
            rule: self.rule.id,
            severity,
            count: self.count,
            first: self.first,
            last: self.last,
            message,
            seen: self.text.seen,
            expected: self.text.expected,
            hint: self.text.hint.unwrap_or(self.rule.hint).to_owned(),
        }
    }

    fn message(&self) -> String {
        let mut message = self.text.message.clone();
        if self.count > 1 {
            message += &format!("; {} {} in all", grouped(self.count), self.rule.unit);
        }
        let is_told = self.count == 1 && self.kinds.keys().all(|kind| matches!(kind, Kind::Named(_)));
        if !self.kinds.is_empty() && !is_told {
            let kinds = self.kinds.iter().map(|(kind, count)| (kind.text(), *count));
            message += &format!(": {}", named(kinds));
        }
        if self.sensors.len() > 1 {
            let sensors = self.sensors.iter().map(|(id, count)| (id.to_string(), *count));
            message += &format!(", sensors {}", named(sensors));
        }
        message
    }
}

impl Kind {
    fn text(&self) -> String {
        match self {
            Self::Word(word) => (*word).to_owned(),
            Self::Named(name) => name.to_string(),
            Self::Field(UnknownField {
                message,
                number,
                wire_type,
            }) => format!("{message} field {number} (wire type {wire_type})"),
        }
    }
}

/// `a (12), b (7) and 3 more`.
fn named(counts: impl Iterator<Item = (String, u64)>) -> String {
    let mut counts = counts.fuse();
    let first: Vec<_> = counts
        .by_ref()
        .take(NAMED)
        .map(|(name, count)| format!("{name} ({})", grouped(count)))
        .collect();
    match counts.count() {
        0 => first.join(", "),
        more => format!("{} and {more} more", first.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analyze::validate::rules::values::{INFINITY, NAN};

    fn noted(log: &mut FindingLog, row: u64, weight: f64) {
        let note = Note::new(&NAN, Place::call(1, row).at_row(row).at_sensor((row % 2) as i32));
        log.note(note.weight(weight), || Text::new(format!("row {row}")));
    }

    #[test]
    fn repeats_are_folded_into_first_last_count_and_the_worst_example() {
        let mut log = FindingLog::default();
        noted(&mut log, 3, 1.0);
        noted(&mut log, 4, 5.0);
        noted(&mut log, 9, 2.0);
        let findings = log.finish();
        let [finding] = findings.as_slice() else {
            panic!("one finding: {findings:?}")
        };
        assert_eq!(
            (finding.count, finding.first.row, finding.last.row),
            (3, Some(3), Some(9))
        );
        assert_eq!(finding.message, "row 4; 3 values in all, sensors 0 (1), 1 (2)");
    }

    #[test]
    fn the_worst_stands_first_and_a_rule_that_is_off_is_silent() {
        let mut log = FindingLog::new(BTreeMap::from([("stall", Level::Off)]));
        let place = Place::call(1, 0);
        log.note(Note::new(&INFINITY, place).times(90), || Text::new("inf"));
        log.note(Note::new(&super::super::rules::delivery::STALL, place), || {
            Text::new("no")
        });
        log.note(Note::new(&NAN, place), || Text::new("nan"));
        let rules: Vec<_> = log.finish().iter().map(|finding| finding.rule).collect();
        assert_eq!(rules, ["nan", "infinity"]);
    }
}
