//! Exports every kind of capture into every format that `import` reads, and imports it again. The capture is the same,
//! or exit code 3 reports what is missing.

use std::io::Write as _;

use grpc_capture::{
    das::{Dialect, FOCUS_DESCRIPTOR_SET, datastream_request, pandadatastream_request},
    file::{Attribute, Codec, Header, Reader, Writer, WriterOptions},
    model::{
        Broken, CallStart, Cancelled, Deadline, Direction, Ending, Event, EventKind, Gap, Headers, Limit, Message,
        Metadata, Note, Party, Status,
    },
};

use crate::support::{Dir, events, frames, run, shipped, verify};

/// A capture in the making.
struct Kind {
    name: &'static str,
    header: Header,
    events: Vec<Event>,
}

fn metadata(pairs: &[(&str, &[u8])]) -> Metadata {
    Metadata(
        pairs
            .iter()
            .map(|(name, value)| ((*name).to_owned(), value.to_vec()))
            .collect(),
    )
}

fn header() -> Header {
    let mut header = Header::new(1_790_000_000_000_000_000);
    header.set(Attribute::TOOL, "grpc-capture test");
    header.set(Attribute::DIALECT, "datastream");
    header.set(Attribute::JOB_ID, "12-1");
    header.set(Attribute::CONFIGURE_RESPONSE, r#"{"job": "12-1"}"#);
    header.set("tag.well", "A-7");
    header.set("bytes", [0xff, 0x00, 0xfe]);
    header.set_descriptor_set(FOCUS_DESCRIPTOR_SET);
    header
}

/// What a call of the datastream dialect begins with, and these frames.
fn opening(method: &str, frames: usize) -> Vec<EventKind> {
    let request = if method == Dialect::PandaDataStream.method() {
        pandadatastream_request(0)
    } else {
        datastream_request("12-1", 0)
    };
    let mut kinds = vec![
        EventKind::CallStart(CallStart {
            method: method.to_owned(),
            authority: "job:50051".to_owned(),
            peer: "10.0.0.1:50051".to_owned(),
            metadata: metadata(&[
                ("te", b"trailers"),
                ("user-agent", b"test/1"),
                ("x-run", b"1"),
                ("x-run", b"2"),
                ("trace-bin", b"AAEC"),
                ("raw", &[0xff, 0xfe]),
            ]),
            ..CallStart::default()
        }),
        EventKind::Message(Message::plain(Direction::Sent, request)),
        EventKind::HalfClose,
        EventKind::Headers(Headers {
            metadata: metadata(&[("content-type", b"application/grpc"), ("server", b"focus")]),
        }),
    ];
    kinds.extend(
        self::frames(frames, 4)
            .into_iter()
            .map(|data| EventKind::Message(Message::plain(Direction::Received, data))),
    );
    kinds
}

fn ok() -> Ending {
    Ending::Status(Status {
        trailers: metadata(&[("grpc-status", b"0")]),
        ..Status::default()
    })
}

fn number(call: u32, kinds: Vec<EventKind>) -> Vec<Event> {
    (1..)
        .zip(kinds)
        .map(|(seq, kind)| Event {
            call,
            seq,
            offset_ns: seq * 40_000_003,
            kind,
        })
        .collect()
}

fn kind(name: &'static str, ending: Option<Ending>) -> Kind {
    let mut kinds = opening(Dialect::DataStream.method(), 3);
    kinds.extend(ending.map(EventKind::End));
    Kind {
        name,
        header: header(),
        events: number(1, kinds),
    }
}

fn gzip(data: &[u8]) -> Vec<u8> {
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(data).unwrap();
    gzip.finish().unwrap()
}

/// Kinds that end as everything can end.
fn by_ending() -> Vec<Kind> {
    let cancelled = |by| Ending::Cancelled(Cancelled::new(by, "enough"));
    let deadline = |limit| {
        Ending::Deadline(Deadline {
            limit,
            after_ns: 3_000_000_000,
        })
    };
    let broken = |goaway| {
        let error = "connection reset by peer".to_owned();
        Ending::Broken(Broken {
            error,
            goaway,
            reset: Some(2),
            ..Broken::default()
        })
    };
    vec![
        kind("healthy", Some(ok())),
        kind("unended", None),
        kind("reset", Some(cancelled(Party::Server))),
        kind("cancelled by us", Some(cancelled(Party::Us))),
        kind("cancelled by the client", Some(cancelled(Party::Client))),
        kind("deadline", Some(deadline(Limit::Call))),
        kind("idle", Some(deadline(Limit::Idle))),
        kind("connect", Some(deadline(Limit::Connect))),
        kind("first frame", Some(deadline(Limit::FirstFrame))),
        kind("broken", Some(broken(false))),
        kind("goaway", Some(broken(true))),
        kind(
            "failed",
            Some(Ending::Status(Status {
                code: 13,
                message: "disk full: 100 %".to_owned(),
                trailers: metadata(&[
                    ("grpc-status", b"13"),
                    ("grpc-message", b"disk full: 100 %25"),
                    ("grpc-status-details-bin", b"CA0SBGRpc2s"),
                    ("x-trailer", b"a"),
                ]),
                trailers_only: false,
            })),
        ),
    ]
}

/// Kinds that hold something of their own.
fn by_content() -> Vec<Kind> {
    let mut refused = opening(Dialect::DataStream.method(), 0);
    refused.pop();
    refused.push(EventKind::End(Ending::Status(Status {
        code: 5,
        message: "no job".to_owned(),
        trailers: metadata(&[("grpc-status", b"5"), ("grpc-message", b"no job")]),
        trailers_only: true,
    })));

    let mut gaps = opening(Dialect::DataStream.method(), 3);
    gaps.insert(
        6,
        EventKind::Gap(Gap {
            direction: Direction::Received,
            messages: 7,
            reason: "queue full".to_owned(),
        }),
    );
    gaps.push(EventKind::Note(Note {
        author: "operator".to_owned(),
        text: "a truck went by".to_owned(),
    }));
    gaps.push(EventKind::End(ok()));

    let mut compressed = opening(Dialect::DataStream.method(), 3);
    for kind in &mut compressed {
        match kind {
            EventKind::Headers(headers) => headers.metadata.push("grpc-encoding", "gzip"),
            EventKind::Message(message) if message.direction == Direction::Received => {
                message.data = gzip(&message.data).into();
                message.compressed = true;
            }
            _ => {}
        }
    }
    compressed.push(EventKind::End(ok()));

    let mut two = number(
        1,
        [opening(Dialect::DataStream.method(), 3), vec![EventKind::End(ok())]].concat(),
    );
    let other = [
        opening(Dialect::DataStream.method(), 3),
        vec![EventKind::End(Ending::Broken(Broken::default()))],
    ]
    .concat();
    two.extend(number(2, other));
    two.sort_by_key(|event| event.offset_ns);

    let mut production = opening(Dialect::PandaDataStream.method(), 0);
    production.push(EventKind::End(ok()));

    let generic = [opening("/shop.Cart/Watch", 2), vec![EventKind::End(ok())]].concat();
    let empty = vec![opening("/shop.Cart/Watch", 0).remove(0), EventKind::End(ok())];

    let whole = |name, events| Kind {
        name,
        header: header(),
        events,
    };
    let mut bare = whole("generic, no schema", number(1, generic));
    bare.header = Header::new(7);
    vec![
        whole("refused", number(1, refused)),
        whole("gaps and notes", number(1, gaps)),
        whole("compressed", number(1, compressed)),
        whole("two calls", two),
        whole("production", number(1, production)),
        whole("nothing", number(1, empty)),
        bare,
    ]
}

fn write(dir: &Dir, kind: &Kind) -> String {
    let path = dir.file(&format!("{}.gcap", kind.name));
    let options = WriterOptions {
        codec: Codec::Zstd(1),
        ..WriterOptions::default()
    };
    let mut writer = Writer::create(&path, &kind.header, options).unwrap();
    for event in &kind.events {
        writer.write(event).unwrap();
    }
    writer.finish().unwrap();
    path
}

/// What has to survive, or be told as lost.
#[derive(Debug, PartialEq)]
struct Content {
    /// Attributes but those that say who wrote the file.
    attributes: Vec<(String, Vec<u8>)>,
    /// Everything that happened, and when by the wall clock.
    events: Vec<(u32, u64, EventKind)>,
    verdict: String,
}

fn content(path: &str) -> Content {
    let header = Reader::open(path).unwrap().header().clone();
    let own = [Attribute::TOOL, Attribute::SOURCE];
    let mut attributes = header.attributes;
    attributes.retain(|(name, _)| !own.contains(&name.as_str()));
    attributes.sort();
    let at = |event: Event| (event.call, header.anchor_unix_ns + event.offset_ns, event.kind);
    let report = run(&["validate", path, "--format", "json"]).json();
    Content {
        attributes,
        events: events(path).into_iter().map(at).collect(),
        verdict: report["verdict"].to_string(),
    }
}

/// What a call ended with, by call.
fn endings(content: &Content) -> Vec<(u32, Ending)> {
    let ending = |(call, _, kind): &(u32, u64, EventKind)| match kind {
        EventKind::End(ending) => Some((*call, ending.clone())),
        _ => None,
    };
    content.events.iter().filter_map(ending).collect()
}

/// What an import says of an MCAP file with this content: 3 when a call has no ending, 1 without a frame.
fn import_code(content: &Content) -> i32 {
    let count = |wanted: fn(&EventKind) -> bool| content.events.iter().filter(|(.., kind)| wanted(kind)).count();
    let opened = count(|kind| matches!(kind, EventKind::CallStart(_)));
    let frames = count(|kind| matches!(kind, EventKind::Message(message) if message.direction == Direction::Received));
    match (endings(content).len() < opened, frames) {
        (true, _) => 3,
        (false, 0) => 1,
        (false, _) => 0,
    }
}

#[test]
fn a_capture_comes_back_as_it_was_or_exit_3_says_what_did_not() {
    let dir = Dir::new();
    let mut captures: Vec<_> = by_ending().iter().map(|kind| write(&dir, kind)).collect();
    captures.extend(by_content().iter().map(|kind| write(&dir, kind)));
    let healthy = captures[0].clone();
    let (redacted, cut) = (dir.file("redacted.gcap"), dir.file("cut.gcap"));
    run(&["redact", &healthy, "-o", &redacted, "--metadata", "x-run=mask"]);
    run(&["slice", &healthy, "-o", &cut, "--frames", "1..2"]);
    captures.extend([redacted, cut]);
    captures.extend(["format-1.0.gcap", "optodas-quake.gcap", "production.gcap"].map(shipped));

    for (at, capture) in captures.iter().enumerate() {
        let before = content(capture);
        let header = Reader::open(capture).unwrap().header().clone();
        // A file of frames has no place for it, and the flag gives it back.
        let job_id = header.text(Attribute::JOB_ID).unwrap_or_default().to_owned();
        for (flag, ending) in [("--mcap", "mcap"), ("--binlog", "binlog"), ("--frames", "bin")] {
            let case = format!("{capture} {flag}");
            let (there, back) = (
                dir.file(&format!("{at}.{ending}")),
                dir.file(&format!("{at}.{ending}.gcap")),
            );
            let export = run(&["export", capture, flag, &there]);
            assert!(matches!(export.code, Some(0 | 3)), "{case}: {export:?}");
            let mut import = vec!["import", &there, "-o", &back];
            if flag == "--frames" {
                import.extend(["--from", "frames", "--job-id", &job_id]);
            }
            let import = run(&import);
            assert!(
                matches!(import.code, Some(0 | 1 | 3)),
                "{case}: {import:?}; export: {export:?}"
            );
            let after = content(&back);
            let told = export.code == Some(3) || import.code == Some(3);
            assert!(
                told || before == after,
                "{case}: lost in silence\n{before:#?}\n{after:#?}"
            );
            if flag == "--mcap" {
                assert_eq!(export.code, Some(0), "{case}: {export:?}");
                assert_eq!(import.code, Some(import_code(&before)), "{case}: {import:?}");
                assert_eq!(&header, Reader::open(&back).unwrap().header(), "{case}");
                assert!(before == after, "{case}");
                assert_eq!(verify(capture).summary.digest, verify(&back).summary.digest, "{case}");
            }
            if flag == "--binlog" {
                let known = endings(&before);
                for ending in endings(&after).iter().filter(|(_, ending)| *ending == ok()) {
                    assert!(known.contains(ending), "{case}: {ending:?} is invented");
                }
            }
            if before.verdict.contains("fail") && after.verdict.contains("pass") {
                assert_eq!(export.code, Some(3), "{case}: said before the file is handed on");
            }
        }
    }
}
