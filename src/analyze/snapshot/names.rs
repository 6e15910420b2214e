//! Names of golden files.

use std::collections::{BTreeMap, BTreeSet, btree_map::Entry};

/// File name extension of golden files.
pub(crate) const ENDING: &str = ".golden.txt";

/// The golden file of a capture: the capture's file name with [`ENDING`] in place of `.gcap`.
#[must_use]
pub(crate) fn golden(capture: &str) -> String {
    format!("{}{ENDING}", stem(capture))
}

/// Captures and golden files in pairs, and those without a partner. All lists are sorted.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct GoldenPairs {
    /// Capture and golden file.
    pub pairs: Vec<(String, String)>,
    /// Captures without a golden file, with the name that it would have.
    pub missing: Vec<(String, String)>,
    /// Golden files without a capture.
    pub orphaned: Vec<String>,
    /// Captures that would share a golden file with the one before them.
    pub clashing: Vec<String>,
}

impl GoldenPairs {
    /// True when every capture has its golden file and every golden file its capture.
    #[must_use]
    pub const fn complete(&self) -> bool {
        self.missing.is_empty() && self.orphaned.is_empty() && self.clashing.is_empty()
    }
}

/// Sorts captures and the names of files beside each other. `ending` is that of golden files: `ENDING`, or `.snap` for
/// insta's; files with another ending are not golden files and are passed over. Captures may be paths.
#[must_use]
pub fn pair<C, F>(
    captures: impl IntoIterator<Item = C>,
    files: impl IntoIterator<Item = F>,
    ending: &str,
) -> GoldenPairs
where
    C: Into<String>,
    F: Into<String>,
{
    let mut pairs = GoldenPairs::default();
    let captures: BTreeSet<String> = captures.into_iter().map(Into::into).collect();
    let mut wanted = BTreeMap::new();
    for capture in captures {
        let golden = format!("{}{ending}", stem(&capture));
        match wanted.entry(golden) {
            Entry::Occupied(_) => pairs.clashing.push(capture),
            Entry::Vacant(place) => drop(place.insert(capture)),
        }
    }
    let goldens: BTreeSet<String> = files
        .into_iter()
        .map(Into::into)
        .filter(|file| file.ends_with(ending))
        .collect();
    for (golden, capture) in &wanted {
        let list = if goldens.contains(golden) {
            &mut pairs.pairs
        } else {
            &mut pairs.missing
        };
        list.push((capture.clone(), golden.clone()));
    }
    let alone = goldens.into_iter().filter(|golden| !wanted.contains_key(golden));
    pairs.orphaned = alone.collect();
    pairs
}

fn stem(capture: &str) -> &str {
    let name = capture.rsplit(['/', '\\']).next().unwrap_or(capture);
    name.strip_suffix(".gcap").unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_is_in_one_list() {
        let pairs = pair(
            ["x/b.gcap", "a.gcap", "y/b.gcap"],
            ["a.snap", "c.snap", "d.snap.new", "a.golden.txt"],
            ".snap",
        );
        let owned = |name: &str, golden: &str| (name.to_owned(), golden.to_owned());
        assert_eq!(pairs.pairs, [owned("a.gcap", "a.snap")]);
        assert_eq!(pairs.missing, [owned("x/b.gcap", "b.snap")]);
        assert_eq!(
            (pairs.orphaned.as_slice(), pairs.clashing.as_slice()),
            (&["c.snap".to_owned()][..], &["y/b.gcap".to_owned()][..])
        );
        assert!(!pairs.complete());
    }

    #[test]
    fn a_full_set_is_complete() {
        assert!(pair(["a.gcap"], ["a.golden.txt", "notes.txt"], ENDING).complete());
    }
}

#[cfg(test)]
mod examples {
    #[test]
    fn example_of_golden() {
        use crate::analyze::snapshot::names::golden;
        assert_eq!(golden("runs/optodas-quake.gcap"), "optodas-quake.golden.txt");
        assert_eq!(golden("odd.name"), "odd.name.golden.txt");
    }

    #[test]
    fn example_of_pair() {
        use crate::analyze::snapshot::names::{ENDING, pair};
        let pairs = pair(
            ["a.gcap", "b.gcap"],
            ["b.golden.txt", "c.golden.txt", "README.md"],
            ENDING,
        );
        assert_eq!(pairs.missing, [("a.gcap".to_owned(), "a.golden.txt".to_owned())]);
        assert_eq!(pairs.orphaned, ["c.golden.txt"]);
    }
}
