//! Patterns of paths to protobuf fields, as people write them: `header.local_time`, `*.local_time`, `metadata.*`.
//!
//! A path goes from the message down, one part a field, by names or by field numbers; for a map the key of the entry is
//! the next part. In a pattern `*` stands for any characters of one part and `?` for one; `**`, or a `*` that stands
//! alone at the beginning of a longer pattern, stands for any number of parts, none included. A pattern covers the
//! fields that it fits, and everything in them.

use std::{fmt, str::FromStr};

use wildmatch::WildMatch;

/// Longest pattern in bytes: no schema's paths come near it.
const MAX_BYTES: usize = 1024;
/// Largest number of patterns in a set, so that a field is compared with a bounded number of them.
const MAX_PATTERNS: usize = 256;

/// The error for a text that is no pattern.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum FieldPatternError {
    /// A part is empty.
    #[error("{0:?} has an empty part; write it like header.local_time, *.local_time or metadata.*")]
    EmptyPart(String),
    /// The text holds something that stands in no path.
    #[error("{0:?} holds {1:?}, which stands in no field name; separate the parts by dots and the patterns by commas")]
    OddCharacter(String, char),
    /// The text is too long.
    #[error("a pattern has at most {MAX_BYTES} bytes; this one has {0}")]
    TooLong(usize),
    /// There are too many patterns.
    #[error("{0} patterns were given; at most {MAX_PATTERNS} are compared")]
    TooMany(usize),
}

/// A pattern of paths to fields.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct FieldPattern {
    text: String,
    parts: Vec<Part>,
}

#[derive(Debug, Clone, PartialEq)]
enum Part {
    /// Any number of parts.
    Deep,
    /// One part that is written out, and the number that it may be.
    Literal(String, Option<u32>),
    /// One part with wildcards.
    Glob(WildMatch),
}

impl Part {
    fn of(text: &str) -> Self {
        if text.contains(['*', '?']) {
            Self::Glob(WildMatch::new(text))
        } else {
            Self::Literal(text.to_owned(), text.parse().ok())
        }
    }

    /// True when it fits a part of a path; `number` is its number as text.
    fn fits(&self, step: &FieldStep<'_>, number: &str) -> bool {
        let [name, json_name] = step.names;
        match self {
            Self::Deep => false,
            Self::Literal(text, written) => {
                // What has no name is fitted by no name, and text is never empty.
                text == name || text == json_name || (step.number > 0 && *written == Some(step.number))
            }
            Self::Glob(glob) => {
                let named = |name: &str| !name.is_empty() && glob.matches(name);
                named(name) || (json_name != name && named(json_name)) || (step.number > 0 && glob.matches(number))
            }
        }
    }
}

impl FromStr for FieldPattern {
    type Err = FieldPatternError;

    fn from_str(text: &str) -> Result<Self, FieldPatternError> {
        let text = text.trim();
        if text.len() > MAX_BYTES {
            return Err(FieldPatternError::TooLong(text.len()));
        }
        if let Some(odd) = text.chars().find(|c| c.is_control() || matches!(c, ',' | '=' | '"')) {
            return Err(FieldPatternError::OddCharacter(text.to_owned(), odd));
        }
        let mut parts = Vec::new();
        let longer = text.contains('.');
        for (at, part) in text.split('.').enumerate() {
            match part {
                "" => return Err(FieldPatternError::EmptyPart(text.to_owned())),
                // Two in a row stand for the same as one.
                "**" if parts.last() == Some(&Part::Deep) => {}
                "**" => parts.push(Part::Deep),
                "*" if at == 0 && longer => parts.push(Part::Deep),
                part => parts.push(Part::of(part)),
            }
        }
        Ok(Self {
            text: text.to_owned(),
            parts,
        })
    }
}

impl fmt::Display for FieldPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// One part of a path: a field, or the key of a map's entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct FieldStep<'a> {
    /// Names of the field: the one of the schema and the one of its JSON form; or the key of a map's entry.
    pub(crate) names: [&'a str; 2],
    /// Number of the field; 0 where there is none.
    pub(crate) number: u32,
}

impl<'a> FieldStep<'a> {
    /// A field that has no name, or whose name is unknown.
    pub(crate) const fn number(number: u32) -> Self {
        Self { names: [""; 2], number }
    }

