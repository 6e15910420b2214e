//! The ways in which a recording ends: the end of the stream, the death of the server, a limit, or a signal.

use std::time::{Duration, Instant};

use grpc_capture::model::{Cancelled, Deadline, Ending, EventKind, Limit, Party, Status};

use super::{holds, record, start, wait_for_messages};
use crate::support::{
    Dir, Running, Serve, endings, events, frames,
    raw_job::{RawJob, Step},
    received, run, shell, shipped, verify,
};

/// A quarter of the default `--idle-timeout`, half of the default `--first-frame-timeout`.
const FAR_BELOW_THE_DEFAULT: Duration = Duration::from_secs(15);

#[test]
fn a_server_that_dies_in_mid_stream_leaves_every_frame_and_one_broken_ending() {
    let (dir, frames) = (Dir::new(), frames(50, 64));
    let out = dir.file("died.gcap");
    let job = RawJob::builder()
        .frames(&frames)
        .then(Step::Gate)
        .then(Step::Die)
        .start();
    let recording = start(job.addr, &out, &[]);
    wait_for_messages(&out, frames.len());
    job.open_gate();
    let run = recording
        .finish()
        .expect(4)
        .says(&["died", "the capture holds what came before"]);
    assert_eq!(run.json()["messages"], frames.len());
    holds(&out, &frames);
    let endings = endings(&out);
    assert!(
        matches!(&endings[..], [Ending::Broken(broken)] if !broken.goaway),
        "{endings:?}"
    );
}

#[test]
fn a_serve_process_that_is_killed_in_mid_stream_is_no_success() {
    let dir = Dir::new();
    let out = dir.file("killed.gcap");
    let mut serve = Serve::start(&[&shipped("optodas-quake.gcap"), "--rate", "1"]);
    let args = ["record", "-o", &out, "--target", serve.grpc(), "--plaintext"];
    let more = ["--job-id", "optodas-quake", "--flush-interval", "50ms"];
    let recording = Running::start(&[&args[..], &more].concat());
    wait_for_messages(&out, 2);
    serve.kill();
    recording.finish().expect(4);
    assert!(verify(&out).is_whole());
    assert!(received(shipped("optodas-quake.gcap")).starts_with(&received(&out)));
    assert!(matches!(&endings(&out)[..], [Ending::Broken(_)]));
}

#[test]
fn a_job_that_sends_no_frame_is_given_up_after_the_first_frame_limit() {
    let dir = Dir::new();
    let out = dir.file("silent.gcap");
    let job = RawJob::builder().then(Step::Stall).start();
    let began = Instant::now();
    record(job.addr, &out, &["--first-frame-timeout", "400ms"])
        .expect(4)
        .says(&["sent no frame", "--first-frame-timeout"]);
    assert!(began.elapsed() < FAR_BELOW_THE_DEFAULT);
    assert!(verify(&out).is_whole());
    let endings = endings(&out);
    assert!(
        matches!(
            endings[..],
            [Ending::Deadline(Deadline {
                limit: Limit::FirstFrame,
                after_ns: 400_000_000
            })]
        ),
        "{endings:?}"
    );
}

#[test]
fn a_stream_that_stalls_is_given_up_after_the_idle_limit_with_all_that_came() {
    let (dir, frames) = (Dir::new(), frames(9, 4));
    let out = dir.file("stalled.gcap");
    let job = RawJob::builder().frames(&frames).then(Step::Stall).start();
    let began = Instant::now();
    record(job.addr, &out, &["--idle-timeout", "400ms"])
        .expect(4)
        .says(&["stalled", "--idle-timeout"]);
    assert!(began.elapsed() < FAR_BELOW_THE_DEFAULT);
    holds(&out, &frames);
    let endings = endings(&out);
    assert!(
        matches!(
            endings[..],
            [Ending::Deadline(Deadline {
                limit: Limit::Idle,
                after_ns: 400_000_000
            })]
        ),
        "{endings:?}"
    );
}

