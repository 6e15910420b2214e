//! Checks the commands in README.md against the built command.

use std::{path::Path, process::Command};

use super::tree;

/// What a fresh machine runs: each row is one command in any of its spellings, `--locked` left out.
const FRESH_MACHINE: [&[&str]; 2] = [&["cargo run --release -- demo"], &["cargo nextest run", "cargo test"]];

/// Lines of the README: one page that is read in five minutes.
const MOST_LINES: usize = 140;

/// A line of a console block: where it begins, and the command without its `$`.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Shown {
    pub(super) line: usize,
    pub(super) command: String,
}

/// One call of the command.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Call {
    line: usize,
    args: Vec<String>,
}

impl Call {
    /// True for a call of this subcommand.
    pub(super) fn is_of(&self, subcommand: &str) -> bool {
        self.args.first().is_some_and(|arg| arg == subcommand)
    }
}

/// The subcommands that the help of the command lists.
pub(super) fn subcommands(help: &str) -> impl Iterator<Item = &str> {
    let (_, commands) = help.split_once("\nCommands:\n").unwrap_or_default();
    commands
        .lines()
        .take_while(|line| !line.is_empty())
        .filter(|line| line.starts_with("  ") && !line.starts_with("   "))
        .filter_map(|line| line.split_whitespace().next())
}

/// The calls in a line of the examples of a help.
pub(super) fn example(line: &str) -> Vec<Call> {
    let command = line.trim().to_owned();
    captures(&Shown { line: 0, command })
}

pub(super) fn text() -> String {
    let exists = Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md").exists();
    assert!(
        exists,
        "README.md is missing; write it with the two commands of a fresh machine"
    );
    tree::read("README.md")
}

/// The commands of a fresh machine that a file does not name.
pub(super) fn missing_commands(path: &str, text: &str) -> Vec<String> {
    let text = text.replace(" --locked", "");
    let missing = |spellings: &&&[&str]| !spellings.iter().any(|command| text.contains(command));
    let say = |spellings: &&[&str]| {
        format!(
            "{path}: `{}` is not named; README.md and .ci/run name the same",
            spellings[0]
        )
    };
    FRESH_MACHINE.iter().filter(missing).map(say).collect()
}

/// More lines than a reader takes in.
pub(super) fn too_long(readme: &str) -> Vec<String> {
    let lines = readme.lines().count();
    let long = lines > MOST_LINES;
    long.then(|| format!("README.md: {lines} lines, at most {MOST_LINES}; move something into docs/guide"))
        .into_iter()
        .collect()
}

/// Lines of Rust that rustdoc hides and every other reader sees.
pub(super) fn hidden_lines(readme: &str) -> Vec<String> {
    let (mut rust, mut found) = (false, Vec::new());
    for (at, line) in readme.lines().enumerate() {
        if line.starts_with("```") {
            rust = line.starts_with("```rust");
        } else if rust && (line == "#" || line.starts_with("# ")) {
            found.push(format!(
                "README.md:{}: a hidden line is visible here; show or drop it",
                at + 1
            ));
        }
    }
    found
}

/// The commands of every `console` block; a line that ends in `\` goes on in the next.
pub(super) fn commands(readme: &str) -> Vec<Shown> {
    let (mut found, mut inside, mut goes_on) = (Vec::<Shown>::new(), false, false);
    for (at, text) in readme.lines().enumerate() {
        let text = text.trim();
        if text.starts_with("```") {
            (inside, goes_on) = (!inside && text == "```console", false);
        } else if inside && goes_on {
            let shown = found.last_mut().expect("a line went on");
            shown.command = format!("{} {text}", shown.command.trim_end_matches('\\'));
            goes_on = text.ends_with('\\');
        } else if inside && let Some(command) = text.strip_prefix("$ ") {
            let command = command.to_owned();
            found.push(Shown { line: at + 1, command });
            goes_on = text.ends_with('\\');
        }
    }
    found
}

/// The calls of the command within a shell line, by its name or through `cargo run`.
pub(super) fn captures(shown: &Shown) -> Vec<Call> {
    let words = words(&shown.command);
    let ends = |word: &String| matches!(word.as_str(), "|" | "&&" | "||" | ";" | "&");
    let call = |words: &[String]| {
        let mut words = words.iter().skip_while(|word| is_assignment(word));
        let args = match words.next().map(String::as_str) {
            Some("capture") => words.cloned().collect(),
            Some("cargo") if words.next().is_some_and(|word| word == "run") => {
                words.skip_while(|word| *word != "--").skip(1).cloned().collect()
            }
            _ => return None,
        };
        Some(Call { line: shown.line, args })
    };
    words.split(ends).filter_map(call).collect()
}

/// What is wrong with a call, by the help of its subcommand.
pub(super) fn violations(call: &Call, help: &dyn Fn(&[&str]) -> Option<String>) -> Vec<String> {
    let subcommand: Vec<_> = call
        .args
        .iter()
        .map(String::as_str)
        .find(|arg| !arg.starts_with('-'))
        .into_iter()
        .collect();
    let place = format!("README.md:{}: `capture {}`", call.line, call.args.join(" "));
    let Some(help) = help(&subcommand) else {
        return vec![format!(
            "{place}: there is no such subcommand; mend the line or the command"
        )];
    };
    let known: Vec<_> = help.split(|c: char| !(c.is_alphanumeric() || c == '-')).collect();
    flags(&call.args)
        .into_iter()
        .filter(|flag| !known.contains(&flag.as_str()))
        .map(|flag| format!("{place}: the help does not know {flag}; mend the line or the command"))
        .collect()
}

