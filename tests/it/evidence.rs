//! The files of a recording: a capture has its name only when it holds something, never replaces a better capture, and
//! the report agrees with the file.

use std::{
    fs,
    io::{Seek as _, SeekFrom, Write as _},
    os::unix::fs::{PermissionsExt as _, symlink},
    path::Path,
    process::Command,
    time::Duration,
};

use bytes::Bytes;
use serde_json::Value;

use crate::support::{
    Dir, Run, Running, command, frames,
    proxying::Proxying,
    raw_job::{Port, RawJob, Step},
    readable, received, run, verify, wait,
};

/// Between two frames, so that there is more than one chunk.
const PACE: Duration = Duration::from_millis(2);

fn record<'a>(out: &'a str, addr: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    let args = ["record", "--plaintext", "--job-id", "x", "--format", "json", "-o", out];
    [&args[..], &["--target", addr, "--flush-interval", "50ms"], more].concat()
}

/// A capture with some frames.
fn good(dir: &Dir, name: &str) -> (String, Vec<u8>) {
    let out = dir.file(name);
    let job = RawJob::builder().frames(&frames(60, 8)).start();
    run(&record(&out, &job.addr.to_string(), &[])).expect(0);
    let bytes = fs::read(&out).unwrap();
    (out, bytes)
}

