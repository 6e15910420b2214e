//! Recording to places that cannot be written, that fill up, or that disappear during the recording; and recordings
//! that continue in a new file after a crash. In each case, the error message says what to do, and what was written
//! stays.

use std::{
    fs,
    process::{Command, Stdio},
    time::Duration,
};

use crate::support::{
    Dir, Running, command, frames,
    raw_job::{RawJob, Step},
    received, run, verify, wait,
};

/// The exit code of `unshare` when it may not make a namespace.
const NO_NAMESPACE: i32 = 1;

/// Between two frames, so that there is more than one chunk before the disk is full.
const PACE: Duration = Duration::from_millis(2);

fn record<'a>(out: &'a str, addr: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    let args = ["record", "--plaintext", "--job-id", "x", "--format", "json", "-o", out];
    [&args[..], &["--target", addr, "--flush-interval", "50ms"], more].concat()
}

#[test]
fn a_place_that_cannot_be_written_is_named_with_what_to_do() {
    let dir = Dir::new();
    let job = RawJob::builder().frames(&frames(2, 8)).start();
    let addr = job.addr.to_string();
    let file = dir.write("file", "");
    let places = [
        (dir.file("not/there/a.gcap"), "create it"),
        (format!("{file}/a.gcap"), "not a folder"),
        ("/sys/kernel/a.gcap".to_owned(), "choose another place with -o"),
    ];
    for (out, remedy) in &places {
        run(&record(out, &addr, &[])).expect(4).says(&[out, remedy]);
    }
    assert_eq!(job.calls(), 0, "no stream is asked for that has no place");
}

/// A disk of 300 kB in a namespace of its own, so that nothing of it is left.
#[test]
fn a_disk_that_fills_up_ends_the_recording_and_what_was_written_is_readable() {
    let (dir, frames) = (Dir::new(), frames(400, 512));
    let (small, saved) = (dir.file("small"), dir.file("saved.gcap"));
    fs::create_dir(&small).unwrap();
    let job = RawJob::builder().paced(&frames, PACE).then(Step::Stall).start();
    let addr = job.addr.to_string();
    let out = format!("{small}/full.gcap");
    let script = format!(
        "mount -t tmpfs -o size=300k tmpfs {small} || exit 99\n\"$0\" \"$@\"; code=$?\n\
         \"$0\" recover {out} -o {saved} >/dev/null 2>&1\nexit $code"
    );
    let recording = command(&record(&out, &addr, &[]));
    let child = Command::new("unshare")
        .args(["--user", "--map-root-user", "--mount", "sh", "-c", &script])
        .arg(recording.get_program())
        .args(recording.get_args())
        .stdin(Stdio::null())
        .output();
    let output = match child {
        Ok(output) if ![Some(NO_NAMESPACE), Some(99)].contains(&output.status.code()) => output,
        other => {
            println!("skipped: this machine lets nobody mount a small disk of his own ({other:?})");
            return;
        }
    };
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(4), "{stderr}");
    for part in [
        "No space left on device",
        "free some space",
        "full.gcap",
        "capture recover",
    ] {
        assert!(stderr.contains(part), "{part:?} in {stderr}");
    }
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report["lossy"], true);
    let kept = received(&saved);
    assert!(
        !kept.is_empty() && kept[..] == frames[..kept.len()],
        "{} kept",
        kept.len()
    );
    assert!(verify(&saved).is_whole());
}

#[test]
fn a_folder_that_vanishes_is_noticed_and_what_was_recorded_is_saved_elsewhere() {
    let (dir, frames) = (Dir::new(), frames(50, 16));
    let folder = dir.file("folder");
    fs::create_dir(&folder).unwrap();
    let out = format!("{folder}/vanished.gcap");
    let (before, after) = frames.split_at(25);
    let job = RawJob::builder()
        .frames(before)
        .then(Step::Gate)
        .frames(after)
        .then(Step::Stall)
        .start();
    let addr = job.addr.to_string();
    let recording = Running::start(&record(&out, &addr, &[]));
    assert!(wait(
        || fs::metadata(&out).is_ok_and(|file| file.len() > 0) && received(&out).len() == before.len()
    ));
    fs::remove_dir_all(&folder).unwrap();
    job.open_gate();
    let run = recording
        .finish()
        .expect(4)
        .says(&["removed while it was recorded", "saved as "]);
    let saved = run
        .stderr
        .split("saved as ")
        .nth(1)
        .and_then(|rest| rest.split(&[' ', ';'][..]).next())
        .unwrap();
    let kept = received(saved.trim());
    assert!(
        kept.len() >= before.len() && kept[..] == frames[..kept.len()],
        "{} kept",
        kept.len()
    );
    fs::remove_file(saved.trim()).unwrap();
}

#[test]
fn every_way_of_syncing_records_the_same() {
    let (dir, frames) = (Dir::new(), frames(100, 64));
    let job = RawJob::builder().frames(&frames).start();
    let addr = job.addr.to_string();
    for sync in ["none", "chunk", "interval"] {
        let out = dir.file(&format!("{sync}.gcap"));
        run(&record(&out, &addr, &["--sync", sync])).expect(0);
        assert!(verify(&out).is_whole());
        assert!(received(&out) == frames);
    }
}

#[test]
fn after_a_crash_a_new_capture_goes_on_and_refers_to_the_old_one() {
    let (dir, frames) = (Dir::new(), frames(30, 16));
    let (old, new) = (dir.file("old.gcap"), dir.file("new.gcap"));
    let job = RawJob::builder().frames(&frames).then(Step::Gate).start();
    let addr = job.addr.to_string();
    let recording = Running::start(&record(&old, &addr, &[]));
    assert!(wait(
        || fs::metadata(&old).is_ok_and(|file| file.len() > 0) && received(&old).len() == frames.len()
    ));
    recording.kill();
    let (before, digest) = (fs::read(&old).unwrap(), verify(&old).summary.digest);
    job.open_gate();

    run(&record(&old, &addr, &["--resume-of", &old, "--force"]))
        .expect(2)
        .says(&["both input and output"]);
    run(&record(&new, &addr, &["--resume-of", &dir.file("none.gcap")]))
        .expect(4)
        .says(&["none.gcap"]);
    run(&record(&new, &addr, &["--resume-of", &old])).expect(0);
    assert!(fs::read(&old).unwrap() == before, "the old one is not touched");
    let info = run(&["info", &new, "--format", "json"]).expect(0).json();
    assert_eq!(info["continues"]["path"], old);
    assert_eq!(info["continues"]["digest"], digest.to_string());
    assert_eq!(info["continues"]["last_offset_ns"], verify(&old).summary.last_offset_ns);
    let text = run(&["info", &new]).expect(0);
    assert!(text.text().contains("before this one begins"), "{}", text.text());
    run(&["verify", &new]).expect(0);
}
