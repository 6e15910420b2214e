//! Absolute paths that exist on one machine only.

/// Folders that are somebody's own, each written without its slashes so that this file does not contain them.
const FOLDERS: [&str; 5] = ["home", "root", "work", "Users", "tmp/wt"];

/// Lines with an absolute path into such a folder.
pub(super) fn violations(path: &str, text: &str) -> Vec<String> {
    let named = |line: &str| {
        FOLDERS
            .iter()
            .map(|name| format!("/{name}/"))
            .find(|folder| has(line, folder))
    };
    let found = text.lines().enumerate().filter_map(|(at, line)| {
        let folder = named(line)?;
        Some(format!(
            "{path}:{}: {folder}… exists on one machine; name it relative to the project",
            at + 1
        ))
    });
    found.collect()
}

/// True when the folder is there as the beginning of a path: `https://host/home/` and `$DIR/work/` are longer paths.
fn has(line: &str, folder: &str) -> bool {
    line.match_indices(folder).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        !before.is_some_and(|c| c.is_alphanumeric() || "._-~}>*".contains(c))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_of_one_machine_are_found_wherever_they_begin() {
        let sep = '/';
        for text in [
            format!("cd {sep}home{sep}me"),
            format!("\"{sep}root{sep}.cargo\""),
            format!("a\nb={sep}work{sep}main"),
            format!("({sep}Users{sep}me{sep})"),
            format!("file://{sep}tmp/wt{sep}x"),
        ] {
            assert_eq!(violations("a.md", &text).len(), 1, "{text}");
        }
        assert!(violations("a.md", &format!("a\n{sep}work{sep}b"))[0].starts_with("a.md:2: "));
    }

    #[test]
    fn other_paths_are_fine() {
        let sep = '/';
        let text =
            format!("https://host{sep}home{sep}x $HOME{sep}work{sep}y {sep}tmp/x src{sep}work{sep}a ~{sep}root{sep}");
        assert_eq!(violations("a.md", &text), [""; 0]);
    }
}
