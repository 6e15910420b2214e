//! The verdict and its reasons.

use std::fmt::Write as _;

use super::escape::escape;
use crate::{
    model::finding::{Finding, Verdict},
    report::{finding_text, input::ReportInput},
};

pub(super) fn verdict(input: &ReportInput) -> String {
    let validation = &input.validation;
    let counted = |count: usize, noun: &str| format!("{count} {noun}{}", if count == 1 { "" } else { "s" });
    let (class, word) = match validation.verdict {
        Verdict::Pass => ("pass", "PASS"),
        Verdict::Fail => ("fail", "FAIL"),
    };
    let mut text = String::new();
    let _ = writeln!(
        text,
        "<div class=\"verdict {class}\" role=\"status\">\n<strong>{word}</strong>\n<div>"
    );
    if let Some(worst) = validation.findings.first().filter(|_| validation.fails()) {
        let _ = writeln!(text, "<p><b>{}</b>: {}</p>", escape(worst.rule), escape(&worst.message));
    }
    let _ = writeln!(
        text,
        "<p class=\"faint\">{}, {}; {} frames, {} rows, {} sensors in {} of spectrograms</p>",
        counted(validation.errors, "error"),
        counted(validation.warnings, "warning"),
        validation.frames,
        validation.rows,
        input.pictures.plan.sensors.len(),
        counted(usize::try_from(validation.calls).unwrap_or(usize::MAX), "call"),
    );
    if let Some(damage) = &validation.damage {
        let _ = writeln!(
            text,
            "<p><b>The capture is damaged</b>; this page tells what could be read: {}</p>",
            escape(damage)
        );
    } else if !validation.finished {
        text.push_str("<p><b>The recording was not finished</b>; this page tells what there is of it.</p>\n");
    }
    text.push_str("</div>\n</div>\n");
    text
}

pub(super) fn list(input: &ReportInput) -> String {
    let findings = &input.validation.findings;
    let mut text = "<section id=\"findings\">\n<h2>Findings</h2>\n".to_owned();
    if findings.is_empty() {
        text.push_str("<p>Nothing was found wrong.</p>\n");
    } else {
        text.push_str("<ul class=\"findings\">\n");
        for (at, finding) in findings.iter().enumerate() {
            one(&mut text, input, at, finding);
        }
        text.push_str("</ul>\n");
    }
    if !input.validation.expectations.is_empty() {
        text.push_str("<details>\n<summary>What was expected</summary>\n<div class=\"wide\"><table>\n<tbody>\n");
        for item in &input.validation.expectations {
            let (key, value, source) = (escape(item.key), escape(&item.value), escape(item.source.name()));
            let _ = writeln!(
                text,
                "<tr><th scope=\"row\">{key}</th><td>{value}</td><td>{source}</td></tr>"
            );
        }
        text.push_str("</tbody>\n</table></div>\n</details>\n");
    }
    text.push_str("</section>\n");
    text
}

fn one(text: &mut String, input: &ReportInput, at: usize, finding: &Finding) {
    let severity = finding_text::severity(finding.severity);
    let _ = writeln!(
        text,
        "<li class=\"{severity}\" id=\"finding-{}\"><span class=\"tag\">{severity}: {}</span>",
        at + 1,
        escape(finding.rule)
    );
    let _ = writeln!(text, "<p>{}</p>", escape(&finding.message));
    if let (Some(seen), Some(expected)) = (&finding.seen, &finding.expected) {
        let (seen, expected) = (escape(seen), escape(expected));
        let _ = writeln!(
            text,
            "<p class=\"small\">Seen <code>{seen}</code>, expected <code>{expected}</code>.</p>"
        );
    }
    let (first_us, last_us) = input.place_us(at);
    let link = |us: Option<i64>, place: &crate::model::finding::Place| {
        let shown = escape(&place.in_full().to_string());
        match us {
            Some(us) => {
                let sensor = place
                    .sensor
                    .map_or_else(String::new, |sensor| format!("&amp;s={sensor}"));
                format!("<a href=\"#t={:.6}{sensor}\">{shown}</a>", us as f64 / 1e6)
            }
            None if place.offset_ns.is_some() => format!("<a href=\"#timeline\">{shown}</a>"),
            None => shown,
        }
    };
    let first = link(first_us, &finding.first);
    if finding.count > 1 {
        let last = link(last_us, &finding.last);
        let _ = writeln!(
            text,
            "<p class=\"small\">{} times: first {first}; last {last}</p>",
            finding.count
        );
    } else {
        let _ = writeln!(text, "<p class=\"small\">At {first}</p>");
    }
    if !finding.hint.is_empty() {
        let _ = writeln!(text, "<p class=\"small faint\">{}</p>", escape(&finding.hint));
    }
    text.push_str("</li>\n");
}
