//! Commands for files: import, cat, info, verify, recover, completions, man.

use std::{
    fs,
    io::{BufRead as _, BufReader, Read as _},
    process::Stdio,
};

use bytes::Bytes;
use grpc_capture::{
    file::{Header, Writer, WriterOptions},
    model::{CallStart, Direction, Event, EventKind, Message},
};
use serde_json::Value;

use crate::support::{Dir, Run, Serve, command, delimited, events, frames, received, run, shipped, verify};

/// import → serve → record → `cat --raw`; what comes out.
fn round_trip(dir: &Dir, original: &str) -> Vec<u8> {
    let (imported, recorded) = (dir.file("imported.gcap"), dir.file("recorded.gcap"));
    let import = run(&["import", original, "-o", &imported, "--job-id", "a job"]).expect(0);
    import.says(&["does not say how its call ended"]);
    let serve = Serve::start(&[&imported, "--rate", "max"]);
    assert_eq!(serve.ready["job_ids"], serde_json::json!(["a job"]));
    let target = ["--target", serve.grpc(), "--plaintext", "--job-id", "a job"];
    run(&[&["record", "-o", &recorded][..], &target].concat()).expect(0);
    run(&["cat", "--raw", &recorded]).expect(0).stdout
}

#[test]
fn a_recording_goes_through_import_serve_record_and_cat_without_changing_a_byte() {
    for name in ["optodas-quake.gcap", "febus-jitter.gcap"] {
        let dir = Dir::new();
        let original = dir.file("frames.bin");
        run(&["cat", "--raw", &shipped(name), "-o", &original]).expect(0);
        let original_bytes = fs::read(&original).unwrap();
        assert!(original_bytes.len() > 500_000);
        assert!(round_trip(&dir, &original) == original_bytes, "{name}");
    }
}

#[test]
fn thousands_of_frames_go_round_too() {
    let dir = Dir::new();
    let bytes = delimited(&frames(5000, 8));
    let original = dir.write("many.bin", &bytes);
    assert!(round_trip(&dir, &original) == bytes);
}

#[test]
fn frames_of_half_a_megabyte_go_round_too() {
    let dir = Dir::new();
    let bytes = delimited(&frames(24, 128 * 1024));
    assert!(bytes.len() > 12_000_000);
    let original = dir.write("wide.bin", &bytes);
    assert!(round_trip(&dir, &original) == bytes);
}

#[test]
fn frames_can_come_from_stdin_and_stop_at_a_torn_one() {
    let dir = Dir::new();
    let bytes = delimited(&frames(3, 8));
    let (torn, capture) = (dir.write("torn.bin", &bytes[..bytes.len() - 1]), dir.file("stdin.gcap"));
    let mut import = command(&["import", "-", "-o", &capture, "--format", "json"]);
    let output = import.stdin(fs::File::open(&torn).unwrap()).output().unwrap();
    assert_eq!(output.status.code(), Some(3), "lossy");
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report["frames"], 2);
    assert!(report["error"].as_str().unwrap().contains("message 3"), "{report}");
    assert!(verify(&capture).is_whole());
    assert!(bytes.starts_with(&delimited(&received(&capture))));
}

#[test]
fn a_file_that_holds_no_frames_is_told_apart() {
    let dir = Dir::new();
    let empty = dir.write("empty.bin", b"");
    run(&["import", &empty]).expect(1).says(&["holds no frame"]);
    // Two well-delimited messages that are no spectrograms.
    let foreign = dir.write("foreign.bin", [3, 0xff, 0xff, 0xff, 1, 0x07]);
    run(&["import", &foreign]).expect(1).says(&["--dialect"]);
    run(&["import", &dir.file("nowhere.bin")])
        .expect(4)
        .says(&["nowhere.bin"]);
}

