//! Flags of `capture attach`.

use std::path::PathBuf;

use crate::report::attach::IssueKey;
use clap::Args;

use super::{FormatArg, value::Span};

#[derive(Debug, Args)]
#[command(
    after_help = "The token comes from JIRA_TOKEN or from --token-file, never from the command line, which other users of \
                  the machine can read. It is sent as a personal access token (Jira Data Center), or with --user as \
                  the API token of that account (Jira Cloud).\n\n\
                  Examples:\n  \
                  capture attach --jira https://jira.example.com DAS-123 ticket.zip\n  \
                  capture attach --jira https://x.atlassian.net --user me@example.com DAS-123 report.html"
)]
pub(crate) struct AttachArgs {
    /// Address of Jira, context path included
    #[arg(long, value_name = "URL", env = "JIRA_URL")]
    pub(crate) jira: String,

    /// Issue, such as DAS-123
    #[arg(value_name = "ISSUE-KEY")]
    pub(crate) issue: IssueKey,

    /// Files to attach, such as a bundle, a report or a capture
    #[arg(value_name = "FILE", required = true)]
    pub(crate) files: Vec<PathBuf>,

    /// Account of the token; on Jira Cloud an e-mail address
    #[arg(long, value_name = "NAME", env = "JIRA_USER")]
    pub(crate) user: Option<String>,

    /// File with the token
    #[arg(long, value_name = "FILE")]
    pub(crate) token_file: Option<PathBuf>,

    /// Comment [default: the summary of the attached bundle]
    #[arg(long, value_name = "TEXT", conflicts_with = "no_comment")]
    pub(crate) comment: Option<String>,

    /// Do not comment
    #[arg(long)]
    pub(crate) no_comment: bool,

    /// Do not verify the certificate of Jira
    #[arg(long, help_heading = "Connection")]
    pub(crate) insecure: bool,

    /// Trusted root certificates (PEM)
    #[arg(long, value_name = "FILE", help_heading = "Connection")]
    pub(crate) cacert: Option<PathBuf>,

    /// Longest wait until Jira is reachable
    #[arg(long, value_name = "TIME", default_value = "30s", help_heading = "Connection")]
    pub(crate) connect_timeout: Span,

    #[command(flatten)]
    pub(crate) format: FormatArg,
}
