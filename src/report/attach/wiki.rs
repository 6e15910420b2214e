//! Conversion of the Markdown of reports into the wiki markup of Jira comments. Pure.
//!
//! Source: Atlassian, *Text Formatting Notation* of Jira. Headings, bold, code, lists, tables and links are converted;
//! everything else stays as it is, with the characters escaped that Jira would read as markup.

use crate::model::text::printable_lines;

/// Turns Markdown into Jira's wiki markup.
#[must_use]
pub(crate) fn from_markdown(text: &str) -> String {
    let mut out = Vec::new();
    let text = printable_lines(text);
    let mut lines = text.lines().peekable();
    // Backticks that the fence was opened with: as many close it, and no fewer.
    let mut fenced = 0;
    while let Some(line) = lines.next() {
        let ticks = line.trim_start();
        let ticks = ticks.len() - ticks.trim_start_matches('`').len();
        if ticks >= 3 && (fenced == 0 || ticks >= fenced) {
            fenced = if fenced == 0 { ticks } else { 0 };
            out.push("{noformat}".to_owned());
        } else if fenced > 0 {
            out.push(line.replace("{noformat}", "{ noformat}"));
        } else if line.starts_with('|') {
            let head = lines.next_if(|next| is_rule(next)).is_some();
            out.push(row(line, head));
        } else {
            out.push(plain(line));
        }
    }
    if fenced > 0 {
        out.push("{noformat}".to_owned());
    }
    out.join("\n")
}

/// True for the line below a table's head.
fn is_rule(line: &str) -> bool {
    line.starts_with('|') && line.contains('-') && line.chars().all(|c| matches!(c, '|' | '-' | ':' | ' '))
}

fn row(line: &str, head: bool) -> String {
    let bar = if head { "||" } else { "|" };
    let inner = line.trim().trim_start_matches('|');
    let inner = inner.strip_suffix('|').unwrap_or(inner);
    let cells = split_cells(inner);
    let cells: Vec<_> = cells
        .iter()
        .map(|cell| match inline(cell.trim()) {
            // An empty cell would merge its neighbours.
            cell if cell.is_empty() => " ".to_owned(),
            cell => cell,
        })
        .collect();
    format!("{bar}{}{bar}", cells.join(bar))
}

/// Splits a table line into its cells; `\|` is a bar within one.
fn split_cells(inner: &str) -> Vec<String> {
    let mut cells = vec![String::new()];
    let mut chars = inner.chars().peekable();
    while let Some(c) = chars.next() {
        match (c, cells.last_mut()) {
            ('\\', Some(cell)) if chars.peek() == Some(&'|') => {
                chars.next();
                cell.push('|');
            }
            ('|', _) => cells.push(String::new()),
            (c, Some(cell)) => cell.push(c),
            (_, None) => {}
        }
    }
    cells
}

fn plain(line: &str) -> String {
    let level = line.chars().take_while(|c| *c == '#').count();
    if (1..=6).contains(&level)
        && let Some(title) = line[level..].strip_prefix(' ')
    {
        return format!("h{level}. {}", inline(title));
    }
    let indent = line.len() - line.trim_start().len();
    let depth = indent / 2 + 1;
    let rest = line.trim_start();
    if let Some(item) = rest.strip_prefix("- ").or_else(|| rest.strip_prefix("* ")) {
        return format!("{} {}", "*".repeat(depth), inline(item));
    }
    inline(line)
}

/// Converts bold text, code and links within a line.
fn inline(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while !rest.is_empty() {
        if let Some((c, after)) = literal(rest) {
            match c {
                // Escaped so that no link comes of it.
                ':' => out.push_str("&#58;"),
                c => push_escaped(&mut out, c),
            }
            rest = after;
        } else if let Some((code, after)) = code(rest) {
            out.push_str("{{");
            out.push_str(&escaped(code));
            out.push_str("}}");
            rest = after;
        } else if let Some((bold, after)) = between(rest, "**", "**") {
            out.push('*');
            out.push_str(&inline(bold));
            out.push('*');
            rest = after;
        } else if let Some((label, after)) = between(rest, "[", "](")
            && let Some((target, after)) = after.split_once(')')
        {
            out.push_str(&format!("[{}|{target}]", escaped(label)));
            rest = after;
        } else {
            let mut chars = rest.chars();
            if let Some(c) = chars.next() {
                push_escaped(&mut out, c);
            }
            rest = chars.as_str();
        }
    }
    out
}

