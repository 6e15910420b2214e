//! Instructions for reproducing a report: where to get the program, and the commands with all that was asked for.

use super::commands::ReportCommands;
use crate::model::text::printable;

/// Name of the expectation file in a bundle and in the commands of a report.
pub(crate) const EXPECTATIONS: &str = "expectations.toml";

/// The data for the commands that reproduce a report.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Again {
    /// Name of the reader's capture; `None` = under the name that the report tells.
    pub capture: Option<String>,
    /// The command templates; `None` = the report tells none.
    pub commands: Option<ReportCommands>,
    /// Flags of the payload layout, as they were given.
    pub layout: Option<String>,
    /// True when warnings fail the validation.
    pub strict: bool,
    /// Expectations beyond those in the capture, as TOML; empty = nothing.
    pub expectations: String,
    /// True when the reader has the expectation file beside the capture, under the name [`EXPECTATIONS`].
    pub has_expectations: bool,
    /// Difference between the reader's capture and the reported one.
    pub remark: Option<String>,
}

impl Again {
    /// The command that repeats the validation.
    fn validate(&self, commands: &ReportCommands, name: &str) -> String {
        let mut command = format!("{} {}", commands.validate, self.file(name));
        if !self.expectations.is_empty() {
            command.push_str(&format!(" {} {EXPECTATIONS}", commands.expectations));
        }
        if self.strict {
            command.push_str(&format!(" {}", commands.strict));
        }
        if let Some(layout) = &self.layout {
            command.push_str(&format!(" {layout}"));
        }
        command
    }

    /// The commands that repeat the validation and serve the capture; `None` when the report tells none.
    pub(crate) fn judge_and_serve(&self, name: &str) -> Option<(String, String)> {
        let commands = self.commands.as_ref()?;
        Some((
            self.validate(commands, name),
            format!("{} {}", commands.serve, self.file(name)),
        ))
    }

    /// All commands of the report: what they need, judging, serving, and checking that the file is whole; none when the
    /// report tells none.
    #[must_use]
    pub fn commands(&self, name: &str) -> Vec<String> {
        let Some(told) = &self.commands else {
            return Vec::new();
        };
        let file = self.file(name);
        let mut commands = vec![install()];
        if !self.expectations.is_empty() && !self.has_expectations {
            let text = self.expectations.trim_end();
            commands.push(format!("cat > {EXPECTATIONS} <<'EOF'\n{text}\nEOF"));
        }
        commands.push(self.validate(told, name));
        commands.push(format!("{} {file}", told.serve));
        commands.push(format!("{} {file}", told.verify));
        commands
    }

    fn file(&self, name: &str) -> String {
        let name = self.capture.as_deref().unwrap_or(name);
        let word = shell_word(&printable(name));
        // A word that begins so would be a flag.
        if name.starts_with('-') {
            format!("./{word}")
        } else {
            word
        }
    }
}

/// The command that installs this version of the program.
#[must_use]
pub(crate) fn install() -> String {
    concat!("cargo install grpc-capture@", env!("CARGO_PKG_VERSION")).to_owned()
}

/// The source of the program, in one phrase.
#[must_use]
pub(crate) fn source() -> String {
    let repository = env!("CARGO_PKG_REPOSITORY");
    let repository = if repository.is_empty() {
        String::new()
    } else {
        format!(" (source: {repository})")
    };
    format!("`{}`{repository}", install())
}

/// Quotes a word for a POSIX shell.
fn shell_word(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=,+@%".contains(c);
    if !text.is_empty() && text.chars().all(plain) {
        return text.to_owned();
    }
    format!("'{}'", text.replace('\'', "'\\''"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::commands::tests::COMMANDS;

    #[test]
    fn words_survive_a_shell() {
        assert_eq!(shell_word("job-1.gcap"), "job-1.gcap");
        assert_eq!(shell_word("it's $(here)"), "'it'\\''s $(here)'");
        assert_eq!(shell_word(""), "''");
    }

    #[test]
    fn the_commands_hold_all_that_the_verdict_depends_on() {
        assert!(Again::default().commands("a.gcap").is_empty());
        let plain = Again {
            commands: Some(COMMANDS),
            ..Again::default()
        };
        assert_eq!(plain.validate(&COMMANDS, "a b.gcap"), "capture validate 'a b.gcap'");
        assert_eq!(plain.validate(&COMMANDS, "-a.gcap"), "capture validate ./-a.gcap");
        assert_eq!(plain.commands("a.gcap").len(), 4);
        let asked = Again {
            commands: Some(COMMANDS),
            capture: Some("capture.gcap".to_owned()),
            layout: Some("--element f32".to_owned()),
            strict: true,
            expectations: "bins = 8\n".to_owned(),
            has_expectations: false,
            remark: None,
        };
        let commands = asked.commands("site.gcap");
        assert!(commands[0].starts_with("cargo install grpc-capture@"), "{commands:?}");
        assert_eq!(commands[1], "cat > expectations.toml <<'EOF'\nbins = 8\nEOF");
        assert_eq!(
            commands[2],
            "capture validate capture.gcap --expect expectations.toml --strict --element f32"
        );
        let beside = Again {
            has_expectations: true,
            ..asked
        };
        assert!(
            !beside
                .commands("site.gcap")
                .iter()
                .any(|command| command.contains("EOF"))
        );
    }
}
