//! The commands: each opens what it needs, calls one engine of the library, and prints once.

use std::{error::Error, fmt, io};

use crate::{
    cli::remedies::{of_write, with_causes},
    transform::redact::Secrets,
};

pub(crate) mod attach;
mod bottleneck;
pub(crate) mod bundle;
pub(crate) mod cat;
pub(crate) mod demo;
pub(crate) mod diff;
pub(crate) mod docs;
pub(crate) mod drift;
pub(crate) mod expect;
pub(crate) mod export;
pub(crate) mod faults;
pub(crate) mod import;
pub(crate) mod info;
pub(crate) mod input;
pub(crate) mod kept;
pub(crate) mod merge;
pub(crate) mod note;
pub(crate) mod output;
mod progress;
pub(crate) mod proxy;
pub(crate) mod record;
mod recording;
pub(crate) mod recover;
pub(crate) mod redact;
pub(crate) mod replay;
pub(crate) mod report;
pub(crate) mod schema;
pub(crate) mod series;
pub(crate) mod serve;
pub(crate) mod signals;
pub(crate) mod slice;
pub(crate) mod snapshot;
pub(crate) mod stats;
pub(crate) mod supervisor;
mod tls;
pub(crate) mod trust;
pub(crate) mod validate;
pub(crate) mod verify;
mod wrapped;

/// The outcome of a command; main turns it into the exit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// The command succeeded.
    Ok,
    /// The command had findings: a failed validation, a difference, a stream without frames.
    Findings,
    /// The command finished, but something is missing.
    Lossy,
    /// The command failed.
    Failed,
    /// The server ended a call with this gRPC status.
    Status(u32),
    /// The command of the user ended with this exit code.
    Command(u8),
}

impl Outcome {
    /// The exit code of the outcome; gRPC statuses beyond the defined ones count as UNKNOWN.
    pub(crate) const fn code(self) -> u8 {
        match self {
            Self::Ok => 0,
            Self::Findings => 1,
            Self::Lossy => 3,
            Self::Failed => 4,
            Self::Status(status) if status <= 16 => 64 + status as u8,
            Self::Status(_) => 66,
            Self::Command(code) => code,
        }
    }

    /// Returns the worse of two outcomes: what could not be done outranks what was refused, lost or found.
    pub(crate) fn worst(self, other: Self) -> Self {
        let rank = |outcome| match outcome {
            Self::Ok => 0,
            Self::Findings => 1,
            Self::Lossy => 2,
            Self::Status(_) => 3,
            Self::Command(_) => 4,
            Self::Failed => 5,
        };
        if rank(other) > rank(self) { other } else { self }
    }
}

/// The reason why a command failed.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The flags or arguments do not make sense together.
    Usage(String),
    /// The command of the user could not be started.
    Command {
        /// The exit code, as a shell has it.
        code: u8,
        /// The problem.
        text: String,
    },
    /// Anything else, with its causes.
    Error(Box<dyn Error + Send + Sync>),
}

impl Failure {
    /// The failure with all known secrets of a recording masked, and everything that looks like a secret.
    pub(crate) fn masked(self, secrets: &Secrets) -> Self {
        match self {
            Self::Usage(text) => Self::Usage(secrets.line(&text)),
            Self::Command { code, text } => Self::Command {
                code,
                text: secrets.line(&text),
            },
            failure @ Self::Error(_) if failure.is_reader_gone() => failure,
            failure @ Self::Error(_) => Self::Error(secrets.line(&failure.to_string()).into()),
        }
    }

    pub(crate) const fn code(&self) -> u8 {
        match self {
            Self::Usage(_) => 2,
            Self::Command { code, .. } => *code,
            Self::Error(_) => 4,
        }
    }

    /// True when the reader of stdout has gone away, as `head` does, and there was nothing else to do.
    pub(crate) fn is_reader_gone(&self) -> bool {
        let Self::Error(error) = self else { return false };
        let io = error.downcast_ref::<std::io::Error>();
        io.is_some_and(output::ReaderGone::is)
    }
}

impl<E: Into<Box<dyn Error + Send + Sync>>> From<E> for Failure {
    fn from(error: E) -> Self {
        Self::Error(error.into())
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Usage(text) | Self::Command { text, .. } => f.write_str(text),
            Self::Error(error) => {
                let said = with_causes(error.as_ref());
                f.write_str(&said)?;
                match refused(error.as_ref()).filter(|remedy| !said.contains(remedy.as_str())) {
                    Some(remedy) => write!(f, "; {remedy}"),
                    None => Ok(()),
                }
            }
        }
    }
}

/// The remedy for an error of the operating system that only a write can have, wherever it is among the causes.
fn refused(error: &(dyn Error + 'static)) -> Option<String> {
    let causes = std::iter::successors(Some(error), |error| (*error).source());
    let io = causes.filter_map(|error| error.downcast_ref::<io::Error>());
    let of_writes = |error: &&io::Error| {
        use io::ErrorKind::{FileTooLarge, QuotaExceeded, ReadOnlyFilesystem, StorageFull};
        matches!(
            error.kind(),
            StorageFull | QuotaExceeded | FileTooLarge | ReadOnlyFilesystem
        )
    };
    io.filter(of_writes).find_map(of_write)
}

/// The result of every command.
pub(crate) type Done = Result<Outcome, Failure>;
