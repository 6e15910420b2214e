//! Files stay short enough to be read at once.

use super::source::Source;

/// Lines of code in a file: past this a room is missing (most files are near 100).
const MAX_LINES: usize = 400;

/// A file with more lines of code than that; blank lines, comments and tests do not count.
pub(super) fn violations(source: &Source) -> Vec<String> {
    let lines = lines(source);
    let long = lines > MAX_LINES;
    long.then(|| format!("{}: {lines} lines of code, at most {MAX_LINES}; split it", source.path))
        .into_iter()
        .collect()
}

fn lines(source: &Source) -> usize {
    let mut lines: Vec<_> = source.code.iter().map(|token| token.line).collect();
    lines.dedup();
    lines.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_code_counts() {
        let text = "// a\n\nfn a() {\n    b(\"x\n  y\"); /* c\n d */\n}\n#[cfg(test)]\nmod tests {\n}\n";
        assert_eq!(lines(&Source::new("src/a.rs", text)), 4);
    }

    #[test]
    fn one_line_too_many_is_found() {
        let text = |lines: usize| "a();\n".repeat(lines) + "// the end\n";
        assert_eq!(violations(&Source::new("src/a.rs", &text(MAX_LINES))), [""; 0]);
        assert_eq!(violations(&Source::new("src/a.rs", &text(MAX_LINES + 1))).len(), 1);
    }
}
