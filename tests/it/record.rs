//! `capture record` with servers that behave like real ones: correct, wrong, slow, or silent.

use std::net::SocketAddr;

use bytes::Bytes;

use crate::support::{Dir, Run, Running, delimited, raw_job::RawJob, received, run, verify};

mod configure;
mod content;
mod dial;
mod jobs;
mod series;
mod stop;

/// The arguments that record `job` from `addr` into `out`.
fn arguments<'a>(addr: &'a str, out: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    let args = [
        "record", "-o", out, "--target", addr, "--job-id", "12-70788", "--format", "json",
    ];
    [&args, more].concat()
}

/// Records a job of plain text.
#[track_caller]
fn record(addr: SocketAddr, out: &str, more: &[&str]) -> Run {
    run(&arguments(&addr.to_string(), out, &[&["--plaintext"], more].concat()))
}

/// Starts to record a job of plain text, so that everything recorded is readable almost at once.
fn start(addr: SocketAddr, out: &str, more: &[&str]) -> Running {
    let at_once = ["--plaintext", "--flush-interval", "50ms"];
    Running::start(&arguments(&addr.to_string(), out, &[&at_once, more].concat()))
}

/// Panics unless the capture is whole and holds exactly these messages.
#[track_caller]
fn holds(out: &str, frames: &[Bytes]) {
    let verified = verify(out);
    assert!(verified.is_whole(), "{verified:?}");
    let there = received(out);
    assert!(
        there == frames,
        "{} messages where {} belong",
        there.len(),
        frames.len()
    );
    let raw = run(&["cat", "--raw", out]).expect(0).stdout;
    assert!(raw == delimited(frames));
}

/// Waits until a capture that is being recorded holds this many messages.
#[track_caller]
fn wait_for_messages(out: &str, count: usize) {
    let there = crate::support::wait(|| std::path::Path::new(out).exists() && readable(out) >= count);
    assert!(there, "the capture never held {count} messages");
}

/// Messages in a capture that may be in the making.
fn readable(out: &str) -> usize {
    match grpc_capture::file::Reader::open(out) {
        Ok(_) => received(out).len(),
        // Its header is not there yet.
        Err(_) => 0,
    }
}

#[test]
fn a_job_is_recorded_to_its_end() {
    let (dir, frames) = (Dir::new(), crate::support::frames(200, 16));
    let out = dir.file("job.gcap");
    let job = RawJob::builder().job_id("12-70788").frames(&frames).start();
    let report = record(job.addr, &out, &[]).expect(0).json();
    assert_eq!((job.calls(), job.asked()), (1, 1));
    assert_eq!(report["messages"], 200);
    holds(&out, &frames);
}
