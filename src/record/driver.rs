//! Writer threads: each executes the commands of one recording, or of several in the order of arrival.

use std::{
    collections::BTreeMap,
    io,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
        mpsc,
    },
    thread,
    time::{Duration, Instant},
};

use tokio::sync::oneshot;

use super::{
    RecorderError, Sink,
    command::{Command, CommandSender, Lane, Message},
    finishers::Finishers,
    writer::{Failed, Flow, Writer},
};

/// Sleep time of a thread without a recording.
const NO_RECORDING: Duration = Duration::from_secs(3600);

/// A delay of this much beyond the requested wait means that the process was suspended, or that the disk stalled.
const STOOD_STILL: Duration = Duration::from_millis(500);

/// Time for which events gather when they come in quick succession. Waking the thread for a single event costs its sender
/// and the thread more than the event does; what a recorder holds meanwhile is small beside its queue. (Measured with 50 unary calls
/// at a time through the proxy: each call costs half the CPU time.)
const GATHER: Duration = Duration::from_micros(250);

/// Writer threads that are shared by many recordings. Clones share one state; the threads end with the last of
/// them and of the recordings.
#[derive(Debug, Clone)]
pub(super) struct WriterThreads {
    threads: Arc<[mpsc::Sender<Message>]>,
    started: Arc<AtomicU64>,
    finishers: Finishers,
}

impl WriterThreads {
    /// Starts this many writer threads, at least one.
    pub(super) fn start(threads: usize) -> io::Result<Self> {
        let started = (0..threads.max(1)).map(|_| {
            let (sender, messages) = mpsc::channel();
            thread::Builder::new()
                .name("capture-writer".into())
                .spawn(move || run(&messages))?;
            Ok(sender)
        });
        Ok(Self {
            threads: started.collect::<io::Result<_>>()?,
            started: Arc::default(),
            finishers: Finishers::default(),
        })
    }

    /// The threads that complete files.
    pub(super) fn finishers(&self) -> Finishers {
        self.finishers.clone()
    }

    /// A command sender for one more recording: the threads take turns.
    pub(super) fn sender(&self) -> CommandSender {
        let recording = self.started.fetch_add(1, Ordering::Relaxed);
        let at = usize::try_from(recording).unwrap_or(0) % self.threads.len().max(1);
        CommandSender::new(recording, self.threads[at].clone())
    }
}

/// Receives the result of a writer; `ended` hangs up after that.
pub(super) struct Report<S: Sink> {
    pub(super) outcome: oneshot::Sender<Result<S::Summary, RecorderError>>,
    pub(super) ended: mpsc::Sender<()>,
}

impl<S: Sink> Report<S> {
    fn tell(self, outcome: Result<S::Summary, RecorderError>) {
        // Whoever does not wait for the outcome does not want it.
        let _ = self.outcome.send(outcome);
        drop(self.ended);
    }
}

/// Builds a lane that executes the commands of a recording and reports the result.
pub(super) fn lane<S: Sink>(writer: Writer<S>, report: Report<S>, finishers: Finishers) -> Box<dyn Lane> {
    Box::new(Recording {
        writer: Some(writer),
        finishers,
        failed: None,
        refused: 0,
        report: Some(report),
    })
}

struct Recording<S: Sink> {
    writer: Option<Writer<S>>,
    finishers: Finishers,
    /// The failure of the writer; later events are only counted.
    failed: Option<Failed>,
    refused: u64,
    report: Option<Report<S>>,
}

impl<S: Sink> Recording<S> {
    /// Runs one step of the writer; true when the recording is over. A panic is that of this recording alone.
    fn step(&mut self, step: impl FnOnce(&mut Writer<S>) -> Result<Flow, super::writer::Failure>) -> bool {
        let Some(mut writer) = self.writer.take() else {
            return true;
        };
        let done = catch_unwind(AssertUnwindSafe(move || {
            let flow = step(&mut writer);
            (writer, flow)
        }));
        match done {
            Ok((writer, Ok(Flow::Go))) => {
                self.writer = Some(writer);
                false
            }
            Ok((writer, Ok(Flow::Finish))) => {
                self.complete(writer);
                true
            }
            Ok((writer, Err(failure))) => match writer.end(Err(failure)) {
                Ok(summary) => {
                    self.tell(Ok(summary));
                    true
                }
                Err(failed) => {
                    self.failed = Some(failed);
                    false
                }
            },
            // The writer is gone, and let nobody wait; without a report, the recording is lost.
            Err(_) => true,
        }
    }

