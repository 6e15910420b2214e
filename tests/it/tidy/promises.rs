//! docs/security.md: the files, tests and constants that it names.

/// A file that is named between backticks, and what is to be found in it.
#[derive(Debug, PartialEq, Eq)]
struct Named<'a> {
    line: usize,
    file: &'a str,
    item: Option<&'a str>,
}

/// What `text` names between backticks as a file of the project, with or without an item of it.
fn named(text: &str) -> impl Iterator<Item = Named<'_>> {
    text.lines().zip(1..).flat_map(|(text, line)| {
        text.split('`').skip(1).step_by(2).filter_map(move |code| {
            let (file, item) = match code.split_once("::") {
                Some((file, item)) => (file, Some(item)),
                None => (code, None),
            };
            let is_file = file.contains('/') && file.contains('.') && !file.contains(' ');
            is_file.then_some(Named { line, file, item })
        })
    })
}

/// Whether a source defines the item: a function of Rust or Python, or a constant.
fn defines(source: &str, item: &str) -> bool {
    let test = ["fn", "def"]
        .iter()
        .any(|word| source.contains(&format!("{word} {item}(")));
    test || source.contains(&format!("const {item}:"))
}

/// What is named and is not there; `read` gives a file's text.
pub(super) fn violations(path: &str, text: &str, read: impl Fn(&str) -> Option<String>) -> Vec<String> {
    let missing = named(text).filter_map(|Named { line, file, item }| match (read(file), item) {
        (None, _) => Some(format!(
            "{path}:{line}: {file} does not exist; name the file that took its place"
        )),
        (Some(source), Some(item)) if !defines(&source, item) => Some(format!(
            "{path}:{line}: {file} has no {item}; name the test or the constant that holds the promise now"
        )),
        _ => None,
    });
    missing.collect()
}

/// The rows of tables that name no test at all.
pub(super) fn unheld(path: &str, text: &str) -> Vec<String> {
    let rows = text.lines().zip(1..).filter(|(line, _)| line.starts_with("| "));
    let bare = rows.filter(|(line, _)| !line.starts_with("| promise") && !line.trim_end().ends_with("` |"));
    bare.map(|(_, line)| format!("{path}:{line}: no test holds this promise; name one"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(path: &str) -> Option<String> {
        (path == "src/a.rs").then(|| "fn holds() {}\nconst MAX: u8 = 1;\n    def case(kit):".to_owned())
    }

    #[test]
    fn what_is_named_and_there_is_fine() {
        let text = "| a | `src/a.rs::MAX` | `src/a.rs::holds`, `src/a.rs::case` |\n`recover` of `src/a.rs`";
        assert_eq!(violations("x.md", text, read), [""; 0]);
        assert_eq!(unheld("x.md", text), [""; 0]);
    }

    #[test]
    fn what_is_gone_is_found_with_its_line() {
        let gone = violations("x.md", "text\n`src/a.rs::hold` and `src/b.rs`", read);
        assert_eq!(gone.len(), 2, "{gone:?}");
        assert!(gone.iter().all(|line| line.starts_with("x.md:2: ")), "{gone:?}");
        assert_eq!(unheld("x.md", "| promise | held by |\n|---|---|\n| a | |").len(), 1);
    }
}
