//! Incomplete captures, as input of every command: the command reports what is missing, the exit code shows it, and a
//! capture that is made from an unfinished capture is unfinished too.

use std::fs;

use bytes::Bytes;
use grpc_capture::{
    das::{DataStream, FOCUS_DESCRIPTOR_SET},
    file::{Attribute, Header, Writer, WriterOptions},
    model::{CallStart, Direction, Ending, Event, EventKind, Gap, Message, Metadata, Note, Status},
};
use prost::Message as _;

use crate::support::{Dir, Serve, endings, events, frames, received, run, verify};

/// Received messages of the call.
const MESSAGES: usize = 40;

/// What is wrong with a capture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Whole,
    /// The recorder died between two chunks.
    Unfinished,
    /// The recorder died while it wrote a chunk.
    Torn,
    /// A bit of a chunk in the middle was flipped.
    Damaged,
}

const KINDS: [Kind; 4] = [Kind::Whole, Kind::Unfinished, Kind::Torn, Kind::Damaged];

/// Writes a capture of one spectrogram call and gives its path.
pub(crate) fn capture(dir: &Dir, kind: Kind) -> String {
    let path = dir.file(&format!("{kind:?}.gcap"));
    let mut header = Header::new(1_000);
    header.set(Attribute::DIALECT, "datastream");
    header.set(Attribute::JOB_ID, "x");
    header.set_descriptor_set(FOCUS_DESCRIPTOR_SET);
    let options = WriterOptions {
        chunk_bytes: 4096,
        ..WriterOptions::default()
    };
    let mut writer = Writer::create(&path, &header, options).unwrap();
    let start = CallStart {
        method: "/datastream.DataStreamService/StreamSpectrograms".to_owned(),
        ..CallStart::default()
    };
    let request = EventKind::Message(Message::plain(Direction::Sent, &b"\x0a\x01x"[..]));
    let headers = EventKind::Headers(grpc_capture::model::Headers {
        metadata: Metadata::default(),
    });
    let opening = [EventKind::CallStart(start), request, EventKind::HalfClose, headers];
    let messages = frames(MESSAGES, 100).into_iter().map(|frame| truthful(&frame));
    let messages = messages.map(|data| EventKind::Message(Message::plain(Direction::Received, data)));
    let end = EventKind::End(Ending::Status(Status::default()));
    let ended = matches!(kind, Kind::Whole | Kind::Damaged);
    let kinds = opening.into_iter().chain(messages).chain(ended.then_some(end));
    for (seq, kind) in (1..).zip(kinds) {
        let offset_ns = seq * 10_000_000;
        writer
            .write(&Event {
                call: 1,
                seq,
                offset_ns,
                kind,
            })
            .unwrap();
    }
    if ended {
        let summary = writer.finish().unwrap();
        assert!(summary.chunks > 3, "{summary:?}");
    } else {
        // As one that dies: what was written is in the file, and no summary.
        drop(writer);
    }
    let mut bytes = fs::read(&path).unwrap();
    match kind {
        Kind::Whole | Kind::Unfinished => {}
        Kind::Torn => bytes.truncate(bytes.len() - 7),
        Kind::Damaged => {
            let middle = bytes.len() / 2;
            let chunk = bytes[..middle].windows(4).rposition(|tag| tag == b"CHNK").unwrap();
            // Behind its head.
            bytes[chunk + 200] ^= 0x10;
        }
    }
    fs::write(&path, bytes).unwrap();
    path
}

/// The frame with the extremes that it really has.
fn truthful(frame: &[u8]) -> Bytes {
    let mut frame = DataStream::decode(frame).unwrap();
    let values = || frame.rows[0].sensors[0].intensity.iter().copied();
    let (min, max) = (values().fold(f32::MAX, f32::min), values().fold(f32::MIN, f32::max));
    (frame.current_min_amp, frame.current_max_amp) = (min.into(), max.into());
    frame.encode_to_vec().into()
}

/// A command that reads a capture: its arguments (`IN`, `OUT`), and its exit codes for a capture of each [`KINDS`].
struct Row {
    args: &'static [&'static str],
    codes: [i32; 4],
    makes: Makes,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Makes {
    /// Nothing but talk.
    Nothing,
    /// A file of another form.
    File,
    /// A file that shows what lies before the damage, and says so.
    Page,
    /// A capture.
    Capture,
}

const fn row(args: &'static [&'static str], makes: Makes, codes: [i32; 4]) -> Row {
    Row { args, codes, makes }
}

/// Whole, unfinished, torn, damaged.
const LOSSY: [i32; 4] = [0, 3, 3, 4];
/// A verdict says more than that something is missing.
const VERDICT: [i32; 4] = [0, 1, 1, 4];

