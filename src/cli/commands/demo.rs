//! `capture demo`: everything once, offline, on a real earthquake.

use std::{
    fs::File,
    io::Cursor,
    path::{Path, PathBuf},
    time::SystemTime,
};

use crate::{
    das::dialect::{Dialect, datastream},
    file::{self, Attribute, CallDigest, Reader, Summary},
    record::{RecordingOptions, RecordingPool},
    report::input::CollectOptions,
    serve::{OPTODAS_QUAKE, ReplayServer, builtin_scene},
    tap::{Job, JobOptions, JobOutcome, StreamSpec, Target, dial, record_job},
};

use super::{Done, Failure, Outcome, import, output, recording, report};
use crate::cli::flags::{DemoArgs, Format, report::PageFormat};

pub(crate) fn run(args: &DemoArgs) -> Done {
    let dir = folder(args)?;
    let path = dir.join("optodas-quake.gcap");
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let recorded = runtime.block_on(record(args, &path))?;
    judge(&path, &recorded)
}

/// The output folder: the one given, or a new one that no earlier demo used.
fn folder(args: &DemoArgs) -> Result<PathBuf, Failure> {
    let dir = if let Some(dir) = &args.output {
        dir.clone()
    } else {
        let since = SystemTime::now()
            .duration_since(SystemTime::UNIX_EPOCH)
            .unwrap_or_default();
        std::env::temp_dir().join(format!("capture-demo-{}-{}", since.as_secs(), std::process::id()))
    };
    std::fs::create_dir_all(&dir).map_err(|error| format!("could not create {}: {error}", dir.display()))?;
    Ok(dir)
}

struct Recorded {
    summary: Summary,
    outcome: JobOutcome,
}

/// Serves the scene and records it, over a real connection.
async fn record(args: &DemoArgs, path: &Path) -> Result<Recorded, Failure> {
    let server = ReplayServer::builder()
        .source(builtin_scene())
        .rate(args.rate)
        .start()
        .await?;
    let job_id = server.job_ids().first().cloned().unwrap_or_default();
    let address = server.grpc_addr();
    say(&format!(
        "1. serve    a real earthquake as job `{job_id}` on {address}, at rate {}",
        args.rate
    ))?;
    let mut header = import::header(Dialect::DataStream, &job_id, unix_ns());
    header.set(Attribute::SOURCE, format!("{address} (capture demo)"));
    let pool = RecordingPool::new(1)?;
    let recording = recording::reserve(&pool, path, RecordingOptions::default())?.start(&header)?;
    let mut target = Target::new(address.ip().to_string(), address.port());
    target.scheme = Some(dial::Scheme::Http);
    let job = Job {
        target,
        streams: vec![StreamSpec {
            method: Dialect::DataStream.method().to_owned(),
            request: datastream::stream_request(&job_id, 0).into(),
            server_limited: false,
        }],
    };
    let outcome = record_job(&job, &JobOptions::default(), &recording.handle()).await?;
    let summary = recording.finish().await?.summary;
    server.shutdown().await;
    Ok(Recorded { summary, outcome })
}

/// Checks that the recording equals what was served, and prints a summary.
fn judge(path: &Path, recorded: &Recorded) -> Done {
    let Recorded { summary, outcome } = recorded;
    let ratio = summary.raw_bytes as f64 / summary.stored_bytes.max(1) as f64;
    say(&format!(
        "2. record   {} of {} over {}, {} on disk ({ratio:.2} : 1), {} lost",
        output::counted(summary.messages, "frame"),
        output::bytes(summary.message_bytes),
        output::seconds(summary.last_offset_ns),
        output::bytes(summary.stored_bytes),
        summary.gaps
    ))?;
    let verified = file::verify(File::open(path)?)?;
    let state = if verified.is_whole() {
        "every checksum and digest holds"
    } else {
        "DAMAGED"
    };
    say(&format!("3. verify   {state}: digest {}", verified.summary.digest))?;
    let served = digests(&mut Reader::new(Cursor::new(OPTODAS_QUAKE))?)?;
    let received = digests(&mut Reader::open(path)?)?;
    let same = !served.is_empty() && served == received;
    let verdict = if same {
        "byte for byte what was served"
    } else {
        "NOT what was served"
    };
    let digest = received.first().map(ToString::to_string).unwrap_or_default();
    say(&format!("4. compare  {verdict}: message digest {digest}"))?;
    let page = output::beside(path, ".report.html");
    let passes = sum_up(path, &page)?;
    let (shown, page) = (output::shown(path), output::shown(&page));
    say(&format!(
        "\nThe capture is {shown}\nOpen in a browser: {page}\nNext: capture info {shown}\n      capture serve {shown}"
    ))?;
    let ended_well = outcome
        .calls
        .iter()
        .all(|call| call.messages > 0 && call.fault.is_none());
    Ok(
        if verified.is_whole() && same && passes && ended_well && summary.gaps == 0 {
            Outcome::Ok
        } else {
            Outcome::Findings
        },
    )
}

/// Validates the capture, prints its statistics and writes the report; true when it passes.
fn sum_up(path: &Path, page: &Path) -> Result<bool, Failure> {
    let reader = &mut Reader::open(path)?;
    let options = CollectOptions {
        commands: Some(report::COMMANDS),
        ..CollectOptions::default()
    };
    let input = report::write(reader, path, page, PageFormat::Html, &options, false)?;
    let (validation, stats) = (&input.validation, &input.stats);
    let passes = !validation.fails();
    say(&format!(
        "5. validate {}: {}, {}",
        if passes { "PASS" } else { "FAIL" },
        output::counted(validation.errors as u64, "error"),
        output::counted(validation.warnings as u64, "warning"),
    ))?;
    let db = |value: Option<f64>| value.map_or_else(|| "-".to_owned(), |value| format!("{value:.1}"));
    let amplitude = &stats.amplitude;
    say(&format!(
        "6. stats    {} of {}, {} to {} dB, mean {}",
        output::counted(stats.totals.rows, "row"),
        output::counted(stats.structure.sensors.count, "sensor"),
        db(amplitude.min_db),
        db(amplitude.max_db),
        db(amplitude.mean_db),
    ))?;
    let size = std::fs::metadata(page).map_or(0, |page| page.len());
    say(&format!(
        "7. report   a page of {} with its pictures",
        output::bytes(size)
    ))?;
    Ok(passes)
}

fn digests<R: std::io::Read + std::io::Seek>(reader: &mut Reader<R>) -> Result<Vec<file::Digest>, Failure> {
    let calls = file::call_digests(reader)?;
    Ok(calls.iter().map(|CallDigest { digest, .. }| *digest).collect())
}

fn unix_ns() -> u64 {
    let since = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default();
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}

fn say(text: &str) -> Result<(), Failure> {
    output::put(Format::Text, format!("{text}\n"))
}
