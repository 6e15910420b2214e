//! One source file: where it is, its code, and which files beside it are test code.

use super::lexer::{Token, tokens};

/// A source file as tokens.
pub(super) struct Source {
    /// Path within the project, with `/`.
    pub(super) path: String,
    /// The tokens of the product's code: without what is compiled for tests only.
    pub(super) code: Vec<Token>,
    /// All tokens.
    pub(super) all: Vec<Token>,
    /// Files of modules that this file declares for tests only.
    pub(super) test_files: Vec<String>,
}

impl Source {
    pub(super) fn new(path: &str, text: &str) -> Self {
        let all = tokens(text);
        let mut source = Self {
            path: path.to_owned(),
            code: Vec::new(),
            all: Vec::new(),
            test_files: Vec::new(),
        };
        let mut at = 0;
        while at < all.len() {
            if is_test_attribute(&all[at..]) {
                let end = at + item_len(&all[at..]);
                source.note_test_module(&all[at..end]);
                at = end;
            } else {
                source.code.push(all[at].clone());
                at += 1;
            }
        }
        source.all = all;
        source
    }

    /// Names of the modules from the crate's root to this file: `["tap", "client"]`; empty for the root itself.
    pub(super) fn module(&self) -> Vec<&str> {
        let inner = self.path.strip_prefix("src/").unwrap_or(&self.path);
        match inner.strip_suffix(".rs").unwrap_or(inner) {
            "lib" | "main" => Vec::new(),
            module => module.split('/').collect(),
        }
    }

    /// The module below the crate's root that this file belongs to; `lib` and `main` for the roots.
    pub(super) fn top(&self) -> &str {
        let root = if self.path == "src/main.rs" { "main" } else { "lib" };
        self.module().first().copied().unwrap_or(root)
    }

    /// True when the path is one of `places`; a place that ends in `/` is a folder.
    pub(super) fn is_in(&self, places: &[&str]) -> bool {
        places
            .iter()
            .any(|place| self.path == *place || (place.ends_with('/') && self.path.starts_with(place)))
    }

    /// A violation at a token.
    pub(super) fn at(&self, token: &Token, what: impl std::fmt::Display) -> String {
        format!("{}:{}: {what}", self.path, token.line)
    }

    fn note_test_module(&mut self, item: &[Token]) {
        let [.., keyword, name, end] = item else { return };
        if keyword.text == "mod" && end.text == ";" {
            let module = self
                .module()
                .iter()
                .fold("src/".to_owned(), |dir, name| dir + name + "/");
            self.test_files.push(format!("{module}{}", name.text));
        }
    }
}

/// True at `#[cfg(test)]` and `#[cfg(all(test, …))]`.
fn is_test_attribute(tokens: &[Token]) -> bool {
    let starts =
        |with: &[&str]| tokens.len() >= with.len() && tokens.iter().zip(with).all(|(token, text)| token.text == *text);
    starts(&["#", "[", "cfg", "(", "test", ")"]) || starts(&["#", "[", "cfg", "(", "all", "(", "test"])
}

/// Number of tokens of the item, field or block that begins with its attributes here.
fn item_len(tokens: &[Token]) -> usize {
    let mut at = 0;
    while tokens.get(at).is_some_and(|token| token.text == "#") {
        at += 1 + group_len(&tokens[at + 1..]);
    }
    let text = |at: usize| tokens.get(at).map_or("", |token| token.text.as_str());
    if text(at) == "pub" {
        at += 1;
        if text(at) == "(" {
            at += group_len(&tokens[at..]);
        }
    }
    let is_field = text(at + 1) == ":";
    while let Some(token) = tokens.get(at) {
        match token.text.as_str() {
            ";" => return at + 1,
            "," if is_field => return at + 1,
            ")" | "]" | "}" => return at,
            "{" if !is_field => return at + group_len(&tokens[at..]),
            "(" | "[" | "{" => at += group_len(&tokens[at..]),
            _ => at += 1,
        }
    }
    at
}

/// Number of tokens of the bracketed group that begins here, brackets included.
fn group_len(tokens: &[Token]) -> usize {
    let mut depth = 0;
    for (at, token) in tokens.iter().enumerate() {
        match token.text.as_str() {
            "(" | "[" | "{" => depth += 1,
            ")" | "]" | "}" => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return at + 1;
        }
    }
    tokens.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(text: &str) -> String {
        let source = Source::new("src/a.rs", text);
        source
            .code
            .iter()
            .map(|token| token.text.as_str())
            .collect::<Vec<_>>()
            .join(" ")
    }

    #[test]
    fn test_modules_functions_fields_and_blocks_are_not_code() {
        assert_eq!(code("a; #[cfg(test)] mod tests { fn b() { {} } } c;"), "a ; c ;");
        assert_eq!(code("#[cfg(test)] #[path = \"x\"] mod tests; c;"), "c ;");
        assert_eq!(code("#[cfg(test)] pub(crate) fn b(x: &[u8; 2]) -> u8 { 1 } c;"), "c ;");
        assert_eq!(
            code("S { a: u8, #[cfg(test)] b: [u8; 2], c: u8 }"),
            "S { a : u8 , c : u8 }"
        );
        assert_eq!(
            code("S { a: u8, #[cfg(test)] pub(super) b: u8 } d;"),
            "S { a : u8 , } d ;"
        );
        assert_eq!(code("{ a(); #[cfg(test)] { b(); } c(); }"), "{ a ( ) ; c ( ) ; }");
        assert_eq!(
            code("#[cfg(feature = \"test\")] a;"),
            "# [ cfg ( feature = \"\" ) ] a ;"
        );
    }

    #[test]
    fn test_modules_in_files_of_their_own_are_found() {
        let files = |path: &str| Source::new(path, "#[cfg(test)]\npub(crate) mod testing;").test_files;
        assert_eq!(files("src/a.rs"), ["src/a/testing"]);
        assert_eq!(files("src/a/b.rs"), ["src/a/b/testing"]);
        assert_eq!(files("src/lib.rs"), ["src/testing"]);
        assert!(Source::new("src/a.rs", "mod testing;").test_files.is_empty());
    }

    #[test]
    fn a_path_tells_the_module() {
        let top = |path: &str| Source::new(path, "").top().to_owned();
        assert_eq!(top("src/tap/client/job.rs"), "tap");
        assert_eq!(top("src/main.rs"), "main");
        assert_eq!(top("src/lib.rs"), "lib");
        assert_eq!(Source::new("src/tap/client.rs", "").module(), ["tap", "client"]);
    }
}
