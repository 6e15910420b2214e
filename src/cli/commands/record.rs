//! `capture record`: configures a job or dials one, and records all its streams; or many jobs at once.

use std::{path::Path, process::ExitStatus, time::Duration};

use tokio::sync::oneshot;

use crate::{
    tap::Stop,
    transform::redact::{Secrets, strip_userinfo},
};

use super::{
    Done, Failure, Outcome, output,
    signals::{self, Signals, Usr1},
    supervisor::Supervisor,
    wrapped::{self, Variable, Wrapped},
};
use crate::cli::flags::record::RecordArgs;

mod jobs;
mod live;
mod names;
pub(crate) mod progress;
mod report;
mod session;
pub(crate) mod target;

pub(crate) use names::default_path;
pub(crate) use session::unix_ns;
use session::{RecordedJob, Session};

/// Time after the end of a command in which a server may still send what the command caused.
const LAST_WORDS: Duration = Duration::from_millis(200);

pub(crate) fn run(args: &RecordArgs, verbosity: output::Verbosity, secrets: &Secrets, supervisor: &Supervisor) -> Done {
    if args.jobs.is_some() && !args.wrapped.command.is_empty() {
        let text = "--jobs records without a command; give --server or --target to record while a command runs";
        return Err(Failure::Usage(text.to_owned()));
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(receivers(args.jobs.is_some()))
        .enable_all()
        .build()?;
    let done = runtime.block_on(async {
        match &args.jobs {
            Some(list) => Box::pin(jobs::run(args, list, verbosity, secrets)).await,
            None => Box::pin(one(args, verbosity, secrets, supervisor)).await,
        }
    });
    // A name server that does not answer must not keep a finished command alive.
    runtime.shutdown_background();
    done.map_err(|failure| failure.masked(secrets))
}

/// The number of threads that receive. One job has one connection, which keeps one busy at most; the other cores hash,
/// compress and write. Each thread more has a heap of its own for what it received: 16 MB at full speed.
fn receivers(many: bool) -> usize {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    if many { (cores / 2).max(1) } else { 1 }
}

/// Makes glibc keep up to 16 MiB of freed memory, twice the size of the block that is freed here. By default it keeps about twice
/// the largest message, and returns the rest to the system again and again. At full speed this cost a third of all processor
/// time. Other allocators ignore it.
fn keep_freed_memory() {
    drop(std::hint::black_box(Vec::<u8>::with_capacity(8 << 20)));
}

async fn one(args: &RecordArgs, verbosity: output::Verbosity, secrets: &Secrets, supervisor: &Supervisor) -> Done {
    target::check(args)?;
    keep_freed_memory();
    let path = args.output.clone();
    let path = path.unwrap_or_else(|| default_path(args.job.job_id.as_deref().unwrap_or("capture")));
    let stop = Stop::new();
    let (starting, started) = oneshot::channel();
    let command = if args.wrapped.command.is_empty() {
        signals::stop_on_signals(stop.clone(), Usr1::of(&args.series))?;
        None
    } else {
        let signals = Signals::listen(Usr1::of(&args.series))?;
        Some(tokio::spawn(meanwhile(signals, started, stop.clone())))
    };
    supervisor.stop_on_panic(stop.clone());
    let session = Session::start(args, 1, secrets)?;
    let mut line = None;
    let recording = Box::pin(session.record(args, &path, stop, |handle, prepared| {
        line = Some(progress::Line::start(handle, verbosity));
        // Not when it was stopped already.
        if command.is_some() && !starting.is_closed() {
            let variables = variables(args, prepared, &path);
            let _ = starting.send(Wrapped::start(&args.wrapped.command, &variables));
        }
    }))
    .await;
    if let Some(line) = line {
        line.stop();
    }
    let status = match command {
        Some(command) => command.await?,
        None => Ok(None),
    };
    let ours = report::report(args, recording?, verbosity)?;
    Ok(status?.map_or(ours, |status| wrapped::outcome(status, ours)))
}

/// Waits for the command, once it is started; the recording ends with it. Before that, a signal stops the recording.
async fn meanwhile(
    mut signals: Signals,
    started: oneshot::Receiver<Result<Wrapped, Failure>>,
    stop: Stop,
) -> Result<Option<ExitStatus>, Failure> {
    let wrapped = tokio::select! {
        started = started => match started {
            Ok(wrapped) => wrapped,
            Err(_) => return Ok(None),
        },
        (_, reason) = signals.stop() => {
            stop.stop(reason);
            return Ok(None);
        }
    };
    let settled = tokio::time::sleep(LAST_WORDS);
    wrapped::beside(wrapped, signals, &stop, false, settled).await.map(Some)
}

/// The variables of the command's environment.
fn variables(args: &RecordArgs, prepared: &target::Prepared, path: &Path) -> Vec<Variable> {
    let grpc = prepared.job.target.to_string();
    let rest = args.server.as_deref().map(strip_userinfo);
    let mut variables = wrapped::variables(Some(&grpc), rest.as_deref());
    variables.push(("CAPTURE_FILE", path.display().to_string()));
    variables
}