/// Escapes a character that Markdown shows as it is: behind a backslash, or by its entity.
fn literal(text: &str) -> Option<(char, &str)> {
    for (entity, c) in [("&lt;", '<'), ("&amp;", '&')] {
        if let Some(after) = text.strip_prefix(entity) {
            return Some((c, after));
        }
    }
    let mut after = text.strip_prefix('\\')?.chars();
    let c = after.next().filter(char::is_ascii_punctuation)?;
    Some((c, after.as_str()))
}

/// Splits off code between backticks at the beginning.
fn code(text: &str) -> Option<(&str, &str)> {
    let ticks = &text[..text.len() - text.trim_start_matches('`').len()];
    let rest = &text[ticks.len()..];
    let mut from = 0;
    while let Some(found) = rest[from..].find(ticks).filter(|_| !ticks.is_empty()) {
        let at = from + found;
        let run = rest[at..].len() - rest[at..].trim_start_matches('`').len();
        if run == ticks.len() {
            let code = &rest[..at];
            let padded = code.strip_prefix(' ').and_then(|code| code.strip_suffix(' '));
            let code = padded.filter(|code| !code.trim().is_empty()).unwrap_or(code);
            return (!code.is_empty()).then_some((code, &rest[at + run..]));
        }
        from = at + run;
    }
    None
}

/// Splits off the text between `open` at the beginning and the next `close`.
fn between<'a>(text: &'a str, open: &str, close: &str) -> Option<(&'a str, &'a str)> {
    let (inner, after) = text.strip_prefix(open)?.split_once(close)?;
    (!inner.is_empty()).then_some((inner, after))
}

fn escaped(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars() {
        push_escaped(&mut out, c);
    }
    out
}

/// Appends a character, escaped if Jira reads it as markup.
fn push_escaped(out: &mut String, c: char) {
    // Two backslashes in a row would be a line break, whatever they were to escape.
    if c == '\\' {
        return out.push_str("&#92;");
    }
    if matches!(c, '{' | '}' | '[' | ']' | '|' | '*' | '_' | '^' | '~' | '!') {
        out.push('\\');
    }
    out.push(c);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headings_lists_tables_and_code_become_wiki_markup() {
        for (markdown, wiki) in [
            ("# One", "h1. One"),
            ("#no heading", "#no heading"),
            ("- a **b** c", "* a *b* c"),
            ("  - deeper", "** deeper"),
            ("`a_b`", "{{a\\_b}}"),
            ("[docs](https://x/y)", "[docs|https://x/y]"),
            ("| a | b |\n|---|---|\n| 1 |  |", "||a||b||\n|1| |"),
            ("| a \\| b |", "|a \\| b|"),
            ("```console\n$ a_b {x}\n```", "{noformat}\n$ a_b {x}\n{noformat}"),
            ("````\n```\n[a](b)\n````", "{noformat}\n```\n[a](b)\n{noformat}"),
            ("```\nleft open", "{noformat}\nleft open\n{noformat}"),
            ("a {macro} [^x] !p.png!", "a \\{macro\\} \\[\\^x\\] \\!p.png\\!"),
            (
                "\\*a\\* \\`b\\` \\[c\\](d) &lt;e> http\\://f",
                "\\*a\\* `b` \\[c\\](d) <e> http&#58;//f",
            ),
            ("\\\\\\[x\\|y\\]", "&#92;\\[x\\|y\\]"),
            ("``a`b`` and `` `c ``", "{{a`b}} and {{`c}}"),
            ("a\u{9b}b", "a&#92;u\\{9b\\}b"),
            ("** not bold", "\\*\\* not bold"),
        ] {
            assert_eq!(from_markdown(markdown), wiki, "{markdown}");
        }
    }

    #[test]
    fn a_fence_cannot_be_left_from_within() {
        let wiki = from_markdown("```\n{noformat}*x*\n```");
        assert_eq!(wiki.matches("{noformat}").count(), 2);
    }
}

#[cfg(test)]
mod examples {
    #[test]
    fn example_of_from_markdown() {
        use crate::report::attach::from_markdown;
        assert_eq!(
            from_markdown("## Verdict\n\n**FAIL**: `nan`"),
            "h2. Verdict\n\n*FAIL*: {{nan}}"
        );
    }
}
