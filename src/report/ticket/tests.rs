use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::PathBuf;

use crate::model::event::Observer as _;

use super::*;

/// What Jira takes unless its administrator says otherwise, bytes.
const MAX_BYTES: u64 = 10_000_000;
use crate::{
    analyze::{
        Rule,
        validate::{Expectations, Validator},
    },
    das::dialect::Layout,
    file::{Attribute, Reader, Writer, WriterOptions},
    model::event::{Direction, Event, EventKind},
    model::finding::Severity,
    report::bundle::{MAX_UNPACKED_BYTES, Opened},
    transform::redact::Rules,
};

fn options(max_bytes: u64) -> TicketOptions {
    TicketOptions {
        max_bytes,
        expectations: Expectations::default(),
        fails_from: Severity::Error,
        layout: Layout::default(),
        layout_flag: None,
        commands: Some(crate::report::commands::tests::COMMANDS),
        redaction: Rules::default(),
    }
}

struct Made {
    folder: tempfile::TempDir,
    ticket: Ticket,
    size: u64,
}

fn made(capture: &Path, options: &TicketOptions) -> Result<Made, TicketError> {
    let folder = tempfile::tempdir().unwrap();
    let mut archive = File::options()
        .create_new(true)
        .read(true)
        .write(true)
        .open(folder.path().join("ticket.zip"))
        .unwrap();
    let scratch = folder.path().join("scratch");
    std::fs::create_dir(&scratch).unwrap();
    let (ticket, manifest, size) = bundle(capture, &mut archive, &scratch, options)?;
    assert_eq!(manifest.members.len(), ticket.members.len());
    archive.seek(SeekFrom::Start(0)).unwrap();
    Ok(Made { folder, ticket, size })
}

impl Made {
    fn unpacked(&self) -> PathBuf {
        let out = self.folder.path().join("out");
        let mut opened = Opened::open(&self.folder.path().join("ticket.zip"), MAX_UNPACKED_BYTES).unwrap();
        opened.unpack(&out).unwrap();
        out
    }
}

/// A copy of a capture with one value of one message turned into NaN: the bytes of a float in its last spectrum.
fn with_nan(folder: &Path, call: u32, message: u64) -> PathBuf {
    let path = folder.join("faulty.gcap");
    let mut reader = Reader::open("captures/optodas-quake.gcap").unwrap();
    let header = reader.header().clone();
    let mut writer = Writer::create(&path, &header, WriterOptions::default()).unwrap();
    let mut at = 0;
    while let Some(mut event) = reader.next_event().unwrap() {
        if event.call == call
            && let EventKind::Message(frame) = &mut event.kind
            && frame.direction == Direction::Received
        {
            if at == message {
                // The last spectrum stands before the row's two timestamps and the frame's two extremes, 18 + 14 bytes.
                let mut bytes = frame.data.to_vec();
                let place = bytes.len() - 18 - 14 - 8;
                bytes[place..place + 4].copy_from_slice(&f32::NAN.to_le_bytes());
                frame.data = bytes.into();
            }
            at += 1;
        }
        writer.write(&event).unwrap();
    }
    writer.finish().unwrap();
    path
}

fn findings(capture: &Path) -> Vec<(&'static str, u64)> {
    let mut reader = Reader::open(capture).unwrap();
    let mut validator = Validator::new(Expectations::from_header(reader.header()), reader.header());
    while let Some(event) = reader.next_event().unwrap() {
        validator.observe(&event);
    }
    let findings = validator.finish().findings;
    findings.iter().map(|finding| (finding.rule, finding.count)).collect()
}

#[test]
fn a_bundle_that_holds_everything_reproduces_every_finding() {
    for capture in [
        "captures/nan.gcap",
        "captures/febus-jitter.gcap",
        "captures/production.gcap",
    ] {
        let made = made(Path::new(capture), &options(MAX_BYTES)).unwrap();
        assert_eq!(made.ticket.kept, BundledCapture::Whole, "{capture}");
        let out = made.unpacked();
        assert_eq!(findings(&out.join(CAPTURE)), findings(Path::new(capture)), "{capture}");
        let readme = std::fs::read_to_string(out.join("README.md")).unwrap();
        assert!(readme.contains("$ capture validate capture.gcap\n"), "{readme}");
    }
}