#[test]
fn no_frame_at_all_is_a_finding_unless_it_is_allowed() {
    let dir = Dir::new();
    let (out, allowed) = (dir.file("empty.gcap"), dir.file("allowed.gcap"));
    let job = RawJob::builder().start();
    record(job.addr, &out, &[])
        .expect(1)
        .says(&["no frame was recorded", "--allow-empty"]);
    assert!(verify(&out).is_whole());
    record(job.addr, &allowed, &["--allow-empty"]).expect(0);
    let endings = endings(&allowed);
    assert!(
        matches!(&endings[..], [Ending::Status(Status { code: 0, .. })]),
        "{endings:?}"
    );

    // What is allowed to be empty is still not allowed to fail.
    let refusing = RawJob::builder()
        .then(Step::Fail(tonic::Code::Internal, "no".to_owned()))
        .start();
    record(refusing.addr, &dir.file("refused.gcap"), &["--allow-empty"]).expect(64 + 13);
}

#[test]
fn max_frames_records_exactly_that_many_even_from_a_server_that_sends_more() {
    let (dir, frames) = (Dir::new(), frames(20, 4));
    let job = RawJob::builder().frames(&frames).then(Step::Stall).start();
    for count in [1, 7, 19] {
        let out = dir.file(&format!("{count}.gcap"));
        let report = record(job.addr, &out, &["--max-frames", &count.to_string()])
            .expect(0)
            .json();
        assert_eq!(report["messages"], count);
        holds(&out, &frames[..count]);
    }
    // More than there are: the end of the stream is the end.
    let (short, out) = (RawJob::builder().frames(&frames).start(), dir.file("all.gcap"));
    record(short.addr, &out, &["--max-frames", "21"]).expect(0);
    holds(&out, &frames);
}

#[test]
fn a_server_that_obeys_max_frames_ends_the_call_itself() {
    let dir = Dir::new();
    let out = dir.file("three.gcap");
    let serve = Serve::start(&[&shipped("nan.gcap"), "--rate", "max"]);
    let target = ["--target", serve.grpc(), "--plaintext", "--job-id", "nan"];
    run(&[&["record", "-o", &out, "--max-frames", "3"], &target[..]].concat()).expect(0);
    holds(&out, &received(shipped("nan.gcap"))[..3]);
    let endings = endings(&out);
    assert!(
        matches!(&endings[..], [Ending::Status(Status { code: 0, .. })]),
        "{endings:?}"
    );
}

#[test]
fn max_bytes_and_duration_end_a_recording_in_order() {
    let (dir, frames) = (Dir::new(), frames(30, 100));
    let out = dir.file("bytes.gcap");
    let job = RawJob::builder().frames(&frames).then(Step::Stall).start();
    let limit = frames[..12].iter().map(bytes::Bytes::len).sum::<usize>() - 1;
    record(job.addr, &out, &["--max-bytes", &limit.to_string()]).expect(0);
    // The message that reaches the limit is still recorded.
    holds(&out, &frames[..12]);

    let out = dir.file("duration.gcap");
    let began = Instant::now();
    record(job.addr, &out, &["--duration", "800ms"]).expect(0);
    assert!(began.elapsed() < FAR_BELOW_THE_DEFAULT);
    holds(&out, &frames);
    let endings = endings(&out);
    assert!(
        matches!(&endings[..], [Ending::Cancelled(Cancelled { by: Party::Us, reason, .. })] if reason.contains("the time limit of 800ms")),
        "{endings:?}"
    );
}

#[test]
fn ctrl_c_and_the_signals_that_end_a_process_finish_the_capture_and_are_a_success() {
    let (dir, frames) = (Dir::new(), frames(25, 16));
    let job = RawJob::builder().frames(&frames).then(Step::Stall).start();
    for (signal, reason) in [
        ("INT", "Ctrl-C"),
        ("TERM", "SIGTERM"),
        ("HUP", "SIGHUP"),
        ("QUIT", "SIGQUIT"),
        ("ALRM", "SIGALRM"),
        ("XCPU", "ulimit -t"),
    ] {
        let out = dir.file(&format!("{signal}.gcap"));
        let recording = start(job.addr, &out, &[]);
        wait_for_messages(&out, frames.len());
        recording.signal(signal);
        // `timeout -s INT` signals the process and its group: the second is not a person who insists.
        recording.signal(signal);
        let report = recording.finish().expect(0).json();
        assert_eq!(report["messages"], frames.len());
        holds(&out, &frames);
        let endings = endings(&out);
        assert!(
            matches!(&endings[..], [Ending::Cancelled(Cancelled { by: Party::Us, reason: said, .. })] if said.contains(reason)),
            "{endings:?}"
        );
    }
}

