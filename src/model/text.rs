//! Sanitizing of foreign text for display: characters that control a terminal, are invisible, or change the text
//! direction are made visible.
//!
//! Names, metadata, status messages and notes come from the recorded parties. Every text for people passes
//! [`printable`] where such a value enters it, and [`printable_lines`] where it leaves the process.

use std::borrow::Cow;

/// A byte-order mark in UTF-8: some editors begin a text with it, and it says nothing.
const MARK: &[u8] = b"\xef\xbb\xbf";

/// Removes a byte-order mark from the start of a text.
#[must_use]
pub(crate) fn without_mark(text: &[u8]) -> &[u8] {
    text.strip_prefix(MARK).unwrap_or(text)
}

/// Removes all byte-order marks from an ASCII text.
pub(crate) fn without_marks(mut text: Vec<u8>) -> Vec<u8> {
    while let Some(at) = text.windows(MARK.len()).position(|window| window == MARK) {
        text.drain(at..at + MARK.len());
    }
    text
}

/// A number with commas between its thousands.
#[must_use]
pub(crate) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() * 4 / 3);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A number with its noun, in the plural unless it is one.
#[must_use]
pub(crate) fn counted(count: u64, noun: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{} {noun}{plural}", grouped(count))
}

/// True for characters that control a terminal, are invisible, change the text direction, or are unassigned: control
/// characters, line and paragraph separators, marks and overrides of direction, zero-width and other format characters,
/// and non-characters.
#[must_use]
pub(crate) const fn is_hidden(c: char) -> bool {
    matches!(
        c,
        '\0'..='\u{1f}'
            | '\u{7f}'..='\u{9f}'
            | '\u{ad}'
            | '\u{34f}'
            | '\u{61c}'
            | '\u{115f}'..='\u{1160}'
            | '\u{17b4}'..='\u{17b5}'
            | '\u{180b}'..='\u{180f}'
            | '\u{200b}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{3164}'
            | '\u{feff}'
            | '\u{ffa0}'
            | '\u{fff0}'..='\u{fffb}'
            | '\u{fdd0}'..='\u{fdef}'
            | '\u{1bca0}'..='\u{1bca3}'
            | '\u{1d173}'..='\u{1d17a}'
            | '\u{e0000}'..='\u{e0fff}'
    ) || c as u32 & 0xfffe == 0xfffe
}

/// Formats a text as one line: every character that `is_hidden` stands as its escape, such as `\n` or `\u{1b}`.
///
/// ```
/// use grpc_capture::model::printable;
/// assert_eq!(printable("a\u{1b}[31m\nPASS"), r"a\u{1b}[31m\nPASS");
/// ```
#[must_use]
pub fn printable(text: &str) -> String {
    shown(text, |_| false, escape).into_owned()
}

/// Does the same as [`printable`], but keeps line ends and tabs: for text whose values were made printable one by one.
#[must_use]
pub(crate) fn printable_lines(text: &str) -> Cow<'_, str> {
    shown(text, |c| matches!(c, '\n' | '\t'), escape)
}

/// Escapes the hidden characters in the strings of a JSON text; to a program it means the same.
#[must_use]
pub(crate) fn printable_json(json: &str) -> Cow<'_, str> {
    // JSON has these between its values, and within strings it has escaped them already.
    shown(
        json,
        |c| matches!(c, '\n' | '\r' | '\t'),
        |c, out| {
            for unit in c.encode_utf16(&mut [0; 2]) {
                out.push_str(&format!("\\u{unit:04x}"));
            }
        },
    )
}

