//! Rust source as tokens: enough of the language to tell code from comments and strings.

use std::{iter::Peekable, str::Chars};

/// A word, a lifetime, `::`, one punctuation character, or the placeholder of a literal (`""`, `''`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Token {
    pub(super) text: String,
    /// Line in the file, from 1.
    pub(super) line: usize,
}

impl Token {
    pub(super) fn is_word(&self) -> bool {
        self.text.starts_with(|c: char| c.is_alphanumeric() || c == '_')
    }
}

/// The tokens of a source text, without comments. A string leaves one `""` on each line that it spans.
pub(super) fn tokens(text: &str) -> Vec<Token> {
    let mut lexer = Lexer {
        rest: text.chars().peekable(),
        line: 1,
        tokens: Vec::new(),
    };
    while let Some(c) = lexer.bump() {
        lexer.token(c);
    }
    lexer.tokens
}

struct Lexer<'a> {
    rest: Peekable<Chars<'a>>,
    line: usize,
    tokens: Vec<Token>,
}

impl Lexer<'_> {
    fn bump(&mut self) -> Option<char> {
        let c = self.rest.next();
        if c == Some('\n') {
            self.line += 1;
        }
        c
    }

    fn eat(&mut self, c: char) -> bool {
        self.rest.next_if_eq(&c).is_some()
    }

    fn push(&mut self, text: impl Into<String>) {
        self.tokens.push(Token {
            text: text.into(),
            line: self.line,
        });
    }

    fn token(&mut self, c: char) {
        match c {
            _ if c.is_whitespace() => {}
            '/' if self.eat('/') => while self.rest.next_if(|c| *c != '\n').is_some() {},
            '/' if self.eat('*') => self.block_comment(),
            '"' => self.string(),
            '\'' => self.quote(),
            ':' if self.eat(':') => self.push("::"),
            _ if c.is_alphanumeric() || c == '_' => self.word(c),
            _ => self.push(c),
        }
    }

    fn block_comment(&mut self) {
        let mut depth = 1;
        while depth > 0 {
            match self.bump() {
                Some('/') if self.eat('*') => depth += 1,
                Some('*') if self.eat('/') => depth -= 1,
                Some(_) => {}
                None => return,
            }
        }
    }

    fn string(&mut self) {
        self.push("\"\"");
        while let Some(c) = self.bump() {
            match c {
                '"' => return,
                '\\' => {
                    self.bump();
                }
                '\n' => self.push("\"\""),
                _ => {}
            }
        }
    }

    fn raw_string(&mut self, hashes: usize) {
        self.push("\"\"");
        while let Some(c) = self.bump() {
            match c {
                '"' if (0..hashes).all(|_| self.eat('#')) => return,
                '\n' => self.push("\"\""),
                _ => {}
            }
        }
    }

    /// A character or a lifetime.
    fn quote(&mut self) {
        match self.bump() {
            Some('\\') => {
                self.bump();
                while self.bump().is_some_and(|c| c != '\'') {}
                self.push("''");
            }
            Some(_) if self.eat('\'') => self.push("''"),
            Some(c) => {
                let name = self.name(c);
                self.push(format!("'{name}"));
            }
            None => {}
        }
    }

    fn name(&mut self, first: char) -> String {
        let mut name = String::from(first);
        while let Some(c) = self.rest.next_if(|c| c.is_alphanumeric() || *c == '_') {
            name.push(c);
        }
        name
    }

    /// A word or a number, or the prefix of a string, a character or a raw identifier.
    fn word(&mut self, first: char) {
        let word = self.name(first);
        let literal = matches!(word.as_str(), "r" | "b" | "br" | "c" | "cr");
        let raw = word.ends_with('r');
        match self.rest.peek() {
            Some('"') if literal => {
                self.bump();
                if raw { self.raw_string(0) } else { self.string() }
            }
            Some('\'') if word == "b" => {
                self.bump();
                self.quote();
            }
            Some('#') if literal && raw => self.hashes(word),
            _ => self.push(word),
        }
    }

    /// After `r`, `br` or `cr`: hashes and a quote begin a raw string, one hash and a name are a raw identifier.
    fn hashes(&mut self, prefix: String) {
        let mut hashes = 0;
        while self.eat('#') {
            hashes += 1;
        }
        if self.eat('"') {
            self.raw_string(hashes);
        } else if let Some(c) = self.rest.next_if(|c| c.is_alphabetic() || *c == '_') {
            let name = self.name(c);
            self.push(name);
        } else {
            self.push(prefix);
            (0..hashes).for_each(|_| self.push('#'));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(source: &str) -> Vec<String> {
        tokens(source).into_iter().map(|token| token.text).collect()
    }

    #[test]
    fn comments_leave_nothing_and_strings_a_placeholder() {
        assert_eq!(texts("a // b\n/* c /* d */ e */ f"), ["a", "f"]);
        assert_eq!(
            texts(r##"x("a::b", r#"c"d"#, b'"', 'e', '\'')"##).join(" "),
            "x ( \"\" , \"\" , '' , '' , '' )"
        );
        assert_eq!(texts(r#""open \" still" after"#), ["\"\"", "after"]);
    }

    #[test]
    fn lifetimes_paths_and_raw_names_are_tokens() {
        assert_eq!(texts("&'static a::r#b"), ["&", "'static", "a", "::", "b"]);
        assert_eq!(texts("for<'a> Fn(&'a u8)").join(" "), "for < 'a > Fn ( & 'a u8 )");
    }

    #[test]
    fn each_line_of_a_string_keeps_its_number() {
        let lines: Vec<_> = tokens("a\n\"x\ny\"\nb").iter().map(|token| token.line).collect();
        assert_eq!(lines, [1, 2, 3, 4]);
    }
}
