use std::io::Cursor;

use prost::Message as _;

use super::*;
use crate::{
    das::{
        dialect::datastream,
        proto::{self, FOCUS_DESCRIPTOR_SET},
    },
    file::{Attribute, Header, Reader, Writer, WriterOptions},
    grpc,
    model::event::{Broken, CallStart, Direction, Ending, EventKind, Headers, Message, Metadata, Note, Status},
};

/// Planted everywhere.
const SECRET: &str = "SECRET-SITE-4711";

fn event(seq: u64, kind: EventKind) -> Event {
    Event {
        call: 1,
        seq,
        offset_ns: seq,
        kind,
    }
}

fn frame(canvas: &str) -> Vec<u8> {
    let row = |canvas: &str| proto::datastream::SpectrogramRow {
        canvas_id: canvas.to_owned(),
        sensors: vec![proto::datastream::SensorIntensity {
            id: 3,
            intensity: vec![1.5, -2.5],
        }],
        start_timestamp: 7,
        end_timestamp: 8,
    };
    let frame = proto::datastream::DataStream {
        rows: vec![row(canvas), row("other"), row(canvas)],
        current_max_amp: 1.5,
        current_min_amp: -2.5,
    };
    let mut bytes = frame.encode_to_vec();
    // A field that the schema does not know.
    bytes.extend([0x78, 9]);
    bytes
}

fn metadata(entries: &[(&str, &str)]) -> Metadata {
    let mut metadata = Metadata::default();
    for (name, value) in entries {
        metadata.push(*name, *value);
    }
    metadata
}

fn message(direction: Direction, data: Vec<u8>) -> EventKind {
    EventKind::Message(Message::plain(direction, data))
}

fn gzipped(data: &[u8]) -> EventKind {
    EventKind::Message(Message {
        direction: Direction::Received,
        compressed: true,
        data: grpc::deflate("gzip", data).unwrap().into(),
    })
}

fn header() -> Header {
    let mut header = Header::new(5);
    header.set_descriptor_set(FOCUS_DESCRIPTOR_SET);
    header.set(Attribute::SOURCE, format!("https://{SECRET}.example -> 10.1.2.3:5000"));
    header.set(Attribute::JOB_ID, "12-70788");
    header.set("tag.remark", format!("seen at {SECRET}"));
    let response = format!(
        r#"{{"stream_url":"http://{SECRET}.example","stream_port":5000,"metadata":{{"a":{{"dx":["{SECRET}",4.5]}}}},"job_id":"12-70788","x_token":"hunter2-hunter2"}}"#
    );
    header.set(Attribute::CONFIGURE_RESPONSE, response);
    header
}

fn events() -> Vec<Event> {
    vec![
        event(
            1,
            EventKind::CallStart(CallStart {
                method: datastream::METHOD.to_owned(),
                authority: format!("{SECRET}.example:5000"),
                peer: "10.1.2.3:5000".to_owned(),
                metadata: metadata(&[
                    ("authorization", "Bearer hunter2-hunter2"),
                    ("x-site", SECRET),
                    ("te", "trailers"),
                ]),
                attributes: vec![("later".to_owned(), SECRET.into())],
                ..CallStart::default()
            }),
        ),
        event(2, message(Direction::Sent, datastream::stream_request(SECRET, 3))),
        event(3, EventKind::HalfClose),
        event(
            4,
            EventKind::Headers(Headers {
                metadata: metadata(&[("grpc-encoding", "gzip")]),
            }),
        ),
        event(5, message(Direction::Received, frame(SECRET))),
        event(6, gzipped(&frame(SECRET))),
        event(
            7,
            EventKind::Note(Note {
                author: "me".to_owned(),
                text: format!("why is {SECRET} so loud?"),
            }),
        ),
        event(
            8,
            EventKind::End(Ending::Status(Status {
                code: 5,
                message: format!("no job 100% at {SECRET}"),
                trailers: metadata(&[
                    ("grpc-status", "5"),
                    ("grpc-message", &format!("no job 100%25 at {SECRET}")),
                    // base64 of "SECRET-SITE-4711 is down".
                    ("grpc-status-details-bin", "U0VDUkVULVNJVEUtNDcxMSBpcyBkb3du"),
                ]),
                trailers_only: false,
            })),
        ),
    ]
}

fn rules() -> Rules {
    let text = "[fields]\n'datastream.SpectrogramRow.canvasId' = 'hash'\n'datastream.StreamRequest.job_id' = 'mask'\n\
                [metadata]\nx-site = 'drop'";
    Rules::parse(text).unwrap()
}