/// Makes a text fit for a part of a file name: letters, digits, `-`, `_` and `.`, of which `-` and `.` do not begin it;
/// everything else is `_`. `None` when nothing is left of it.
#[must_use]
pub(crate) fn file_name(text: &str) -> Option<String> {
    /// Longest name: file systems take 255 bytes, and endings are added to it.
    const MAX_LEN: usize = 120;
    /// Reserved device names on Windows, relevant for mounted shares, with any extension.
    const RESERVED: [&str; 6] = ["con", "prn", "aux", "nul", "com", "lpt"];
    let safe = |c: char| {
        if c.is_ascii_alphanumeric() || "-_.".contains(c) {
            c
        } else {
            '_'
        }
    };
    let name: String = text.chars().map(safe).collect();
    let name = name.trim_start_matches(['.', '-']);
    let mut name: String = name.chars().take(MAX_LEN).collect();
    let stem = name.split('.').next().unwrap_or_default().to_ascii_lowercase();
    let stem = stem.trim_end_matches(|c: char| c.is_ascii_digit());
    if RESERVED.contains(&stem) {
        let at = name.find('.').unwrap_or(name.len());
        name.insert(at, '_');
    }
    (!name.is_empty()).then_some(name)
}

/// The entry of `known` that a misspelt name most likely means; `None` where none is like it.
#[must_use]
pub(crate) fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let wanted = name.to_ascii_lowercase();
    let far = |known: &str| strsim::levenshtein(&wanted, &known.to_ascii_lowercase());
    let best = known
        .into_iter()
        .map(|known| (far(known), known))
        .min_by_key(|(far, _)| *far)?;
    // A third of the letters may be wrong, and one of a short name.
    let may_be_wrong = (wanted.chars().count() / 3).max(1);
    (best.0 <= may_be_wrong).then_some(best.1)
}

/// Formats a TOML parser's error as one line with the position.
#[must_use]
pub(crate) fn toml_problem(error: &toml::de::Error, text: &str) -> String {
    let what = printable(error.message());
    let before = error.span().and_then(|span| text.get(..span.start));
    before.map_or_else(
        || what.clone(),
        |before| {
            let line = before.matches('\n').count() + 1;
            let column = before.chars().rev().take_while(|c| *c != '\n').count() + 1;
            format!("line {line}, column {column}: {what}")
        },
    )
}

fn escape(c: char, out: &mut String) {
    match c {
        '\n' => out.push_str("\\n"),
        '\r' => out.push_str("\\r"),
        '\t' => out.push_str("\\t"),
        c => out.push_str(&format!("\\u{{{:x}}}", c as u32)),
    }
}

/// Formats a text with hidden characters replaced by `escape`, except those that are kept; borrowed when there is none.
fn shown(text: &str, kept: impl Fn(char) -> bool, escape: impl Fn(char, &mut String)) -> Cow<'_, str> {
    let hidden = |c: char| is_hidden(c) && !kept(c);
    let Some(first) = text.find(hidden) else {
        return Cow::Borrowed(text);
    };
    let mut out = String::with_capacity(text.len() + 16);
    let (plain, rest) = text.split_at(first);
    out.push_str(plain);
    for c in rest.chars() {
        if hidden(c) {
            escape(c, &mut out);
        } else {
            out.push(c);
        }
    }
    Cow::Owned(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_control_format_and_non_character_is_hidden_and_letters_are_not() {
        let hidden = [
            '\0',
            '\u{7}',
            '\u{1b}',
            '\u{7f}',
            '\u{80}',
            '\u{85}',
            '\u{9b}',
            '\u{9f}',
            '\u{200b}',
            '\u{200d}',
            '\u{200e}',
            '\u{2028}',
            '\u{2029}',
            '\u{202a}',
            '\u{202e}',
            '\u{2066}',
            '\u{2069}',
            '\u{61c}',
            '\u{feff}',
            '\u{fffe}',
            '\u{ffff}',
            '\u{fdd0}',
            '\u{1fffe}',
            '\u{10ffff}',
            '\u{e0041}',
        ];
        for c in hidden {
            assert!(is_hidden(c), "{:x}", c as u32);
            assert!(!printable(&format!("a{c}b")).chars().any(is_hidden));
        }
        for c in ['\u{fffd}', '\u{2027}', '\u{a0}', '\u{e000}', 'ü', '…', '\u{1f600}'] {
            assert!(!is_hidden(c), "{:x}", c as u32);
        }
    }

    #[test]
    fn what_was_made_printable_stays_as_it_is() {
        let once = printable("\u{202e}\r\nx");
        assert_eq!(printable(&once), once);
        assert!(matches!(printable_lines(&once), Cow::Borrowed(_)));
    }

    #[test]
    fn thousands_are_grouped() {
        for (number, text) in [(0, "0"), (999, "999"), (2000, "2,000"), (1_234_567, "1,234,567")] {
            assert_eq!(grouped(number), text);
        }
    }

    #[test]
    fn json_says_the_same_with_its_hidden_characters_escaped() {
        let value = serde_json::json!({"a\u{7f}": "\u{9b}31m\u{202e}\u{fffe}\u{10ffff}\n\"x\""});
        let text = value.to_string();
        let shown = printable_json(&text);
        assert!(!shown.chars().any(is_hidden), "{shown}");
        assert_eq!(serde_json::from_str::<serde_json::Value>(&shown).unwrap(), value);
    }

    #[test]
    fn a_name_for_a_file_leads_nowhere_else() {
        for text in [
            "a/b",
            "..",
            ".hidden",
            "-rf",
            "nul.txt",
            "COM1",
            "a\u{1b}[2Jb",
            "a\nb",
            "é漢",
            "x\u{0}",
            "a b:c\\d",
        ] {
            let Some(name) = file_name(text) else { continue };
            assert!(!name.starts_with(['.', '-']), "{name}");
            assert!(
                name.bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte)),
                "{name}"
            );
        }
        assert_eq!(file_name("nul.txt").as_deref(), Some("nul_.txt"));
        assert_eq!(file_name("community").as_deref(), Some("community"));
        assert_eq!(file_name(&"a".repeat(1000)).map(|name| name.len()), Some(120));
    }
}