const ROWS: &[Row] = &[
    row(&["info", "IN"], Makes::Nothing, [0, 3, 3, 0]),
    row(&["cat", "IN"], Makes::Nothing, LOSSY),
    row(&["cat", "IN", "-o", "OUT"], Makes::File, LOSSY),
    row(&["cat", "IN", "--raw", "-o", "OUT"], Makes::File, LOSSY),
    row(&["stats", "IN"], Makes::Nothing, LOSSY),
    row(&["stats", "IN", "--save-baseline", "OUT"], Makes::File, LOSSY),
    row(&["validate", "IN"], Makes::Nothing, VERDICT),
    row(&["validate", "IN", "--allow", "unended-call"], Makes::Nothing, LOSSY),
    row(&["diff", "IN", "IN"], Makes::Nothing, LOSSY),
    row(&["snapshot", "IN"], Makes::Nothing, [0, 4, 4, 4]),
    row(&["report", "IN", "-o", "OUT"], Makes::Page, VERDICT),
    row(
        &[
            "report",
            "IN",
            "-o",
            "OUT",
            "--format",
            "markdown",
            "--allow",
            "unended-call",
        ],
        Makes::Page,
        LOSSY,
    ),
    row(&["export", "IN", "--jsonl", "OUT"], Makes::File, LOSSY),
    // Frames have no place for the call's metadata and times.
    row(&["export", "IN", "--frames", "OUT"], Makes::File, [3, 3, 3, 4]),
    row(&["export", "IN", "--npy", "OUT"], Makes::File, LOSSY),
    row(&["export", "IN", "--npy", "OUT.npz"], Makes::File, LOSSY),
    row(&["export", "IN", "--parquet", "OUT"], Makes::File, LOSSY),
    row(&["export", "IN", "--mcap", "OUT"], Makes::File, LOSSY),
    row(&["export", "IN", "--binlog", "OUT"], Makes::File, LOSSY),
    row(&["export", "IN", "--png", "OUT"], Makes::Page, LOSSY),
    row(&["redact", "IN", "--dry-run"], Makes::Nothing, LOSSY),
    row(&["redact", "IN", "-o", "OUT"], Makes::Capture, LOSSY),
    row(&["note", "IN", "a remark", "-o", "OUT"], Makes::Capture, LOSSY),
    row(
        &["slice", "IN", "-o", "OUT", "--start-offset", "50ms"],
        Makes::Capture,
        LOSSY,
    ),
    row(&["slice", "IN", "-o", "OUT", "--call", "1"], Makes::Capture, LOSSY),
    row(&["merge", "IN", "IN", "-o", "OUT"], Makes::Capture, LOSSY),
    row(&["bundle", "IN", "-o", "OUT"], Makes::File, LOSSY),
];

#[test]
fn every_command_says_what_is_missing_and_makes_nothing_whole_of_it() {
    let dir = Dir::new();
    for (at, kind) in KINDS.into_iter().enumerate() {
        let path = capture(&dir, kind);
        for row in ROWS {
            let out = dir.file("out");
            let file = if row.args.contains(&"OUT.npz") {
                format!("{out}.npz")
            } else {
                out.clone()
            };
            let place = |arg: &&str| match *arg {
                "IN" => path.clone(),
                "OUT" | "OUT.npz" => file.clone(),
                other => other.to_owned(),
            };
            let args: Vec<_> = row.args.iter().map(place).collect();
            let args: Vec<_> = args.iter().map(String::as_str).collect();
            let shown = args.join(" ");
            let ran = run(&args);
            assert_eq!(ran.code, Some(row.codes[at]), "{kind:?}: {shown}: {}", ran.stderr);
            let told = ran.stderr.contains("is unfinished");
            assert_eq!(
                told,
                matches!(kind, Kind::Unfinished | Kind::Torn),
                "{kind:?}: {shown}: {}",
                ran.stderr
            );
            let made = fs::metadata(&file).is_ok();
            let expected = !matches!(
                (row.makes, kind),
                (Makes::Nothing, _) | (Makes::File | Makes::Capture, Kind::Damaged)
            );
            assert_eq!(made, expected, "{kind:?}: {shown}");
            if made && row.makes == Makes::Capture {
                check_capture(&file, kind, &shown);
            }
            let _ = fs::remove_file(&file);
        }
        let left: Vec<_> = dir
            .names()
            .into_iter()
            .filter(|name| !name.ends_with(".gcap"))
            .collect();
        assert_eq!(left, [""; 0], "{kind:?}: nothing is left behind");
    }
}

