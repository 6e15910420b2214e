//! Files that are none, and places that must not be written to.

use std::{fs, path::Path, process::Command};

use grpc_capture::event::Ending;

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
        run(args).expect(4).says(&["no regular file", &pipe]);
    }
}

#[test]
fn force_replaces_files_and_nothing_else() {
    let dir = Dir::new();
    let (pipe, capture) = (fifo(&dir), shipped("nan.gcap"));
    let bytes = dir.write("frames.bin", delimited(&frames(2, 4)));
    run(&["import", &bytes, "-o", &pipe, "--force"])
        .expect(4)
        .says(&["no regular file"]);
    run(&["recover", &capture, "-o", &pipe, "--force"])
        .expect(4)
        .says(&["no regular file"]);
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
    run(&record).expect(2).says(&["no regular file"]);
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
