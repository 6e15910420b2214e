//! Layout of the text: lines with a name and a value, under headings.

use crate::model::text::printable;

/// Width of the column of names.
const NAME: usize = 24;

/// A text under construction.
#[derive(Debug)]
pub(super) struct Page(String);

impl Page {
    pub(super) fn new(head: &str) -> Self {
        Self(head.to_owned())
    }

    /// Adds a heading, after an empty line.
    pub(super) fn heading(&mut self, heading: &str) {
        self.0.push_str(&format!("\n## {heading}\n"));
    }

    /// Adds a name and its value.
    pub(super) fn line(&mut self, name: &str, value: impl std::fmt::Display) {
        self.plain(&format!("{name:<NAME$}{value}"));
    }

    /// Adds a line without trailing blanks; whatever it holds, it stays one line.
    pub(super) fn plain(&mut self, line: &str) {
        self.0.push_str(&printable(line.trim_end()));
        self.0.push('\n');
    }

    pub(super) fn finish(self) -> String {
        self.0
    }
}