/// A capture that was made of a capture of this kind.
fn check_capture(path: &str, kind: Kind, shown: &str) {
    let verified = verify(path);
    assert_eq!(verified.damage, [], "{shown}");
    if kind == Kind::Whole {
        assert!(verified.is_whole(), "{shown}");
        run(&["validate", path]).expect(0);
        return;
    }
    assert!(!verified.finished, "{kind:?}: {shown}: what was unfinished stays so");
    assert!(endings(path).is_empty(), "{kind:?}: {shown}: no ending is invented");
    run(&["verify", path]).expect(3);
    run(&["info", path]).expect(3);
    let judged = run(&["validate", "--format", "json", path]).expect(1).json();
    assert!(
        judged["findings"]
            .as_array()
            .unwrap()
            .iter()
            .any(|found| found["rule"] == "unended-call"),
        "{shown}: {judged}"
    );
    let notes = events(path).into_iter().filter_map(|event| match event.kind {
        EventKind::Note(note) => Some(note.text),
        _ => None,
    });
    let notes: Vec<_> = notes.collect();
    assert!(
        notes.iter().any(|text| text.contains("unfinished")),
        "{shown}: {notes:?}"
    );
    // Once more: the second one still says so.
    let again = format!("{path}.again.gcap");
    run(&["redact", path, "-o", &again]).expect(3).says(&["is unfinished"]);
    assert!(!verify(&again).finished, "{shown}");
    // Only recover ends it, and the calls with it, as what they are.
    let saved = format!("{path}.saved.gcap");
    run(&["recover", &again, "-o", &saved]).expect(3);
    assert!(verify(&saved).is_whole());
    let ends = endings(&saved);
    assert!(
        !ends.is_empty() && ends.iter().all(|end| matches!(end, Ending::Broken(_))),
        "{shown}: {ends:?}"
    );
    fs::remove_file(again).unwrap();
    fs::remove_file(saved).unwrap();
}

#[test]
fn json_says_it_as_well() {
    let dir = Dir::new();
    let torn = capture(&dir, Kind::Torn);
    let whole = capture(&dir, Kind::Whole);
    for (args, code) in [
        (&["info", "IN"][..], 3),
        (&["stats", "IN"], 3),
        (&["validate", "IN"], 1),
        (&["redact", "IN", "-o", "OUT"], 3),
        (&["note", "IN", "x", "-o", "OUT"], 3),
        (&["slice", "IN", "-o", "OUT"], 3),
        (&["merge", "IN", "IN", "-o", "OUT"], 3),
        (&["bundle", "IN", "-o", "OUT"], 3),
    ] {
        for (path, code, finished) in [(&torn, code, false), (&whole, 0, true)] {
            let out = dir.file("out");
            let args = args.iter().map(|arg| match *arg {
                "IN" => path.as_str(),
                "OUT" => &out,
                other => other,
            });
            let args: Vec<_> = args.chain(["--format", "json"]).collect();
            let json = run(&args).expect(code).json();
            assert_eq!(json["finished"], finished, "{args:?}: {json}");
            let _ = fs::remove_file(&out);
        }
    }
    let diff = run(&["diff", &torn, &whole, "--format", "json"]).expect(1).json();
    assert_eq!(
        (&diff["a_state"]["state"], &diff["b_state"]["state"]),
        (&"unfinished".into(), &"whole".into())
    );
}

#[test]
fn a_bundle_of_an_unfinished_capture_holds_one_and_its_readme_gives_the_exit_code() {
    let dir = Dir::new();
    let (archive, folder) = (dir.file("b.zip"), dir.file("b"));
    let torn = capture(&dir, Kind::Torn);
    let allowed = ["--allow", "unended-call"];
    run(&[&["bundle", &torn, "-o", &archive][..], &allowed].concat()).expect(3);
    run(&["bundle", "--open", &archive, "-o", &folder]).expect(0);
    let within = format!("{folder}/capture.gcap");
    assert!(!verify(&within).finished && endings(&within).is_empty());
    let validation = fs::read_to_string(format!("{folder}/validation.json")).unwrap();
    assert!(validation.contains("\"finished\":false"), "{validation}");
    let readme = fs::read_to_string(format!("{folder}/README.md")).unwrap();
    assert!(
        readme.contains("exits with code 3") && readme.contains("The recording is unfinished"),
        "{readme}"
    );
    let expectations = format!("{folder}/expectations.toml");
    run(&["validate", &within, "--expect", &expectations]).expect(3);
}

