//! Many jobs in one process: each has its own capture, and a failure of one job does not affect the others.

use std::fmt::Write as _;

use bytes::Bytes;
use grpc_capture::model::{EventKind, Note};
use tonic::Code;

use super::holds;
use crate::support::{
    Dir, Running, events, frames,
    raw_job::{Port, RawJob, Step},
    received, run, verify, wait,
};

/// More than any machine that runs this has cores, and few enough for a debug build.
const MANY: usize = 60;

fn list(jobs: &[(String, String)]) -> String {
    jobs.iter().fold(String::new(), |mut text, (target, job_id)| {
        let _ = write!(text, "[[jobs]]\ntarget = '{target}'\njob_id = '{job_id}'\n");
        text
    })
}

fn jobs_of(addr: &str, count: usize) -> Vec<(String, String)> {
    (1..=count).map(|job| (addr.to_owned(), format!("job-{job}"))).collect()
}

#[test]
fn many_jobs_are_recorded_apart_and_each_capture_is_whole() {
    let (dir, frames) = (Dir::new(), frames(20, 100));
    let server = RawJob::builder().frames(&frames).start();
    let list = dir.write("jobs.toml", list(&jobs_of(&server.addr.to_string(), MANY)));
    let out = dir.file("captures");
    let run = run(&["record", "--jobs", &list, "--plaintext", "-o", &out, "--format", "json"]).expect(0);
    let report = run.json();
    assert_eq!(report["failed"], 0);
    assert_eq!(report["messages"], MANY * frames.len());
    let jobs = report["jobs"].as_array().unwrap();
    assert_eq!(jobs.len(), MANY);
    for (at, job) in jobs.iter().enumerate() {
        assert_eq!(job["name"], format!("job-{}", at + 1), "in the order of the list");
        assert_eq!((&job["exit_code"], &job["lossy"]), (&0.into(), &false.into()));
        let capture = job["capture"].as_str().unwrap();
        let verified = verify(capture);
        assert!(verified.is_whole());
        assert_eq!(job["digest"], verified.summary.digest.to_string());
        assert!(received(capture) == frames);
    }
    holds(jobs[0]["capture"].as_str().unwrap(), &frames);
}

#[test]
fn jobs_that_fail_harm_no_other_and_the_worst_is_the_exit_code() {
    let (dir, frames) = (Dir::new(), frames(10, 100));
    let good = RawJob::builder().frames(&frames).start();
    let refusing = RawJob::builder()
        .then(Step::Fail(Code::NotFound, "no such job".to_owned()))
        .start();
    let dying = RawJob::builder().frames(&frames).then(Step::Die).start();
    let nobody = Port::reserve();
    let jobs = [
        (good.addr.to_string(), "good".to_owned()),
        (refusing.addr.to_string(), "refused".to_owned()),
        (nobody.addr.to_string(), "nobody".to_owned()),
        (dying.addr.to_string(), "died".to_owned()),
        (good.addr.to_string(), "taken".to_owned()),
        (good.addr.to_string(), "fine".to_owned()),
    ];
    let list = dir.write("jobs.toml", list(&jobs));
    // A capture that is there is not overwritten, and that is the business of one job.
    std::fs::create_dir(dir.file("out")).unwrap();
    let taken = dir.write("out/taken.gcap", "precious");
    let args = ["record", "--jobs", &list, "--plaintext", "--connect-timeout", "1s"];
    let run = run(&[&args[..], &["-o", &dir.file("out"), "--format", "json"]].concat()).expect(4);
    let report = run.json();
    let codes: Vec<_> = report["jobs"]
        .as_array()
        .unwrap()
        .iter()
        .map(|job| job["exit_code"].as_u64().unwrap())
        .collect();
    assert_eq!(codes, [0, 69, 4, 4, 4, 0]);
    assert_eq!(report["failed"], 4);
    for part in ["refused: ", "nobody: ", "died: ", "taken: ", "no such job", "exists"] {
        assert!(run.stderr.contains(part), "{part:?} in {}", run.stderr);
    }
    for name in ["good", "fine"] {
        holds(&dir.file(&format!("out/{name}.gcap")), &frames);
    }
    // A dying server may take its last frames with it.
    let died = dir.file("out/died.gcap");
    assert!(verify(&died).is_whole() && frames.starts_with(&received(&died)));
    assert_eq!(std::fs::read(taken).unwrap(), b"precious");
    let text = crate::support::run(&[&args[..], &["-o", &dir.file("again")]].concat()).expect(4);
    assert!(text.text().contains("6 jobs, 3 of them failed"), "{}", text.text());
}

