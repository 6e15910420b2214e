//! `capture replay` as a process: it compares a server with a recording.

use crate::support::{Dir, Run, Serve, run, shipped};

fn replay(capture: &str, serve: &Serve, flags: &[&str]) -> Run {
    run(&[&["replay", capture, "-t", serve.grpc(), "--plaintext"], flags].concat())
}

#[test]
fn a_server_of_the_capture_answers_as_recorded() {
    for name in ["optodas-quake.gcap", "zero-ids.gcap"] {
        let capture = shipped(name);
        let serve = Serve::start(&[&capture, "--rate", "max"]);
        let outcome = replay(&capture, &serve, &["--format", "json"]).expect(0).json();
        assert_eq!(outcome["matched"], true, "{outcome}");
        assert!(outcome["compared"].as_u64().unwrap() > 0);
        replay(&capture, &serve, &["--rate", "1000"]).expect(0);
    }
}

#[test]
fn differences_are_told_by_path_and_fail() {
    let capture = shipped("optodas-quake.gcap");
    let serve = Serve::start(&[&capture, "--rate", "max", "--fault", "zero:at=5"]);
    let different = replay(&capture, &serve, &[]).expect(1);
    assert!(
        different
            .text()
            .contains("message 5, rows[0].sensors[0].intensity[0]: recorded "),
        "{}",
        different.text()
    );
    assert!(different.text().contains("different: 1 of 1 calls"));
    let ignored = ["--ignore", "rows.sensors.intensity", "--format", "json"];
    let same = replay(&capture, &serve, &ignored).expect(0).json();
    assert_eq!(same["matched"], true);
}

#[test]
fn what_never_comes_and_what_comes_beyond_fails() {
    let capture = shipped("optodas-quake.gcap");
    for (fault, key) in [("abort:after=60", "missing"), ("duplicate:at=73", "extra")] {
        let serve = Serve::start(&[&capture, "--rate", "max", "--fault", fault]);
        let outcome = replay(&capture, &serve, &["--format", "json"]).expect(1).json();
        assert!(outcome["calls"][0][key].as_u64().unwrap() > 0, "{outcome}");
    }
}

#[test]
fn what_could_not_be_done_has_codes_of_its_own() {
    let capture = shipped("optodas-quake.gcap");
    let serve = Serve::start(&[&shipped("nan.gcap"), "--rate", "max"]);
    // 64 + 5: every call was refused with NOT_FOUND.
    replay(&capture, &serve, &[]).expect(69);
    replay(&capture, &serve, &["--call", "9"])
        .expect(4)
        .says(&["no call 9"]);
    replay(&capture, &serve, &["--ignore", "a..b"])
        .expect(2)
        .says(&["is not a path"]);
    replay(&capture, &serve, &["--abs=-1"])
        .expect(2)
        .says(&["not a tolerance"]);
    let dir = Dir::new();
    replay(&dir.file("none.gcap"), &serve, &[])
        .expect(4)
        .says(&["none.gcap"]);
    let limit = ["--plaintext", "--connect-timeout", "300ms"];
    run(&[&["replay", &capture, "-t", "127.0.0.1:1"], &limit[..]].concat()).expect(4);
}