#[test]
fn a_slice_that_ends_before_an_unfinished_capture_does_is_whole_and_says_of_what() {
    let dir = Dir::new();
    let (torn, out) = (capture(&dir, Kind::Torn), dir.file("out.gcap"));
    run(&["slice", &torn, "-o", &out, "--end-offset", "100ms"])
        .expect(3)
        .says(&["is unfinished"]);
    assert!(verify(&out).is_whole());
    assert!(
        matches!(&endings(&out)[..], [Ending::Cancelled(cut)] if cut.cut && cut.reason.starts_with("cut by slice"))
    );
    let told = |event: &Event| matches!(&event.kind, EventKind::Note(Note { text, .. }) if text.contains("unfinished"));
    assert!(events(&out).iter().any(told));
}

#[test]
fn an_unfinished_capture_is_served_and_replayed_as_far_as_it_goes_and_that_is_said() {
    let dir = Dir::new();
    let torn = capture(&dir, Kind::Torn);
    let mut serve = Serve::start(&[&torn, "--rate", "max"]);
    assert_eq!(serve.ready["unfinished"], serde_json::json!([torn]));
    let target = serve.grpc().to_owned();
    run(&["replay", &torn, "--target", &target, "--plaintext"])
        .expect(3)
        .says(&["is unfinished"]);
    serve.signal("TERM");
    assert_eq!(serve.wait(), Some(3));
}

#[test]
fn recover_says_when_it_ends_calls_itself() {
    let dir = Dir::new();
    let (path, saved) = (dir.file("unended.gcap"), dir.file("saved.gcap"));
    let mut writer = Writer::create(&path, &Header::new(0), WriterOptions::default()).unwrap();
    let kind = EventKind::CallStart(CallStart::default());
    writer
        .write(&Event {
            call: 1,
            seq: 1,
            offset_ns: 1,
            kind,
        })
        .unwrap();
    writer.finish().unwrap();
    let report = run(&["recover", &path, "-o", &saved, "--format", "json"])
        .expect(3)
        .json();
    assert_eq!(
        (&report["lossless"], &report["calls_cut_off"]),
        (&false.into(), &1.into())
    );
    let noted = |event: &Event| matches!(&event.kind, EventKind::Note(Note { author, .. }) if author == "recover");
    assert!(events(&saved).iter().any(noted));
}

/// A call of frames, one of another service, a message that is no frame, and a gap.
fn mixed(dir: &Dir) -> String {
    let path = dir.file("mixed.gcap");
    let mut header = Header::new(0);
    header.set(Attribute::DIALECT, "datastream");
    let mut writer = Writer::create(&path, &header, WriterOptions::default()).unwrap();
    let start = |method: &str| {
        EventKind::CallStart(CallStart {
            method: method.to_owned(),
            ..CallStart::default()
        })
    };
    let message = |data: &[u8]| EventKind::Message(Message::plain(Direction::Received, data.to_vec()));
    let gap = EventKind::Gap(Gap {
        direction: Direction::Received,
        messages: 7,
        reason: "the disk was slow".to_owned(),
    });
    let frames = frames(2, 4);
    let ok = || EventKind::End(Ending::Status(Status::default()));
    for (call, seq, kind) in [
        (1, 1, start("/datastream.DataStreamService/StreamSpectrograms")),
        (2, 1, start("/grpc.health.v1.Health/Check")),
        (1, 2, message(&frames[0])),
        (2, 2, message(b"\x08\x01")),
        (1, 3, gap),
        (1, 4, message(b"\x0a\x7f")),
        (1, 5, message(&frames[1])),
        (2, 3, ok()),
        (1, 6, ok()),
    ] {
        let offset_ns = seq * 1000;
        writer
            .write(&Event {
                call,
                seq,
                offset_ns,
                kind,
            })
            .unwrap();
    }
    writer.finish().unwrap();
    path
}

#[test]
fn numbers_and_pictures_count_what_they_leave_out() {
    let dir = Dir::new();
    let path = mixed(&dir);
    for (form, call, parts) in [
        (
            "--npy",
            None,
            &[
                "1 message that cannot be decoded",
                "1 message that belong",
                "7 messages that were lost",
            ][..],
        ),
        (
            "--npy",
            Some("1"),
            &["1 message that cannot be decoded", "7 messages that were lost"],
        ),
        (
            "--parquet",
            None,
            &[
                "1 message that cannot be decoded",
                "1 message that belong",
                "7 messages",
            ],
        ),
        (
            "--png",
            None,
            &[
                "1 message that cannot be decoded",
                "1 message that belong",
                "7 messages",
            ],
        ),
        ("--frames", None, &["7 messages that were lost"]),
    ] {
        let out = dir.file("out");
        let mut args = vec!["export", &path, form, &out];
        args.extend(call.iter().flat_map(|call| ["--call", call]));
        run(&args).expect(3).says(&["left out"]).says(parts);
        fs::remove_file(&out).unwrap();
    }
    assert_eq!(received(&path).len(), 4);
}
