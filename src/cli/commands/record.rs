//! `capture record`: configures a job or dials one, and records all its streams; or many jobs at once.

use crate::{tap::Stop, transform::redact::Secrets};

use super::{
    Done, Failure, Outcome, output,
    signals::{self, Usr1},
    supervisor::Supervisor,
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

pub(crate) fn run(args: &RecordArgs, verbosity: output::Verbosity, secrets: &Secrets, supervisor: &Supervisor) -> Done {
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
    signals::stop_on_signals(stop.clone(), Usr1::of(&args.series))?;
    supervisor.stop_on_panic(stop.clone());
    let session = Session::start(args, 1, secrets)?;
    let mut line = None;
    let recording = Box::pin(session.record(args, &path, stop, |handle| {
        line = Some(progress::Line::start(handle, verbosity));
    }))
    .await;
    if let Some(line) = line {
        line.stop();
    }
    report::report(args, recording?, verbosity)
}