/// A capture of many chunks, and its bytes.
fn chunky(dir: &Dir) -> (String, Vec<u8>) {
    let path = dir.file("chunky.gcap");
    let options = WriterOptions {
        chunk_bytes: 4096,
        ..WriterOptions::default()
    };
    let mut writer = Writer::create(&path, &Header::new(1_000), options).unwrap();
    for event in call(&frames(40, 100)) {
        writer.write(&event).unwrap();
    }
    let summary = writer.finish().unwrap();
    assert!(summary.chunks > 3, "{summary:?}");
    let bytes = fs::read(&path).unwrap();
    (path, bytes)
}

/// A call that received these, without an ending.
fn call(messages: &[Bytes]) -> Vec<Event> {
    let start = EventKind::CallStart(CallStart {
        method: "/datastream.DataStreamService/StreamSpectrograms".to_owned(),
        ..CallStart::default()
    });
    let messages = messages
        .iter()
        .map(|message| EventKind::Message(Message::plain(Direction::Received, message.clone())));
    let event = |(seq, kind): (u64, EventKind)| Event {
        call: 1,
        seq,
        offset_ns: seq * 1_000_000,
        kind,
    };
    (1..).zip([start].into_iter().chain(messages)).map(event).collect()
}

/// Every message of `found` is one of `original`, in its order.
fn is_subsequence(found: &[Bytes], original: &[Bytes]) -> bool {
    let mut original = original.iter();
    found.iter().all(|message| original.any(|other| other == message))
}

#[test]
fn a_cut_capture_gives_what_is_whole_and_says_that_it_is_unfinished() {
    let dir = Dir::new();
    let (whole, bytes) = chunky(&dir);
    let all = received(&whole);
    let mut most = 0;
    for tenths in 3..10 {
        let cut = dir.write("cut.gcap", &bytes[..bytes.len() * tenths / 10]);
        run(&["verify", &cut]).expect(3);
        let cat = run(&["cat", "--raw", &cut]).expect(3).says(&["unfinished", "recover"]);
        let there = received(&cut);
        assert!(cat.stdout == delimited(&there) && delimited(&all).starts_with(&cat.stdout));
        assert!(there.len() >= most, "a longer file holds no less");
        most = there.len();
        run(&["info", &cut]).expect(3).says(&["unfinished"]);

        let (saved, report) = recover(&dir, &cut, 3);
        assert_eq!(
            (&report["was_finished"], &report["lossless"]),
            (&false.into(), &false.into())
        );
        assert_eq!(report["messages"], there.len());
        assert_eq!(received(&saved), there);
        run(&["verify", &saved]).expect(0);
    }
    assert!(most > 0, "something must have been saved");
}

/// Recovers into a new file; its path and the report.
fn recover(dir: &Dir, damaged: &str, code: i32) -> (String, Value) {
    let saved = dir.file("saved.gcap");
    let report = run(&["recover", damaged, "-o", &saved, "--force", "--format", "json"]).expect(code);
    (saved, report.json())
}

#[test]
fn a_flipped_bit_is_found_and_recover_saves_the_other_chunks() {
    let dir = Dir::new();
    let (whole, bytes) = chunky(&dir);
    let all = received(&whole);
    let chunks: Vec<_> = (1..20).map(|part| bytes.len() * part / 20).collect();
    for place in chunks {
        let mut flipped = bytes.clone();
        flipped[place] ^= 0x10;
        let damaged = dir.write("flipped.gcap", &flipped);
        let verified = run(&["verify", "--format", "json", &damaged]).expect(4).json();
        assert_eq!(verified["state"], "damaged", "byte {place}");
        assert!(!verified["damage"].as_array().unwrap().is_empty(), "byte {place}");
        let cat = run(&["cat", "--raw", &damaged]);
        assert!(
            delimited(&all).starts_with(&cat.stdout),
            "byte {place}: what comes out before the damage is right"
        );

        let (saved, report) = recover(&dir, &damaged, 3);
        let there = received(&saved);
        assert!(is_subsequence(&there, &all), "byte {place}: only what was there");
        assert!(there.len() + 20 >= all.len(), "byte {place}: {} saved", there.len());
        assert_eq!(report["lossless"], false, "byte {place}");
        run(&["verify", &saved]).expect(0);
    }
}

