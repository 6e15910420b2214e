//! A command of the user that runs while we serve or record: it gets our addresses in its environment, our stdin and
//! stdout and the signals that we get, and we end with it.

use std::{
    ffi::OsString,
    io,
    os::unix::process::ExitStatusExt as _,
    path::Path,
    process::{ExitStatus, Stdio},
    time::Duration,
};

use rustix::process::{Pid, Signal, kill_process};
use tokio::{
    process::{Child, Command},
    signal::unix::SignalKind,
};

use super::{Failure, Outcome, signals::Signals};
use crate::tap::Stop;

/// Exit code of a command that was not found, by the shells' convention.
const NOT_FOUND: u8 = 127;
/// Exit code of a command that cannot be executed, by the shells' convention.
const NOT_EXECUTABLE: u8 = 126;
/// Base of the exit code of a command that a signal ended, by the shells' convention.
const SIGNALLED: i32 = 128;

/// A variable of the command's environment.
pub(crate) type Variable = (&'static str, String);

/// The command that was started.
pub(crate) struct Wrapped {
    child: Child,
    /// True when the terminal sends Ctrl-C to the command as well as to us.
    shares_terminal: bool,
}

impl Wrapped {
    /// Starts a command with these variables in its environment. Our stdin, stdout and stderr are its own.
    pub(crate) fn start(command: &[OsString], variables: &[Variable]) -> Result<Self, Failure> {
        let Some((program, args)) = command.split_first() else {
            return Err(Failure::Usage("there is no command after --".to_owned()));
        };
        let child = Command::new(program)
            .args(args)
            .envs(variables.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::inherit())
            .spawn()
            .map_err(|error| not_started(program, &error))?;
        tracing::info!(command = ?program, process = child.id(), "the command was started");
        Ok(Self {
            child,
            shares_terminal: is_in_foreground(),
        })
    }

    /// Waits for the end of the command; the signals that would stop us are passed on to it meanwhile.
    pub(crate) async fn end(&mut self, signals: &mut Signals) -> Result<ExitStatus, Failure> {
        loop {
            tokio::select! {
                status = self.child.wait() => {
                    let status = status?;
                    tracing::info!(%status, "the command ended");
                    return Ok(status);
                }
                (kind, reason) = signals.stop() => self.pass_on(kind, reason),
            }
        }
    }

    /// Asks the command to end, because we do; then waits for it.
    pub(crate) fn ask_to_end(&self) {
        self.send(SignalKind::terminate());
    }

    fn pass_on(&self, kind: SignalKind, reason: &str) {
        let from_keyboard = kind == SignalKind::interrupt() || kind == SignalKind::quit();
        if from_keyboard && self.shares_terminal {
            tracing::info!(reason, "the terminal sent the signal to the command, too");
            return;
        }
        tracing::info!(reason, "the signal is passed on to the command");
        self.send(kind);
    }

    fn send(&self, kind: SignalKind) {
        let process = self
            .child
            .id()
            .and_then(|id| i32::try_from(id).ok())
            .and_then(Pid::from_raw);
        let (Some(process), Some(signal)) = (process, Signal::from_named_raw(kind.as_raw_value())) else {
            return;
        };
        if let Err(error) = kill_process(process, signal) {
            tracing::warn!(%error, "the signal could not be passed on to the command");
        }
    }
}

/// Runs the command beside a recording that `stop` ends: the recording ends with the command, and the command is asked
/// to end when the recording does.
pub(crate) async fn beside(
    wrapped: Result<Wrapped, Failure>,
    mut signals: Signals,
    stop: &Stop,
    ends_with_us: bool,
    settled: impl Future<Output = ()>,
) -> Result<ExitStatus, Failure> {
    let mut wrapped = wrapped.inspect_err(|_| {
        stop.stop("the command could not be started");
    })?;
    let status = tokio::select! {
        status = wrapped.end(&mut signals) => status,
        _ = stop.stopped(), if ends_with_us => {
            wrapped.ask_to_end();
            wrapped.end(&mut signals).await
        }
    };
    settled.await;
    stop.stop("the command ended");
    status
}

/// Shortest time that is given to what a command sent last.
const SETTLING: Duration = Duration::from_millis(50);
/// Longest time that is given to it: something else may be a client, too, that does not end with the command.
const MOST_SETTLING: Duration = Duration::from_secs(2);
/// Interval of the looks.
const LOOK: Duration = Duration::from_millis(10);

/// Waits until what the command sent last was taken: `done` says when nobody is connected any more.
pub(crate) async fn settle(done: impl Fn() -> bool) {
    tokio::time::sleep(SETTLING).await;
    let settled = async {
        while !done() {
            tokio::time::sleep(LOOK).await;
        }
    };
    let _ = tokio::time::timeout(MOST_SETTLING, settled).await;
}

/// The variables with our addresses: gRPC as `host:port`; REST as a URL, and as `host:port`.
pub(crate) fn variables(grpc: Option<&str>, rest: Option<&str>) -> Vec<Variable> {
    let mut variables = Vec::new();
    variables.extend(grpc.map(|grpc| ("CAPTURE_GRPC", grpc.to_owned())));
    if let Some(rest) = rest {
        variables.push(("CAPTURE_REST", rest.to_owned()));
        let (_, place) = rest.split_once("://").unwrap_or(("", rest));
        let host = place.split('/').next().unwrap_or(place);
        variables.push(("CAPTURE_REST_ADDR", host.to_owned()));
    }
    variables
}

/// The variable with the file of the authority whose certificate we show, if we made one.
pub(crate) fn authority(self_signed: Option<&Path>) -> Option<Variable> {
    self_signed.map(|ca| ("CAPTURE_CACERT", ca.display().to_string()))
}

/// The outcome of the whole: a recording that failed or lost something outranks the command, and the command outranks
/// what else we came to.
pub(crate) fn outcome(status: ExitStatus, ours: Outcome) -> Outcome {
    let code = status
        .code()
        .or_else(|| status.signal().map(|signal| SIGNALLED + signal));
    match (ours, code.and_then(|code| u8::try_from(code).ok())) {
        (Outcome::Failed | Outcome::Lossy, _) | (_, Some(0)) => ours,
        (_, Some(code)) => Outcome::Command(code),
        (_, None) => Outcome::Failed,
    }
}

fn not_started(program: &OsString, error: &io::Error) -> Failure {
    let code = if error.kind() == io::ErrorKind::NotFound {
        NOT_FOUND
    } else {
        NOT_EXECUTABLE
    };
    let program = program.to_string_lossy();
    Failure::Command {
        code,
        text: format!("could not start the command {program:?}: {error}; check its name and PATH"),
    }
}

/// True when our process group has the terminal: what is typed there reaches the command without us.
fn is_in_foreground() -> bool {
    let Ok(stat) = std::fs::read_to_string("/proc/self/stat") else {
        return io::IsTerminal::is_terminal(&io::stdin());
    };
    let mut fields = stat
        .rsplit_once(')')
        .map_or("", |(_, fields)| fields)
        .split_whitespace();
    // After the state and the parent: the process group, the session, the terminal, and the group that has it.
    let (group, foreground) = (fields.nth(2), fields.nth(2));
    group.is_some() && group == foreground
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_outranks_findings_and_a_failed_recording_outranks_the_command() {
        let exited = |code: i32| ExitStatus::from_raw(code << 8);
        let killed = ExitStatus::from_raw;
        for (status, ours, code) in [
            (exited(0), Outcome::Ok, 0),
            (exited(0), Outcome::Findings, 1),
            (exited(7), Outcome::Ok, 7),
            (exited(7), Outcome::Findings, 7),
            (exited(7), Outcome::Status(14), 7),
            (exited(7), Outcome::Lossy, 3),
            (exited(7), Outcome::Failed, 4),
            (exited(0), Outcome::Lossy, 3),
            (killed(9), Outcome::Ok, 137),
            (killed(15), Outcome::Findings, 143),
        ] {
            assert_eq!(outcome(status, ours).code(), code, "{status:?} {ours:?}");
        }
    }

    #[test]
    fn a_command_that_cannot_be_started_has_the_code_of_a_shell() {
        for (kind, code) in [(io::ErrorKind::NotFound, 127), (io::ErrorKind::PermissionDenied, 126)] {
            let failure = not_started(&"x".into(), &kind.into());
            assert_eq!(failure.code(), code);
            assert!(failure.to_string().contains("\"x\""), "{failure}");
        }
    }
}
