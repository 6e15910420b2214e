//! Regressions since a baseline, as findings.

use crate::{
    analyze::stats::baseline::{MethodRegression, Regression},
    model::finding::{Finding, Place, Severity},
};

/// The rule of these findings.
pub(crate) const RULE: &str = "regression";

/// Makes one finding for each metric that got worse by more than the tolerance.
#[must_use]
pub(crate) fn findings(regressions: &[Regression]) -> Vec<Finding> {
    regressions.iter().map(finding).collect()
}

/// Makes one finding for each latency of a method that got worse by more than the tolerance.
#[must_use]
pub(crate) fn method_findings(regressions: &[MethodRegression]) -> Vec<Finding> {
    regressions.iter().map(method_finding).collect()
}

fn method_finding(regression: &MethodRegression) -> Finding {
    let MethodRegression {
        method,
        metric,
        baseline_ns,
        measured_ns,
        noise_ns,
        worse_by_fraction,
    } = regression;
    let Some(measured_ns) = measured_ns else {
        let message = format!("{method} is not called, and the baseline has calls of it");
        return made(message, "no call".to_owned(), "calls".to_owned());
    };
    let [seen, expected, noise] = [*measured_ns, *baseline_ns, *noise_ns].map(|ns| amount(ns, "ns"));
    let worse = worse_text(*worse_by_fraction);
    let message =
        format!("{method}: {metric} is {seen}, the baseline {expected}: {worse} (its usual variation is {noise})");
    made(message, seen, expected)
}

fn finding(regression: &Regression) -> Finding {
    let Regression {
        metric,
        unit,
        baseline,
        measured,
        noise,
        worse_by_fraction,
    } = regression;
    let seen = measured.map_or_else(|| "nothing".to_owned(), |value| amount(value, unit));
    let (expected, noise) = (amount(*baseline, unit), amount(*noise, unit));
    let worse = worse_text(*worse_by_fraction);
    let message = format!("{metric} is {seen}, the baseline {expected}: {worse} (its usual variation is {noise})");
    made(message, seen, expected)
}

fn worse_text(worse_by_fraction: f64) -> String {
    if worse_by_fraction.is_finite() {
        format!("worse by {:.1} %", worse_by_fraction * 100.0)
    } else {
        "worse beyond measure".to_owned()
    }
}

fn made(message: String, seen: String, expected: String) -> Finding {
    Finding {
        rule: RULE,
        severity: Severity::Error,
        count: 1,
        first: Place::default(),
        last: Place::default(),
        message,
        seen: Some(seen),
        expected: Some(expected),
        hint: "compare the statistics of the two runs; a larger tolerance allows more, and a baseline that is made of \
               several captures knows how much they vary"
            .to_owned(),
    }
}

/// Formats a value with its unit for people: three significant digits, and nanoseconds as what they come to.
fn amount(value: f64, unit: &str) -> String {
    const UNITS: [(f64, &str); 3] = [(1e9, "s"), (1e6, "ms"), (1e3, "µs")];
    if unit == "frames" || unit == "rows" {
        return format!("{value} {unit}");
    }
    if unit != "ns" {
        return format!("{} {unit}", digits(value));
    }
    match UNITS.iter().find(|(size, _)| value.abs() >= *size) {
        Some((size, name)) => format!("{} {name}", digits(value / size)),
        None => format!("{} ns", digits(value)),
    }
}

/// Formats at least three significant digits, and all digits before the point.
fn digits(value: f64) -> String {
    let decimals = match value.abs() {
        size if size >= 100.0 || size == 0.0 => 0,
        size if size >= 10.0 => 1,
        size if size >= 1.0 => 2,
        _ => 3,
    };
    format!("{value:.decimals$}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_regression_says_by_how_much() {
        let regression = Regression {
            metric: "frames_per_s",
            unit: "frames/s",
            baseline: 10.0,
            measured: Some(7.0),
            noise: 0.5,
            worse_by_fraction: 0.3,
        };
        let found = findings(&[regression]);
        assert_eq!(found.len(), 1);
        assert!(found[0].message.contains("worse by 30.0 %"), "{}", found[0].message);
    }

    #[test]
    fn amounts_are_said_as_people_say_them() {
        for (value, unit, said) in [
            (16_578_216.0, "ns", "16.6 ms"),
            (7_812_000.0, "ns", "7.81 ms"),
            (1_234_000_000.0, "ns", "1.23 s"),
            (123_400_000_000.0, "ns", "123 s"),
            (850.0, "ns", "850 ns"),
            (42_000.0, "ns", "42.0 µs"),
            (0.0, "ns", "0 ns"),
            (12.345, "frames/s", "12.3 frames/s"),
            (1642.857, "rows/s", "1643 rows/s"),
            (0.0312, "MB/s", "0.031 MB/s"),
            (73.0, "frames", "73 frames"),
        ] {
            assert_eq!(amount(value, unit), said);
        }
    }

    #[test]
    fn what_is_gone_is_said_to_be() {
        let regression = Regression {
            metric: "first_frame_ns",
            unit: "ns",
            baseline: 4e8,
            measured: None,
            noise: 5e7,
            worse_by_fraction: f64::INFINITY,
        };
        let message = &findings(&[regression])[0].message;
        assert!(
            message.starts_with("first_frame_ns is nothing, the baseline 400 ms"),
            "{message}"
        );
        assert!(!message.contains("inf"), "{message}");
    }
}