#[test]
fn recovering_a_whole_capture_is_lossless() {
    let dir = Dir::new();
    let path = shipped("febus-jitter.gcap");
    let (saved, report) = recover(&dir, &path, 0);
    assert_eq!(report["lossless"], true);
    assert_eq!(events(&saved), events(&path));
    assert_eq!(
        report["digest"],
        verify(&path).summary.digest.to_string(),
        "its identity stays"
    );
}

#[test]
fn what_is_no_capture_is_refused() {
    let dir = Dir::new();
    let text = dir.write("notes.txt", "these are not the bytes you are looking for");
    for args in [
        ["verify", &text],
        ["info", &text],
        ["cat", &text],
        ["recover", &text],
        ["verify", &dir.file("missing.gcap")],
        ["cat", &dir.file("missing.gcap")],
    ] {
        let run = run(&args).expect(4);
        assert!(run.stderr.contains("notes.txt") || run.stderr.contains("missing.gcap"));
    }
    assert_eq!(dir.names(), ["notes.txt"], "nothing is left behind");
}

#[test]
fn an_existing_output_stays_unless_forced() {
    let dir = Dir::new();
    let capture = shipped("nan.gcap");
    let frames = dir.file("frames.bin");
    run(&["cat", "--raw", &capture, "-o", &frames]).expect(0);
    let kept = dir.file("kept");
    for args in [
        vec!["cat", &capture, "-o", &kept],
        vec!["cat", "--raw", &capture, "-o", &kept],
        vec!["import", &frames, "-o", &kept],
        vec!["recover", &capture, "-o", &kept],
    ] {
        fs::write(&kept, "precious").unwrap();
        run(&args).expect(4).says(&["kept exists", "--force"]);
        assert_eq!(fs::read(&kept).unwrap(), b"precious", "{args:?}");
        run(&[&args[..], &["--force"]].concat()).expect(0);
        assert_ne!(fs::read(&kept).unwrap(), b"precious", "{args:?}");
    }
}

#[test]
fn an_input_is_never_its_own_output() {
    let dir = Dir::new();
    let path = dir.write("a.gcap", fs::read(shipped("nan.gcap")).unwrap());
    for args in [
        ["cat", &path, "-o", &path, "--force"],
        ["recover", &path, "-o", &path, "--force"],
        ["import", &path, "-o", &path, "--force"],
    ] {
        run(&args).expect(2).says(&["both input and output"]);
    }
    assert!(verify(&path).is_whole());
}

fn cat_json(args: &[&str]) -> Vec<Value> {
    run(&[&["cat", "--format", "json"], args].concat())
        .expect(0)
        .json_lines()
}

fn keys(object: &Value) -> Vec<&str> {
    object.as_object().unwrap().keys().map(String::as_str).collect()
}

#[test]
fn json_lines_have_the_documented_keys_for_every_kind_of_event() {
    let lines = cat_json(&[&shipped("format-1.0.gcap")]);
    let of = |event: &str| lines.iter().find(|line| line["event"] == event).unwrap();
    let head = ["event", "call", "seq", "offset_ns", "time"];
    for (event, more) in [
        ("call_start", &["method", "authority", "peer", "metadata"][..]),
        ("headers", &["metadata"]),
        (
            "message",
            &["number", "direction", "compressed", "size", "type", "message"],
        ),
        ("half_close", &[]),
        ("gap", &["direction", "messages", "reason"]),
        ("note", &["author", "text"]),
    ] {
        assert_eq!(keys(of(event)), [&head[..], more].concat(), "{event}");
    }
    let endings: Vec<_> = lines.iter().filter(|line| line["event"] == "end").collect();
    for (ending, more) in [
        (
            "status",
            &["code", "status", "message", "trailers_only", "trailers"][..],
        ),
        ("cancelled", &["by", "reason"]),
        ("broken", &["error", "goaway"]),
        ("deadline", &["limit", "after_ns"]),
    ] {
        let found = endings.iter().find(|line| line["ending"] == ending).unwrap();
        assert_eq!(keys(found), [&head[..], &["ending"], more].concat(), "{ending}");
    }
    let ours = lines.iter().filter(|line| line["call"] == 1);
    let seqs: Vec<_> = ours.map(|line| line["seq"].as_u64().unwrap()).collect();
    assert!(seqs.is_sorted() && seqs[0] == 1 && seqs.len() > 8, "{seqs:?}");
}

