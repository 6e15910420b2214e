//! A validation as text: findings worst first, then the verdict in one line.

use comfy_table::{ContentArrangement, Table, presets};

use super::{finding_text, validation::Report};
use crate::text::printable;

/// Findings as a table, each with its places and hint, and the verdict at the end.
#[must_use]
pub fn render(report: &Report) -> String {
    let mut text = String::new();
    if !report.findings.is_empty() {
        let mut table = Table::new();
        table
            .load_style(presets::NOTHING)
            .set_content_arrangement(ContentArrangement::Disabled);
        table.set_header(["severity", "rule", "count", "first"]);
        for finding in &report.findings {
            let severity = finding_text::severity(finding.severity);
            table.add_row([
                severity,
                finding.rule,
                &finding.count.to_string(),
                &finding.first.to_string(),
            ]);
        }
        text.push_str(&format!("{table}\n\n"));
    }
    for finding in &report.findings {
        let severity = finding_text::severity(finding.severity);
        let detail = finding_text::detail(finding).replace('\n', "\n    ");
        text.push_str(&format!("{severity}: {}\n    {detail}\n\n", finding.rule));
    }
    text.push_str(&verdict(report));
    text
}

fn verdict(report: &Report) -> String {
    let capture = printable(&report.capture);
    let counted = |count: usize, noun: &str| format!("{count} {noun}{}", if count == 1 { "" } else { "s" });
    let (errors, warnings) = (counted(report.errors, "error"), counted(report.warnings, "warning"));
    let judged = format!("{} frames, {} rows", report.frames, report.rows);
    let so_far = if report.recording { " so far" } else { "" };
    let worst = report.findings.first().filter(|_| report.fails());
    match worst {
        Some(worst) => {
            let message = printable(&worst.message);
            format!(
                "FAIL{so_far}  {capture}: {}: {message} ({errors}, {warnings}; {judged})",
                worst.rule
            )
        }
        None => format!("PASS{so_far}  {capture}: {judged} ({errors}, {warnings})"),
    }
}
