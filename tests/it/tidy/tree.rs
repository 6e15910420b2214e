//! The project's files.

use std::{fs, path::Path};

use super::source::Source;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// Folders that hold no file of the project: what is built, and what `capture demo` leaves.
const NOT_OURS: [&str; 3] = ["target", "capture-demo", "__pycache__"];

/// Names beginning with a dot that belong to the project; editors and tools keep the rest.
const OURS: [&str; 4] = [".ci", ".config", ".github", ".gitignore"];

/// The text of a file that must be there.
pub(super) fn read(path: &str) -> String {
    fs::read_to_string(Path::new(ROOT).join(path)).unwrap_or_else(|error| panic!("failed to read {path}: {error}"))
}

/// The product's sources: `src/` without test files.
pub(super) fn product() -> Vec<Source> {
    let sources: Vec<_> = everything()
        .into_iter()
        .filter(|source| source.path.starts_with("src/"))
        .collect();
    without_tests(sources)
}

/// All Rust sources, tests and build script included.
pub(super) fn everything() -> Vec<Source> {
    texts()
        .iter()
        .filter(|(path, _)| Path::new(path).extension().is_some_and(|extension| extension == "rs"))
        .map(|(path, text)| Source::new(path, text))
        .collect()
}

/// Path and content of every file that is text, sorted by path.
pub(super) fn texts() -> Vec<(String, String)> {
    let mut found = Vec::new();
    walk(Path::new(ROOT), "", &mut found);
    found.sort();
    found
}

/// Leaves out `tests.rs` files and modules that are declared for tests only, with what is below them.
fn without_tests(mut sources: Vec<Source>) -> Vec<Source> {
    let modules: Vec<String> = sources.iter().flat_map(|source| source.test_files.clone()).collect();
    sources.retain(|source| {
        let is_module = |module: &String| {
            let rest = source.path.strip_prefix(module.as_str());
            rest.is_some_and(|rest| rest == ".rs" || rest.starts_with('/'))
        };
        !source.path.ends_with("/tests.rs") && !modules.iter().any(is_module)
    });
    sources
}

fn walk(dir: &Path, prefix: &str, found: &mut Vec<(String, String)>) {
    let entries = fs::read_dir(dir).unwrap_or_else(|error| panic!("failed to list {}: {error}", dir.display()));
    for entry in entries.map(|entry| entry.expect("a folder can be listed to its end")) {
        let name = entry.file_name().to_string_lossy().into_owned();
        if NOT_OURS.contains(&name.as_str()) || (name.starts_with('.') && !OURS.contains(&name.as_str())) {
            continue;
        }
        let path = format!("{prefix}{name}");
        if entry.path().is_dir() {
            walk(&entry.path(), &format!("{path}/"), found);
        } else if let Ok(text) = fs::read_to_string(entry.path()) {
            found.push((path, text));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn test_files_are_left_out_and_their_neighbours_kept() {
        let sources = vec![
            Source::new("src/a.rs", "#[cfg(test)] mod testing; mod testing_rate; mod tests;"),
            Source::new("src/a/testing.rs", ""),
            Source::new("src/a/testing/deep.rs", ""),
            Source::new("src/a/testing_rate.rs", ""),
            Source::new("src/a/tests.rs", ""),
        ];
        let kept: Vec<_> = without_tests(sources).into_iter().map(|source| source.path).collect();
        assert_eq!(kept, ["src/a.rs", "src/a/testing_rate.rs"]);
    }

    #[test]
    fn the_walk_finds_sources_and_leaves_what_is_built() {
        let paths: Vec<_> = texts().into_iter().map(|(path, _)| path).collect();
        assert!(paths.iter().any(|path| path == "src/lib.rs"));
        assert!(paths.iter().any(|path| path == ".ci/run"));
        assert!(!paths.iter().any(|path| path.starts_with("target/")));
    }
}
