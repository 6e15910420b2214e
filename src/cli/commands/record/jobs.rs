//! `--jobs`: many jobs at once in one process, each apart from the others.

use std::{
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use crate::{
    file::{Attribute, Header},
    model::{
        event::{FAILURE_AUTHOR, RECORDER_AUTHOR},
        text::printable,
    },
    record::{RecorderError, RecordingFailure, RecordingHandle},
    tap::{JobOutcome, Stop, record_job},
    transform::redact::Secrets,
};
use serde::Serialize;
use tokio::task::JoinSet;

use super::{
    Failure, RecordedJob,
    names::timed,
    progress::{Handles, Line},
    report::{self, Report},
    session::{self, Session},
    target, unix_ns,
};
use crate::cli::{
    commands::{
        Done, Outcome, import, kept, output, redact,
        signals::{self, Usr1},
    },
    flags::{Format, record::RecordArgs},
    remedies::of_write,
};

mod list;

use list::Item;

/// The result of all jobs.
#[derive(Serialize)]
struct Jobs {
    /// The results in the order of the list.
    #[serde(rename = "jobs")]
    list: Vec<Job>,
    /// Number of jobs that did not end well.
    failed: usize,
    /// Messages received.
    messages: u64,
    message_bytes: u64,
    stored_bytes: u64,
    /// Messages known to be lost.
    gaps: u64,
    /// How long messages waited because neither codec nor disk kept up, summed over all jobs.
    held_ns: u64,
    /// Messages that waited in the spool file for the same reason.
    spilled_messages: u64,
    lossy: bool,
}

/// The result of one job: the object that `capture record` prints for it alone, with its name and exit code.
#[derive(Serialize)]
struct Job {
    name: String,
    exit_code: u8,
    #[serde(flatten)]
    came_to: CameTo,
}

#[derive(Serialize)]
#[serde(untagged)]
enum CameTo {
    Recorded(Box<Report>),
    /// The job could not be recorded.
    Failed {
        capture: Option<String>,
        errors: Vec<String>,
    },
}

pub(super) async fn run(args: &RecordArgs, file: &Path, verbosity: output::Verbosity, secrets: &Secrets) -> Done {
    let items = list::read(file, args)?;
    let stop = Stop::new();
    let place = args.output.clone();
    let place = place.unwrap_or_else(|| PathBuf::from(timed("jobs") + if args.single { ".gcap" } else { "" }));
    signals::stop_on_signals(stop.clone(), Usr1::of(&args.series))?;
    let (handles, done) = (Handles::default(), Arc::<AtomicUsize>::default());
    let (all, counter) = (items.len(), Arc::clone(&done));
    let line = Line::over(handles.clone(), verbosity, move || {
        format!("{} of {all} jobs done, ", counter.load(Ordering::Relaxed))
    });
    let watch = Watch { handles, done };
    let (report, outcome) = if args.single {
        together(args, &items, &place, stop, &watch, secrets).await?
    } else {
        apart(args, items, &place, stop, watch, secrets).await?
    };
    line.stop();
    if !(verbosity.is_quiet() && args.format.format == Format::Text) {
        output::print(args.format.format, &report, text)?;
    }
    Ok(outcome)
}

/// Receives the progress of the jobs.
#[derive(Clone)]
struct Watch {
    handles: Handles,
    done: Arc<AtomicUsize>,
}

impl Watch {
    /// Reports that a job has ended, and its problems at once.
    fn ended(&self, job: &Job) {
        self.done.fetch_add(1, Ordering::Relaxed);
        for error in job.errors() {
            output::say(format!("capture: {}: {error}", job.name));
        }
    }
}

/// Records each job into a capture of its own. Whatever happens to one, the others go on.
async fn apart(
    args: &RecordArgs,
    items: Vec<Item>,
    folder: &Path,
    stop: Stop,
    watch: Watch,
    secrets: &Secrets,
) -> Result<(Jobs, Outcome), Failure> {
    std::fs::create_dir_all(folder).map_err(|error| {
        let remedy = of_write(&error).map_or_else(String::new, |remedy| format!("; {remedy}"));
        format!("could not create the folder {}: {error}{remedy}", folder.display())
    })?;
    let session = Arc::new(Session::start(args, items.len(), secrets)?);
    let mut running = JoinSet::new();
    let names: Vec<_> = items.iter().map(|item| item.name.clone()).collect();
    for (at, item) in items.into_iter().enumerate() {
        let path = folder.join(format!("{}.gcap", item.name));
        let (session, stop, watch) = (Arc::clone(&session), stop.clone(), watch.clone());
        running.spawn(async move {
            let own = Stop::new();
            let handles = watch.handles.clone();
            let recording = Box::pin(session.record(&item.args, &path, own.clone(), |handle, _| handles.add(handle)));
            let recording = obey(recording, &stop, &own).await;
            let recording = recording.map_err(|failure| failure.masked(session.secrets()));
            let (job, outcome) = Job::new(item.name, &item.args, recording);
            watch.ended(&job);
            (at, job, outcome)
        });
    }
    let mut ended: Vec<Option<(Job, Outcome)>> = names.iter().map(|_| None).collect();
    while let Some(done) = running.join_next().await {
        if let Ok((at, job, outcome)) = done
            && let Some(slot) = ended.get_mut(at)
        {
            *slot = Some((job, outcome));
        }
    }
    let mut worst = Outcome::Ok;
    let jobs: Vec<_> = ended
        .into_iter()
        .zip(names)
        .map(|(ended, name)| {
            let (job, outcome) = ended.unwrap_or_else(|| Job::failed(name, &"its task stopped unexpectedly".into()));
            worst = worst.worst(outcome);
            job
        })
        .collect();
    Ok((Jobs::new(jobs), worst))
}

/// Runs `work` and forwards the signal for all jobs to the job's own.
async fn obey<T>(work: impl Future<Output = T>, all: &Stop, own: &Stop) -> T {
    let mut work = std::pin::pin!(work);
    tokio::select! {
        done = &mut work => return done,
        reason = all.stopped() => own.stop(reason),
    }
    work.await
}

/// Records all jobs into one capture.
async fn together(
    args: &RecordArgs,
    items: &[Item],
    path: &Path,
    stop: Stop,
    watch: &Watch,
    secrets: &Secrets,
) -> Result<(Jobs, Outcome), Failure> {
    let dialect = items.first().map_or(args.job.dialect, |item| item.args.job.dialect);
    if items.iter().any(|item| item.args.job.dialect != dialect) {
        return Err(Failure::Usage(
            "--single needs jobs of one dialect, because a capture has one; leave it out to get one capture per job"
                .into(),
        ));
    }
    let session = Session::start(args, 1, secrets)?;
    let reserved = session.reserve(args, path)?;
    for item in items {
        session.learn(&item.args)?;
    }
    let mut header = session.secrets().header(&header(args, items, dialect));
    header.anchor_unix_ns = unix_ns();
    let recording = reserved.start(&header)?;
    let handle = recording.handle();
    watch.handles.add(handle.clone());
    let mut running = JoinSet::new();
    let session = Arc::new(session);
    for (at, item) in items.iter().enumerate() {
        let (name, args) = (item.name.clone(), item.args.clone());
        let (session, stop, handle, watch) = (Arc::clone(&session), stop.clone(), handle.clone(), watch.clone());
        running.spawn(async move {
            let own = Stop::new();
            let work = Box::pin(stream(&session, &args, &own, &handle));
            let outcome = obey(work, &stop, &own).await;
            watch.done.fetch_add(1, Ordering::Relaxed);
            note(&handle, &name, &outcome);
            (at, outcome)
        });
    }
    let mut ended: Vec<Option<Result<JobOutcome, Failure>>> = items.iter().map(|_| None).collect();
    while let Some(done) = running.join_next().await {
        if let Ok((at, outcome)) = done
            && let Some(slot) = ended.get_mut(at)
        {
            *slot = Some(outcome);
        }
    }
    if args.expect.allow_empty && ended.iter().flatten().any(Result::is_ok) {
        recording.keep_empty();
    }
    let written = recording.finish().await;
    let stored = kept::stored(&written);
    let totals = handle.totals();
    let mut worst = Outcome::Ok;
    let mut jobs = Vec::with_capacity(items.len());
    for (ended, item) in ended.into_iter().zip(items) {
        let name = item.name.clone();
        let (job, outcome) = match ended {
            Some(Ok(outcome)) => {
                let written = written.as_ref().map(Clone::clone).map_err(|_| RecordingFailure::Write {
                    error: RecorderError::Lost,
                    stored: stored.cloned().map(Box::new),
                });
                let recording = RecordedJob::of_one(path, outcome, written, secrets);
                Job::new(name, &item.args, Ok(recording))
            }
            Some(Err(failure)) => Job::failed(name, &failure.masked(secrets)),
            None => Job::failed(name, &"its task stopped unexpectedly".into()),
        };
        worst = worst.worst(outcome);
        for error in job.errors() {
            output::say(format!("capture: {}: {error}", job.name));
        }
        jobs.push(job);
    }
    let mut report = Jobs::new(jobs);
    let unwritten = stored.map_or(0, |stored| kept::unwritten(&totals, stored));
    if let Err(error) = &written {
        output::say(format!("capture: {}", kept::failure(error, &totals)));
        worst = Outcome::Failed;
    }
    let gaps = written.as_ref().map_or(0, |written| written.summary.gaps);
    let withheld = gaps.saturating_sub(totals.gaps);
    if args.recorder.redact.is_some() && withheld > 0 {
        output::say(format!("capture: {}", redact::withheld(withheld)));
        worst = worst.worst(Outcome::Lossy);
    }
    let lost = totals.gaps.saturating_sub(report.gaps);
    if lost > 0 && written.is_ok() {
        // Whose they were, the gaps in the capture say.
        let lost = output::counted(lost, "message");
        output::say(format!("capture: the disk could not keep up, and {lost} were lost"));
        worst = worst.worst(Outcome::Lossy);
    }
    report.gaps = totals.gaps + unwritten;
    report.lossy |= report.gaps > 0;
    Ok((report, worst))
}

/// Configures one job and records it into the shared capture.
async fn stream(
    session: &Session,
    args: &RecordArgs,
    stop: &Stop,
    handle: &RecordingHandle,
) -> Result<JobOutcome, Failure> {
    let prepared = session::prepare(args, stop).await?;
    let options = session.job_options(args, &prepared, stop.clone());
    Ok(record_job(&prepared.job, &options, handle).await?)
}

/// Adds a note to the capture that says which calls belong to which job.
fn note(handle: &RecordingHandle, name: &str, outcome: &Result<JobOutcome, Failure>) {
    let (author, text) = match outcome {
        Ok(outcome) => {
            let calls: Vec<_> = outcome.calls.iter().map(|call| call.call.to_string()).collect();
            (RECORDER_AUTHOR, format!("job {name}: call {}", calls.join(", ")))
        }
        Err(failure) => (FAILURE_AUTHOR, format!("job {name}: {failure}")),
    };
    // A recorder that takes no more says so when it is finished.
    let _ = handle.note(author, text);
}

fn header(args: &RecordArgs, items: &[Item], dialect: crate::das::dialect::Dialect) -> Header {
    let names: Vec<_> = items.iter().map(|item| item.name.as_str()).collect();
    let mut header = import::header(dialect, &names.join(","), 0);
    header.set(Attribute::SOURCE, format!("{} jobs", items.len()));
    for tag in &args.tags {
        header.set(format!("{}{}", Attribute::TAG_PREFIX, tag.0), tag.1.as_str());
    }
    header
}

impl Job {
    fn new(name: String, args: &RecordArgs, recording: Result<RecordedJob, Failure>) -> (Self, Outcome) {
        match recording {
            Ok(recording) => {
                let (outcome, report) = report::build(args, recording);
                let job = Self {
                    name,
                    exit_code: outcome.code(),
                    came_to: CameTo::Recorded(Box::new(report)),
                };
                (job, outcome)
            }
            Err(failure) => Self::failed(name, &failure),
        }
    }

    fn failed(name: String, failure: &Failure) -> (Self, Outcome) {
        let came_to = CameTo::Failed {
            capture: None,
            errors: vec![failure.to_string()],
        };
        let job = Self {
            name,
            exit_code: failure.code(),
            came_to,
        };
        (job, Outcome::Failed)
    }

    fn errors(&self) -> &[String] {
        match &self.came_to {
            CameTo::Recorded(report) => &report.errors,
            CameTo::Failed { errors, .. } => errors,
        }
    }

    fn report(&self) -> Option<&Report> {
        match &self.came_to {
            CameTo::Recorded(report) => Some(report),
            CameTo::Failed { .. } => None,
        }
    }
}

impl Jobs {
    fn new(jobs: Vec<Job>) -> Self {
        let sum = |of: fn(&Report) -> u64| jobs.iter().filter_map(Job::report).map(of).sum();
        // Jobs that share a capture share its size.
        let mut captures = Vec::new();
        for report in jobs.iter().filter_map(Job::report) {
            if !captures.contains(&(&report.capture, report.stored_bytes)) {
                captures.push((&report.capture, report.stored_bytes));
            }
        }
        Self {
            failed: jobs.iter().filter(|job| job.exit_code != 0).count(),
            messages: sum(|report| report.messages),
            message_bytes: sum(|report| report.message_bytes),
            stored_bytes: captures.iter().map(|(_, bytes)| bytes).sum(),
            gaps: sum(|report| report.gaps),
            held_ns: sum(|report| report.held_ns),
            spilled_messages: sum(|report| report.spilled_messages),
            lossy: jobs.iter().any(|job| job.report().is_none_or(|report| report.lossy)),
            list: jobs,
        }
    }
}

fn text(jobs: &Jobs) -> String {
    let mut text = String::new();
    for job in &jobs.list {
        let line = job.report().map_or_else(
            || format!("not recorded: {}", printable(&job.errors().join("; "))),
            |report| {
                let frames = output::counted(report.messages, "frame");
                let bytes = output::bytes(report.message_bytes);
                let capture = printable(report.capture.as_deref().unwrap_or("no file"));
                format!("{frames} of {bytes}, {} lost, {capture}", output::grouped(report.gaps))
            },
        );
        text.push_str(&format!("{:>4}  {}: {line}\n", job.exit_code, printable(&job.name)));
    }
    text.push_str(&format!(
        "{}, {} of them failed: {} of {}, {} on disk, {} lost\n",
        output::counted(jobs.list.len() as u64, "job"),
        jobs.failed,
        output::counted(jobs.messages, "frame"),
        output::bytes(jobs.message_bytes),
        output::bytes(jobs.stored_bytes),
        output::grouped(jobs.gaps)
    ));
    text + &output::waited(jobs.held_ns) + &output::spilled(jobs.spilled_messages)
}