#[test]
fn a_signal_that_was_ignored_from_the_start_stays_ignored() {
    let (dir, frames) = (Dir::new(), frames(3, 16));
    let out = dir.file("nohup.gcap");
    let steps = RawJob::builder().frames(&frames[..1]).then(Step::Gate);
    let job = steps.frames(&frames[1..]).then(Step::Stall).start();
    let addr = job.addr.to_string();
    let more = ["--plaintext", "--flush-interval", "50ms"];
    let recording = Running::spawn(shell(
        "trap '' HUP; exec \"$0\" \"$@\"",
        &super::arguments(&addr, &out, &more),
    ));
    wait_for_messages(&out, 1);
    recording.signal("HUP");
    // It records on.
    job.open_gate();
    wait_for_messages(&out, frames.len());
    recording.signal("INT");
    recording.finish().expect(0);
    let endings = endings(&out);
    assert!(
        matches!(&endings[..], [Ending::Cancelled(Cancelled { by: Party::Us, reason, .. })] if reason.contains("Ctrl-C")),
        "{endings:?}"
    );
}

#[test]
fn what_came_while_the_recorder_was_stopped_is_recorded_and_no_limit_has_passed() {
    const IDLE: Duration = Duration::from_millis(500);
    let (dir, frames) = (Dir::new(), frames(300, 16));
    let out = dir.file("suspended.gcap");
    let steps = RawJob::builder().frames(&frames[..1]).then(Step::Gate);
    let job = steps.frames(&frames[1..]).then(Step::Stall).start();
    let recording = start(job.addr, &out, &["--idle-timeout", "500ms"]);
    wait_for_messages(&out, 1);
    recording.signal("STOP");
    job.open_gate();
    // The limit runs out while nobody can look into the socket.
    std::thread::sleep(IDLE * 4);
    recording.signal("CONT");
    // The stream is silent from then on: the limit counts again, from then on.
    recording.finish().expect(4).says(&["stalled", "--idle-timeout"]);
    holds(&out, &frames);
    let notes = events(&out).into_iter().filter_map(|event| match event.kind {
        EventKind::Note(note) => Some(note.text),
        _ => None,
    });
    let notes: Vec<_> = notes.collect();
    assert!(notes.iter().any(|note| note.contains("stood still for")), "{notes:?}");
}

#[test]
fn signals_that_mean_nothing_to_a_recording_are_answered_and_end_nothing() {
    let (dir, frames) = (Dir::new(), frames(3, 16));
    let out = dir.file("asked.gcap");
    let job = RawJob::builder().frames(&frames).then(Step::Stall).start();
    let mut recording = start(job.addr, &out, &[]);
    wait_for_messages(&out, frames.len());
    for name in ["USR1", "USR2"] {
        recording.signal(name);
        recording.wait_until_it_says(&format!("SIG{name} does nothing here"));
    }
    recording.signal("INT");
    recording.finish().expect(0);
    holds(&out, &frames);
}

#[test]
fn ctrl_c_before_the_job_is_reached_ends_at_once_too() {
    let dir = Dir::new();
    let (out, port) = (dir.file("out.gcap"), crate::support::raw_job::Port::reserve());
    let mut recording = start(port.addr, &out, &["-vv"]);
    recording.wait_until_it_says("attempt 1 at");
    let began = Instant::now();
    recording.signal("INT");
    let run = recording.finish();
    assert!(began.elapsed() < FAR_BELOW_THE_DEFAULT);
    // Nothing was recorded, and nobody said that this is well.
    assert_ne!(run.code, Some(0), "{}", run.stderr);
    assert!(run.stderr.contains("Ctrl-C"), "{}", run.stderr);
}

#[test]
fn a_wish_that_is_sent_twice_at_once_finishes_the_capture_all_the_same() {
    let (dir, frames) = (Dir::new(), frames(3, 16));
    for name in ["INT", "TERM", "QUIT"] {
        let out = dir.file(&format!("{name}.gcap"));
        let job = RawJob::builder().frames(&frames).then(Step::Stall).start();
        let recording = start(job.addr, &out, &[]);
        wait_for_messages(&out, frames.len());
        // `timeout -s INT` sends it to the process, and to the group that it is in.
        recording.signal(name);
        recording.signal(name);
        recording.finish().expect(0);
        holds(&out, &frames);
    }
}
