//! The project's files.

use std::{fs, path::Path};

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// Folders that hold no file of the project: what is built, and what `capture demo` leaves.
const NOT_OURS: [&str; 3] = ["target", "capture-demo", "__pycache__"];

/// Names beginning with a dot that belong to the project; editors and tools keep the rest.
const OURS: [&str; 4] = [".ci", ".config", ".github", ".gitignore"];

/// The text of a file that must be there.
pub(super) fn read(path: &str) -> String {
    fs::read_to_string(Path::new(ROOT).join(path)).unwrap_or_else(|error| panic!("failed to read {path}: {error}"))
}

/// Path and content of every file that is text, sorted by path.
pub(super) fn texts() -> Vec<(String, String)> {
    let mut found = Vec::new();
    walk(Path::new(ROOT), "", &mut found);
    found.sort();
    found
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
    fn the_walk_finds_sources_and_leaves_what_is_built() {
        let paths: Vec<_> = texts().into_iter().map(|(path, _)| path).collect();
        assert!(paths.iter().any(|path| path == "src/lib.rs"));
        assert!(paths.iter().any(|path| path == ".ci/run"));
        assert!(!paths.iter().any(|path| path.starts_with("target/")));
    }
}
