//! `capture bundle`: the archive contains none of the values that must be hidden.

use std::path::Path;

use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use bytes::Bytes;
use grpc_capture::{
    das::{DataStream, FOCUS_DESCRIPTOR_SET, SensorIntensity, SpectrogramRow, StreamRequest},
    file::{Attribute, Header, Reader, Writer, WriterOptions},
    grpc,
    model::{CallStart, Direction, Ending, Event, EventKind, Headers, Message, Metadata, Note, Status},
};
use prost::Message as _;

use crate::support::{Dir, peel::Peeled, run};

/// In metadata whose name tells that it is a secret.
const TOKEN: &str = "ey7/Zugang+4711=geheim";
/// In metadata that only a rule hides.
const SITE: &str = "nordfeld-schacht-12";
/// In a string field of the messages; most ways to write it down must escape it.
const FIELD: &str = "Nördlicher \"Tresor\" <7> & Söhne, 5% Gefälle";
/// In the configure response, and in the name of the file.
const CUSTOMER: &str = "Grubenwerke-Altstadt";

const RULES: &[&str] = &[
    "--field",
    "datastream.SpectrogramRow.canvasId=hash",
    "--field",
    "datastream.StreamRequest.job_id=mask",
    "--metadata",
    "x-site=hash",
    "--metadata",
    "x-trace-bin=mask",
];

fn frame(number: i64) -> Vec<u8> {
    let frame = DataStream {
        rows: vec![SpectrogramRow {
            // Two canvases, so that a finding tells of both.
            canvas_id: format!("{FIELD}{}", if number < 5 { "" } else { " (2)" }),
            sensors: (0..4)
                .map(|id| SensorIntensity {
                    id,
                    intensity: (0..16)
                        .map(|bin| (number * 31 + i64::from(id) * 7 + bin) as f32)
                        .collect(),
                })
                .collect(),
            start_timestamp: number * 100,
            end_timestamp: number * 100 + 100,
        }],
        current_max_amp: 1e4,
        current_min_amp: 0.0,
    };
    frame.encode_to_vec()
}

fn metadata(entries: &[(&str, &str)]) -> Metadata {
    let mut metadata = Metadata::default();
    for (name, value) in entries {
        metadata.push(*name, *value);
    }
    metadata
}

/// A recording with secrets wherever one may stand.
fn planted(path: &str) {
    let mut header = Header::new(1_700_000_000_000_000_000);
    header.set_descriptor_set(FOCUS_DESCRIPTOR_SET);
    header.set(Attribute::DIALECT, "datastream");
    header.set(Attribute::SOURCE, format!("https://{CUSTOMER}.example:50051"));
    header.set(Attribute::JOB_ID, "12-70788");
    header.set("tag.remark", format!("seen at {SITE}: {FIELD}"));
    header.set(
        Attribute::CONFIGURE_REQUEST,
        format!("{{\"title\":{}}}", serde_json::json!(FIELD)),
    );
    let ascii = FIELD
        .replace('ö', "\\u00f6")
        .replace('ä', "\\u00e4")
        .replace('"', "\\\"");
    header.set(
        Attribute::CONFIGURE_RESPONSE,
        format!(
            "{{\"job_id\":\"12-70788\",\"stream_url\":\"http://{CUSTOMER}.example\",\"stream_port\":50051,\
             \"metadata\":{{\"{CUSTOMER}\":{{\"owner\":\"{CUSTOMER}\",\"dx\":4.5}}}},\"remark\":\"{ascii}\",\
             \"legend\":{{\"{ascii}\":1}}}}"
        ),
    );
    let percent: String = percent_encode(&format!("bad job at {FIELD}"));
    let kinds = [
        EventKind::CallStart(CallStart {
            method: "/datastream.DataStreamService/StreamSpectrograms".to_owned(),
            authority: format!("{CUSTOMER}.example:50051"),
            peer: "10.11.12.13:50051".to_owned(),
            metadata: metadata(&[
                ("authorization", &format!("Bearer {TOKEN}")),
                ("x-site", SITE),
                ("x-trace-bin", &BASE64.encode(format!("from {SITE} by {TOKEN}"))),
                ("x-remark", &format!("about {SITE}")),
            ]),
            attributes: vec![("later".to_owned(), SITE.into())],
            ..CallStart::default()
        }),
        EventKind::Message(Message::plain(
            Direction::Sent,
            StreamRequest {
                job_id: FIELD.to_owned(),
                max_frames: 0,
            }
            .encode_to_vec(),
        )),
        EventKind::HalfClose,
        EventKind::Headers(Headers {
            metadata: metadata(&[("grpc-encoding", "gzip"), ("set-cookie", TOKEN)]),
        }),
    ];
    let frames = (0..10).map(|number| {
        let (plain, compressed) = (frame(number), number % 2 == 1);
        let data = if compressed {
            grpc::deflate("gzip", &plain).unwrap()
        } else {
            plain
        };
        EventKind::Message(Message {
            direction: Direction::Received,
            compressed,
            data: Bytes::from(data),
        })
    });
    let ends = [
        EventKind::Note(Note {
            author: "operator".to_owned(),
            text: format!("they call it {FIELD} at {SITE}"),
        }),
        EventKind::End(Ending::Status(Status {
            code: 9,
            message: format!("bad job at {FIELD}"),
            trailers: metadata(&[
                ("grpc-status", "9"),
                ("grpc-message", &percent),
                (
                    "grpc-status-details-bin",
                    &BASE64.encode(format!("no {SITE}, no {FIELD}")),
                ),
            ]),
            trailers_only: false,
        })),
    ];
    let mut writer = Writer::create(path, &header, WriterOptions::default()).unwrap();
    for (at, kind) in kinds.into_iter().chain(frames).chain(ends).enumerate() {
        let event = Event {
            call: 1,
            seq: at as u64 + 1,
            offset_ns: at as u64 * 100_000_000,
            kind,
        };
        writer.write(&event).unwrap();
    }
    writer.finish().unwrap();
}

