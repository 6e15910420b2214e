//! What got worse since a baseline, as findings.

use crate::{
    finding::{Finding, Place, Severity},
    stats::baseline::Regression,
};

/// The rule that these findings name.
pub const RULE: &str = "regression";

/// One finding for each metric that got worse by more than it may.
#[must_use]
pub fn findings(regressions: &[Regression]) -> Vec<Finding> {
    regressions.iter().map(finding).collect()
}

fn finding(regression: &Regression) -> Finding {
    let Regression {
        metric,
        unit,
        baseline,
        measured,
        worse_by_fraction,
    } = regression;
    let seen = measured;
    let measured = measured.map_or_else(|| "nothing".to_owned(), |value| format!("{value:.3} {unit}"));
    let message = format!(
        "{metric} is {measured}, the baseline {baseline:.3} {unit}: worse by {:.1} %",
        worse_by_fraction * 100.0
    );
    Finding {
        rule: RULE,
        severity: Severity::Error,
        count: 1,
        first: Place::default(),
        last: Place::default(),
        message,
        seen: seen.map(|value| value.to_string()),
        expected: Some(format!("{baseline}")),
        hint: "compare the two runs with `capture stats`; `--tolerance PERCENT` allows more".to_owned(),
    }
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
            worse_by_fraction: 0.3,
        };
        let found = findings(&[regression]);
        assert_eq!(found.len(), 1);
        assert!(found[0].message.contains("worse by 30.0 %"), "{}", found[0].message);
    }
}
