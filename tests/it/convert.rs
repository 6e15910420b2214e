//! `capture export` and `capture import` as processes, in both directions.

use std::fs;

use grpc_capture::model::EventKind;

use crate::support::{Dir, events, received, run, shipped};

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
            // A log has no word for a GOAWAY, nor for times that are the rows' own; frames none for times of arrival.
            let (exported, imported) = match (flag, capture) {
                ("--binlog", "production.gcap") => (3, 3),
                ("--binlog", "optodas-quake.gcap") | ("--frames", "zero-ids.gcap") => (3, 0),
                _ => (0, 0),
            };
            run(&["export", &from, flag, &there]).expect(exported);
            run(&["import", &there, "-o", &back]).expect(imported);
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

/// Entries of calls that the log does not open are counted, and Java's framing is known.
#[test]
fn binary_logs_of_other_software_are_read() {
    let dir = Dir::new();
    let time = b"\x0a\x06\x08\x80\xe2\xcf\xaa\x06";
    let entry = |rest: &[u8]| [&time[..], rest].concat();
    let late = entry(b"\x10\x01\x18\x28\x20\x04\x28\x01\x42\x09\x08\x05\x12\x05late1");
    let start = entry(b"\x10\x02\x18\x01\x20\x01\x28\x01\x32\x0f\x0a\x00\x12\x06/a.B/C\x1a\x03h:1");
    let message = entry(b"\x10\x02\x18\x02\x20\x04\x28\x01\x42\x05\x08\x01\x12\x01x");
    let end = entry(b"\x10\x02\x18\x03\x20\x06\x28\x01\x4a\x02\x0a\x00");
    let fixed = |entries: &[&Vec<u8>]| -> Vec<u8> {
        let framed = |entry: &&Vec<u8>| [&(entry.len() as u32).to_be_bytes()[..], entry].concat();
        entries.iter().flat_map(framed).collect()
    };
    let varint = |entries: &[&Vec<u8>]| -> Vec<u8> {
        let framed = |entry: &&Vec<u8>| [&[entry.len() as u8][..], entry].concat();
        entries.iter().flat_map(framed).collect()
    };
    for (name, log, code) in [
        ("midcall", fixed(&[&late, &start, &message, &end]), 3),
        ("java", varint(&[&start, &message, &end]), 0),
    ] {
        let (log, out) = (dir.write(name, log), dir.file(&format!("{name}.gcap")));
        let import = run(&["import", &log, "-o", &out]).expect(code);
        if code == 3 {
            import.says(&["1 entry", "whose start is not in the file"]);
        }
        let events = events(&out);
        let EventKind::CallStart(start) = &events[0].kind else {
            panic!("{events:?}")
        };
        assert_eq!((start.method.as_str(), received(&out).len()), ("/a.B/C", 1), "{name}");
    }
}

/// Of another kind of file, no capture is made, and the error names the kind and what helps.
#[test]
fn other_kinds_of_files_are_named_and_leave_no_capture() {
    let dir = Dir::new();
    let capture = fs::read(shipped("nan.gcap")).unwrap();
    for (name, content, says) in [
        ("a.gcap.copy", &capture[..], "capture info"),
        ("a.bin.gz", b"\x1f\x8b\x08\x00\x00\x00", "gunzip"),
        (
            "a.bin",
            b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 5\n",
            "git lfs pull",
        ),
        ("a.pcap", b"\xd4\xc3\xb2\xa1\x02\x00", "capture proxy"),
        ("a.json", b"{\"a\": 1}\n", "JSON"),
        ("a.parquet", b"PAR1\x15\x04", "Parquet"),
        ("a.zip", b"PK\x03\x04\x14\x00", "capture bundle --open"),
    ] {
        let (input, out) = (dir.write(name, content), dir.file("out.gcap"));
        run(&["import", &input, "-o", &out]).expect(4).says(&[&input, says]);
        assert!(fs::metadata(&out).is_err(), "{name}");
    }
    // Whoever says what it is gets that.
    let input = dir.write("b.bin", b"\x1f\x8b\x08");
    run(&["import", &input, "-o", &dir.file("b.gcap"), "--from", "frames"])
        .expect(4)
        .says(&["31 bytes are announced"]);
}
