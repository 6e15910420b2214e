//! The verdict and the findings on the page.

use maud::{Markup, html};

use crate::{
    model::{
        finding::{Finding, Place, Verdict},
        text::counted,
    },
    report::{finding_text, input::ReportInput},
};

/// CSS class and word of a verdict.
pub(super) const fn word(verdict: Verdict) -> (&'static str, &'static str) {
    match verdict {
        Verdict::Pass => ("pass", "PASS"),
        Verdict::Fail => ("fail", "FAIL"),
    }
}

pub(super) fn verdict(input: &ReportInput) -> Markup {
    let validation = &input.validation;
    let (class, word) = word(validation.verdict);
    let worst = validation.findings.first().filter(|_| validation.fails());
    let counted = |count: usize, noun| counted(count as u64, noun);
    html! {
        div class={ "verdict " (class) } role="status" {
            strong { (word) }
            div {
                @if let Some(worst) = worst {
                    p { b { (worst.rule) } ": " (worst.message) }
                }
                p.faint {
                    (counted(validation.errors, "error")) ", " (counted(validation.warnings, "warning")) "; "
                    (validation.judged())
                    @if !validation.is_service {
                        ", " (counted(input.pictures.plan.sensors.len(), "sensor")) " in "
                        (counted(validation.calls as usize, "call")) " of spectrograms"
                    }
                }
                @if let Some(damage) = &validation.damage {
                    p { b { "The capture is damaged" } "; this page shows what could be read: " (damage) }
                } @else if !validation.finished {
                    p { b { "The recording was not finished" } "; this page shows what it holds so far." }
                }
            }
        }
    }
}

pub(super) fn list(input: &ReportInput) -> Markup {
    let validation = &input.validation;
    html! {
        section #findings {
            h2 { "Findings" }
            @if validation.findings.is_empty() {
                p { "Nothing was found wrong." }
            } @else {
                ul.findings {
                    @for (at, finding) in validation.findings.iter().enumerate() { (one(input, at, finding)) }
                }
            }
            @if !validation.expectations.is_empty() {
                details {
                    summary { "What was expected" }
                    div.wide { table { tbody {
                        @for item in &validation.expectations {
                            tr { th scope="row" { (item.key) } td { (item.value) } td { (item.source.name()) } }
                        }
                    } } }
                }
            }
        }
    }
}

fn one(input: &ReportInput, at: usize, finding: &Finding) -> Markup {
    let severity = finding_text::severity(finding.severity);
    let (first_us, last_us) = input.place_us(at);
    html! {
        li class=(severity) id={ "finding-" (at + 1) } {
            span.tag { (severity) ": " (finding.rule) }
            p { (finding.message) }
            @if let (Some(seen), Some(expected)) = (&finding.seen, &finding.expected) {
                p.small { "Seen " code { (seen) } ", expected " code { (expected) } "." }
            }
            @if finding.count > 1 {
                p.small {
                    (finding.count) " times: first " (link(first_us, &finding.first)) "; last " (link(last_us, &finding.last))
                }
            } @else {
                p.small { "At " (link(first_us, &finding.first)) }
            }
            @if !finding.hint.is_empty() {
                p class="small faint" { (finding.hint) }
            }
        }
    }
}

/// A place, with a link to its position in the pictures.
fn link(us: Option<i64>, place: &Place) -> Markup {
    let text = place.in_full().to_string();
    let target = us.map(|us| {
        let sensor = place.sensor.map_or_else(String::new, |sensor| format!("&s={sensor}"));
        format!("#t={:.6}{sensor}", us as f64 / 1e6)
    });
    let target = target.or_else(|| place.offset_ns.map(|_| "#timeline".to_owned()));
    html! {
        @if let Some(target) = target { a href=(target) { (text) } } @else { (text) }
    }
}
