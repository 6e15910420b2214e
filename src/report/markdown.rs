//! A report in Markdown, for pasting into a ticket.

use super::{
    event_text::printable,
    finding_text,
    html::{body, commands, facts},
    input::ReportInput,
    stats_text,
};
use crate::{file::attribute, finding::Verdict};

/// Findings that are told; a ticket is read by people.
const FINDINGS: usize = 20;

/// The verdict, the findings, what the capture is, its numbers, what was configured, and how to see it again.
#[must_use]
pub fn render(input: &ReportInput) -> String {
    let validation = &input.validation;
    let word = match validation.verdict {
        Verdict::Pass => "PASS",
        Verdict::Fail => "FAIL",
    };
    let mut text = format!("# {word}: {}\n\n", inline(&input.capture));
    if let Some(worst) = validation.findings.first().filter(|_| validation.fails()) {
        text.push_str(&format!("**{}**: {}\n\n", worst.rule, inline(&worst.message)));
    }
    text.push_str(&format!(
        "{} errors, {} warnings; {} frames, {} rows, {} sensors.\n",
        validation.errors,
        validation.warnings,
        validation.frames,
        validation.rows,
        input.pictures.plan.sensors.len()
    ));
    if let Some(damage) = &validation.damage {
        text.push_str(&format!(
            "\nThe capture is damaged; this tells what could be read: {}\n",
            inline(damage)
        ));
    } else if !validation.finished {
        text.push_str("\nThe recording was not finished; this tells what there is of it.\n");
    }
    findings(&mut text, input);
    text.push_str("\n## The capture\n\n| | |\n|---|---|\n");
    for (name, value) in facts(input) {
        text.push_str(&format!("| {} | {} |\n", inline(&name), inline(&value)));
    }
    text.push_str("\n## Statistics\n\n");
    fence(&mut text, "text", &stats_text::render(&input.stats));
    for (title, name) in [
        ("Configure request", attribute::CONFIGURE_REQUEST),
        ("Configure response", attribute::CONFIGURE_RESPONSE),
    ] {
        if let Some(body) = body(&input.header, name) {
            text.push_str(&format!("\n## {title}\n\n"));
            fence(&mut text, "json", &body);
        }
    }
    if !input.notes.is_empty() {
        text.push_str("\n## Remarks\n\n");
        for (_, offset_ns, note) in &input.notes {
            let (said, author) = (inline(&note.text), inline(&note.author));
            text.push_str(&format!("- {said} ({author}, at {:.3} s)\n", *offset_ns as f64 / 1e9));
        }
    }
    text.push_str("\n## See it again\n\n");
    fence(&mut text, "sh", &commands(input).join("\n"));
    text
}

fn findings(text: &mut String, input: &ReportInput) {
    let findings = &input.validation.findings;
    if findings.is_empty() {
        return;
    }
    text.push_str("\n## Findings\n\n| severity | rule | count | first | what | hint |\n|---|---|---|---|---|---|\n");
    for finding in findings.iter().take(FINDINGS) {
        text.push_str(&format!(
            "| {} | {} | {} | {} | {} | {} |\n",
            finding_text::severity(finding.severity),
            finding.rule,
            finding.count,
            finding.first,
            inline(&finding.message),
            inline(&finding.hint)
        ));
    }
    if findings.len() > FINDINGS {
        text.push_str(&format!("\nAnd {} more.\n", findings.len() - FINDINGS));
    }
}

/// Text within a line or a table: nothing in it is markup.
fn inline(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for letter in printable(text).chars() {
        match letter {
            '<' => escaped.push_str("&lt;"),
            '&' => escaped.push_str("&amp;"),
            '\\' | '`' | '*' | '_' | '[' | ']' | '#' | '|' | '~' | '!' | '>' => {
                escaped.push('\\');
                escaped.push(letter);
            }
            '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => escaped.push('\u{fffd}'),
            letter => escaped.push(letter),
        }
    }
    escaped
}

/// A block of text as it is, within more backticks than it holds in a row.
fn fence(text: &mut String, language: &str, content: &str) {
    let longest = content.split(|c| c != '`').map(str::len).max().unwrap_or(0);
    let fence = "`".repeat(longest.max(2) + 1);
    text.push_str(&format!("{fence}{language}\n{content}\n{fence}\n"));
}