/// Makes a bundle; gives its archive and its unpacked files.
fn bundle(dir: &Dir, capture: &str, name: &str, flags: &[&str]) -> Vec<(String, Peeled)> {
    let (archive, folder) = (dir.file(&format!("{name}.zip")), dir.file(name));
    run(&[&["bundle", capture, "-o", &archive], flags].concat()).expect(0);
    run(&["bundle", "--open", &archive, "-o", &folder]).expect(0);
    let mut files = vec![("the archive".to_owned(), Peeled::file(Path::new(&archive)))];
    for file in std::fs::read_dir(&folder).unwrap() {
        let path = file.unwrap().path();
        files.push((
            path.file_name().unwrap().to_str().unwrap().to_owned(),
            Peeled::file(&path),
        ));
    }
    files
}

#[test]
fn what_the_rules_hide_is_nowhere_in_a_bundle_whatever_it_is_packed_in() {
    let dir = Dir::new();
    let capture = dir.file(&format!("{CUSTOMER} {SITE}.gcap"));
    planted(&capture);
    let secrets = [TOKEN, SITE, FIELD, CUSTOMER, "10.11.12.13"];
    // Without rules they are there, and found: in the capture's chunks, in gzip, in base64, on the page.
    let open = bundle(&dir, &capture, "open", &["--no-defaults"]);
    let told = |name: &str| {
        let file = &open.iter().find(|(known, _)| known == name).unwrap().1;
        secrets.map(|secret| file.holds(secret).is_some())
    };
    assert_eq!(
        told("the archive"),
        [false, true, true, true, true],
        "a token goes in any case"
    );
    assert_eq!(told("report.html")[2..4], [true, true]);
    assert_eq!(told("capture.gcap")[1..4], [true, true, true]);

    let closed = bundle(&dir, &capture, "closed", RULES);
    assert_eq!(closed.len(), open.len());
    for (name, file) in &closed {
        for secret in secrets {
            assert_eq!(file.holds(secret), None, "{secret} in {name}");
        }
    }
}

#[test]
fn messages_that_cannot_be_redacted_make_a_bundle_that_says_what_it_lacks() {
    let dir = Dir::new();
    let (capture, archive) = (dir.file("odd.gcap"), dir.file("odd.zip"));
    planted(&capture);
    let torn = dir.file("torn.gcap");
    let reader = Reader::open(&capture).unwrap();
    let mut writer = Writer::create(&torn, reader.header(), WriterOptions::default()).unwrap();
    for event in reader {
        let mut event = event.unwrap();
        if let EventKind::Message(message) = &mut event.kind
            && event.seq == 5
        {
            message.data = message.data.slice(..message.data.len() - 3);
        }
        writer.write(&event).unwrap();
    }
    writer.finish().unwrap();
    let made = run(&[&["bundle", &torn, "-o", &archive], RULES].concat()).expect(3);
    let told = "1 message of the recording could not be searched for redaction";
    assert!(made.text().contains(told), "{}", made.text());
}

/// As gRPC writes a status message: printable ASCII but `%` as it is, every other byte as `%XX`.
fn percent_encode(text: &str) -> String {
    let byte = |byte: u8| match byte {
        b' '..=b'~' if byte != b'%' => char::from(byte).to_string(),
        _ => format!("%{byte:02X}"),
    };
    text.bytes().map(byte).collect()
}
