//! Rules about fields, by path.

use std::{fmt, str::FromStr};

/// A rule that lets fields differ: `rows.startTimestamp`, `rows[0].sensors[*].id`, `*.version`.
///
/// Names are those of the descriptor; `*` is any name. An index is a number or `*`; without one, all elements are meant.
/// What lies below a named field is meant with it.
///
/// ```
/// use grpc_capture::replay::PathRule;
/// let rule: PathRule = "rows.startTimestamp".parse()?;
/// assert!(rule.covers("rows[3].startTimestamp") && !rule.covers("rows[3].endTimestamp"));
/// # Ok::<(), grpc_capture::replay::PathError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PathRule {
    text: String,
    steps: Vec<Step>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Step {
    name: String,
    /// Index of the element, `None` for any.
    index: Option<String>,
}

/// The error for an invalid rule.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not a path; write names with dots between, such as rows.startTimestamp or rows[0].sensors[*].id")]
pub struct PathError {
    text: String,
}

impl PathRule {
    /// True for the path of a field that the rule matches, or of one below it.
    #[must_use]
    pub fn covers(&self, path: &str) -> bool {
        let mut steps = path.split('.').map(Step::read);
        self.steps.iter().all(|rule| match steps.next().flatten() {
            Some(step) => {
                (rule.name == "*" || rule.name == step.name) && (rule.index.is_none() || rule.index == step.index)
            }
            None => false,
        })
    }
}

impl Step {
    fn read(text: &str) -> Option<Self> {
        let (name, index) = match text.split_once('[') {
            Some((name, index)) => (name, Some(index.strip_suffix(']')?)),
            None => (text, None),
        };
        let index = index.filter(|index| *index != "*").map(str::to_owned);
        let name = name.to_owned();
        (!name.is_empty()).then_some(Self { name, index })
    }
}

impl FromStr for PathRule {
    type Err = PathError;

    fn from_str(text: &str) -> Result<Self, PathError> {
        let steps = text.split('.').map(Step::read).collect::<Option<Vec<_>>>();
        let text = text.to_owned();
        match steps {
            Some(steps) => Ok(Self { text, steps }),
            None => Err(PathError { text }),
        }
    }
}

impl fmt::Display for PathRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_covers_what_it_names_and_what_lies_below() {
        for (rule, path, covers) in [
            ("rows", "rows[0].sensors[1].id", true),
            ("rows[1]", "rows[0].canvasId", false),
            ("rows[*].canvasId", "rows[7].canvasId", true),
            ("rows.sensors[2].id", "rows[1].sensors[2].id", true),
            ("*.id", "row.id", true),
            ("rows.sensors.id", "rows[0].sensors", false),
            ("row", "rows", false),
        ] {
            assert_eq!(rule.parse::<PathRule>().unwrap().covers(path), covers, "{rule} {path}");
        }
    }

    #[test]
    fn what_is_no_path_is_refused() {
        for text in ["", "a..b", "a[1", ".a", "[1]"] {
            assert!(text.parse::<PathRule>().is_err(), "{text}");
        }
    }
}
