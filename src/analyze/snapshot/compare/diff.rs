//! The shortest edit from one list of lines to another, in hunks, as a unified diff shows it.

use crate::model::text::printable;

/// Lines that are shown before and after a change.
const CONTEXT: usize = 3;

/// Cells of the table for the search of the shortest edit: 64 MiB. Texts that differ over more are shown as replaced.
const MAX_CELLS: usize = 16 * 1024 * 1024;

/// Whether a rendered diff has colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DiffColour {
    /// No escape sequences.
    Plain,
    /// Red for removed lines, green for added lines, cyan for positions (ANSI escape sequences).
    Ansi,
}

/// The change of a line between two texts: equal, missing or new.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LineChange {
    /// It is in both texts; what the golden text says is shown.
    Same,
    /// It is in the golden text only.
    Removed,
    /// It is in the new text only.
    Added,
}

/// A line of a diff.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DiffLine {
    /// Which of the texts contain the line.
    pub change: LineChange,
    /// The line without its end.
    pub text: String,
}

/// Changes near each other, with lines around them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hunk {
    /// First line in the golden text, counted from 1.
    pub golden_line: usize,
    /// First line in the new text, counted from 1.
    pub new_line: usize,
    /// Lines of the hunk.
    pub lines: Vec<DiffLine>,
}

/// The differences of two texts.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct GoldenDiff {
    /// Hunks in the order of lines; none when the texts are alike.
    pub hunks: Vec<Hunk>,
}

impl GoldenDiff {
    /// True when the texts are alike.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.hunks.is_empty()
    }

    /// Renders a unified diff; empty when the texts are alike.
    #[must_use]
    pub fn render(&self, golden: &str, new: &str, colour: DiffColour) -> String {
        const RED: &str = "31";
        const GREEN: &str = "32";
        const CYAN: &str = "36";
        let mut out = String::new();
        if self.is_empty() {
            return out;
        }
        let mut line = |code: Option<&str>, text: String| {
            let text = printable(&text);
            match code.filter(|_| colour == DiffColour::Ansi) {
                Some(code) => out.push_str(&format!("\u{1b}[{code}m{text}\u{1b}[0m\n")),
                None => out.push_str(&format!("{text}\n")),
            }
        };
        line(Some(RED), format!("--- {golden}"));
        line(Some(GREEN), format!("+++ {new}"));
        for hunk in &self.hunks {
            let (before, after) = (hunk.count(LineChange::Removed), hunk.count(LineChange::Added));
            let (golden_line, new_line) = (hunk.golden_line, hunk.new_line);
            line(Some(CYAN), format!("@@ -{golden_line},{before} +{new_line},{after} @@"));
            for DiffLine { change, text } in &hunk.lines {
                match change {
                    LineChange::Same => line(None, format!(" {text}")),
                    LineChange::Removed => line(Some(RED), format!("-{text}")),
                    LineChange::Added => line(Some(GREEN), format!("+{text}")),
                }
            }
        }
        out
    }
}

impl Hunk {
    /// Formats the range of lines of one side: those that are in both texts, and those that changed so.
    fn count(&self, change: LineChange) -> usize {
        let on_side = |line: &&DiffLine| line.change == change || line.change == LineChange::Same;
        self.lines.iter().filter(on_side).count()
    }
}

pub(super) fn diff(golden: &[&str], new: &[&str], alike: impl Fn(&str, &str) -> bool) -> GoldenDiff {
    let changes = changes(golden, new, alike);
    let mut hunks: Vec<Hunk> = Vec::new();
    let (mut golden_line, mut new_line) = (1, 1);
    // Lines since the last change: the context of what comes.
    let mut same: Vec<DiffLine> = Vec::new();
    for (change, text) in changes {
        let line = DiffLine {
            change,
            text: text.to_owned(),
        };
        if change == LineChange::Same {
            same.push(line);
        } else {
            if let Some(hunk) = hunks.last_mut()
                && same.len() <= 2 * CONTEXT
            {
                hunk.lines.append(&mut same);
            } else {
                close(&mut hunks, &same);
                let context = same.split_off(same.len().saturating_sub(CONTEXT));
                same.clear();
                hunks.push(Hunk {
                    golden_line: golden_line - context.len(),
                    new_line: new_line - context.len(),
                    lines: context,
                });
            }
            if let Some(hunk) = hunks.last_mut() {
                hunk.lines.push(line);
            }
        }
        golden_line += usize::from(change != LineChange::Added);
        new_line += usize::from(change != LineChange::Removed);
    }
    close(&mut hunks, &same);
    GoldenDiff { hunks }
}

fn close(hunks: &mut [Hunk], same: &[DiffLine]) {
    if let Some(hunk) = hunks.last_mut() {
        hunk.lines.extend(same.iter().take(CONTEXT).cloned());
    }
}

/// Marks every line as same, removed or added, by the longest common subsequence; removals before additions.
fn changes<'a>(golden: &[&'a str], new: &[&'a str], alike: impl Fn(&str, &str) -> bool) -> Vec<(LineChange, &'a str)> {
    let pairs = golden.iter().zip(new);
    let head = pairs.take_while(|(golden, new)| alike(golden, new)).count();
    let (golden_rest, new_rest) = (&golden[head..], &new[head..]);
    let pairs = golden_rest.iter().rev().zip(new_rest.iter().rev());
    let tail = pairs.take_while(|(golden, new)| alike(golden, new)).count();
    let (golden_middle, golden_tail) = golden_rest.split_at(golden_rest.len() - tail);
    let (new_middle, _) = new_rest.split_at(new_rest.len() - tail);

    let same = |text: &&'a str| (LineChange::Same, *text);
    let mut changes: Vec<_> = golden[..head].iter().map(same).collect();
    if golden_middle.len().saturating_mul(new_middle.len()) > MAX_CELLS {
        changes.extend(golden_middle.iter().map(|text| (LineChange::Removed, *text)));
        changes.extend(new_middle.iter().map(|text| (LineChange::Added, *text)));
    } else {
        walk(golden_middle, new_middle, alike, &mut changes);
    }
    changes.extend(golden_tail.iter().map(same));
    changes
}

fn walk<'a>(
    golden: &[&'a str],
    new: &[&'a str],
    alike: impl Fn(&str, &str) -> bool,
    changes: &mut Vec<(LineChange, &'a str)>,
) {
    // longest[g][n]: length of the longest common subsequence of what follows g and n.
    let width = new.len() + 1;
    let mut longest = vec![0_u32; (golden.len() + 1) * width];
    for g in (0..golden.len()).rev() {
        for n in (0..new.len()).rev() {
            longest[g * width + n] = if alike(golden[g], new[n]) {
                longest[(g + 1) * width + n + 1] + 1
            } else {
                longest[(g + 1) * width + n].max(longest[g * width + n + 1])
            };
        }
    }
    let (mut g, mut n) = (0, 0);
    while g < golden.len() || n < new.len() {
        if g < golden.len() && n < new.len() && alike(golden[g], new[n]) {
            changes.push((LineChange::Same, golden[g]));
            (g, n) = (g + 1, n + 1);
        } else if g < golden.len() && (n == new.len() || longest[(g + 1) * width + n] >= longest[g * width + n + 1]) {
            changes.push((LineChange::Removed, golden[g]));
            g += 1;
        } else {
            changes.push((LineChange::Added, new[n]));
            n += 1;
        }
    }
}
