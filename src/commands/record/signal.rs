//! Ctrl-C and SIGTERM end a recording in order; a second Ctrl-C ends it at once.

use grpc_capture::tap::Stop;
use tokio::signal::unix::{SignalKind, signal};

use super::Failure;
use crate::commands::output;

/// Exit code of a process that SIGINT ended, by the shells' convention.
const INTERRUPTED: i32 = 130;

/// Gives the stop signal when the process is asked to end.
pub(in crate::commands) fn stop_on_signals(stop: Stop) -> Result<(), Failure> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    tokio::spawn(async move {
        tokio::select! {
            _ = interrupt.recv() => stop.stop("stopped by Ctrl-C"),
            _ = terminate.recv() => stop.stop("stopped by SIGTERM"),
        }
        interrupt.recv().await;
        output::say("stopped at once; `capture recover` closes the capture");
        std::process::exit(INTERRUPTED);
    });
    Ok(())
}
