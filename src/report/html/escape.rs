//! Text that is safe within a page.

use crate::model::text::printable;

/// Text for an element or for an attribute in double quotes; control characters are shown, not passed on.
pub(in crate::report) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for line in text.split_inclusive('\n') {
        let (line, end) = line.strip_suffix('\n').map_or((line, ""), |line| (line, "\n"));
        for letter in printable(line).chars() {
            match letter {
                '&' => escaped.push_str("&amp;"),
                '<' => escaped.push_str("&lt;"),
                '>' => escaped.push_str("&gt;"),
                '"' => escaped.push_str("&quot;"),
                '\'' => escaped.push_str("&#39;"),
                letter => escaped.push(letter),
            }
        }
        escaped.push_str(end);
    }
    escaped
}

/// A word of a POSIX shell.
pub(in crate::report) fn shell_word(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=,+@%".contains(c);
    if !text.is_empty() && text.chars().all(plain) {
        return text.to_owned();
    }
    format!("'{}'", text.replace('\'', "'\\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_in_a_text_is_markup() {
        assert_eq!(
            escape("<b a='1' c=\"2\">&\n"),
            "&lt;b a=&#39;1&#39; c=&quot;2&quot;&gt;&amp;\n"
        );
        assert!(!escape("a\u{1b}[31mb\u{0}").contains(['\u{1b}', '\u{0}']));
    }

    #[test]
    fn words_survive_a_shell() {
        assert_eq!(shell_word("job-1.gcap"), "job-1.gcap");
        assert_eq!(shell_word("it's $(here)"), "'it'\\''s $(here)'");
        assert_eq!(shell_word(""), "''");
    }
}
