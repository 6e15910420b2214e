use super::*;

const LOOSE: GoldenTolerance = GoldenTolerance { abs: 0.01, rel: 0.001 };

fn alike(golden: &str, new: &str, tolerance: GoldenTolerance) -> bool {
    compare(golden, new, tolerance).is_empty()
}

#[test]
fn equal_texts_have_no_difference() {
    for text in ["", "a\n", "a\nb", "mean 1.5\n"] {
        assert!(alike(text, text, GoldenTolerance::EXACT), "{text}");
    }
    assert!(alike("a\r\nb\r\n", "a\nb\n", GoldenTolerance::EXACT));
    assert_eq!(compare("a", "a", LOOSE).render("x", "y", DiffColour::Ansi), "");
}

#[test]
fn measured_numbers_may_lie_apart() {
    for (golden, new) in [
        ("mean  1.5", "mean  1.509"),
        ("mean  1000.0", "mean  1000.9"),
        ("a -0.004 b", "a 0.005 b"),
        ("1.0e9", "1.0001e9"),
        ("(2.5, 3.5)", "(2.501, 3.499)"),
        ("9.999   ", "10.001"),
        ("x       9.999", "x      10.001"),
    ] {
        assert!(alike(golden, new, LOOSE), "{golden} and {new}");
        assert!(!alike(golden, new, GoldenTolerance::EXACT), "{golden} and {new}");
    }
}

#[test]
fn everything_else_must_be_equal() {
    for (golden, new) in [
        ("mean  1.5", "mean  1.52"),
        ("rows  1000", "rows  1001"),
        ("ids 0..99", "ids 0..98"),
        ("bins 25", "bins 25.0"),
        ("min -inf", "min -3.5"),
        ("min -inf", "min inf"),
        ("sensor1.5", "sensor1.501x"),
        ("12-70788", "12-70789"),
        ("mean 1.5", "man 1.5"),
        ("mean 1.5", "mean 1.5 2.5"),
        ("mean 1.5", "mean1.5"),
        ("v1.5a", "v1.5b"),
        ("nan", "1.5"),
    ] {
        assert!(!alike(golden, new, LOOSE), "{golden} and {new}");
    }
}

#[test]
fn digests_are_compared_only_without_tolerance() {
    let (golden, new) = ("digest    sha256:00ff", "digest    sha256:01ff");
    assert!(alike(golden, new, LOOSE));
    assert!(!alike(golden, new, GoldenTolerance::EXACT));
    assert!(!alike(golden, "", LOOSE));
}

#[test]
fn what_is_all_that_differs_is_told() {
    let text = |rows: u32, mean: &str, digest: &str| {
        format!("rows      {rows}\nmean      {mean}\ndigest    sha256:{digest}\n")
    };
    let golden = text(5, "-80.0", "00");
    for (new, differs) in [
        (text(5, "-80.0", "00"), None),
        (text(5, "-80.0", "01"), Some(OnlyDiffers::Digests)),
        (text(5, "-78.0", "01"), Some(OnlyDiffers::Measured(0.025))),
        (text(5, "-78.0", "00"), Some(OnlyDiffers::Measured(0.025))),
        (text(5, "-inf", "01"), None),
        (text(6, "-80.0", "01"), None),
        (golden.clone() + "more\n", None),
    ] {
        assert_eq!(only_differs(&golden, &new), differs, "{new}");
    }
}

#[test]
fn a_tolerance_that_is_no_number_tolerates_nothing() {
    let nothing = GoldenTolerance {
        abs: f64::NAN,
        rel: f64::NAN,
    };
    assert!(nothing.is_exact() && !alike("1.5", "1.6", nothing));
}

#[test]
fn a_diff_shows_the_change_with_three_lines_around_it() {
    let lines = |changed: &str| {
        (1..=9)
            .map(|n| n.to_string() + "\n")
            .collect::<String>()
            .replace("5\n", changed)
    };
    let (golden, new) = (lines("old\n"), lines("new\nmore\n"));
    let shown = compare(&golden, &new, GoldenTolerance::EXACT).render("a", "b", DiffColour::Plain);
    assert_eq!(
        shown,
        "--- a\n+++ b\n@@ -2,7 +2,8 @@\n 2\n 3\n 4\n-old\n+new\n+more\n 6\n 7\n 8\n"
    );
}

#[test]
fn changes_far_apart_are_hunks_of_their_own() {
    let golden: Vec<_> = (1..=30).map(|n| n.to_string()).collect();
    let mut new = golden.clone();
    new.remove(24);
    new[1] = "two".to_owned();
    new[4] = "five".to_owned();
    let diff = compare(&golden.join("\n"), &new.join("\n"), GoldenTolerance::EXACT);
    let places: Vec<_> = diff
        .hunks
        .iter()
        .map(|hunk| (hunk.golden_line, hunk.new_line, hunk.lines.len()))
        .collect();
    assert_eq!(places, [(1, 1, 10), (22, 22, 7)]);
}

#[test]
fn lines_that_were_added_at_the_ends_do_not_move_the_rest() {
    let diff = compare("a\nb\n", "0\na\nb\n1\n", GoldenTolerance::EXACT);
    let changed: Vec<_> = diff.hunks[0]
        .lines
        .iter()
        .map(|line| (line.change, line.text.as_str()))
        .collect();
    let (added, same) = (diff::LineChange::Added, diff::LineChange::Same);
    assert_eq!(changed, [(added, "0"), (same, "a"), (same, "b"), (added, "1")]);
    assert!(!compare("", "a", GoldenTolerance::EXACT).is_empty());
    assert!(!compare("a", "", LOOSE).is_empty());
}

#[test]
fn colours_come_only_when_asked_for() {
    let diff = compare("a", "b", GoldenTolerance::EXACT);
    assert!(!diff.render("x", "y", DiffColour::Plain).contains('\u{1b}'));
    let coloured = diff.render("x", "y", DiffColour::Ansi);
    assert!(
        coloured.contains("\u{1b}[31m-a\u{1b}[0m\n\u{1b}[32m+b\u{1b}[0m\n"),
        "{coloured:?}"
    );
}
