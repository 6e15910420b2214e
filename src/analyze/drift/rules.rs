//! The rules by which two definitions are compared: those of `buf breaking`, with its names.
//!
//! Rules of buf's category WIRE are breaking; so is a recorded method that is gone. The others say what else differs.

mod enums;
mod fields;
mod messages;
mod methods;
mod ranges;

use std::collections::{BTreeMap, BTreeSet};

use super::{
    closure::{Closure, Need},
    result::{DriftDirection, DriftFinding, DriftVerdict, Judged},
    schema::SchemaTypes,
};

/// A rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Rule {
    name: &'static str,
    category: Option<&'static str>,
    severity: DriftVerdict,
}

const fn wire(name: &'static str) -> Rule {
    Rule {
        name,
        category: Some("WIRE"),
        severity: DriftVerdict::Breaking,
    }
}

/// A rule of another category of buf, whose findings change nothing about what is read.
const fn other(name: &'static str, category: &'static str) -> Rule {
    Rule {
        name,
        category: Some(category),
        severity: DriftVerdict::Additive,
    }
}

/// A rule that buf does not have, since it never judges additions.
const fn own(name: &'static str) -> Rule {
    Rule {
        name,
        category: None,
        severity: DriftVerdict::Additive,
    }
}

/// A rule of another category of buf, which is breaking for what was recorded.
const fn gone(name: &'static str) -> Rule {
    Rule {
        name,
        category: Some("FILE"),
        severity: DriftVerdict::Breaking,
    }
}

pub(super) const FILE_SAME_PACKAGE: Rule = wire("FILE_SAME_PACKAGE");
pub(super) const MESSAGE_NO_DELETE: Rule = gone("MESSAGE_NO_DELETE");

/// Largest number of findings that are kept, so that two huge schemas fit the memory; further ones are counted.
const MAX_KEPT: usize = 20_000;
/// Largest number of these that are not breaking.
const MAX_ADDITIVE: usize = 10_000;
/// Largest number of undefined types that are named.
const MAX_UNDEFINED: usize = 100;

/// The findings, with the two schemas.
pub(super) struct Judge<'a> {
    pub(super) recorded: &'a SchemaTypes,
    pub(super) live: &'a SchemaTypes,
    findings: Vec<DriftFinding>,
    /// Types that one of the schemas uses and does not define.
    undefined: BTreeSet<String>,
    /// Findings that are not kept: breaking ones, and others.
    not_kept: [u64; 2],
    /// Pairs of enums of which the second has all values of the first.
    wider: BTreeMap<(String, String), bool>,
}

/// What a finding is about.
pub(super) struct Subject<'n> {
    pub(super) path: String,
    pub(super) need: &'n Need,
}

/// The two sides of a difference; `None` where there is nothing.
pub(super) type Sides = (Option<String>, Option<String>);

/// Two sides that have something.
pub(super) fn both(recorded: impl Into<String>, live: impl Into<String>) -> Sides {
    (Some(recorded.into()), Some(live.into()))
}

impl Judge<'_> {
    /// Notes a type that is not defined.
    pub(super) fn note_undefined(&mut self, name: &str) {
        if self.undefined.len() < MAX_UNDEFINED {
            self.undefined.insert(name.to_owned());
        }
    }

    pub(super) fn add(&mut self, rule: Rule, subject: &Subject<'_>, sides: Sides, message: impl Into<String>) {
        let need = subject.need;
        self.push(
            rule,
            &subject.path,
            need.direction(),
            Some(&need.method),
            sides,
            message,
        );
    }

    pub(super) fn push(
        &mut self,
        rule: Rule,
        path: &str,
        direction: DriftDirection,
        method: Option<&str>,
        (recorded, live): Sides,
        message: impl Into<String>,
    ) {
        let is_breaking = rule.severity == DriftVerdict::Breaking;
        let most = if is_breaking { MAX_KEPT } else { MAX_ADDITIVE };
        if self.findings.len() >= most {
            self.not_kept[usize::from(!is_breaking)] += 1;
            return;
        }
        self.findings.push(DriftFinding {
            rule: rule.name,
            category: rule.category,
            severity: rule.severity,
            path: path.to_owned(),
            direction,
            method: method.map(str::to_owned),
            recorded,
            live,
            message: message.into(),
        });
    }
}

/// Compares what recorded methods need with the same of another schema.
pub(super) fn compare(
    recorded: &SchemaTypes,
    live: &SchemaTypes,
    methods: &BTreeSet<String>,
    closure: &Closure,
    in_any: &BTreeMap<String, Need>,
) -> Judged {
    let mut judge = Judge {
        recorded,
        live,
        findings: Vec::new(),
        undefined: BTreeSet::new(),
        not_kept: [0; 2],
        wider: BTreeMap::new(),
    };
    for path in methods {
        judge.method(path);
    }
    for file in &closure.files {
        if let (Some(was), Some(is)) = (recorded.packages.get(file), live.packages.get(file))
            && was != is
        {
            let text = format!("its package was `{was}` and is `{is}`");
            judge.push(FILE_SAME_PACKAGE, file, DriftDirection::Both, None, both(was, is), text);
        }
    }
    for (name, need) in &closure.messages {
        judge.message(name, need);
    }
    for (name, need) in &closure.enums {
        judge.enumeration(name, need);
    }
    for (name, need) in in_any.iter().filter(|(name, _)| !live.messages.contains_key(*name)) {
        judge.gone_message(name, need);
    }
    let [more_breaking, more_additive] = judge.not_kept;
    Judged {
        findings: judge.findings,
        undefined: judge.undefined,
        more_breaking,
        more_additive,
    }
}