#[cfg(test)]
mod examples {
    #[test]
    fn example_of_grouped_and_counted() {
        use crate::model::text::{counted, grouped};
        assert_eq!(grouped(1_234_567), "1,234,567");
        assert_eq!([counted(1, "call"), counted(2000, "call")], ["1 call", "2,000 calls"]);
    }

    #[test]
    fn example_of_without_mark() {
        assert_eq!(crate::model::text::without_mark(b"\xef\xbb\xbf{}"), b"{}");
    }

    #[test]
    fn example_of_hidden_characters() {
        use crate::model::text::is_hidden;
        assert!(
            ['\u{1b}', '\n', '\u{9b}', '\u{202e}', '\u{feff}', '\u{fffe}']
                .into_iter()
                .all(is_hidden)
        );
        assert!(!['a', ' ', 'é', '漢', '😀'].into_iter().any(is_hidden));
    }

    #[test]
    fn example_of_printable_lines() {
        use crate::model::text::printable_lines;
        assert_eq!(printable_lines("a\u{9b}2J\nb\n"), "a\\u{9b}2J\nb\n");
    }

    #[test]
    fn example_of_printable_json() {
        use crate::model::text::printable_json;
        assert_eq!(printable_json("\"\u{9b}\u{e0001}\"\n"), "\"\\u009b\\udb40\\udc01\"\n");
    }

    #[test]
    fn example_of_file_name() {
        use crate::model::text::file_name;
        assert_eq!(file_name("12-70788").as_deref(), Some("12-70788"));
        assert_eq!(file_name("../../etc\u{1b}/x").as_deref(), Some("_.._etc__x"));
        assert_eq!(file_name(".."), None);
        assert_eq!(file_name("con").as_deref(), Some("con_"));
    }

    #[test]
    fn example_of_nearest() {
        use crate::model::text::nearest;
        assert_eq!(nearest("nann", ["nan", "stall"]), Some("nan"));
        assert_eq!(nearest("missing_row", ["nan", "missing-rows"]), Some("missing-rows"));
        assert_eq!(nearest("colour", ["nan", "stall"]), None);
    }

    #[test]
    fn example_of_toml_problem() {
        use crate::model::text::toml_problem;
        let text = "a = 1\nb = \n";
        let error = toml::from_str::<toml::Table>(text).unwrap_err();
        assert!(toml_problem(&error, text).starts_with("line 2, column 5: "));
    }
}