#[test]
fn a_signal_ends_all_jobs_in_order() {
    let (dir, frames) = (Dir::new(), frames(5, 100));
    let server = RawJob::builder().frames(&frames).then(Step::Stall).start();
    let jobs = jobs_of(&server.addr.to_string(), 8);
    let list = dir.write("jobs.toml", list(&jobs));
    let out = dir.file("out");
    let args = [
        "record",
        "--jobs",
        &list,
        "--plaintext",
        "-o",
        &out,
        "--flush-interval",
        "50ms",
    ];
    let recording = Running::start(&[&args[..], &["--format", "json"]].concat());
    let capture = |job: usize| format!("{out}/job-{job}.gcap");
    let there = |job: usize| {
        std::fs::metadata(capture(job)).is_ok_and(|file| file.len() > 0)
            && super::readable(&capture(job)) == frames.len()
    };
    assert!(wait(|| (1..=8).all(there)));
    // It asks for nothing here.
    recording.signal("USR1");
    recording.signal("HUP");
    let report = recording.finish().expect(0).json();
    assert_eq!(report["messages"], 8 * frames.len());
    for job in 1..=8 {
        holds(&capture(job), &frames);
    }
}

#[test]
fn one_capture_can_hold_all_jobs_and_says_whose_calls_are_whose() {
    let dir = Dir::new();
    let (ours, theirs) = (frames(10, 100), frames(7, 60));
    let (one, two) = (
        RawJob::builder().frames(&ours).start(),
        RawJob::builder().frames(&theirs).start(),
    );
    let nobody = Port::reserve();
    let jobs = [
        (one.addr.to_string(), "ours".to_owned()),
        (nobody.addr.to_string(), "nobody".to_owned()),
        (two.addr.to_string(), "theirs".to_owned()),
    ];
    let list = dir.write("jobs.toml", list(&jobs));
    let out = dir.file("all.gcap");
    let args = [
        "record",
        "--jobs",
        &list,
        "--single",
        "--plaintext",
        "--connect-timeout",
        "1s",
        "-o",
        &out,
    ];
    let report = run(&[&args[..], &["--format", "json"]].concat()).expect(4).json();
    let codes: Vec<_> = report["jobs"]
        .as_array()
        .unwrap()
        .iter()
        .map(|job| job["exit_code"].as_u64().unwrap())
        .collect();
    assert_eq!(codes, [0, 4, 0]);
    let verified = verify(&out);
    assert!(verified.is_whole());
    assert_eq!(verified.summary.messages as usize, ours.len() + theirs.len());
    let mut notes = Vec::new();
    let mut calls = [Vec::<Bytes>::new(), Vec::new()];
    for event in events(&out) {
        match event.kind {
            EventKind::Note(Note { text, .. }) => notes.push(text),
            EventKind::Message(message) if message.direction == grpc_capture::model::Direction::Received => {
                calls[event.call as usize - 1].push(message.data);
            }
            _ => {}
        }
    }
    for (name, frames) in [("ours", &ours), ("theirs", &theirs)] {
        let note = notes
            .iter()
            .find(|note| note.starts_with(&format!("job {name}: call ")))
            .unwrap();
        let call: usize = note.rsplit(' ').next().unwrap().parse().unwrap();
        assert!(calls[call - 1] == *frames);
    }
    assert!(notes.iter().any(|note| note.starts_with("job nobody: ")), "{notes:?}");
}

#[test]
fn a_list_that_cannot_be_meant_is_refused_before_anything_is_dialled() {
    let dir = Dir::new();
    let list = dir.write(
        "jobs.json",
        r#"[{"target": "127.0.0.1:1", "job_id": "a", "colour": "red"}]"#,
    );
    run(&["record", "--jobs", &list]).expect(2).says(&["job 1", "colour"]);
    run(&["record", "--jobs", &dir.file("none.toml")])
        .expect(4)
        .says(&["none.toml"]);
    run(&["record", "--jobs", &list, "--target", "h:1"]).expect(2);
    assert_eq!(dir.names(), ["jobs.json"]);
}
