//! `capture attach`: evidence onto a Jira issue.

use std::{env, path::Path};

use crate::{
    model::text::printable,
    report::{
        attach::{AttachError, AttachLimits, Attachment, Credentials, Jira, from_markdown},
        bundle::{MAX_UNPACKED_BYTES, Opened, SUMMARY},
    },
    tap::tls::{TlsMode, TlsOptions},
};
use serde::Serialize;

use super::{Done, Failure, Outcome, output};
use crate::cli::{flags::attach::AttachArgs, remedies::told};

/// Environment variable that holds the token when no file is named.
const TOKEN: &str = "JIRA_TOKEN";

/// The result of `capture attach`: the JSON of `capture attach --format json`.
#[derive(Debug, Serialize)]
struct Attached {
    issue: String,
    attachments: Vec<Attachment>,
    /// Jira's id of the comment.
    comment: Option<String>,
    /// Why the remaining files were not attached.
    error: Option<String>,
}

pub(crate) fn run(args: &AttachArgs) -> Done {
    let tls = TlsOptions {
        mode: if args.insecure {
            TlsMode::Insecure
        } else {
            TlsMode::Auto
        },
        cacert: args.cacert.clone(),
        ..TlsOptions::default()
    };
    let limits = AttachLimits {
        connect: args.connect_timeout.0,
        ..AttachLimits::default()
    };
    let jira = Jira::new(&args.jira, credentials(args)?, &tls, limits)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let mut done = Attached {
        issue: args.issue.to_string(),
        attachments: Vec::new(),
        comment: None,
        error: None,
    };
    let failure = runtime.block_on(attach(args, &jira, &mut done)).err();
    done.error = failure.as_ref().map(|error| told(error));
    output::print(args.format.format, &done, text)?;
    match failure {
        None => Ok(Outcome::Ok),
        Some(error) => Err(error.into()),
    }
}

async fn attach(args: &AttachArgs, jira: &Jira, done: &mut Attached) -> Result<(), AttachError> {
    for file in &args.files {
        done.attachments.push(jira.attach(&args.issue, file).await?);
    }
    if !args.no_comment {
        let comment = args.comment.clone();
        let comment = comment.unwrap_or_else(|| summary(args, &done.attachments));
        done.comment = Some(jira.comment(&args.issue, &comment).await?);
    }
    Ok(())
}

/// The text of the comment: what is attached, and what a bundle says of itself.
fn summary(args: &AttachArgs, attachments: &[Attachment]) -> String {
    let mut parts = Vec::new();
    for (file, attachment) in args.files.iter().zip(attachments) {
        parts.push(format!(
            "* [^{}], {}",
            printable(&attachment.filename),
            output::bytes(attachment.size)
        ));
        parts.extend(bundled(file).map(|text| from_markdown(&text)));
    }
    parts.join("\n")
}

/// The summary in a bundle; other files have none.
fn bundled(file: &Path) -> Option<String> {
    Opened::open(file, MAX_UNPACKED_BYTES).ok()?.text(SUMMARY)
}

fn credentials(args: &AttachArgs) -> Result<Credentials, Failure> {
    let token = match &args.token_file {
        Some(path) => crate::cli::commands::input::text(path)
            .map_err(|error| format!("could not read the token from {}: {error}", path.display()))?,
        None => env::var(TOKEN).map_err(|_| {
            Failure::Usage(format!(
                "no token: set {TOKEN}, or name a file that holds it with --token-file"
            ))
        })?,
    };
    let token = token.trim().to_owned();
    if token.is_empty() || token.chars().any(char::is_control) {
        return Err(Failure::Usage(
            "the token is empty or has more than one line".to_owned(),
        ));
    }
    Ok(match &args.user {
        Some(user) => Credentials::Basic {
            user: user.clone(),
            token,
        },
        None => Credentials::Token(token),
    })
}

fn text(done: &Attached) -> String {
    let mut lines: Vec<_> = done
        .attachments
        .iter()
        .map(|one| {
            format!(
                "{}: {} attached ({}, attachment {})",
                printable(&done.issue),
                printable(&one.filename),
                output::bytes(one.size),
                printable(&one.id)
            )
        })
        .collect();
    if let Some(comment) = &done.comment {
        lines.push(format!(
            "{}: comment {} added",
            printable(&done.issue),
            printable(comment)
        ));
    }
    if lines.is_empty() {
        lines.push(format!("{}: nothing was attached", printable(&done.issue)));
    }
    lines.join("\n")
}
