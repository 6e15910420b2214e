//! `capture redact`, and redaction rules in other commands.

use std::path::PathBuf;

use crate::transform::redact::Action;
use clap::Args;

use super::{FormatArg, schema::GivenSchemaArgs};

#[derive(Debug, Args)]
#[command(
    after_help = "Actions: hash (equal values stay equal), drop, mask, host (removes the host of an address), \
                  constant:VALUE.\n\
                  A value that is hidden in one place is masked in all text, and the new file is searched for it.\n\n\
                  Examples:\n  \
                  capture redact job.gcap -o clean.gcap\n  \
                  capture redact job.gcap -o clean.gcap --field datastream.SpectrogramRow.canvasId=hash\n  \
                  capture redact job.gcap --rules rules.toml --dry-run"
)]
pub(crate) struct RedactArgs {
    /// Capture file; it is not changed
    #[arg(value_name = "CAPTURE")]
    pub(crate) capture: PathBuf,

    /// New capture
    #[arg(short, long, value_name = "FILE", required_unless_present = "dry_run")]
    pub(crate) output: Option<PathBuf>,

    /// Print what would be changed and write nothing
    #[arg(long)]
    pub(crate) dry_run: bool,

    #[command(flatten)]
    pub(crate) rules: RuleArgs,

    /// Replace an existing output file
    #[arg(long)]
    pub(crate) force: bool,

    #[command(flatten)]
    pub(crate) format: FormatArg,

    #[command(flatten)]
    pub(crate) schema: GivenSchemaArgs,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "What to hide")]
pub(crate) struct RuleArgs {
    /// File with rules (TOML); flags are added to them
    #[arg(long, value_name = "FILE")]
    pub(crate) rules: Option<PathBuf>,

    /// Field of a message, such as datastream.SpectrogramRow.canvasId=hash; can be repeated
    #[arg(long, value_name = "FIELD=ACTION")]
    pub(crate) field: Vec<Assigned>,

    /// Metadata, such as x-site=mask; names that indicate a secret are always masked
    #[arg(long, value_name = "NAME=ACTION")]
    pub(crate) metadata: Vec<Assigned>,

    /// Key of the configure request and response, such as customer=drop
    #[arg(long, value_name = "KEY=ACTION")]
    pub(crate) configure: Vec<Assigned>,

    /// Attribute of the header, such as job-id=hash or tag.*=drop
    #[arg(long, value_name = "NAME=ACTION")]
    pub(crate) attribute: Vec<Assigned>,

    /// Authority and peer of calls [default: host]
    #[arg(long, value_name = "ACTION")]
    pub(crate) addresses: Option<Action>,

    /// Status messages and the reasons of other endings
    #[arg(long, value_name = "ACTION")]
    pub(crate) status: Option<Action>,

    /// Notes
    #[arg(long, value_name = "ACTION")]
    pub(crate) notes: Option<Action>,

    /// File with texts, one per line, that are hidden in all text
    #[arg(long, value_name = "FILE")]
    pub(crate) values: Option<PathBuf>,

    /// Turn off the default rules (source, addresses, names of sites in the configure exchange)
    #[arg(long)]
    pub(crate) no_defaults: bool,
}

/// A redaction from a flag: its target and its action; `NAME=ACTION`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Assigned(pub(crate) String, pub(crate) Action);

impl std::str::FromStr for Assigned {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once('=') {
            Some((name, action)) if !name.is_empty() => {
                let action: Action = action.parse().map_err(|error| format!("{error}"))?;
                Ok(Self(name.to_owned(), action))
            }
            _ => Err(format!(
                "`{text}` has no action; write NAME=ACTION, such as {text}=mask"
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_is_a_name_and_an_action() {
        assert_eq!("a.b=drop".parse(), Ok(Assigned("a.b".to_owned(), Action::Drop)));
        let constant = Action::Constant("x=y".to_owned());
        assert_eq!("a=constant:x=y".parse(), Ok(Assigned("a".to_owned(), constant)));
        assert!("a".parse::<Assigned>().unwrap_err().contains("a=mask"));
        assert!("a=blur".parse::<Assigned>().unwrap_err().contains("hash, drop, mask"));
    }
}
