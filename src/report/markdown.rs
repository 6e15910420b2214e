//! A report in Markdown, for pasting into a ticket.

use super::{
    finding_text,
    html::{body, facts},
    input::ReportInput,
    stats_text,
};
use crate::{
    file::Attribute,
    model::{
        finding::Verdict,
        text::{counted, printable, printable_lines},
    },
};

/// Number of findings in the report; a ticket is read by people.
const FINDINGS: usize = 20;

/// Renders the verdict, the findings, the identity of the capture, its statistics, its configuration, and the commands
/// to reproduce it.
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
        "{}, {}; {}{}.\n",
        counted(validation.errors as u64, "error"),
        counted(validation.warnings as u64, "warning"),
        validation.judged(),
        if validation.is_service {
            String::new()
        } else {
            format!(", {}", counted(input.pictures.plan.sensors.len() as u64, "sensor"))
        },
    ));
    if let Some(damage) = &validation.damage {
        text.push_str(&format!(
            "\nThe capture is damaged; this report covers what could be read: {}\n",
            inline(damage)
        ));
    } else if !validation.finished {
        text.push_str("\nThe recording was not finished; this report covers what it holds so far.\n");
    }
    findings(&mut text, input);
    text.push_str("\n## The capture\n\n| | |\n|---|---|\n");
    for (name, value) in facts(input) {
        text.push_str(&format!("| {} | {} |\n", inline(&name), inline(&value)));
    }
    text.push_str("\n## Statistics\n\n");
    fence(&mut text, "text", &stats_text::render(&input.stats));
    for (title, name) in [
        ("Configure request", Attribute::CONFIGURE_REQUEST),
        ("Configure response", Attribute::CONFIGURE_RESPONSE),
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
    let commands = input.again.commands(&input.capture);
    if commands.is_empty() {
        return text;
    }
    text.push_str("\n## Reproduce\n\n");
    if let Some(remark) = &input.again.remark {
        text.push_str(&format!("{}\n\n", inline(remark)));
    }
    fence(&mut text, "sh", &commands.join("\n"));
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
            finding.first.in_full(),
            inline(&finding.message),
            inline(&finding.hint)
        ));
    }
    if findings.len() > FINDINGS {
        text.push_str(&format!("\nAnd {} more.\n", findings.len() - FINDINGS));
    }
}

/// Escapes text within a line, a heading or a table: nothing in it is markup, and nothing becomes a link.
#[must_use]
pub(crate) fn inline(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    let text = printable(text);
    for (at, letter) in text.char_indices() {
        let rest = &text[at..];
        match letter {
            '<' => escaped.push_str("&lt;"),
            '&' => escaped.push_str("&amp;"),
            '\\' | '`' | '*' | '_' | '[' | ']' | '#' | '|' | '~' | '!' | '>' => {
                escaped.push('\\');
                escaped.push(letter);
            }
            // Some renderers make links of bare addresses.
            ':' if rest.starts_with("://") => escaped.push_str("\\:"),
            '.' if is_www(&text[..at]) => escaped.push_str("\\."),
            letter => escaped.push(letter),
        }
    }
    escaped
}

/// Whether a text ends with `www`, in any case.
fn is_www(text: &str) -> bool {
    let tail = text.as_bytes().last_chunk::<3>();
    tail.is_some_and(|tail| tail.eq_ignore_ascii_case(b"www"))
}

/// Formats text as inline code, with more backticks than the longest run in it.
#[must_use]
pub(crate) fn code(text: &str) -> String {
    let text = printable(text);
    let ticks = "`".repeat(longest_ticks(&text) + 1);
    // One blank at each side is not part of the code, and keeps its own backticks apart.
    let pad = if text.starts_with('`') || text.ends_with('`') || text.trim().is_empty() {
        " "
    } else {
        ""
    };
    format!("{ticks}{pad}{text}{pad}{ticks}")
}

/// Formats a block of text as a code block, with more backticks than the longest run in it.
fn fence(text: &mut String, language: &str, content: &str) {
    let content = printable_lines(content);
    let fence = "`".repeat(longest_ticks(&content).max(2) + 1);
    text.push_str(&format!("{fence}{language}\n{content}\n{fence}\n"));
}

/// Length of the longest run of backticks.
fn longest_ticks(text: &str) -> usize {
    text.split(|c| c != '`').map(str::len).max().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_in_a_line_is_markup() {
        let text = "<b>|`x`*y*_z_[a](javascript:b)# \n# c http://h www.h ![i](j)\u{1b}";
        assert_eq!(
            inline(text),
            "&lt;b\\>\\|\\`x\\`\\*y\\*\\_z\\_\\[a\\](javascript:b)\\# \\\\n\\# c http\\://h www\\.h \\!\\[i\\](j)\\\\u{1b}"
        );
    }

    #[test]
    fn code_cannot_be_left_from_within() {
        assert_eq!(code("a"), "`a`");
        assert_eq!(code("a`b``c"), "```a`b``c```");
        assert_eq!(code("`a"), "`` `a ``");
        assert_eq!(code("a\n"), "`a\\n`");
        let mut text = String::new();
        fence(&mut text, "json", "a\n```\n# b\u{9b}");
        assert_eq!(text, "````json\na\n```\n# b\\u{9b}\n````\n");
    }
}
