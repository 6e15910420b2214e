//! Handling of panics: they are reported, and recordings are completed. Each panic is a defect of this program. It is
//! reported at once, in any thread; other threads continue, captures are completed, and the command ends with an error.

use std::{
    backtrace::{Backtrace, BacktraceStatus},
    error::Error,
    fmt,
    future::poll_fn,
    panic::{AssertUnwindSafe, PanicHookInfo, catch_unwind, set_hook},
    pin::pin,
    task::Poll,
    thread,
};

use crate::tap::Stop;
use tokio_util::sync::CancellationToken;

use super::{Done, Outcome, output};

/// Notes panics of all threads. Clones share one state.
#[derive(Debug, Clone, Default)]
pub(crate) struct Supervisor {
    panicked: CancellationToken,
}

impl Supervisor {
    /// Installs the panic hook, which reports and notes every panic.
    pub(crate) fn start() -> Self {
        let supervisor = Self::default();
        let panicked = supervisor.panicked.clone();
        set_hook(Box::new(move |info| {
            say(info);
            panicked.cancel();
        }));
        supervisor
    }

    /// Runs a command and returns its exit code. A panic, of the command itself or of a thread that it has started,
    /// outranks everything else that the command came to.
    pub(crate) fn run(&self, command: impl FnOnce() -> Done) -> u8 {
        tracing::info!(
            "capture {} (captures of format {})",
            env!("CARGO_PKG_VERSION"),
            crate::file::VERSION
        );
        let began = std::time::Instant::now();
        let code = self.code_of(command);
        tracing::info!(
            "finished after {:.3} s with exit code {code}",
            began.elapsed().as_secs_f64()
        );
        code
    }

    fn code_of(&self, command: impl FnOnce() -> Done) -> u8 {
        let done = catch_unwind(AssertUnwindSafe(command));
        let code = match done {
            Ok(Ok(outcome)) => outcome.code(),
            Ok(Err(failure)) if failure.is_reader_gone() => Outcome::Ok.code(),
            Ok(Err(failure)) => {
                output::say(format!("capture: {failure}"));
                failure.code()
            }
            Err(_) => Outcome::Failed.code(),
        };
        if !self.panicked.is_cancelled() {
            return code;
        }
        output::say(format!(
            "capture: this was a defect of capture, and the result of this command is not reliable; please report it \
             with the lines that begin with `capture: a defect`, the command line, and the version: capture {}",
            env!("CARGO_PKG_VERSION")
        ));
        Outcome::Failed.code()
    }

    /// Triggers the stop signal at the first panic, so that the recording is completed.
    pub(crate) fn stop_on_panic(&self, stop: Stop) {
        let panicked = self.panicked.clone();
        tokio::spawn(async move {
            panicked.cancelled().await;
            stop.stop("stopped by a defect of this recorder");
        });
    }
}

/// Prints which thread panicked, where and why; with `RUST_BACKTRACE`, by which way it came there.
fn say(info: &PanicHookInfo<'_>) {
    let thread = thread::current();
    let name = thread.name().unwrap_or("without a name");
    let place = info.location().map_or_else(String::new, |place| format!(" at {place}"));
    let why = info.payload();
    let text = why.downcast_ref::<&str>().copied();
    let why = text.or_else(|| why.downcast_ref::<String>().map(String::as_str));
    let why = why.unwrap_or("for a reason that is not text");
    output::say(format!("capture: a defect: thread {name} panicked{place}: {why}"));
    let trace = Backtrace::capture();
    if trace.status() == BacktraceStatus::Captured {
        output::say_lines(trace.to_string());
    }
}

/// The error that something panicked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Panicked;

impl fmt::Display for Panicked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("it stopped early because of a defect of capture")
    }
}

impl Error for Panicked {}

/// Runs `work` and turns a panic into an error.
pub(crate) async fn caught<T>(work: impl Future<Output = T>) -> Result<T, Panicked> {
    let mut work = pin!(work);
    poll_fn(|cx| match catch_unwind(AssertUnwindSafe(|| work.as_mut().poll(cx))) {
        Ok(poll) => poll.map(Ok),
        Err(_) => Poll::Ready(Err(Panicked)),
    })
    .await
}

#[cfg(test)]
mod tests {
    use std::{env, fs::File, path::Path, process::Command};

    use crate::{
        file::{self, Header},
        model::event::{CallStart, Direction, Event, Message, Observer},
        record::{RecordingOptions, RecordingPool},
    };

    use super::*;

    /// Environment variable with the place of the panic and the capture that the child records.
    const PLACE: &str = "CAPTURE_TEST_PANIC";
    const CAPTURE: &str = "CAPTURE_TEST_FILE";

    const MESSAGES: u64 = 5;

    struct Fragile;

    impl Observer for Fragile {
        fn observe(&mut self, _: &Event) {
            panic!("of a test");
        }
    }

    /// Records a few messages and panics at `place`.
    async fn record(place: &str, path: &Path) -> Done {
        let mut reserved = RecordingPool::new(1)?.reserve(path, RecordingOptions::default())?;
        if place == "observer" {
            reserved = reserved.with_observer(Box::new(Fragile));
        }
        let recording = reserved.start(&Header::new(0))?;
        let call = recording.handle().call(CallStart::default())?;
        for _ in 0..MESSAGES {
            call.message(Message::plain(Direction::Received, vec![7; 100])).await?;
        }
        match place {
            "task" => {
                let task = tokio::spawn(async move {
                    let _call = call;
                    panic!("of a test")
                });
                assert!(task.await.is_err());
            }
            "work" => assert_eq!(caught(async { panic!("of a test") }).await, Err::<(), _>(Panicked)),
            "command" => panic!("of a test"),
            _ => {}
        }
        recording.finish().await?;
        Ok(Outcome::Ok)
    }

    /// The child process of the next test; by itself it does nothing.
    #[test]
    fn child() {
        let (Ok(place), Some(path)) = (env::var(PLACE), env::var_os(CAPTURE)) else {
            return;
        };
        let code = Supervisor::start().run(|| {
            let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
            runtime.block_on(record(&place, path.as_ref()))
        });
        #[expect(clippy::exit, reason = "this process is the one that is tested")]
        std::process::exit(code.into());
    }

    #[test]
    fn a_panic_anywhere_is_an_error_with_a_capture_that_is_whole() {
        let dir = tempfile::tempdir().unwrap();
        let of_place = |place: &str| {
            let path = dir.path().join(format!("{place}.gcap"));
            let mut child = Command::new(env::current_exe().unwrap());
            child.args(["--exact", "cli::commands::supervisor::tests::child", "--nocapture"]);
            let child = child.env(PLACE, place).env(CAPTURE, &path).output().unwrap();
            let verified = file::verify(File::open(&path).unwrap()).unwrap();
            assert!(verified.is_whole(), "{place}: {verified:?}");
            assert_eq!(verified.summary.messages, MESSAGES, "{place}");
            (child.status.code(), String::from_utf8(child.stderr).unwrap())
        };
        assert_eq!(of_place("nowhere"), (Some(0), String::new()));
        for place in ["observer", "task", "work", "command"] {
            let (code, stderr) = of_place(place);
            assert_eq!(code, Some(4), "{place}: {stderr}");
            for part in [
                "a defect: thread ",
                "panicked at src/cli/commands/supervisor.rs:",
                "of a test",
                "please report",
            ] {
                assert!(stderr.contains(part), "{place}: {stderr}");
            }
        }
    }
}
