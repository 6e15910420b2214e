//! Text that must not be in a page that is made from a capture.

use grpc_capture::model::printable;

use super::planted::FORGED;

/// Panics when a text would steer a terminal, hide something, or holds a line that a value has made.
#[track_caller]
pub(super) fn clean(what: &str, text: &str) {
    let hidden = text.chars().find(|c| is_hidden(*c) && !matches!(c, '\n' | '\t'));
    assert!(hidden.is_none(), "{what}: {hidden:?} in {text:?}");
    let forged = text.lines().find(|line| line.trim_start().starts_with(FORGED));
    assert!(forged.is_none(), "{what}: a forged line in {text}");
}

/// Panics when a page holds markup of the capture's.
#[track_caller]
pub(super) fn html(what: &str, page: &str) {
    let hidden = page.chars().find(|c| is_hidden(*c) && !matches!(c, '\n' | '\t'));
    assert!(hidden.is_none(), "{what}: {hidden:?}");
    for markup in [
        "<script>alert",
        "<img src=x",
        "onerror=\"",
        "href=\"javascript",
        "href=\"http",
    ] {
        assert!(!page.contains(markup), "{what}: {markup}");
    }
    assert!(
        page.contains("&lt;script&gt;alert(1)"),
        "{what}: the plant is shown, escaped"
    );
}

/// Panics when a Markdown text holds markup of the capture's outside code.
#[track_caller]
pub(super) fn markdown(what: &str, text: &str) {
    clean(what, &without_blocks(text));
    let prose = without_code(&without_blocks(text));
    for markup in ["<script", "<img", "https://forged"] {
        assert!(!prose.contains(markup), "{what}: {markup} in {prose}");
    }
    for (at, _) in prose.match_indices("](") {
        assert!(prose[..at].ends_with('\\'), "{what}: a link at {at} in {prose}");
    }
}

/// The text without its fenced blocks; a fence is closed by as many backticks as opened it.
fn without_blocks(text: &str) -> String {
    let mut fence: Option<String> = None;
    let mut out = String::new();
    for line in text.lines() {
        match &fence {
            Some(open) if line == open => fence = None,
            Some(_) => {}
            None if line.starts_with("```") => {
                fence = Some(line.chars().take_while(|c| *c == '`').collect());
            }
            None => out.push_str(&format!("{line}\n")),
        }
    }
    assert!(fence.is_none(), "a block is not closed: {text}");
    out
}

/// The text without code in its lines; a backslash takes a backtick its meaning.
fn without_code(text: &str) -> String {
    let mut out = String::new();
    for line in text.lines() {
        let mut rest = line;
        while let Some(at) = rest.find(['`', '\\']) {
            out.push_str(&rest[..at]);
            rest = &rest[at..];
            if rest.starts_with('\\') {
                let end = rest.char_indices().nth(2).map_or(rest.len(), |(end, _)| end);
                out.push_str(&rest[..end]);
                rest = &rest[end..];
                continue;
            }
            let ticks = rest.len() - rest.trim_start_matches('`').len();
            let inner = &rest[ticks..];
            let mut runs = inner.match_indices(&rest[..ticks]).map(|(at, _)| at);
            let close = runs.find(|at| !inner[..*at].ends_with('`') && !inner[at + ticks..].starts_with('`'));
            if let Some(at) = close {
                rest = &inner[at + ticks..];
            } else {
                out.push_str(&rest[..ticks]);
                rest = inner;
            }
        }
        out.push_str(&format!("{rest}\n"));
    }
    out
}

/// Panics unless this is well-formed XML without a document type: characters, tags, attributes and references.
#[track_caller]
pub(super) fn xml(text: &str) {
    let allowed =
        |c: char| matches!(c, '\t' | '\n' | '\r' | ' '..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..);
    let odd = text.chars().find(|c| !allowed(*c));
    assert!(odd.is_none(), "no character of XML: {odd:?}");
    let mut open = Vec::new();
    let mut rest = text
        .strip_prefix("<?xml")
        .and_then(|rest| rest.split_once("?>"))
        .unwrap()
        .1;
    while let Some(at) = rest.find('<') {
        references(&rest[..at]);
        let tag = &rest[at + 1..];
        // No quoted value holds either: `<` is refused below, and `>` ends a tag only outside of quotes.
        let end = end_of_tag(tag);
        let (inside, behind) = (&tag[..end], &tag[end + 1..]);
        rest = behind;
        assert!(!inside.contains('<') && !inside.starts_with('!'), "{inside}");
        if let Some(name) = inside.strip_prefix('/') {
            assert_eq!(open.pop(), Some(name.trim_end()), "{text}");
            continue;
        }
        references(inside);
        let name = inside.split([' ', '/', '\n']).next().unwrap();
        assert!(!name.is_empty(), "{inside}");
        if !inside.ends_with('/') {
            open.push(name);
        }
    }
    assert!(rest.trim().is_empty() && open.is_empty(), "{rest:?}, {open:?}");
}

fn end_of_tag(tag: &str) -> usize {
    let mut quote = None;
    for (at, c) in tag.char_indices() {
        match (quote, c) {
            (None, '>') => return at,
            (None, '"' | '\'') => quote = Some(c),
            (Some(open), c) if open == c => quote = None,
            _ => {}
        }
    }
    panic!("a tag is not closed: {tag}")
}

fn references(text: &str) {
    for (at, _) in text.match_indices('&') {
        let known = ["&lt;", "&gt;", "&amp;", "&quot;", "&apos;", "&#"];
        assert!(
            known.iter().any(|known| text[at..].starts_with(known)),
            "{}",
            &text[at..]
        );
    }
}

#[test]
fn xml_that_is_not_well_formed_is_found() {
    xml("<?xml version=\"1.0\"?>\n<a b=\"c > d\"><e/>&lt;f</a>\n");
    for text in [
        "<a>\u{fffe}</a>",
        "<a>\u{1b}</a>",
        "<a><b></a>",
        "<a>&x</a>",
        "<a",
        "<a></a>b",
    ] {
        let text = format!("<?xml version=\"1.0\"?>{text}");
        assert!(std::panic::catch_unwind(|| xml(&text)).is_err(), "{text:?}");
    }
}

#[test]
fn markup_in_markdown_is_found_and_code_is_none() {
    markdown("code", "`[a](b)` ``c`<script>`` \\[d\\](e)\n````\n```\n[f](g)\n````\n");
    for text in [
        "[a](b)",
        "<script>",
        "`` [a](b) `",
        "\\`[a](b)\\`",
        "```\nx\n```\n[a](b)",
        "FORGED",
    ] {
        assert!(
            std::panic::catch_unwind(|| markdown("prose", text)).is_err(),
            "{text:?}"
        );
    }
}

/// A character that would not reach a terminal as it is.
fn is_hidden(c: char) -> bool {
    let text = c.to_string();
    printable(&text) != text
}
