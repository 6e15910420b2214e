//! Reserved numbers and names.

use std::collections::BTreeSet;

use crate::analyze::drift::schema::Span;

/// Ranges in their order, those that touch joined.
pub(super) struct Joined(Vec<Span>);

impl Joined {
    /// True when all numbers of a range are in one of these ranges.
    fn covers(&self, span: Span) -> bool {
        let at = self.0.partition_point(|(_, last)| *last < span.0);
        let found = self.0.get(at);
        found.is_some_and(|(first, last)| *first <= span.0 && span.1 <= *last)
    }

    /// True when a number is in one of these ranges.
    pub(super) fn holds(&self, number: i64) -> bool {
        self.covers((number, number))
    }
}

/// Joins ranges.
pub(super) fn join(spans: &[Span]) -> Joined {
    let mut sorted = spans.to_vec();
    sorted.sort_unstable();
    let mut joined: Vec<Span> = Vec::with_capacity(sorted.len());
    for (first, last) in sorted {
        match joined.last_mut() {
            Some(open) if first <= open.1.saturating_add(1) => open.1 = open.1.max(last),
            _ => joined.push((first, last)),
        }
    }
    Joined(joined)
}

/// The ranges of `wanted` of which a part is in none of `spans`.
pub(super) fn not_covered(wanted: &[Span], spans: &[Span]) -> Vec<Span> {
    let joined = join(spans);
    wanted.iter().filter(|span| !joined.covers(**span)).copied().collect()
}

/// The names of `wanted` that `names` lacks.
pub(super) fn missing<'a>(wanted: &'a BTreeSet<String>, names: &'a BTreeSet<String>) -> impl Iterator<Item = &'a str> {
    wanted.difference(names).map(String::as_str)
}

/// The range as a .proto file writes it.
pub(super) fn text((first, last): Span, largest: i64) -> String {
    match last {
        last if first == last => first.to_string(),
        last if last >= largest => format!("{first} to max"),
        last => format!("{first} to {last}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_cover_what_touches() {
        assert_eq!(not_covered(&[(1, 5)], &[(4, 9), (1, 3)]), []);
        assert_eq!(not_covered(&[(1, 5), (7, 7)], &[(1, 4), (6, 7)]), [(1, 5)]);
        assert_eq!(not_covered(&[(3, 3)], &[]), [(3, 3)]);
        assert_eq!(not_covered(&[], &[(1, 2)]), []);
        assert!(join(&[(5, 5), (1, 2)]).holds(5) && !join(&[(1, 2)]).holds(3));
        assert_eq!(
            (text((1, 1), 9), text((1, 9), 9)),
            ("1".to_owned(), "1 to max".to_owned())
        );
    }
}