#[test]
fn json_shows_the_values_of_a_frame() {
    let lines = cat_json(&[&shipped("zero-ids.gcap")]);
    let first = lines
        .iter()
        .find(|line| line["event"] == "message" && line["direction"] == "received");
    let row = &first.unwrap()["message"]["rows"][0];
    assert_eq!(
        (&row["startTimestamp"], &row["endTimestamp"]),
        (&"0".into(), &"100".into())
    );
    assert_eq!(row["sensors"][0]["id"], 0, "a zero is shown too");
    assert_eq!(row["sensors"][3]["intensity"].as_array().unwrap().len(), 8);
    assert_eq!(first.unwrap()["offset_ns"], 103_000_000);
}

#[test]
fn cat_can_show_one_call_one_direction_and_what_comes_later() {
    let production = shipped("production.gcap");
    let second = cat_json(&[&production, "--call", "2"]);
    assert!(second.iter().all(|line| line["call"] == 2) && second.len() > 8);
    let raw = |args: &[&str]| run(&[&["cat", "--raw", &production], args].concat()).expect(0).stdout;
    let by_call: Vec<_> = ["1", "2", "3"].iter().map(|call| raw(&["--call", call])).collect();
    let all = raw(&[]);
    assert_eq!(all.len(), by_call.iter().map(Vec::len).sum::<usize>());
    for form in [&["--raw"][..], &["--format", "json"], &[]] {
        run(&[&["cat", &production, "--call", "4"], form].concat())
            .expect(4)
            .says(&["there is no call 4", "3 calls, 1 to 3"]);
    }
    assert_eq!(raw(&["--call", "2", "--direction", "sent"]), [2, 0x08, 1], "stream 1");
    assert_eq!(
        raw(&["--direction", "both"]).len(),
        all.len() + raw(&["--direction", "sent"]).len()
    );

    let nan = shipped("nan.gcap");
    let late = cat_json(&[&nan, "--start-offset", "250ms"]);
    let offsets: Vec<_> = late.iter().map(|line| line["offset_ns"].as_u64().unwrap()).collect();
    assert!(offsets.iter().all(|offset| *offset >= 250_000_000), "{offsets:?}");
    let messages: Vec<_> = late.iter().filter(|line| line["event"] == "message").collect();
    assert_eq!(messages.len(), 3, "303, 403 and 503 ms");
    let numbers: Vec<_> = messages.iter().map(|line| line["number"].as_u64().unwrap()).collect();
    assert_eq!(
        numbers,
        [3, 4, 5],
        "counted from the call's beginning, though shown from its middle"
    );
    assert!(
        messages[0]["message"]["rows"].is_array(),
        "decoded by what was passed over"
    );
    let beyond = run(&["cat", "--format", "json", &nan, "--start-offset", "1h"]).expect(0);
    assert_eq!(beyond.says(&["ends at 0.504 s"]).json_lines(), Vec::<Value>::new());
}

#[test]
fn follow_shows_events_while_the_capture_grows_and_ends_with_it() {
    let dir = Dir::new();
    let path = dir.file("growing.gcap");
    let mut writer = Writer::create(&path, &Header::new(0), WriterOptions::default()).unwrap();
    let mut events = call(&frames(6, 4)).into_iter();
    let mut write = |writer: &mut Writer<fs::File>, count: usize| {
        for event in events.by_ref().take(count) {
            writer.write(&event).unwrap();
        }
        writer.flush().unwrap();
    };
    write(&mut writer, 2);
    let mut cat = command(&["cat", "--follow", "--format", "json", &path])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(cat.stdout.take().unwrap()).lines();
    let mut next_seq = || {
        let line = lines.next()?.unwrap();
        serde_json::from_str::<Value>(&line).unwrap()["seq"].as_u64()
    };
    assert_eq!([next_seq(), next_seq()], [Some(1), Some(2)]);
    write(&mut writer, 3);
    assert_eq!([next_seq(), next_seq(), next_seq()], [Some(3), Some(4), Some(5)]);
    write(&mut writer, 2);
    writer.finish().unwrap();
    assert_eq!([next_seq(), next_seq(), next_seq()], [Some(6), Some(7), None]);
    assert_eq!(cat.wait().unwrap().code(), Some(0));
}

