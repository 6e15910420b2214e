//! A validation as JUnit XML, which CI servers show: one test suite per capture, one test case per rule.

use quick_junit::{NonSuccessKind, Report, TestCase, TestCaseStatus, TestSuite};

use crate::model::{
    finding::{Finding, Severity},
    text::{printable, printable_lines},
};

/// One rule with its finding.
#[derive(Debug, Clone, Copy)]
pub struct Case<'a> {
    /// The rule's identifier.
    pub rule: &'a str,
    /// The finding of the rule, if any.
    pub finding: Option<&'a Finding>,
}

/// The evaluated rules of one capture.
#[derive(Debug, Clone)]
pub struct Suite<'a> {
    /// Name of the capture.
    pub name: &'a str,
    /// The rules in display order.
    pub cases: Vec<Case<'a>>,
    /// Findings of this severity and above fail; those below are written into the case's output.
    pub fails_from: Severity,
}

/// Renders the suites as one JUnit document of this name; characters that XML cannot hold stand as their escapes. It holds no times, so that equal validations give equal documents.
///
/// # Errors
/// None in practice: everything a finding holds can be written as XML.
pub(crate) fn render(name: &str, suites: &[Suite<'_>]) -> Result<String, String> {
    let mut report = Report::new(name);
    for suite in suites {
        let mut out = TestSuite::new(printable(suite.name));
        for case in &suite.cases {
            out.add_test_case(test_case(suite, case));
        }
        report.add_test_suite(out);
    }
    report.to_string().map_err(|error| error.to_string())
}

fn test_case(suite: &Suite<'_>, case: &Case<'_>) -> TestCase {
    let Some(finding) = case.finding else {
        return TestCase::new(case.rule, TestCaseStatus::success());
    };
    let fails = finding.severity >= suite.fails_from;
    let mut status = if fails {
        TestCaseStatus::non_success(NonSuccessKind::Failure)
    } else {
        TestCaseStatus::success()
    };
    let detail = super::finding_text::detail(finding);
    let detail = printable_lines(&detail);
    if fails {
        status.set_message(printable(&finding.message));
        status.set_type(super::finding_text::severity(finding.severity));
        status.set_description(detail.as_ref());
    }
    let mut out = TestCase::new(case.rule, status);
    if !fails {
        out.set_system_out(detail.as_ref());
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::finding::Place;

    fn finding(severity: Severity) -> Finding {
        Finding {
            rule: "nan",
            severity,
            count: 2,
            first: Place {
                call: Some(1),
                message: Some(3),
                ..Place::default()
            },
            last: Place {
                call: Some(1),
                message: Some(9),
                ..Place::default()
            },
            message: "NaN < & > \u{1b}\u{fffe}\u{ffff}".to_owned(),
            seen: None,
            expected: None,
            hint: "look at the sensor".to_owned(),
        }
    }

    fn xml(severity: Severity, fails_from: Severity) -> String {
        let finding = finding(severity);
        let cases = vec![
            Case {
                rule: "nan",
                finding: Some(&finding),
            },
            Case {
                rule: "zero-frames",
                finding: None,
            },
        ];
        render(
            "validation",
            &[Suite {
                name: "x.gcap",
                cases,
                fails_from,
            }],
        )
        .unwrap()
    }

    #[test]
    fn an_error_is_a_failure_and_a_rule_without_a_finding_a_success() {
        let xml = xml(Severity::Error, Severity::Error);
        assert!(xml.contains(r#"tests="2""#) && xml.contains(r#"failures="1""#), "{xml}");
        assert!(xml.contains("NaN &lt; &amp;") && !xml.contains('\u{1b}'), "{xml}");
        assert!(
            xml.contains("\\u{fffe}\\u{ffff}") && !xml.contains(['\u{fffe}', '\u{ffff}']),
            "{xml}"
        );
    }

    #[test]
    fn a_warning_fails_only_a_strict_validation() {
        assert!(xml(Severity::Warning, Severity::Error).contains(r#"failures="0""#));
        assert!(xml(Severity::Warning, Severity::Warning).contains(r#"failures="1""#));
    }
}

#[cfg(test)]
mod examples {
    #[test]
    fn example_of_render() {
        use crate::{
            model::Severity,
            report::junit::{Case, Suite, render},
        };
        let cases = vec![Case {
            rule: "nan",
            finding: None,
        }];
        let xml = render(
            "validation",
            &[Suite {
                name: "job.gcap",
                cases,
                fails_from: Severity::Error,
            }],
        )
        .unwrap();
        assert!(xml.contains(r#"<testcase name="nan""#));
    }
}
