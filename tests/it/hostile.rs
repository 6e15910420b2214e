//! Files that are not captures, and places that cannot be written to.

use std::{fs, path::Path, process::Command};

use grpc_capture::{
    file::{Codec, Header, Writer, WriterOptions},
    grpc::deflate,
    model::{CallStart, Direction, Ending, Event, EventKind, Headers, Message, Metadata, Status},
};

use crate::support::{Dir, delimited, endings, frames, received, run, shipped, verify};

fn fifo(dir: &Dir) -> String {
    let path = dir.file("pipe");
    assert!(Command::new("mkfifo").arg(&path).status().unwrap().success());
    path
}

#[test]
fn a_pipe_is_refused_at_once_by_whatever_reads_captures() {
    let dir = Dir::new();
    let (pipe, out) = (fifo(&dir), dir.file("out.gcap"));
    for args in [
        &["info", &pipe][..],
        &["cat", &pipe],
        &["verify", &pipe],
        &["recover", &pipe, "-o", &out],
        &["serve", &pipe],
    ] {
        run(args).expect(4).says(&["not a regular file", &pipe]);
    }
}

#[test]
fn force_replaces_files_and_nothing_else() {
    let dir = Dir::new();
    let (pipe, capture) = (fifo(&dir), shipped("nan.gcap"));
    let bytes = dir.write("frames.bin", delimited(&frames(2, 4)));
    run(&["import", &bytes, "-o", &pipe, "--force"])
        .expect(4)
        .says(&["not a regular file"]);
    run(&["recover", &capture, "-o", &pipe, "--force"])
        .expect(4)
        .says(&["not a regular file"]);
    let record = [
        "record",
        "--target",
        "127.0.0.1:1",
        "--job-id",
        "a",
        "-o",
        &pipe,
        "--force",
    ];
    run(&record).expect(2).says(&["not a regular file"]);
    assert!(
        fs::symlink_metadata(&pipe).is_ok_and(|found| !found.is_file()),
        "the pipe is there"
    );
    // Messages may go into a device, which stays one.
    run(&["cat", "--raw", &capture, "-o", "/dev/null"]).expect(0);
}

#[test]
fn every_capture_named_is_verified_although_one_cannot_be_read() {
    let dir = Dir::new();
    let foreign = dir.write("foreign", b"this is no capture, but long enough to be looked at twice");
    let args = [
        "verify",
        "--format",
        "json",
        &foreign,
        &shipped("nan.gcap"),
        &dir.file("nowhere"),
        &shipped("zero-ids.gcap"),
    ];
    let run = run(&args).expect(4).says(&["foreign", "nowhere"]);
    let states: Vec<_> = run.json_lines().iter().map(|line| line["state"].clone()).collect();
    assert_eq!(states, ["whole", "whole"]);
}

#[test]
fn a_capture_cut_off_in_its_header_is_damaged_in_a_place() {
    let dir = Dir::new();
    let bytes = fs::read(shipped("nan.gcap")).unwrap();
    let cut = dir.write("cut.gcap", &bytes[..200]);
    let report = run(&["verify", "--format", "json", &cut]).expect(4).json();
    assert_eq!(report["state"], "damaged");
    assert_eq!(report["damage"].as_array().unwrap().len(), 1, "{report}");
}

#[test]
fn an_import_that_was_cut_off_says_so_in_the_capture_and_one_of_nothing_leaves_none() {
    let dir = Dir::new();
    let bytes = delimited(&frames(3, 8));
    let (torn, out) = (dir.write("torn.bin", &bytes[..bytes.len() - 1]), dir.file("torn.gcap"));
    run(&["import", &torn, "-o", &out]).expect(3).says(&["message 3"]);
    assert!(verify(&out).is_whole());
    assert_eq!(received(&out).len(), 2);
    assert!(matches!(&endings(&out)[..], [Ending::Broken(_)]), "{:?}", endings(&out));

    let (huge, out) = (
        dir.write("huge.bin", [0xff, 0xff, 0xff, 0xff, 0x7f, 0]),
        dir.file("huge.gcap"),
    );
    run(&["import", &huge, "-o", &out])
        .expect(4)
        .says(&["length-delimited", &huge]);
    assert!(!Path::new(&out).exists());
}

#[test]
fn an_output_that_is_full_is_named_with_what_went_into_it() {
    // A device that is always full, where there is one.
    if Path::new("/dev/full").exists() {
        let capture = shipped("nan.gcap");
        run(&["cat", "--raw", &capture, "-o", "/dev/full"])
            .expect(4)
            .says(&["/dev/full", &capture, "incomplete"]);
    }
}

/// A capture of one stream of these messages, small whatever they hold.
fn of_messages(dir: &Dir, name: &str, messages: impl IntoIterator<Item = (bool, Vec<u8>)>) -> String {
    let path = dir.file(name);
    let options = WriterOptions {
        codec: Codec::Zstd(3),
        ..WriterOptions::default()
    };
    let mut writer = Writer::create(&path, &Header::new(0), options).unwrap();
    let mut metadata = Metadata::default();
    metadata.push("grpc-encoding", "gzip");
    let start = CallStart {
        method: "/datastream.DataStreamService/StreamSpectrograms".to_owned(),
        ..CallStart::default()
    };
    let messages = messages.into_iter().map(|(compressed, data)| {
        EventKind::Message(Message {
            direction: Direction::Received,
            compressed,
            data: data.into(),
        })
    });
    let kinds = [EventKind::CallStart(start), EventKind::Headers(Headers { metadata })].into_iter();
    let end = EventKind::End(Ending::Status(Status::default()));
    for (seq, kind) in (1..).zip(kinds.chain(messages).chain([end])) {
        writer
            .write(&Event {
                call: 1,
                seq,
                offset_ns: seq,
                kind,
            })
            .unwrap();
    }
    writer.finish().unwrap();
    path
}

#[test]
fn a_small_capture_that_holds_much_is_judged_in_little_memory() {
    let dir = Dir::new();
    // Fifteen million empty rows in 30 MB, which decoded would take 1.4 GB; and 300 MB in one gzip message.
    let rows = of_messages(&dir, "rows.gcap", [(false, b"\x0a\x00".repeat(15 << 20))]);
    let gzip = of_messages(
        &dir,
        "gzip.gcap",
        [(true, deflate("gzip", &vec![0; 300 << 20]).unwrap())],
    );
    let html = dir.file("out.html");
    for (capture, what) in [(&rows, "too many rows and sensors"), (&gzip, "inflates to more than")] {
        assert!(fs::metadata(capture).unwrap().len() < 1 << 20, "{capture}");
        let found: [(&[&str], _); 3] = [
            (&["validate", capture], Some(1)),
            (&["stats", capture], Some(1)),
            (&["report", capture, "-o", &html, "--force"], Some(1)),
        ];
        for (args, code) in found {
            let command = args.join(" ");
            // Addresses, in KiB; one arena, for each reserves many of them.
            let script = format!("ulimit -v 900000; exec \"$0\" {command}");
            let output = Command::new("sh")
                .args(["-c", &script, env!("CARGO_BIN_EXE_capture")])
                .env("MALLOC_ARENA_MAX", "1")
                .output()
                .unwrap();
            let told = [output.stdout, output.stderr].concat();
            let told = String::from_utf8_lossy(&told);
            assert_eq!(output.status.code(), code, "{command}: {told}");
            if args[0] != "stats" {
                assert!(told.contains(what), "{command}: {told}");
            }
        }
    }
}