/// The built command's help for a subcommand; nothing when it refuses.
pub(super) fn help(subcommand: &[&str]) -> Option<String> {
    let output = Command::new(env!("CARGO_BIN_EXE_capture"))
        .args(subcommand)
        .arg("--help")
        .output()
        .expect("the built command runs");
    output
        .status
        .success()
        .then(|| String::from_utf8_lossy(&output.stdout).into_owned())
}

/// The flags among arguments, without values: `--rate=2` is `--rate`, `-vv` is `-v`; `-5` and `-` are values.
fn flags(args: &[String]) -> Vec<String> {
    let flag = |arg: &String| {
        let name = arg.split('=').next().unwrap_or_default();
        let short = name.strip_prefix('-').and_then(|rest| rest.chars().next());
        match short {
            Some('-') if name.len() > 2 => Some(name.to_owned()),
            Some(letter) if letter.is_alphabetic() => Some(format!("-{letter}")),
            _ => None,
        }
    };
    args.iter().filter_map(flag).collect()
}

fn is_assignment(word: &str) -> bool {
    let name = word.split_once('=').map(|(name, _)| name);
    name.is_some_and(|name| !name.is_empty() && name.chars().all(|c| c.is_ascii_uppercase() || c == '_'))
}

/// The words of a shell line up to a comment, without quotes and redirections.
fn words(line: &str) -> Vec<String> {
    let (mut words, mut word, mut quote) = (Vec::new(), None::<String>, None);
    for c in line.chars().chain([' ']) {
        match (quote, c) {
            (Some(open), _) if c == open => quote = None,
            (None, '\'' | '"') => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            (None, _) if c.is_whitespace() => words.extend(word.take()),
            _ => word.get_or_insert_default().push(c),
        }
    }
    let mut kept = Vec::new();
    let mut rest = words.into_iter().take_while(|word| !word.starts_with('#'));
    while let Some(word) = rest.next() {
        match word.trim_start_matches(|c: char| c.is_ascii_digit()) {
            // A redirection, with its file behind it or in the next word.
            ">" | "<" | ">>" => drop(rest.next()),
            arrow if arrow.starts_with(['>', '<']) => {}
            _ => kept.push(word),
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    fn calls(line: &str) -> Vec<Vec<String>> {
        let command = line.to_owned();
        captures(&Shown { line: 1, command })
            .into_iter()
            .map(|call| call.args)
            .collect()
    }

    fn judge(line: &str) -> Vec<String> {
        let help = |subcommand: &[&str]| match subcommand {
            ["cat"] => Some("  -o, --output <FILE>\n      --raw\n  -v, --verbose...".to_owned()),
            _ => None,
        };
        let shown = Shown {
            line: 7,
            command: line.to_owned(),
        };
        captures(&shown)
            .iter()
            .flat_map(|call| violations(call, &help))
            .collect()
    }

    #[test]
    fn console_blocks_give_their_commands() {
        let readme =
            "$ capture no\n```console\n$ capture a \\\n    --b\nout\n$ capture c\n```\n```toml\n$ capture d\n```\n";
        let found: Vec<_> = commands(readme)
            .into_iter()
            .map(|shown| (shown.line, shown.command))
            .collect();
        assert_eq!(found, [(3, "capture a  --b".to_owned()), (6, "capture c".to_owned())]);
    }

    #[test]
    fn calls_are_found_in_shell_lines() {
        assert_eq!(
            calls("RUST_LOG=info capture cat a.gcap --raw > out.bin"),
            [["cat", "a.gcap", "--raw"]]
        );
        assert_eq!(calls("cargo run --release -- demo"), [["demo"]]);
        assert_eq!(
            calls("capture serve a & capture record -H 'a: b' # later"),
            [vec!["serve", "a"], vec!["record", "-H", "a: b"]]
        );
        assert_eq!(calls("echo capture"), Vec::<Vec<String>>::new());
    }

    #[test]
    fn commands_and_flags_that_do_not_exist_are_found() {
        assert_eq!(judge("capture cat a.gcap --raw -vv --output=x -o - -5"), [""; 0]);
        assert!(judge("capture dog a.gcap")[0].contains("no such subcommand"));
        assert!(judge("capture cat --loud | capture cat -x")[0].starts_with("README.md:7: `capture cat --loud`"));
        assert_eq!(judge("capture cat --loud | capture cat -x").len(), 2);
        assert_eq!(judge("capture cat --out").len(), 1);
    }

    #[test]
    fn a_long_readme_and_hidden_lines_are_found() {
        assert_eq!(too_long(&"a\n".repeat(MOST_LINES)), [""; 0]);
        assert_eq!(too_long(&"a\n".repeat(MOST_LINES + 1)).len(), 1);
        let hidden = "# Title\n```rust\n# use a;\n#[test]\n```\n```console\n# later\n```\n";
        assert_eq!(hidden_lines(hidden).len(), 1);
    }

    #[test]
    fn the_built_command_knows_its_subcommands_and_no_others() {
        assert!(help(&["cat"]).expect("cat is a subcommand").contains("--raw"));
        assert_eq!(help(&["no-such-subcommand"]), None);
    }

    #[test]
    fn the_commands_of_a_fresh_machine_are_missed() {
        let both = "$ cargo run --release --locked -- demo\n$ cargo nextest run --locked\n";
        assert_eq!(missing_commands("a", both), [""; 0]);
        assert_eq!(missing_commands("a", "cargo run -- demo; cargo test").len(), 1);
        assert_eq!(missing_commands("a", "").len(), 2);
    }
}
