//! A comparison of schemas as text.

use crate::{
    analyze::drift::{DriftDirection, DriftFinding, DriftVerdict, FieldEvidence, SchemaDrift, ValueCounts},
    model::text::{counted, grouped, printable},
};

/// Findings, and fields with changed values, that are listed in each part.
const MAX_LISTED: usize = 50;
/// Longest line for the names of methods, in characters.
const MAX_LINE: usize = 78;

/// Renders the comparison as `capture drift` prints it. `fails` is the verdict that the first line tells.
#[must_use]
pub(crate) fn render(drift: &SchemaDrift, capture: &str, against: &str, fails: bool) -> String {
    let word = if fails { "FAIL" } else { "PASS" };
    let verdict = drift.verdict.name().to_uppercase();
    let mut text = format!(
        "{word}  {verdict}  {} against {}\n",
        printable(capture),
        printable(against)
    );
    let reads = |verdict: DriftVerdict| match verdict {
        DriftVerdict::Identical => "yes, nothing differs",
        DriftVerdict::Additive => "yes, with differences",
        DriftVerdict::Breaking => "no, or not as the same",
    };
    text.push_str(&format!(
        "  the server reads the recorded requests: {}\n",
        reads(drift.requests)
    ));
    text.push_str(&format!(
        "  a client of today reads the recorded answers: {}\n",
        reads(drift.answers)
    ));
    let compared = &drift.compared;
    text.push_str(&format!(
        "  compared: {}, {}, {}\n",
        counted(compared.methods.len() as u64, "method"),
        counted(compared.messages, "message type"),
        counted(compared.enums, "enum")
    ));
    names(
        &mut text,
        "not compared, for the capture has no schema of",
        &compared.methods_without_schema,
    );
    names(
        &mut text,
        "not compared, for a schema does not define it",
        &compared.undefined,
    );
    findings(
        &mut text,
        "breaking",
        &drift.findings,
        DriftVerdict::Breaking,
        drift.breaking,
    );
    findings(
        &mut text,
        "other differences",
        &drift.findings,
        DriftVerdict::Additive,
        drift.additive,
    );
    values(&mut text, drift);
    if let Some(rest) = &drift.rest {
        text.push_str(&format!(
            "\nthe REST answer to the configuration: {}, {}\n",
            rest.verdict.name(),
            counted(rest.keys, "key")
        ));
        for finding in rest.findings.iter().take(MAX_LISTED) {
            text.push_str(&format!("  {}\n    {}\n", printable(&finding.message), finding.rule));
        }
        more(&mut text, rest.findings.len().saturating_sub(MAX_LISTED) as u64);
    }
    text
}

fn names(text: &mut String, what: &str, names: &[String]) {
    if names.is_empty() {
        return;
    }
    text.push_str(&format!("  {what}:\n"));
    for name in names.iter().take(MAX_LISTED) {
        text.push_str(&format!("    {}\n", printable(name)));
    }
    more(text, names.len().saturating_sub(MAX_LISTED) as u64);
}

fn more(text: &mut String, more: u64) {
    if more > 0 {
        text.push_str(&format!("  … and {} more\n", grouped(more)));
    }
}

fn findings(text: &mut String, title: &str, findings: &[DriftFinding], severity: DriftVerdict, count: u64) {
    if count == 0 {
        return;
    }
    text.push_str(&format!("\n{title}: {}\n", grouped(count)));
    let listed = findings
        .iter()
        .filter(|finding| finding.severity == severity)
        .take(MAX_LISTED);
    let mut shown = 0;
    for finding in listed {
        shown += 1;
        text.push_str(&format!("  {}\n", printable(&finding.path)));
        text.push_str(&format!("    {}\n", printable(&finding.message)));
        text.push_str(&format!("    {}{}\n", finding.rule, reached(finding)));
    }
    more(text, count.saturating_sub(shown));
}

/// Who reaches what a finding is about.
fn reached(finding: &DriftFinding) -> String {
    let Some(method) = finding.method.as_deref().filter(|method| *method != finding.path) else {
        return String::new();
    };
    let of = format!(" ({} {})", noun(finding.direction), printable(method));
    if finding.rule.len() + of.chars().count() + 4 > MAX_LINE {
        format!("\n   {of}")
    } else {
        of
    }
}

const fn noun(direction: DriftDirection) -> &'static str {
    match direction {
        DriftDirection::Requests => "requests of",
        DriftDirection::Answers => "answers of",
        DriftDirection::Both => "requests and answers, first of",
    }
}

fn values(text: &mut String, drift: &SchemaDrift) {
    let evidence = &drift.evidence;
    text.push_str(&format!(
        "\nthe recorded messages: {} read with both schemas\n",
        counted(evidence.messages, "message")
    ));
    if evidence.unreadable > 0 {
        text.push_str(&format!(
            "  {} could not be read with the recorded schema either\n",
            counted(evidence.unreadable, "message")
        ));
    }
    if evidence.json > 0 {
        text.push_str(&format!(
            "  not read: {} in JSON, where names count (rules of category WIRE_JSON)\n",
            counted(evidence.json, "message")
        ));
    }
    if evidence.refused > 0 {
        text.push_str(&format!(
            "  {} refused as a whole\n",
            counted(evidence.refused, "message")
        ));
    }
    if evidence.is_partial {
        text.push_str("  the schemas differ in more places than are followed: the counts are incomplete\n");
    }
    if evidence.fields.is_empty() && evidence.unreadable + evidence.json == 0 && evidence.messages > 0 {
        text.push_str("  every value is read as it was recorded\n");
    }
    for field in evidence.fields.iter().take(MAX_LISTED) {
        text.push_str(&value(field));
    }
    let unlisted = evidence.fields.len().saturating_sub(MAX_LISTED) as u64;
    more(text, evidence.more + unlisted);
}

fn value(field: &FieldEvidence) -> String {
    let ValueCounts {
        values,
        changed,
        vanished,
        unknown,
        renamed,
        became_known,
        refused,
    } = field.counts;
    let counts: Vec<_> = [
        (refused, "refused"),
        (changed, "changed"),
        (vanished, "vanished"),
        (unknown, "unknown now"),
        (renamed, "with another name"),
        (became_known, "known only now"),
    ]
    .into_iter()
    .filter(|(count, _)| *count > 0)
    .map(|(count, how)| format!("{} {how}", grouped(count)))
    .collect();
    let mut text = format!(
        "  {} (field {})\n    {}: {}\n",
        printable(&field.path),
        field.number,
        counted(values, "value"),
        counts.join(", ")
    );
    if let Some(first) = &field.first {
        let place = crate::model::finding::Place {
            offset_ns: None,
            ..first.place
        };
        let (recorded, live) = (printable(&first.recorded), printable(&first.live));
        text.push_str(&format!("    first: {place} of {}\n", printable(&first.method)));
        text.push_str(&format!("      recorded {recorded}, now {live}\n"));
    }
    text
}
