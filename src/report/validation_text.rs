//! A validation as text: the verdict in one line, findings worst first, and the verdict again where they are many lines.

use super::{finding_text, validation::Report};
use crate::model::{
    Finding,
    text::{counted, printable},
};

/// Renders the verdict, the findings as a table and with places and hints, and the verdict once more: whoever reads the
/// end of a long text has it before him, too.
#[must_use]
pub fn render(report: &Report) -> String {
    let verdict = verdict(report);
    if report.findings.is_empty() {
        return verdict;
    }
    format!("{verdict}\n\n{}{verdict}", findings(report))
}

/// Renders the findings as a table, and each with its places and hint.
#[must_use]
pub(crate) fn findings(report: &Report) -> String {
    let mut text = String::new();
    if !report.findings.is_empty() {
        text.push_str(&table(report));
        text.push('\n');
    }
    for finding in &report.findings {
        let severity = finding_text::severity(finding.severity);
        let detail = finding_text::detail(finding).replace('\n', "\n    ");
        text.push_str(&format!("{severity}: {}\n    {detail}\n\n", finding.rule));
    }
    text
}

/// Renders one line for each finding, in columns.
fn table(report: &Report) -> String {
    let head = ["severity", "rule", "count", "first"].map(str::to_owned);
    let row = |finding: &Finding| {
        let severity = finding_text::severity(finding.severity).to_owned();
        [
            severity,
            finding.rule.to_owned(),
            finding.count.to_string(),
            finding.first.to_string(),
        ]
    };
    let rows: Vec<_> = std::iter::once(head).chain(report.findings.iter().map(row)).collect();
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: [usize; 4] = std::array::from_fn(width);
    let line = |row: &[String; 4]| {
        let cells = row.iter().zip(widths).map(|(cell, width)| format!(" {cell:<width$} "));
        cells.collect::<String>() + "\n"
    };
    rows.iter().map(line).collect()
}

/// Renders PASS or FAIL with the first reason.
#[must_use]
pub(crate) fn verdict(report: &Report) -> String {
    let capture = printable(&report.capture);
    let errors = counted(report.errors as u64, "error");
    let warnings = counted(report.warnings as u64, "warning");
    let judged = report.judged();
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
