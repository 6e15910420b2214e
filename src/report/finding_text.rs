//! Findings as text.

use crate::model::{
    finding::{Finding, Severity},
    text::printable,
};

/// Name of the severity.
#[must_use]
pub(crate) const fn severity(severity: Severity) -> &'static str {
    match severity {
        Severity::Info => "info",
        Severity::Warning => "warning",
        Severity::Error => "error",
    }
}

/// Formats a finding in several lines: what, how often, where, and what to do.
#[must_use]
pub(crate) fn detail(finding: &Finding) -> String {
    let mut text = printable(&finding.message);
    text.push_str(&format!("\nfirst: {}", finding.first.in_full()));
    if finding.count > 1 && finding.last != finding.first {
        text.push_str(&format!("\nlast:  {}", finding.last.in_full()));
    }
    if finding.count > 1 {
        text.push_str(&format!("\ncount: {}", finding.count));
    }
    if !finding.hint.is_empty() {
        text.push_str(&format!("\nhint:  {}", printable(&finding.hint)));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::finding::Place;

    #[test]
    fn a_finding_says_what_where_how_often_and_what_to_do() {
        let finding = Finding {
            rule: "nan",
            severity: Severity::Error,
            count: 3,
            first: Place {
                call: Some(1),
                sensor: Some(40),
                offset_ns: Some(1_200_000_000),
                ..Place::default()
            },
            last: Place {
                call: Some(1),
                sensor: Some(41),
                ..Place::default()
            },
            message: "3 values are NaN".to_owned(),
            seen: None,
            expected: None,
            hint: "look at the sensor".to_owned(),
        };
        let expected = "3 values are NaN\nfirst: call 1, sensor 40, at 1.200 s\nlast:  call 1, sensor 41\ncount: 3\n\
                        hint:  look at the sensor";
        assert_eq!(detail(&finding), expected);
    }
}