fn capture(events: &[Event]) -> Reader<Cursor<Vec<u8>>> {
    let mut writer = Writer::new(Vec::new(), &header(), WriterOptions::default()).unwrap();
    for event in events {
        writer.write(event).unwrap();
    }
    Reader::new(Cursor::new(writer.finish_into().unwrap().0)).unwrap()
}

/// Redacts; gives the file's bytes, too.
fn redacted(events: &[Event], rules: &Rules) -> Result<(Vec<u8>, Redacted), RedactError> {
    let path = tempfile::NamedTempFile::new().unwrap().into_temp_path();
    std::fs::remove_file(&path).unwrap();
    let begin = |header: &Header| Writer::create(&path, header, WriterOptions::default());
    let report = rewrite(&mut capture(events), rules, begin, || std::fs::File::open(&path))?;
    Ok((std::fs::read(&path).unwrap(), report))
}

fn holds(bytes: &[u8], value: &str) -> bool {
    bytes.windows(value.len()).any(|window| window == value.as_bytes())
}

#[test]
fn a_secret_planted_everywhere_is_nowhere_left() {
    let (file, report) = redacted(&events(), &rules()).unwrap();
    let mut reader = Reader::new(Cursor::new(&file)).unwrap();
    for value in [SECRET, "hunter2-hunter2", "10.1.2.3"] {
        assert!(!holds(&file, value));
        let header = format!(
            "{:?}",
            reader
                .header()
                .attributes
                .iter()
                .map(|(_, value)| String::from_utf8_lossy(value))
                .collect::<Vec<_>>()
        );
        assert!(!header.contains(value), "{header}");
    }
    let mut seen = 0;
    while let Some(event) = reader.next_event().unwrap() {
        let mut look = |what: &str, text: &[u8]| assert!(!holds(text, SECRET), "{what}");
        visit::texts(&event.kind, &mut look);
        if let EventKind::Message(message) = &event.kind {
            let inflated = if message.compressed {
                grpc::inflate("gzip", &message.data, 10_000).unwrap()
            } else {
                message.data.clone()
            };
            assert!(!holds(&inflated, SECRET) && !holds(&message.data, SECRET));
            seen += 1;
        }
    }
    assert_eq!(seen, 3, "no message is lost");
    let count = |rule: &str| {
        report
            .changes
            .iter()
            .find(|change| change.rule == rule)
            .map(|change| change.count)
    };
    assert_eq!(count("field datastream.SpectrogramRow.canvasId=hash"), Some(6));
    assert_eq!(count("metadata x-site=drop"), Some(1));
    assert_eq!(count("attribute source=mask"), Some(1));
    let scan = report.scan.unwrap();
    assert!(scan.is_clean() && scan.values > 3 && scan.bytes == file.len() as u64);
}

#[test]
fn everything_else_stays_as_it_stood_on_the_wire() {
    let (file, _) = redacted(&events(), &rules()).unwrap();
    let reader = Reader::new(Cursor::new(&file)).unwrap();
    let messages: Vec<_> = reader
        .map(Result::unwrap)
        .filter_map(|event| match event.kind {
            EventKind::Message(message) => Some(message),
            _ => None,
        })
        .collect();
    let token = Action::Hash.text(SECRET, "").unwrap();
    let other = Action::Hash.text("other", "").unwrap();
    let expected = proto::datastream::DataStream::decode(&frame(SECRET)[..]).unwrap();
    let expected = proto::datastream::DataStream {
        rows: expected
            .rows
            .into_iter()
            .map(|row| proto::datastream::SpectrogramRow {
                canvas_id: if row.canvas_id == SECRET {
                    token.clone()
                } else {
                    other.clone()
                },
                ..row
            })
            .collect(),
        ..expected
    };
    let mut bytes = expected.encode_to_vec();
    bytes.extend([0x78, 9]);
    assert_eq!(messages[1].data, bytes, "floats, order and unknown fields");
    assert!(messages[2].compressed);
    assert_eq!(grpc::inflate("gzip", &messages[2].data, 10_000).unwrap(), bytes);
    let request = datastream::StreamRequest::decode(&messages[0].data).unwrap();
    assert_eq!((request.job_id, request.max_frames), (REDACTED, 3));
}