/// Runs a command under a limit for the size of files, in units of 512 bytes, that ends no process.
fn limited(blocks: u32, args: &[&str]) -> Run {
    let script = format!("trap '' XFSZ; ulimit -f {blocks}; exec \"$0\" \"$@\"");
    let inner = command(args);
    let mut outer = Command::new("sh");
    outer
        .args(["-c", &script])
        .arg(inner.get_program())
        .args(inner.get_args());
    let output = outer.stdin(std::process::Stdio::null()).output().unwrap();
    Run {
        code: output.status.code(),
        stdout: output.stdout,
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

#[test]
fn a_run_that_recorded_nothing_leaves_an_earlier_capture_as_it_was_and_no_trace() {
    let dir = Dir::new();
    let (out, before) = good(&dir, "good.gcap");
    let (port, junk) = (Port::reserve(), dir.write("junk.pem", "no certificate"));
    let dead = port.addr.to_string();
    let silent = RawJob::builder().then(Step::Stall).start();
    let silent = silent.addr.to_string();
    let names = dir.names();
    let tls = ["record", "--force", "-o", &out, "--target", &dead, "--job-id", "x"];
    for (args, code) in [
        ([&tls[..], &["--cacert", &junk]].concat(), 4),
        ([&tls[..], &["--cacert", &dir.file("none.pem")]].concat(), 4),
        (record(&out, &dead, &["--force", "--connect-timeout", "300ms"]), 4),
        (record(&out, &silent, &["--force", "--first-frame-timeout", "300ms"]), 4),
        (record(&out, &silent, &["--force", "--duration", "300ms"]), 1),
        (record(&out, &dead, &["--force", "--tag", "no-equals-sign"]), 2),
    ] {
        let run = run(&args);
        assert_ne!(run.code, Some(0));
        assert!(
            run.code == Some(code) || run.code == Some(2),
            "{args:?}: {:?} {}",
            run.code,
            run.stderr
        );
        assert!(fs::read(&out).unwrap() == before, "{args:?}");
        assert_eq!(dir.names(), names, "{args:?}");
    }
}

#[test]
fn what_failed_does_not_stop_the_corrected_run() {
    let (dir, port) = (Dir::new(), Port::reserve());
    let out = dir.file("a.gcap");
    let dead = port.addr.to_string();
    for more in [
        &["--connect-timeout", "300ms"][..],
        &["--connect-timeout", "300ms", "--rotate-size", "1MB"],
    ] {
        let report = run(&record(&out, &dead, more)).expect(4).json();
        assert_eq!(report["messages"], 0);
        assert_eq!(dir.names(), [""; 0], "{more:?}");
    }
    let list = dir.write("jobs.json", format!(r#"[{{"target": "{dead}", "job_id": "x"}}]"#));
    let jobs = [
        "record",
        "--jobs",
        &list,
        "--plaintext",
        "--connect-timeout",
        "300ms",
        "-o",
    ];
    run(&[&jobs[..], &[&out, "--single"]].concat()).expect(4);
    assert_eq!(dir.names(), ["jobs.json"]);
    let frames = frames(5, 8);
    let job = RawJob::builder().frames(&frames).start();
    run(&record(&out, &job.addr.to_string(), &[])).expect(0);
    assert!(received(&out) == frames);
}

#[test]
fn a_proxy_that_no_client_used_leaves_no_file_and_an_earlier_capture_as_it_was() {
    let dir = Dir::new();
    let (out, before) = good(&dir, "good.gcap");
    let (other, names) = (dir.file("other.gcap"), dir.names());
    for (path, more) in [(&out, &["--force"][..]), (&other, &[])] {
        let args = [
            "-t",
            "127.0.0.1:1",
            "--plaintext",
            "-o",
            path,
            "--reflect=never",
            "--format",
            "json",
        ];
        let report = Proxying::start(&[&args[..], more].concat()).stop().expect(1).json();
        assert_eq!(report["capture"], Value::Null);
        assert_eq!(dir.names(), names);
    }
    assert!(fs::read(&out).unwrap() == before);
}

#[test]
fn a_recording_into_stdout_is_refused_and_makes_no_file_of_that_name() {
    let dir = Dir::new();
    let commands: [&[&str]; 3] = [
        &["record", "--target", "127.0.0.1:1", "--job-id", "x", "-o", "-"],
        &[
            "record",
            "--target",
            "127.0.0.1:1",
            "--job-id",
            "x",
            "--rotate-size",
            "1MB",
            "-o",
            "-",
        ],
        &["proxy", "-t", "127.0.0.1:1", "-o", "-"],
    ];
    for args in commands {
        let ended = command(args).current_dir(dir.file("")).output().unwrap();
        let stderr = String::from_utf8_lossy(&ended.stderr);
        assert_eq!(ended.status.code(), Some(2), "{args:?}: {stderr}");
        assert!(stderr.contains("stdout"), "{stderr}");
        assert_eq!(dir.names(), [""; 0], "{args:?}");
    }
}

#[test]
fn an_earlier_capture_is_replaced_as_soon_as_there_is_something_and_the_new_one_can_be_read_at_once() {
    let dir = Dir::new();
    let (out, before) = good(&dir, "a.gcap");
    let frames = frames(4, 8);
    let job = RawJob::builder().frames(&frames).then(Step::Gate).start();
    let recording = Running::start(&record(&out, &job.addr.to_string(), &["--force"]));
    assert!(wait(
        || fs::read(&out).unwrap() != before && received_so_far(&out).len() == frames.len()
    ));
    recording.kill();
    assert!(received_so_far(&out) == frames);
    assert_eq!(dir.names(), ["a.gcap"]);
}

fn received_so_far(path: &str) -> Vec<Bytes> {
    use grpc_capture::model::{Direction, EventKind};
    let messages = readable(path).into_iter().filter_map(|event| match event.kind {
        EventKind::Message(message) if message.direction == Direction::Received => Some(message.data),
        _ => None,
    });
    messages.collect()
}

#[test]
fn when_a_file_can_not_grow_the_report_counts_what_is_in_it_and_the_rest_as_lost() {
    let (dir, all) = (Dir::new(), frames(400, 512));
    // A capture that is small enough, a pause in which a series begins its next, and much more than the limit.
    let (few, many) = all.split_at(20);
    let job = RawJob::builder()
        .paced(few, PACE)
        .then(Step::Pause(Duration::from_millis(600)))
        .paced(many, PACE)
        .start();
    let addr = job.addr.to_string();
    for (name, more) in [("one", &[][..]), ("series", &["--rotate-interval", "500ms"])] {
        let (out, saved) = (
            dir.file(&format!("{name}.gcap")),
            dir.file(&format!("{name}-saved.gcap")),
        );
        let run = limited(200, &record(&out, &addr, more))
            .expect(4)
            .says(&["File too large", "ulimit", "recover"]);
        let report = run.json();
        assert_eq!(report["lossy"], true);
        let files: Vec<_> = match report["files"].as_array() {
            Some(files) => files
                .iter()
                .map(|file| file["capture"].as_str().unwrap().to_owned())
                .collect(),
            None => vec![report["capture"].as_str().unwrap().to_owned()],
        };
        let last = files.last().unwrap();
        crate::support::run(&["recover", last, "-o", &saved]).expect(3);
        let (whole, mut kept) = (files.split_last().unwrap().1, Vec::new());
        for path in whole {
            assert!(verify(path).is_whole());
            kept.extend(received(path));
        }
        kept.extend(received(&saved));
        assert!(!kept.is_empty() && kept[..] == all[..kept.len()]);
        let bytes: usize = kept.iter().map(Bytes::len).sum();
        assert_eq!(report["messages"], kept.len(), "{name}: {}", run.stderr);
        assert_eq!(report["message_bytes"], bytes);
        assert_eq!(report["endings"][0]["messages"], kept.len());
        let lost = report["gaps"].as_u64().unwrap() as usize;
        assert!(
            lost > 0 && kept.len() + lost <= all.len(),
            "{lost} lost of {}",
            all.len()
        );
    }
}

#[test]
fn a_ring_that_can_not_be_written_leaves_its_parts_and_names_them() {
    let (dir, all) = (Dir::new(), frames(400, 512));
    let job = RawJob::builder().paced(&all, PACE).start();
    let out = dir.file("run.gcap");
    let ring = ["--ring", "500MB", "--trigger", "signal"];
    let run = limited(200, &record(&out, &job.addr.to_string(), &ring))
        .expect(4)
        .says(&["recover"]);
    let names = dir.names();
    let [name] = &names[..] else { panic!("{names:?}") };
    assert!(
        name.starts_with(".run.ring-") && run.stderr.contains(name),
        "{name} in {}",
        run.stderr
    );
    let kept = received_so_far(&dir.file(name));
    assert!(!kept.is_empty() && kept[..] == all[..kept.len()]);
    let report = run.json();
    for count in [
        &report["messages"],
        &report["endings"][0]["messages"],
        &report["files"][0]["messages"],
    ] {
        assert_eq!(*count, kept.len());
    }
    assert_eq!(report["files"][0]["finished"], false);
    assert!(report["gaps"].as_u64().unwrap() > 0);
}

#[test]
fn a_file_that_another_program_touches_while_it_is_recorded_is_no_success() {
    type Touch = fn(&str);
    let touches: [(&str, Touch, &str); 5] = [
        (
            "cut",
            |path| {
                fs::OpenOptions::new()
                    .write(true)
                    .open(path)
                    .unwrap()
                    .set_len(10)
                    .unwrap();
            },
            "changed the file",
        ),
        (
            "emptied",
            |path| drop(fs::File::create(path).unwrap()),
            "changed the file",
        ),
        (
            "longer",
            |path| {
                let mut file = fs::OpenOptions::new().append(true).open(path).unwrap();
                file.write_all(b"more").unwrap();
            },
            "changed the file",
        ),
        (
            "overwritten",
            |path| {
                let mut file = fs::OpenOptions::new().write(true).open(path).unwrap();
                file.seek(SeekFrom::Start(20)).unwrap();
                file.write_all(b"rubbish").unwrap();
            },
            "wrote into the file",
        ),
        (
            "replaced",
            |path| {
                fs::write(format!("{path}.new"), "other").unwrap();
                fs::rename(format!("{path}.new"), path).unwrap();
            },
            "another file replaced it",
        ),
    ];
    let (dir, all) = (Dir::new(), frames(40, 64));
    let (before, after) = all.split_at(20);
    for (name, touch, says) in touches {
        let out = dir.file(&format!("{name}.gcap"));
        let job = RawJob::builder().frames(before).then(Step::Gate).frames(after).start();
        let recording = Running::start(&record(&out, &job.addr.to_string(), &[]));
        assert!(wait(|| received_so_far(&out).len() == before.len()), "{name}");
        touch(&out);
        job.open_gate();
        let run = recording.finish().expect(4).says(&[says]);
        let report = run.json();
        assert_eq!(report["lossy"], true, "{name}");
        let kept = report["messages"].as_u64().unwrap() as usize;
        assert_eq!(
            kept,
            saved(report["capture"].as_str().unwrap_or(&out), &dir.file("recovered.gcap")),
            "{name}: {}",
            run.stderr
        );
    }
}

/// Messages that a recovery saves.
fn saved(capture: &str, recovered: &str) -> usize {
    let _ = run(&["recover", capture, "-o", recovered, "--force"]);
    if Path::new(recovered).exists() {
        let messages = received_so_far(recovered).len();
        fs::remove_file(recovered).unwrap();
        messages
    } else {
        0
    }
}

#[test]
fn of_three_recorders_with_one_name_each_says_where_its_own_capture_is() {
    for force in [true, false] {
        let dir = Dir::new();
        let out = if force {
            good(&dir, "a.gcap").0
        } else {
            dir.file("a.gcap")
        };
        let sets: Vec<_> = (0..3).map(|at| frames(10 + at, 8)).collect();
        let ports: Vec<_> = sets.iter().map(|_| Port::reserve()).collect();
        let addrs: Vec<_> = ports.iter().map(|port| port.addr.to_string()).collect();
        let more: &[&str] = if force { &["--force"] } else { &[] };
        let running: Vec<_> = addrs
            .iter()
            .map(|addr| Running::start(&record(&out, addr, more)))
            .collect();
        // All of them have begun before the first has anything.
        let begun = || dir.names().iter().filter(|name| name.ends_with(".part")).count();
        assert!(wait(|| begun() == sets.len()), "{:?}", dir.names());
        let start = |(port, set): (Port, &Vec<Bytes>)| RawJob::builder().frames(set).start_on(port);
        let _jobs: Vec<_> = ports.into_iter().zip(&sets).map(start).collect();
        let mut winners = 0;
        for (recording, set) in running.into_iter().zip(&sets) {
            let run = recording.finish();
            let report = run.json();
            let capture = report["capture"].as_str().unwrap();
            assert!(received(capture) == *set, "{capture}");
            assert_eq!(run.code, Some(if capture == out { 0 } else { 4 }), "{}", run.stderr);
            assert!(capture == out || run.stderr.contains(capture), "{}", run.stderr);
            winners += usize::from(capture == out);
        }
        assert_eq!(winners, 1);
        assert_eq!(dir.names().len(), 3, "{:?}", dir.names());
    }
}

#[test]
fn a_capture_that_is_being_recorded_is_not_replaced() {
    let dir = Dir::new();
    let (out, all) = (dir.file("a.gcap"), frames(4, 8));
    let job = RawJob::builder().frames(&all).then(Step::Gate).start();
    let addr = job.addr.to_string();
    let first = Running::start(&record(&out, &addr, &[]));
    assert!(wait(|| Path::new(&out).exists()));
    run(&record(&out, &addr, &["--force"]))
        .expect(4)
        .says(&["another process is writing", "wait until"]);
    job.open_gate();
    first.finish().expect(0);
    assert!(received(&out) == all);
    run(&record(&out, &addr, &["--force"])).expect(0);
}

#[test]
fn what_was_recorded_is_the_owners_alone() {
    let (dir, all) = (Dir::new(), frames(50, 64));
    let job = RawJob::builder().frames(&all).start();
    let addr = job.addr.to_string();
    run(&record(&dir.file("one.gcap"), &addr, &[])).expect(0);
    run(&record(
        &dir.file("series.gcap"),
        &addr,
        &["--rotate-interval", "100ms"],
    ))
    .expect(0);
    let failing = RawJob::builder()
        .frames(&all)
        .then(Step::Fail(tonic::Code::Internal, String::new()))
        .start();
    let failing = failing.addr.to_string();
    run(&record(
        &dir.file("dump.gcap"),
        &failing,
        &["--ring", "1MB", "--post-roll", "0s"],
    ))
    .expect(64 + 13);
    let names = dir.names();
    assert!(names.len() >= 3, "{names:?}");
    for name in names {
        let mode = fs::metadata(dir.file(&name)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{name}");
    }
}

#[test]
fn parts_of_a_ring_follow_no_planted_link() {
    let (dir, all) = (Dir::new(), frames(50, 64));
    let victim = dir.write("victim", "precious");
    let job = RawJob::builder().frames(&all).start();
    let (out, addr) = (dir.file("run.gcap"), job.addr.to_string());
    let inner = command(&record(&out, &addr, &["--ring", "1MB", "--trigger", "status"]));
    // The process keeps its number when the shell becomes the recorder.
    let script = format!(
        "for number in 000001 000002; do ln -s {victim} {}.run.ring-$$-$number.gcap.part; done; exec \"$0\" \"$@\"",
        dir.file("")
    );
    let ended = Command::new("sh")
        .args(["-c", &script])
        .arg(inner.get_program())
        .args(inner.get_args())
        .output();
    let ended = ended.unwrap();
    assert_eq!(
        ended.status.code(),
        Some(0),
        "{}",
        String::from_utf8_lossy(&ended.stderr)
    );
    assert_eq!(fs::read(&victim).unwrap(), b"precious");
    // Nor does a capture under its own name.
    let link = dir.file("link.gcap");
    symlink(&victim, &link).unwrap();
    run(&record(&link, &addr, &[])).expect(4).says(&["exists"]);
    run(&record(&link, &addr, &["--force"])).expect(0);
    assert_eq!(fs::read(&victim).unwrap(), b"precious");
    assert!(received(&link) == all);
}
