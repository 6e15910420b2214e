//! What must not be left in the tree: unfinished code, skipped tests, statics that can change.

use super::{lexer::Token, source::Source};

/// Types that make a static changeable. `OnceLock` and `LazyLock` are set once.
const CHANGEABLE: [&str; 6] = ["Mutex", "RwLock", "Cell", "RefCell", "UnsafeCell", "OnceCell"];

/// Unfinished code and skipped tests, in test code too.
pub(super) fn violations(source: &Source) -> Vec<String> {
    let mut found = Vec::new();
    for (at, token) in source.all.iter().enumerate() {
        let text = |at: usize| source.all.get(at).map_or("", |token| token.text.as_str());
        let what = match (token.text.as_str(), text(at + 1), text(at + 2)) {
            (name @ ("todo" | "unimplemented" | "dbg"), "!", _) => format!("{name}! is left behind; finish it"),
            ("#", "[", "ignore") => "a skipped test proves nothing; mend it or remove it".to_owned(),
            _ => continue,
        };
        found.push(source.at(token, what));
    }
    found
}

/// Statics that can change: `static mut`, thread-locals, and statics of a type that is changed through a reference.
pub(super) fn mutable_statics(source: &Source) -> Vec<String> {
    let tokens = &source.code;
    let is_changeable = |at: usize| {
        let declared = tokens[at..]
            .iter()
            .take_while(|token| !matches!(token.text.as_str(), "=" | ";"));
        match tokens[at].text.as_str() {
            "thread_local" => true,
            "static" => declared.skip(1).any(changes),
            _ => false,
        }
    };
    (0..tokens.len())
        .filter(|at| is_changeable(*at))
        .map(|at| {
            source.at(
                &tokens[at],
                "a static that can change; keep the state in a value that is passed along",
            )
        })
        .collect()
}

fn changes(token: &Token) -> bool {
    token.text == "mut" || token.text.starts_with("Atomic") || CHANGEABLE.contains(&token.text.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unfinished_code_and_skipped_tests_are_found_even_in_tests() {
        for text in [
            "fn a() { todo!() }",
            "fn a() { unimplemented!(\"later\") }",
            "#[cfg(test)] mod tests { fn a() { dbg!(1); } }",
            "#[test] #[ignore = \"slow\"] fn a() {}",
        ] {
            assert_eq!(violations(&Source::new("src/a.rs", text)).len(), 1, "{text}");
        }
        let fine = "// todo!()\nlet ignore = \"#[ignore]\"; todo();";
        assert_eq!(violations(&Source::new("src/a.rs", fine)), [""; 0]);
    }

    #[test]
    fn statics_that_can_change_are_found() {
        for text in [
            "static mut A: u8 = 0;",
            "static A: AtomicU64 = AtomicU64::new(0);",
            "static A: LazyLock<Mutex<u8>> = LazyLock::new(Default::default);",
            "thread_local! { }",
        ] {
            assert_eq!(mutable_statics(&Source::new("src/a.rs", text)).len(), 1, "{text}");
        }
        let fine = "static A: OnceLock<u8> = OnceLock::new(); fn b(x: &'static Mutex<u8>, y: &mut u8) {}";
        assert_eq!(mutable_statics(&Source::new("src/a.rs", fine)), [""; 0]);
    }
}