    /// A part of a path that has one name and no number.
    pub(crate) const fn name(name: &'a str) -> Self {
        Self {
            names: [name; 2],
            number: 0,
        }
    }
}

/// Patterns of paths; a field is covered when one of them covers it.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct FieldPatterns(Vec<FieldPattern>);

/// How far the patterns fit on the way to a field: for each pattern, which of its parts may come next.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Reached(Vec<(u16, u16)>);

impl Reached {
    /// True when no pattern can fit a field on this way any more.
    pub(crate) fn is_dead(&self) -> bool {
        self.0.is_empty()
    }

    /// Number of comparisons that the next part of a path costs.
    pub(crate) fn cost(&self) -> usize {
        self.0.len()
    }
}

impl FieldPatterns {
    /// A set of patterns.
    ///
    /// # Errors
    /// When there are too many.
    pub(crate) fn new(patterns: Vec<FieldPattern>) -> Result<Self, FieldPatternError> {
        if patterns.len() > MAX_PATTERNS {
            return Err(FieldPatternError::TooMany(patterns.len()));
        }
        Ok(Self(patterns))
    }

    /// Parses patterns that are separated by commas.
    ///
    /// # Errors
    /// When one of them is no pattern, or there are too many.
    #[cfg(test)]
    pub(crate) fn parse(list: &str) -> Result<Self, FieldPatternError> {
        Self::new(list.split(',').map(str::parse).collect::<Result<_, _>>()?)
    }

