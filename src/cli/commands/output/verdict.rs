//! Output of verdicts: PASS or FAIL first, in colour where a terminal shows it, and wrapped to its width.

use std::io::{self, IsTerminal as _};

use crate::model::text::printable_lines;
use anstream::{AutoStream, ColorChoice};
use serde::Serialize;

use super::{print, put_as_it_is};
use crate::cli::{commands::Failure, flags::Format};

/// Columns to assume when the terminal does not tell.
const USUAL: usize = 80;

/// The smallest width for wrapping: below, words would stand one below the other.
const NARROWEST: usize = 40;

/// Indent of wrapped lines, in columns.
const HANG: usize = 4;

/// Prints a result that begins with a verdict. Into files and pipes it goes without colour, unless `CLICOLOR_FORCE` is set,
/// and each line as it is.
pub(crate) fn print_verdict<T: Serialize>(
    format: Format,
    value: &T,
    text: impl FnOnce(&T) -> String,
) -> Result<(), Failure> {
    match format {
        Format::Json => print(format, value, text),
        Format::Text => put_verdict(&text(value), is_coloured()),
    }
}

/// Prints a text that begins with a verdict.
pub(crate) fn put_verdict(text: &str, in_colour: bool) -> Result<(), Failure> {
    let shown = printable_lines(text);
    let mut shown = match width() {
        Some(width) => wrap(&shown, width),
        None => shown.into_owned(),
    };
    if in_colour {
        shown = coloured(&shown);
    }
    if !shown.ends_with('\n') {
        shown.push('\n');
    }
    // Not through the edge: the colours are ours, and everything else was made printable.
    put_as_it_is(shown)
}

/// True when results are printed in colour: on a terminal unless `NO_COLOR` is set, and wherever `CLICOLOR_FORCE` is.
pub(crate) fn is_coloured() -> bool {
    AutoStream::choice(&io::stdout()) != ColorChoice::Never
}

/// The width of the terminal behind stdout, in columns; `None` where it is none, for programs read lines as they are.
pub(crate) fn width() -> Option<usize> {
    let stdout = io::stdout();
    if !stdout.is_terminal() {
        return None;
    }
    let told = std::env::var("COLUMNS").ok().and_then(|columns| columns.parse().ok());
    let asked = || terminal_size::terminal_size_of(&stdout).map(|(columns, _)| usize::from(columns.0));
    Some(told.or_else(asked).unwrap_or(USUAL).max(NARROWEST))
}

/// Breaks lines between words; what follows is indented.
fn wrap(text: &str, width: usize) -> String {
    let mut out = String::with_capacity(text.len() + text.len() / 16);
    for line in text.split_inclusive('\n') {
        let (line, end) = match line.strip_suffix('\n') {
            Some(line) => (line, "\n"),
            None => (line, ""),
        };
        wrap_line(line.trim_end_matches(' '), width, &mut out);
        out.push_str(end);
    }
    out
}

fn wrap_line(line: &str, width: usize, out: &mut String) {
    let indent = line.chars().take_while(|c| *c == ' ').count();
    let hang = " ".repeat((indent + HANG).min(width / 2));
    let mut column = 0;
    let mut rest = line;
    while rest.chars().count() + column > width {
        let room = width.saturating_sub(column);
        // The last blank that fits, behind the first word.
        let first = rest.find(|c: char| c != ' ').unwrap_or(0);
        let fits = rest.char_indices().take(room + 1);
        let blank = fits.filter(|(at, c)| *c == ' ' && *at > first).last().map(|(at, _)| at);
        let blank = blank.or_else(|| rest.get(first..)?.find(' ').map(|at| at + first));
        let Some(blank) = blank else { break };
        out.push_str(rest.get(..blank).unwrap_or_default().trim_end_matches(' '));
        out.push('\n');
        out.push_str(&hang);
        column = hang.len();
        rest = rest.get(blank..).unwrap_or_default().trim_start_matches(' ');
    }
    out.push_str(rest);
}

/// Colours PASS green and FAIL red where a line begins with them.
fn coloured(text: &str) -> String {
    const GREEN: &str = "\u{1b}[32m";
    const RED: &str = "\u{1b}[31m";
    const RESET: &str = "\u{1b}[0m";
    let mut out = String::with_capacity(text.len() + 64);
    for line in text.split_inclusive('\n') {
        let word = line.split([' ', '\n', ':']).next().unwrap_or_default();
        let colour = match word {
            "PASS" => GREEN,
            "FAIL" => RED,
            _ => {
                out.push_str(line);
                continue;
            }
        };
        out.push_str(&format!("{colour}{word}{RESET}{}", &line[word.len()..]));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_broken_between_words_and_stand_in() {
        let text = "FAIL  a.gcap: one two three four five six seven\n    first: call 1, message 2, row 3, sensor 4, bin 5\nshort\n";
        let wrapped = wrap(text, 30);
        assert_eq!(
            wrapped,
            "FAIL  a.gcap: one two three\n    four five six seven\n    first: call 1, message 2,\n        row 3, sensor 4, bin 5\nshort\n"
        );
        assert!(wrapped.lines().all(|line| line.chars().count() <= 30), "{wrapped}");
        assert_eq!(wrap("", 30), "");
        // A word longer than the line is not cut.
        let digest = "a".repeat(64);
        assert_eq!(wrap(&digest, 30), digest);
        assert_eq!(
            wrap(&format!("digest {digest} é"), 30),
            format!("digest\n    {digest}\n    é")
        );
    }

    #[test]
    fn verdicts_are_coloured_where_a_line_begins_with_them() {
        assert_eq!(
            coloured("PASS  a\nFAIL so far  b\nPASSED\n  FAIL\n"),
            "\u{1b}[32mPASS\u{1b}[0m  a\n\u{1b}[31mFAIL\u{1b}[0m so far  b\nPASSED\n  FAIL\n"
        );
    }
}