#[test]
fn status_texts_and_trailers_agree_after_a_value_was_taken_out() {
    let (file, _) = redacted(&events(), &rules()).unwrap();
    let events: Vec<_> = Reader::new(Cursor::new(&file)).unwrap().map(Result::unwrap).collect();
    let end = events.iter().find_map(|event| match &event.kind {
        EventKind::End(Ending::Status(status)) => Some(status),
        _ => None,
    });
    let end = end.unwrap();
    assert_eq!((end.code, end.message.as_str()), (5, "no job 100% at [redacted]"));
    assert_eq!(
        end.trailers.get_text("grpc-message"),
        Some("no job 100%25 at [redacted]")
    );
    assert!(
        events
            .iter()
            .any(|event| matches!(&event.kind, EventKind::Note(note) if note.text == "why is [redacted] so loud?"))
    );
    assert!(
        events
            .iter()
            .any(|event| matches!(&event.kind, EventKind::Note(note) if note.author == AUTHOR))
    );
}

#[test]
fn the_bytes_of_an_answer_that_held_the_status_are_left_out() {
    let packed = grpc::deflate("gzip", SECRET.as_bytes()).unwrap();
    let mut trailers = metadata(&[("x-shelf", "12")]);
    trailers.push(":body", packed);
    let status = Status {
        code: 13,
        trailers,
        ..Status::default()
    };
    let mut redactor = Redactor::new(&rules(), &header()).unwrap();
    let event = Event {
        call: 1,
        seq: 9,
        offset_ns: 9,
        kind: EventKind::End(Ending::Status(status)),
    };
    let EventKind::End(Ending::Status(clean)) = redactor.apply(event).kind else {
        panic!("an ending became something else");
    };
    assert_eq!(clean.trailers, metadata(&[("x-shelf", "12")]));
}

#[test]
fn the_configure_answer_stays_readable() {
    let mut redactor = Redactor::new(&rules(), &header()).unwrap();
    let clean = redactor.header(&header());
    let response: serde_json::Value =
        serde_json::from_slice(clean.get(Attribute::CONFIGURE_RESPONSE).unwrap()).unwrap();
    assert_eq!(
        response,
        serde_json::json!({
            "stream_url": "http://redacted.invalid", "stream_port": 5000, "job_id": "12-70788",
            "metadata": {"a": {"dx": [REDACTED, 0]}}, "x_token": REDACTED,
        })
    );
    assert_eq!(clean.text(Attribute::SOURCE), Some(REDACTED));
    assert_eq!(clean.get(Attribute::DESCRIPTOR_SET), Some(FOCUS_DESCRIPTOR_SET));
    let again = Redactor::new(&rules(), &header()).unwrap().header(&clean);
    assert_eq!(again, clean, "twice is as good as once");
}

#[test]
fn keys_lose_known_values_and_keep_apart() {
    let mut header = header();
    let response = format!(
        r#"{{"metadata":{{"{SECRET} a":{{"site":"{SECRET}"}},"{SECRET} a.":1}},"by_site":{{"{SECRET}":1,"x {SECRET}":2,"[redacted]":3}}}}"#
    );
    header.set(Attribute::CONFIGURE_RESPONSE, response);
    let mut redactor = Redactor::new(&rules(), &header).unwrap();
    let _ = redactor.header(&header);
    let clean = redactor.header(&header);
    assert_eq!(
        clean.text(Attribute::CONFIGURE_RESPONSE),
        Some(
            r#"{"metadata":{"[redacted] a":{"site":"[redacted]"},"[redacted] a.":0},"by_site":{"[redacted]":1,"x [redacted]":2,"[redacted] (2)":3}}"#
        )
    );
}

#[test]
fn a_value_that_no_rule_covers_is_found_by_the_search() {
    let mut rules = rules();
    rules.fields.remove("datastream.SpectrogramRow.canvasId");
    let error = redacted(&events(), &rules).err().unwrap();
    let RedactError::Left(scan) = &error else {
        panic!("{error}")
    };
    assert!(
        scan.found
            .iter()
            .any(|found| found.place.contains("a message of call 1, event 5")),
        "{scan:?}"
    );
    assert!(
        scan.found
            .iter()
            .any(|found| found.place.contains("a compressed message")),
        "{scan:?}"
    );
    assert!(!error.to_string().contains(SECRET), "the error does not tell it");
}