    /// The patterns, as they were written.
    pub(crate) fn texts(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|pattern| pattern.text.as_str())
    }

    /// True when there is no pattern.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// True when a pattern fits the field at the end of this path, or one that contains it.
    pub(crate) fn cover<'a>(&self, path: impl IntoIterator<Item = FieldStep<'a>>) -> bool {
        let mut reached = self.start();
        for step in path {
            match self.enter(&reached, &step) {
                Some(next) => reached = next,
                None => return true,
            }
        }
        false
    }

    /// The state before the first part of a path.
    pub(crate) fn start(&self) -> Reached {
        let mut reached = Vec::new();
        for at in 0..self.0.len() {
            self.reach(&mut reached, at, 0);
        }
        Reached(reached)
    }

    /// The state after one more part of a path; `None` when a pattern fits the whole path: the field is covered with
    /// all that it contains.
    pub(crate) fn enter(&self, from: &Reached, step: &FieldStep<'_>) -> Option<Reached> {
        let mut reached = Vec::new();
        let number = step.number.to_string();
        for (at, next) in &from.0 {
            let (at, next) = (usize::from(*at), usize::from(*next));
            let after = match self.0.get(at).and_then(|pattern| pattern.parts.get(next)) {
                Some(Part::Deep) => next,
                Some(part) if part.fits(step, &number) => next + 1,
                _ => continue,
            };
            if self.reach(&mut reached, at, after) {
                return None;
            }
        }
        Some(Reached(reached))
    }

    /// Notes that a pattern fits up to its part `next`; true when nothing more has to follow.
    fn reach(&self, reached: &mut Vec<(u16, u16)>, at: usize, mut next: usize) -> bool {
        let Some(pattern) = self.0.get(at) else { return false };
        loop {
            // Both are within the limits above.
            let state = (at as u16, next as u16);
            if next < pattern.parts.len() && !reached.contains(&state) {
                reached.push(state);
            }
            match pattern.parts.get(next) {
                None => return true,
                // Any number of parts, none included.
                Some(Part::Deep) => next += 1,
                Some(Part::Literal(..) | Part::Glob(_)) => return false,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn covers(patterns: &str, path: &str) -> bool {
        let patterns = FieldPatterns::parse(patterns).unwrap();
        patterns.cover(path.split('.').map(FieldStep::name))
    }

    #[test]
    fn a_pattern_covers_the_fields_that_it_fits_and_all_in_them() {
        for (patterns, path, expected) in [
            ("local_time", "local_time", true),
            ("local_time", "header.local_time", false),
            ("header.local_time", "header.local_time", true),
            ("header.local_time", "header.local_time.seconds", true),
            ("header.local_time", "header", false),
            ("header.local_time", "header.local_times", false),
            // At any depth, the first included.
            ("*.local_time", "local_time", true),
            ("*.local_time", "a.local_time", true),
            ("*.local_time", "a.b.c.local_time", true),
            ("*.local_time", "a.b.local_time.seconds", true),
            ("**.local_time", "a.b.local_time", true),
            ("a.**.id", "a.id", true),
            ("a.**.id", "a.b.c.id", true),
            ("a.**.id", "b.c.id", false),
            ("a.**.**.id", "a.id", true),
            // One part.
            ("metadata.*", "metadata.id", true),
            ("metadata.*", "metadata.id.more", true),
            ("metadata.*", "metadata", false),
            ("a.*.id", "a.b.id", true),
            ("a.*.id", "a.id", false),
            ("a.*.id", "a.b.c.id", false),
            ("*", "anything", true),
            ("**", "any.thing", true),
            ("a.**", "a.b", true),
            ("*.a.b", "x.a.a.b", true),
            ("*_time", "local_time", true),
            ("*_time", "a.local_time", false),
            ("labels.app?io/name", "labels.app", false),
            ("a,b.c", "b.c", true),
            (" a , b.c ", "a", true),
        ] {
            assert_eq!(covers(patterns, path), expected, "{patterns} {path}");
        }
    }

    #[test]
    fn a_field_is_named_by_its_name_its_json_name_or_its_number_and_a_question_mark_is_a_dot_of_a_key() {
        let step = FieldStep {
            names: ["local_time", "localTime"],
            number: 12,
        };
        for (pattern, expected) in [
            ("local_time", true),
            ("localTime", true),
            ("12", true),
            ("1?", true),
            ("1", false),
            ("0", false),
        ] {
            assert_eq!(
                FieldPatterns::parse(pattern).unwrap().cover([step]),
                expected,
                "{pattern}"
            );
        }
        let by_number = FieldPatterns::parse("4.2").unwrap();
        assert!(by_number.cover([FieldStep::number(4), FieldStep::number(2)]));
        assert!(!by_number.cover([FieldStep::number(4), FieldStep::number(3)]));
        // What has no name is fitted by no name.
        assert!(!FieldPatterns::parse("0").unwrap().cover([FieldStep::name("a")]));
        let key = [FieldStep::name("labels"), FieldStep::name("app.io/name")];
        assert!(FieldPatterns::parse("labels.app?io/name").unwrap().cover(key));
    }

    #[test]
    fn a_way_that_no_pattern_can_fit_is_dead() {
        let patterns = FieldPatterns::parse("a.b,c").unwrap();
        let enter = |from: &Reached, name| patterns.enter(from, &FieldStep::name(name));
        let start = patterns.start();
        assert!(!enter(&start, "a").unwrap().is_dead());
        assert!(enter(&start, "b").unwrap().is_dead());
        assert_eq!(enter(&start, "c"), None);
        assert!(FieldPatterns::default().start().is_dead() && FieldPatterns::default().is_empty());
    }

    #[test]
    fn what_is_no_pattern_is_named() {
        for text in ["", "a..b", ".a", "a.", "a,,b", "a,"] {
            let error = FieldPatterns::parse(text).unwrap_err();
            assert!(matches!(error, FieldPatternError::EmptyPart(_)), "{text}: {error}");
        }
        assert!(matches!(
            FieldPatterns::parse("a=b"),
            Err(FieldPatternError::OddCharacter(_, '='))
        ));
        let long = "a.".repeat(MAX_BYTES);
        assert!(matches!(
            FieldPatterns::parse(&long),
            Err(FieldPatternError::TooLong(_))
        ));
        let many = vec!["a"; MAX_PATTERNS + 1].join(",");
        assert!(matches!(
            FieldPatterns::parse(&many),
            Err(FieldPatternError::TooMany(_))
        ));
    }

    #[test]
    fn a_hostile_pattern_costs_little() {
        let deep = ["**.a*a*a*a"; 100].join(".");
        let patterns = FieldPatterns::parse(&deep[..MAX_BYTES - 24]).unwrap();
        let name = "a".repeat(1000);
        assert!(!patterns.cover([FieldStep::name(&name); 20]));
    }
}
