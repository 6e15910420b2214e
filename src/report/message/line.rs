//! Text that is cut at a number of columns.

use crate::model::text::is_hidden;

/// The text is full: what follows is left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Full;

/// A text that grows up to a number of columns. What does not fit is replaced by `…`.
#[derive(Debug, Default)]
pub(super) struct Line {
    pub(super) text: String,
    columns: usize,
    /// `None` without a limit.
    limit: Option<usize>,
    /// Byte up to which the text leaves a column for the `…`.
    cut: usize,
}

impl Line {
    pub(super) fn new(limit: Option<usize>) -> Self {
        Self {
            limit,
            ..Self::default()
        }
    }

    /// Adds a text; characters that would steer a terminal are escaped.
    pub(super) fn put(&mut self, text: &str) -> Result<(), Full> {
        for c in text.chars() {
            if is_hidden(c) {
                c.escape_default().try_for_each(|c| self.put_char(c))?;
            } else {
                self.put_char(c)?;
            }
        }
        Ok(())
    }

    /// Adds one character as it is.
    pub(super) fn put_char(&mut self, c: char) -> Result<(), Full> {
        if let Some(limit) = self.limit {
            self.columns += width(c);
            if self.columns > limit {
                self.text.truncate(self.cut);
                if limit > 0 {
                    self.text.push('…');
                }
                return Err(Full);
            }
            if self.columns < limit {
                self.cut = self.text.len() + c.len_utf8();
            }
        }
        self.text.push(c);
        Ok(())
    }
}

/// Columns of a character on a terminal. Those of East Asia take two; so may some others from there on, for which a
/// line is then cut early.
const fn width(c: char) -> usize {
    if c < '\u{1100}' || (c >= '\u{2000}' && c < '\u{2e80}') {
        1
    } else {
        2
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut(text: &str, limit: usize) -> String {
        let mut line = Line::new(Some(limit));
        let _ = line.put(text);
        line.text
    }

    #[test]
    fn a_text_is_cut_at_its_columns() {
        assert_eq!(cut("abcdef", 6), "abcdef");
        assert_eq!(cut("abcdefg", 6), "abcde…");
        assert_eq!(cut("äöü", 3), "äöü");
        assert_eq!(cut("日本語", 6), "日本語");
        assert_eq!(cut("日本語", 5), "日本…");
        assert_eq!(cut("日本語", 4), "日…");
        assert_eq!(cut("ab", 1), "…");
        assert_eq!(cut("ab", 0), "");
        let mut whole = Line::new(None);
        assert_eq!(whole.put("abcdefg"), Ok(()));
        assert_eq!(whole.text, "abcdefg");
    }
}