#[test]
fn a_message_that_cannot_be_looked_into_is_left_out_and_a_gap_says_so() {
    let mut events = events();
    events[4] = event(
        5,
        message(Direction::Received, [&frame(SECRET)[..20], &[0xff]].concat()),
    );
    events[5] = event(
        6,
        EventKind::Message(Message {
            direction: Direction::Received,
            compressed: true,
            data: SECRET.as_bytes().to_vec().into(),
        }),
    );
    let (file, report) = redacted(&events, &rules()).unwrap();
    assert_eq!(report.withheld, 2);
    assert!(!holds(&file, SECRET));
    let gaps = Reader::new(Cursor::new(&file))
        .unwrap()
        .filter(|event| matches!(event.as_ref().unwrap().kind, EventKind::Gap(_)));
    assert_eq!(gaps.count(), 2);
}

#[test]
fn a_preview_counts_the_same() {
    let (_, report) = redacted(&events(), &rules()).unwrap();
    let seen = preview(&mut capture(&events()), &rules(), None).unwrap();
    let fields = |report: &Redacted| {
        let fields = report.changes.iter().filter(|change| change.rule.starts_with("field"));
        fields.cloned().collect::<Vec<_>>()
    };
    assert_eq!(fields(&seen), fields(&report));
    assert_eq!((seen.digest, seen.scan), (None, None));
}

#[test]
fn rules_that_do_not_fit_name_the_remedy() {
    let wrong = |field: &str, action: &str| {
        let rules = Rules::parse(&format!("[fields]\n'{field}' = '{action}'")).unwrap();
        Redactor::new(&rules, &header()).unwrap_err().to_string()
    };
    assert!(wrong("datastream.SpectrogramRow.canvas", "hash").contains("datastream.SpectrogramRow.canvasId"));
    assert!(wrong("datastream.SpectrogramRow.sensors", "hash").contains("use drop"));
    assert!(wrong("datastream.SensorIntensity.intensity", "hash").contains("drop or mask"));
    assert!(wrong("datastream.SensorIntensity.id", "constant:x").contains("constant:NUMBER"));
    let rules = rules();
    assert!(
        Redactor::new(&rules, &Header::new(0))
            .unwrap_err()
            .to_string()
            .contains("no schema")
    );
    assert!(
        Rules::parse("[field]\nx = 'hash'")
            .unwrap_err()
            .to_string()
            .contains("field")
    );
    assert!(
        Rules::parse("status = 'blur'")
            .unwrap_err()
            .to_string()
            .contains("constant:VALUE")
    );
}

#[test]
fn numbers_packed_or_not_are_hidden_as_numbers() {
    let text = "[fields]\n'datastream.SensorIntensity.id' = 'constant:77'\n'datastream.SensorIntensity.intensity' = 'mask'\n\
                'datastream.SpectrogramRow.startTimestamp' = 'drop'";
    let mut redactor = Redactor::new(&Rules::parse(text).unwrap(), &header()).unwrap();
    let _ = redactor.event(events()[0].clone());
    let EventKind::Message(message) = redactor.event(events()[4].clone()).kind else {
        panic!("a message")
    };
    let frame = proto::datastream::DataStream::decode(&message.data[..]).unwrap();
    let row = &frame.rows[0];
    assert_eq!(
        (row.sensors[0].id, &row.sensors[0].intensity[..]),
        (77, &[0.0, 0.0][..])
    );
    assert_eq!((row.start_timestamp, row.end_timestamp), (0, 8));
}

#[test]
fn other_endings_lose_known_values_too() {
    let mut redactor = Redactor::new(&rules(), &header()).unwrap();
    let _ = redactor.header(&header());
    let error = format!("connection to {SECRET} refused");
    let end = event(
        9,
        EventKind::End(Ending::Broken(Broken {
            error,
            ..Broken::default()
        })),
    );
    let EventKind::End(Ending::Broken(end)) = redactor.event(end).kind else {
        panic!("an ending")
    };
    assert_eq!(end.error, "connection to [redacted] refused");
}

#[test]
fn values_given_by_the_user_are_hidden_in_texts_and_searched_for() {
    let values = vec!["so loud".to_owned()];
    let rules = Rules { values, ..rules() };
    let (file, _) = redacted(&events(), &rules).unwrap();
    assert!(!holds(&file, "so loud"));
    // A word of the schema cannot go, and that is told.
    let values = vec!["SpectrogramRow".to_owned()];
    let error = redacted(
        &events(),
        &Rules {
            values,
            ..self::rules()
        },
    )
    .err()
    .unwrap()
    .to_string();
    assert!(error.contains("attribute descriptor-set"), "{error}");
}
