//! The rules by which requests match: a list of fields to leave out, or a file with tables for methods.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::{
    grpc::{
        MethodPattern,
        field_pattern::{FieldPattern, FieldPatternError, FieldPatterns},
    },
    model::text::toml_problem,
};

/// The error for invalid match rules.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(in crate::serve) enum MatchRulesError {
    /// The file is no TOML, or has keys of another meaning.
    #[error("{0}")]
    Toml(String),
    /// A path is not one.
    #[error("{key}: {error}")]
    Path {
        /// Where it stands.
        key: String,
        /// The problem.
        error: FieldPatternError,
    },
    /// A rule names fields that identify a request and cannot be used together with others.
    #[error("{0} has neither ignore, identify nor answer; give at least one")]
    Empty(String),
}

/// The rules by which requests match recorded calls.
#[derive(Debug, Clone, Default, PartialEq)]
pub(in crate::serve) struct MatchRules {
    /// The rule of all methods.
    all: MatchRule,
    methods: Vec<(MethodPattern, MatchRule)>,
}

/// The rule of a method.
#[derive(Debug, Clone, Default, PartialEq)]
pub(in crate::serve) struct MatchRule {
    /// Fields that are left out when requests are compared.
    pub(super) ignore: Vec<FieldPattern>,
    /// The only fields that are compared; all when there are none.
    pub(super) identify: Vec<FieldPattern>,
    /// Fields of answers, each with the field of the request whose value it takes.
    pub(super) answer: Vec<(FieldPattern, FieldPattern)>,
}

/// The file as it is written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RulesFile {
    #[serde(default)]
    ignore: Vec<String>,
    #[serde(default)]
    identify: Vec<String>,
    #[serde(default)]
    answer: BTreeMap<String, String>,
    #[serde(default)]
    method: BTreeMap<String, RuleTable>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RuleTable {
    #[serde(default)]
    ignore: Vec<String>,
    #[serde(default)]
    identify: Vec<String>,
    #[serde(default)]
    answer: BTreeMap<String, String>,
}

impl MatchRules {
    /// Leaves these fields out when requests of any method are compared: paths that are separated by commas.
    pub(in crate::serve) fn ignoring(paths: &str) -> Result<Self, MatchRulesError> {
        let paths: Vec<_> = paths.split(',').map(ToOwned::to_owned).collect();
        Ok(Self {
            all: MatchRule {
                ignore: patterns("ignore", &paths)?,
                ..MatchRule::default()
            },
            methods: Vec::new(),
        })
    }

    /// Parses rules in TOML.
    pub(in crate::serve) fn parse(text: &str) -> Result<Self, MatchRulesError> {
        let file: RulesFile =
            toml::from_str(text).map_err(|error| MatchRulesError::Toml(toml_problem(&error, text)))?;
        let all = rule("", &file.ignore, &file.identify, &file.answer)?;
        let methods = file.method.iter().map(|(pattern, table)| {
            let key = format!("method.{pattern:?}.");
            let rule = rule(&key, &table.ignore, &table.identify, &table.answer)?;
            if rule == MatchRule::default() {
                return Err(MatchRulesError::Empty(format!("method.{pattern:?}")));
            }
            Ok((MethodPattern::new(pattern), rule))
        });
        Ok(Self {
            all,
            methods: methods.collect::<Result<_, _>>()?,
        })
    }

    /// Adds the rules of another set.
    #[must_use]
    pub(in crate::serve) fn and(mut self, other: Self) -> Self {
        self.all.add(other.all);
        self.methods.extend(other.methods);
        self
    }

    /// True when every request matches only exactly.
    pub(in crate::serve) fn is_empty(&self) -> bool {
        self.all == MatchRule::default() && self.methods.is_empty()
    }

    /// The rule of a method: that of the most precise pattern that fits it, with the rule of all methods; `None` when
    /// its requests match only exactly.
    pub(super) fn of(&self, method: &str) -> Option<MatchRule> {
        let fitting = self.methods.iter().filter(|(pattern, _)| pattern.matches(method));
        let own = fitting
            .max_by_key(|(pattern, _)| pattern.precision())
            .map(|(_, rule)| rule);
        let mut rule = own.cloned().unwrap_or_default();
        rule.add(self.all.clone());
        (rule != MatchRule::default()).then_some(rule)
    }

    /// The patterns that fit none of these methods.
    pub(super) fn unused(&self, methods: &[&str]) -> Vec<&str> {
        let fits = |pattern: &MethodPattern| methods.iter().any(|method| pattern.matches(method));
        let patterns = self.methods.iter().map(|(pattern, _)| pattern);
        patterns
            .filter(|pattern| !fits(pattern))
            .map(MethodPattern::text)
            .collect()
    }
}

