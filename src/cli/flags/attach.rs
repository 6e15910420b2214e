//! Flags of `capture attach`.

use std::path::PathBuf;

use crate::report::attach::IssueKey;
use clap::Args;

use super::{FormatArg, value::Span};

#[derive(Debug, Args)]
#[command(
    after_help = "The token comes from the environment (JIRA_TOKEN) or from --token-file, never from the command \
                        line: other users of the machine can read that. Without --user it is sent as a personal \
                        access token (Jira Data Center); with --user as that account's API token (Jira Cloud)."
)]
pub(crate) struct AttachArgs {
    /// Jira's address, context path included
    #[arg(long, value_name = "URL", env = "JIRA_URL")]
    pub(crate) jira: String,

    /// The issue, such as DAS-123
    #[arg(value_name = "ISSUE-KEY")]
    pub(crate) issue: IssueKey,

    /// Files to attach: a bundle, a report, a capture
    #[arg(value_name = "FILE", required = true)]
    pub(crate) files: Vec<PathBuf>,

    /// Account the token belongs to (an e-mail address on Jira Cloud)
    #[arg(long, value_name = "NAME", env = "JIRA_USER")]
    pub(crate) user: Option<String>,

    /// File that holds the token
    #[arg(long, value_name = "FILE")]
    pub(crate) token_file: Option<PathBuf>,

    /// The comment, instead of the summary of what is attached
    #[arg(long, value_name = "TEXT", conflicts_with = "no_comment")]
    pub(crate) comment: Option<String>,

    /// Attach only
    #[arg(long)]
    pub(crate) no_comment: bool,

    /// TLS without verifying Jira's certificate
    #[arg(long, help_heading = "Connection")]
    pub(crate) insecure: bool,

    /// Trusted root certificates, PEM
    #[arg(long, value_name = "FILE", help_heading = "Connection")]
    pub(crate) cacert: Option<PathBuf>,

    /// How long to try to reach Jira
    #[arg(long, value_name = "TIME", default_value = "30s", help_heading = "Connection")]
    pub(crate) connect_timeout: Span,

    #[command(flatten)]
    pub(crate) format: FormatArg,
}