    /// Completes the file while other recordings of the thread continue: a disk takes its time for that.
    fn complete(&mut self, writer: Writer<S>) {
        let Some(report) = self.report.take() else { return };
        self.finishers.run(Box::new(move || complete(writer, report)));
    }

    fn tell(&mut self, outcome: Result<S::Summary, RecorderError>) {
        if let Some(report) = self.report.take() {
            report.tell(outcome);
        }
    }
}

fn complete<S: Sink>(writer: Writer<S>, report: Report<S>) {
    let outcome = catch_unwind(AssertUnwindSafe(move || writer.end(Ok(()))));
    match outcome {
        Ok(outcome) => report.tell(outcome.map_err(|failed| failed.error(0))),
        Err(_) => drop(report),
    }
}

impl<S: Sink> Lane for Recording<S> {
    fn carry_out(&mut self, command: Command) -> bool {
        let Some(failed) = self.failed.take() else {
            return self.step(|writer| writer.take(command));
        };
        if let Command::Write(..) = command {
            self.refused += 1;
            self.failed = Some(failed);
            return false;
        }
        let refused = self.refused;
        self.tell(Err(failed.error(refused)));
        true
    }

    fn idle(&mut self) -> bool {
        self.writer.is_some() && self.step(|writer| writer.idle().map(|()| Flow::Go))
    }

    fn resumed(&mut self) {
        if let Some(writer) = &mut self.writer {
            writer.resumed();
        }
    }

    fn patience(&self) -> Duration {
        self.writer.as_ref().map_or(NO_RECORDING, Writer::patience)
    }
}

/// A recording, and the time at which something is due without a command.
struct Entry {
    lane: Box<dyn Lane>,
    due: Instant,
}

fn run(messages: &mpsc::Receiver<Message>) {
    let mut entries = BTreeMap::<u64, Entry>::new();
    let mut due = Instant::now() + NO_RECORDING;
    let mut looked = Instant::now();
    let mut woken = looked;
    loop {
        let wait = due.saturating_duration_since(looked);
        let (message, now) = if let Ok(message) = messages.try_recv() {
            (Ok(message), Instant::now())
        } else {
            if looked.saturating_duration_since(woken) < GATHER {
                thread::sleep(GATHER.min(wait));
            }
            let message = messages.recv_timeout(wait);
            woken = Instant::now();
            (message, woken)
        };
        if now.saturating_duration_since(looked) > wait + STOOD_STILL {
            for entry in entries.values_mut() {
                entry.lane.resumed();
            }
        }
        match message {
            Ok(Message::Start(recording, lane)) => {
                let entry = Entry {
                    due: now + lane.patience(),
                    lane,
                };
                due = due.min(entry.due);
                entries.insert(recording, entry);
            }
            Ok(Message::Command(recording, command)) => {
                let over = entries.get_mut(&recording).is_some_and(|entry| {
                    let over = entry.lane.carry_out(command);
                    entry.due = now + entry.lane.patience();
                    due = due.min(entry.due);
                    over
                });
                if over {
                    entries.remove(&recording);
                }
            }
            Err(mpsc::RecvTimeoutError::Timeout) => {}
            Err(mpsc::RecvTimeoutError::Disconnected) => {
                // Dropped without a word: what was written is completed all the same.
                for entry in entries.values_mut() {
                    entry.lane.carry_out(Command::Finish);
                }
                return;
            }
        }
        looked = Instant::now();
        if looked >= due {
            entries.retain(|_, entry| entry.due > looked || !entry.lane.idle());
            let now = Instant::now();
            for entry in entries.values_mut().filter(|entry| entry.due <= looked) {
                entry.due = now + entry.lane.patience();
            }
            due = entries
                .values()
                .map(|entry| entry.due)
                .min()
                .unwrap_or(now + NO_RECORDING);
            looked = now;
        }
    }
}