impl MatchRule {
    /// Adds another rule; where both say which fields identify, this one's count.
    fn add(&mut self, other: Self) {
        self.ignore.extend(other.ignore);
        if self.identify.is_empty() {
            self.identify = other.identify;
        }
        self.answer.extend(other.answer);
    }
}

fn rule(
    key: &str,
    ignore: &[String],
    identify: &[String],
    answer: &BTreeMap<String, String>,
) -> Result<MatchRule, MatchRulesError> {
    let answer = answer.iter().map(|(to, from)| {
        let key = format!("{key}answer.{to:?}");
        Ok((pattern(&key, to)?, pattern(&key, from)?))
    });
    Ok(MatchRule {
        ignore: patterns(&format!("{key}ignore"), ignore)?,
        identify: patterns(&format!("{key}identify"), identify)?,
        answer: answer.collect::<Result<_, _>>()?,
    })
}

fn patterns(key: &str, texts: &[String]) -> Result<Vec<FieldPattern>, MatchRulesError> {
    let patterns = texts
        .iter()
        .map(|text| pattern(key, text))
        .collect::<Result<Vec<_>, _>>()?;
    // Within the limits of a set.
    FieldPatterns::new(patterns.clone()).map_err(|error| of_path(key, error))?;
    Ok(patterns)
}

fn pattern(key: &str, text: &str) -> Result<FieldPattern, MatchRulesError> {
    text.parse().map_err(|error| of_path(key, error))
}

fn of_path(key: &str, error: FieldPatternError) -> MatchRulesError {
    MatchRulesError::Path {
        key: key.to_owned(),
        error,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = r#"
        ignore = ["*.local_time"]

        [method."shop.Orders/*"]
        identify = ["customer", "items"]

        [method."shop.Orders/Place"]
        ignore = ["request_id"]
        [method."shop.Orders/Place".answer]
        "order.request_id" = "request_id"
    "#;

    fn ignored(rules: &MatchRules, method: &str) -> Vec<String> {
        let rule = rules.of(method).unwrap_or_default();
        rule.ignore.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn the_most_precise_pattern_of_a_method_counts_with_the_rule_of_all() {
        let rules = MatchRules::parse(FILE).unwrap();
        assert_eq!(ignored(&rules, "/shop.Orders/Place"), ["request_id", "*.local_time"]);
        assert_eq!(ignored(&rules, "/shop.Orders/List"), ["*.local_time"]);
        assert_eq!(ignored(&rules, "/other.A/B"), ["*.local_time"]);
        assert_eq!(rules.of("/shop.Orders/List").unwrap().identify.len(), 2);
        let place = rules.of("/shop.Orders/Place").unwrap();
        assert!(place.identify.is_empty() && place.answer.len() == 1);
        assert_eq!(rules.unused(&["/shop.Orders/List"]), ["shop.Orders/Place"]);
    }

    #[test]
    fn a_list_and_a_file_add_up_and_no_rules_match_exactly() {
        let list = MatchRules::ignoring("*.local_time, metadata.*").unwrap();
        assert_eq!(ignored(&list, "/a.B/C"), ["*.local_time", "metadata.*"]);
        let both = list.and(MatchRules::parse("ignore = ['id']").unwrap());
        assert_eq!(ignored(&both, "/a.B/C"), ["*.local_time", "metadata.*", "id"]);
        assert!(MatchRules::default().is_empty() && MatchRules::default().of("/a.B/C").is_none());
        let of_one = MatchRules::parse("[method.'a.B/*']\nignore = ['id']").unwrap();
        assert!(of_one.of("/a.B/C").is_some() && of_one.of("/a.C/C").is_none());
    }

    #[test]
    fn what_is_wrong_is_named_with_its_place() {
        for (text, part) in [
            ("ignor = []", "ignor"),
            ("ignore = 'a'", "line 1, column 10"),
            ("ignore = ['a..b']", "ignore: \"a..b\" has an empty part"),
            ("[method.'a.B/C']", "method.\"a.B/C\" has neither"),
            (
                "[method.'a.B/C']\nanswer = { id = '' }",
                "method.\"a.B/C\".answer.\"id\"",
            ),
        ] {
            let error = MatchRules::parse(text).unwrap_err().to_string();
            assert!(error.contains(part), "{text}: {error}");
        }
        assert!(MatchRules::ignoring("a,,b").is_err());
    }
}