#[test]
fn without_follow_an_unfinished_capture_ends_at_its_last_chunk() {
    let dir = Dir::new();
    let path = dir.file("growing.gcap");
    let mut writer = Writer::create(&path, &Header::new(0), WriterOptions::default()).unwrap();
    for event in call(&frames(2, 4)) {
        writer.write(&event).unwrap();
    }
    writer.flush().unwrap();
    let lines = run(&["cat", "--format", "json", &path])
        .expect(3)
        .says(&["unfinished"])
        .json_lines();
    assert_eq!(lines.len(), 3);
    drop(writer);
}

#[test]
fn a_reader_that_goes_away_is_no_failure() {
    let capture = shipped("optodas-quake.gcap");
    for extra in [&["--raw"][..], &["--format", "json"], &[]] {
        let args = [&["cat", &capture], extra].concat();
        let mut cat = command(&args)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut some = [0; 10];
        cat.stdout.take().unwrap().read_exact(&mut some).unwrap();
        let ended = cat.wait_with_output().unwrap();
        assert_eq!(ended.status.code(), Some(0), "{extra:?}");
        assert_eq!(String::from_utf8_lossy(&ended.stderr), "", "{extra:?}");
    }
}

#[test]
fn completions_know_the_commands_of_every_shell() {
    for shell in ["bash", "zsh", "fish"] {
        let script = run(&["completions", shell]).expect(0);
        for word in ["record", "first-frame-timeout", "recover"] {
            assert!(script.text().contains(word), "{shell}: {word}");
        }
    }
    run(&["completions", "cmd.exe"]).expect(2);
}

#[test]
fn there_is_a_man_page_for_every_command() {
    let dir = Dir::new();
    assert!(run(&["man"]).expect(0).text().contains(".TH"));
    let pages = dir.file("pages");
    run(&["man", &pages]).expect(0);
    for command in [
        "", "-demo", "-record", "-serve", "-info", "-cat", "-verify", "-recover", "-import",
    ] {
        let page = fs::read_to_string(format!("{pages}/capture{command}.1")).unwrap();
        assert!(page.contains(".TH") && page.len() > 200, "capture{command}.1");
    }
}

#[test]
fn usage_errors_exit_2_and_leave_no_file_behind() {
    let dir = Dir::new();
    let (out, capture) = (dir.file("out.gcap"), shipped("nan.gcap"));
    let (dialled, configured) = (
        ["--target", "127.0.0.1:1", "--job-id", "x"],
        ["--server", "http://127.0.0.1:1"],
    );
    let mut cases: Vec<Vec<&str>> = Vec::new();
    for more in [
        &["--streams", "3"][..],
        &["--plaintext", "--insecure"],
        &["-H", "no colon"],
        &["--max-frames", "0"],
        &["--idle-timeout", "soon"],
        &["--max-bytes", "lots"],
        &["--pin-sha256", "abc"],
        &["--job", "job.toml"],
        &["--server", "http://127.0.0.1:1"],
    ] {
        cases.push([&["record", "-o", &out], &dialled[..], more].concat());
    }
    for more in [
        &["--start", "10"][..],
        &["--start", "10", "--end", "later"],
        &["--sensors", "9..1"],
        &["--live", "--start", "1", "--end", "2"],
    ] {
        cases.push([&["record", "-o", &out], &configured[..], more].concat());
    }
    cases.extend([
        vec!["record", "-o", &out],
        vec!["record", "-o", &out, "--target", "127.0.0.1:1"],
        vec!["record", "-o", &out, "--target", "nonsense", "--job-id", "x"],
        vec![
            "record",
            "--force",
            "-o",
            env!("CARGO_MANIFEST_DIR"),
            "--target",
            "127.0.0.1:1",
            "--job-id",
            "x",
        ],
        vec!["cat", "--raw", "--format", "json", &capture, "-o", &out],
        vec!["cat", "--call", "one", &capture, "-o", &out],
        vec!["import", &capture, "--level", "99", "-o", &out],
        vec!["import", "-"],
        vec!["serve", "--rate", "backwards"],
        vec!["verify"],
        vec!["frobnicate"],
    ]);
    for args in cases {
        let Run { code, stderr, .. } = run(&args);
        assert_eq!(code, Some(2), "{args:?}: {stderr}");
        assert!(!stderr.is_empty(), "{args:?}");
        assert_eq!(dir.names(), Vec::<String>::new(), "{args:?}");
    }
}

