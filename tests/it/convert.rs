//! `capture export` and `capture import` as processes: there and back.

use std::fs;

use crate::support::{Dir, run, shipped};

/// The message digests of a capture, by call.
fn digests(path: &str) -> Vec<String> {
    let info = run(&["stats", path, "--format", "json"]).json();
    let calls = info["calls"].as_array().unwrap();
    calls.iter().map(|call| call["digest"].to_string()).collect()
}

#[test]
fn a_capture_comes_back_from_other_containers_with_the_same_messages() {
    let dir = Dir::new();
    for capture in ["zero-ids.gcap", "production.gcap", "optodas-quake.gcap"] {
        let from = shipped(capture);
        for (flag, ending) in [("--mcap", "mcap"), ("--binlog", "binlog"), ("--frames", "bin")] {
            if flag == "--frames" && capture == "production.gcap" {
                // Delimited frames hold one call.
                continue;
            }
            let (there, back) = (
                dir.file(&format!("{capture}.{ending}")),
                dir.file(&format!("{capture}.{ending}.gcap")),
            );
            run(&["export", &from, flag, &there]).expect(0);
            run(&["import", &there, "-o", &back]).expect(0);
            assert_eq!(digests(&from), digests(&back), "{capture} {flag}");
            run(&["verify", &back]).expect(0);
        }
    }
}

#[test]
fn numbers_and_lines_are_written_once_and_never_over_a_file() {
    let dir = Dir::new();
    let from = shipped("febus-jitter.gcap");
    for (flag, name, start) in [
        ("--npy", "a.npy", &b"\x93NUMPY"[..]),
        ("--npy", "a.npz", b"PK"),
        ("--parquet", "a.parquet", b"PAR1"),
        ("--jsonl", "a.jsonl", b"{\"event\":\"call_start\""),
    ] {
        let out = dir.file(name);
        run(&["export", &from, flag, &out]).expect(0);
        let written = fs::read(&out).unwrap();
        assert!(written.starts_with(start), "{name}");
        run(&["export", &from, flag, &out])
            .expect(4)
            .says(&["exists", "--force"]);
        assert_eq!(fs::read(&out).unwrap(), written, "{name}");
    }
    let several = run(&["export", &shipped("production.gcap"), "--npy", &dir.file("b.npy")]);
    several.expect(4).says(&["--call", ".npz"]);
    run(&["export", &shipped("empty-stream.gcap"), "--npy", &dir.file("c.npy")]).expect(1);
}

#[test]
fn an_import_that_is_damaged_says_so_and_keeps_what_it_read() {
    let dir = Dir::new();
    let (log, cut, out) = (dir.file("a.binlog"), dir.file("cut.binlog"), dir.file("cut.gcap"));
    run(&["export", &shipped("zero-ids.gcap"), "--binlog", &log]).expect(0);
    let whole = fs::read(&log).unwrap();
    fs::write(&cut, &whole[..whole.len() - 40]).unwrap();
    run(&["import", &cut, "-o", &out])
        .expect(3)
        .says(&["not read to its end", "entry"]);
    let junk = dir.file("junk");
    fs::write(&junk, b"\x89MCAP0\r\nand then nothing of the kind").unwrap();
    run(&["import", &junk, "-o", &dir.file("junk.gcap")])
        .expect(4)
        .says(&["MCAP"]);
    assert!(fs::metadata(dir.file("junk.gcap")).is_err(), "no capture of nothing");
}