#[test]
fn what_does_not_fit_is_cut_around_the_worst_finding_and_said() {
    let folder = tempfile::tempdir().unwrap();
    let faulty = with_nan(folder.path(), 1, 40);
    let whole = findings(&faulty);
    assert!(whole.iter().any(|(rule, _)| *rule == "nan"), "{whole:?}");
    let limit = 1_200_000;
    let made = made(&faulty, &options(limit)).unwrap();
    assert!(made.size <= limit, "{} bytes", made.size);
    let BundledCapture::Part {
        around,
        messages_left_out,
        ..
    } = made.ticket.kept
    else {
        panic!("{:?}", made.ticket.kept)
    };
    assert!(around.is_some() && messages_left_out > 0);
    let out = made.unpacked();
    assert!(findings(&out.join(CAPTURE)).iter().any(|(rule, _)| *rule == "nan"));
    let readme = std::fs::read_to_string(out.join("README.md")).unwrap();
    assert!(readme.contains(" left out."), "{readme}");
    let told: serde_json::Value = serde_json::from_slice(&std::fs::read(out.join("validation.json")).unwrap()).unwrap();
    assert_eq!(told["capture"], CAPTURE);
    // Each place says what it counts from, and both say the same.
    let part = told["findings"]
        .as_array()
        .unwrap()
        .iter()
        .find(|finding| finding["rule"] == "nan");
    let place = &part.unwrap()["first"];
    let whole = made
        .ticket
        .whole
        .findings
        .iter()
        .find(|finding| finding.rule == "nan")
        .unwrap();
    assert_eq!(place["original_offset_ns"].as_u64(), whole.first.offset_ns, "{place}");
    let summary = std::fs::read_to_string(out.join("summary.md")).unwrap();
    let row = summary
        .lines()
        .find(|line| line.starts_with("| error | nan |"))
        .unwrap();
    let cells: Vec<_> = row.split(" | ").collect();
    assert!(cells[3].starts_with("call 1, message 41,"), "{row}");
    let there = format!("call 1, message {},", place["message"]);
    assert!(
        cells[4].starts_with(&there) && place["message"] != 41,
        "{row} against {place}"
    );
    assert!(
        summary.contains("first, in the whole recording | first, in capture.gcap"),
        "{summary}"
    );
    let page = std::fs::read_to_string(out.join("report.html")).unwrap();
    assert!(
        page.contains("capture.gcap in this bundle is the part from"),
        "no word of the part"
    );
    assert!(
        page.contains("$ capture validate capture.gcap\n"),
        "the page's commands name other files"
    );
}

#[test]
fn a_limit_below_the_report_itself_is_refused() {
    let refused = made(Path::new("captures/nan.gcap"), &options(10_000)).map(|made| made.size);
    let error = refused.unwrap_err();
    assert!(matches!(error, TicketError::TooSmall { max: 10_000, .. }), "{error}");
}

#[test]
fn expectations_travel_with_the_bundle() {
    let mut wanted = options(MAX_BYTES);
    wanted.expectations = Expectations::parse_toml("bins = 7", &Rule::NAMES).unwrap();
    wanted.fails_from = Severity::Warning;
    let made = made(Path::new("captures/zero-ids.gcap"), &wanted).unwrap();
    assert_eq!(made.ticket.verdict, Verdict::Fail);
    let out = made.unpacked();
    let readme = std::fs::read_to_string(out.join("README.md")).unwrap();
    assert!(
        readme.contains("validate capture.gcap --expect expectations.toml --strict"),
        "{readme}"
    );
    let text = std::fs::read_to_string(out.join("expectations.toml")).unwrap();
    assert_eq!(
        Expectations::parse_toml(&text, &Rule::NAMES).unwrap(),
        wanted.expectations
    );
}

#[test]
fn secrets_are_nowhere_in_the_bundle() {
    const SECRET: &str = "northern-vault-7";
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("secret.gcap");
    let mut reader = Reader::open("captures/zero-ids.gcap").unwrap();
    let mut header = reader.header().clone();
    let answer = format!("{{\"job_id\":\"1\",\"metadata\":{{\"site\":\"{SECRET}\"}}}}");
    header.set(Attribute::CONFIGURE_REQUEST, "{}");
    header.set(Attribute::CONFIGURE_RESPONSE, answer);
    header.set(Attribute::SOURCE, format!("{SECRET}.example:50051"));
    let mut writer = Writer::create(&path, &header, WriterOptions::default()).unwrap();
    while let Some(mut event) = reader.next_event().unwrap() {
        if let EventKind::CallStart(start) = &mut event.kind {
            start.metadata.push("authorization", SECRET);
            start.authority = format!("{SECRET}.example:50051");
        }
        writer.write(&Event { ..event }).unwrap();
    }
    writer.finish().unwrap();
    let made = made(&path, &options(MAX_BYTES)).unwrap();
    let out = made.unpacked();
    let holds = |bytes: &[u8]| bytes.windows(SECRET.len()).any(|part| part == SECRET.as_bytes());
    for file in std::fs::read_dir(&out).unwrap() {
        let file = file.unwrap().path();
        assert!(!holds(&std::fs::read(&file).unwrap()), "{}", file.display());
    }
    let mut zip = Vec::new();
    File::open(made.folder.path().join("ticket.zip"))
        .unwrap()
        .read_to_end(&mut zip)
        .unwrap();
    assert!(!holds(&zip));
    let reader = Reader::open(out.join(CAPTURE)).unwrap();
    assert!(!format!("{:?}", reader.header()).contains(SECRET));
    for event in reader {
        assert!(!format!("{:?}", event.unwrap()).contains(SECRET));
    }
}

#[test]
fn a_burst_that_time_cannot_divide_is_cut_by_messages() {
    let folder = tempfile::tempdir().unwrap();
    let faulty = with_nan(folder.path(), 1, 40);
    let burst = folder.path().join("burst.gcap");
    let mut reader = Reader::open(&faulty).unwrap();
    let header = reader.header().clone();
    let mut writer = Writer::create(&burst, &header, WriterOptions::default()).unwrap();
    while let Some(event) = reader.next_event().unwrap() {
        // All of it at one moment.
        writer.write(&Event { offset_ns: 7, ..event }).unwrap();
    }
    writer.finish().unwrap();
    let made = made(&burst, &options(2_300_000)).unwrap();
    assert!(
        matches!(made.ticket.kept, BundledCapture::Part { .. }),
        "{:?}",
        made.ticket.kept
    );
    let found = findings(&made.unpacked().join(CAPTURE));
    assert!(found.iter().any(|(rule, _)| *rule == "nan"), "{found:?}");
}