/// What every command says of the third message of a call, which holds the NaN, and when that was.
#[test]
fn a_message_has_one_number_and_one_time_in_every_command() {
    const NUMBER: u64 = 3;
    let dir = Dir::new();
    let nan = shipped("nan.gcap");
    let lines = cat_json(&[&nan]);
    let shown = lines
        .iter()
        .find(|line| line["number"] == NUMBER && line["direction"] == "received")
        .unwrap();
    let (offset, time) = (&shown["offset_ns"], &shown["time"]);
    assert_eq!(time.as_str().unwrap().len(), "2026-01-02T03:04:05.678901Z".len());
    let shown = run(&["cat", &nan]).expect(0);
    let text = shown.text();
    assert!(text.contains("<- message 3, 198 B"), "{text}");

    let junit = dir.file("junit.xml");
    let report = run(&["validate", "--format", "json", "--junit", &junit, &nan])
        .expect(1)
        .json();
    let first = &report["findings"][0]["first"];
    assert_eq!(
        (&first["message"], &first["offset_ns"], &first["time"]),
        (&NUMBER.into(), offset, time)
    );
    let place = format!(
        "call 1, message 3, row 2, sensor 2, bin 3, at 0.303 s ({})",
        time.as_str().unwrap()
    );
    let page = dir.file("page.html");
    run(&["report", &nan, "-o", &page]).expect(1);
    for text in [
        run(&["validate", &nan]).expect(1).text().to_owned(),
        fs::read_to_string(&junit).unwrap(),
        fs::read_to_string(&page).unwrap(),
        run(&["report", &nan, "-o", "-", "--format", "markdown"])
            .expect(1)
            .text()
            .to_owned(),
    ] {
        assert!(text.contains(&place), "{place} is not in {text}");
    }

    let (cut, other) = (dir.file("cut.gcap"), dir.file("other.gcap"));
    run(&["slice", &nan, "-o", &cut, "--frames", "3..3"]).expect(0);
    let sliced = run(&["validate", "--format", "json", &cut]).json();
    let first = &sliced["findings"][0]["first"];
    assert_eq!((&first["message"], &first["time"]), (&1.into(), time), "{sliced}");
    assert_eq!(&first["original_offset_ns"], offset, "{sliced}");
    let validated = run(&["validate", &cut]);
    let text = validated.text();
    assert!(text.contains("0.303 s of the original capture"), "{text}");
    run(&["slice", &nan, "-o", &other, "--frames", "1..2"]).expect(0);
    let diff = run(&["diff", "--format", "json", &nan, &other]).expect(1).json();
    assert!(diff.to_string().contains(time.as_str().unwrap()), "{diff}");
    run(&["slice", &nan, "-o", &dir.file("none.gcap"), "--frames", "0..1"])
        .expect(2)
        .says(&["counts from 1"]);
    run(&["slice", &nan, "-o", &dir.file("none.gcap"), "--frames", "6..9"])
        .expect(4)
        .says(&["the longest holds 5 frames, counted from 1"]);
}
