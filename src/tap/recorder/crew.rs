//! A few threads that write for many recorders, so that hundreds of recordings need no hundreds of threads.

use std::sync::Arc;

use tokio::{
    runtime::Handle,
    sync::{Semaphore, mpsc, oneshot},
    task,
    time::timeout,
};

use super::{
    RecorderError, Sink,
    queue::Command,
    writer::{Flow, Writer},
};

/// Commands that a recorder may have carried out at one go, before another gets its turn.
const TURN: usize = 64;

/// Threads of a runtime's blocking pool, a bounded number of them, that recorders share. Clones are one and the same.
#[derive(Debug, Clone)]
pub struct Crew {
    places: Arc<Semaphore>,
    runtime: Handle,
}

impl Crew {
    /// A crew of so many threads (at least one) of the runtime that this is called in.
    ///
    /// # Panics
    /// Outside of a runtime.
    #[must_use]
    pub fn new(threads: usize) -> Self {
        Self {
            places: Arc::new(Semaphore::new(threads.clamp(1, Semaphore::MAX_PERMITS))),
            runtime: Handle::current(),
        }
    }

    pub(super) fn spawn<S: Sink>(
        &self,
        writer: Writer<S>,
        commands: mpsc::UnboundedReceiver<Command>,
        report: oneshot::Sender<Result<S::Summary, RecorderError>>,
    ) {
        let places = Arc::clone(&self.places);
        self.runtime.spawn(async move {
            // Whoever does not wait for the outcome does not want it.
            let _ = report.send(run(writer, commands, &places).await);
        });
    }
}

async fn run<S: Sink>(
    mut writer: Writer<S>,
    mut commands: mpsc::UnboundedReceiver<Command>,
    places: &Semaphore,
) -> Result<S::Summary, RecorderError> {
    let written = loop {
        let mut turn = Vec::with_capacity(TURN);
        // Nothing by then is a turn too: something may have to be flushed.
        let patience = writer.patience();
        let _ = timeout(patience, commands.recv_many(&mut turn, TURN)).await;
        writer.look(patience);
        let closed = turn.is_empty() && commands.is_closed();
        let place = places.acquire().await.map_err(|_| RecorderError::Lost)?;
        let done = task::spawn_blocking(move || {
            let step = carry_out(&mut writer, turn);
            (writer, step)
        });
        let step;
        (writer, step) = done.await.map_err(|_| RecorderError::Lost)?;
        drop(place);
        match step {
            Ok(Flow::Go) if !closed => {}
            Ok(_) => break Ok(()),
            Err(failure) => break Err(failure),
        }
    };
    let ended = task::spawn_blocking(move || writer.end(written)).await;
    match ended.map_err(|_| RecorderError::Lost)? {
        Ok(summary) => Ok(summary),
        Err(failed) => {
            let mut refused = 0;
            if failed.has_rest() {
                while let Some(Command::Write(..)) = commands.recv().await {
                    refused += 1;
                }
            }
            Err(failed.error(refused))
        }
    }
}

fn carry_out<S: Sink>(writer: &mut Writer<S>, turn: Vec<Command>) -> Result<Flow, super::writer::Failure> {
    if turn.is_empty() || writer.patience().is_zero() {
        writer.idle()?;
    }
    for command in turn {
        if writer.take(command)? == Flow::Finish {
            return Ok(Flow::Finish);
        }
    }
    Ok(Flow::Go)
}
