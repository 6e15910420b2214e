use std::io::Cursor;

use prost::Message as _;

use super::*;
use crate::{
    event::{Ending, Event, EventKind, Metadata},
    file::Reader,
};

fn events(capture: &str) -> (u64, Vec<Event>) {
    let reader = Reader::open(format!("captures/{capture}.gcap")).unwrap();
    let anchor = reader.header().anchor_unix_ns;
    (anchor, reader.map(Result::unwrap).collect())
}

fn log(anchor: u64, events: &[Event]) -> Vec<u8> {
    let mut writer = BinlogWriter::new(Vec::new(), anchor);
    for event in events {
        writer.write(event).unwrap();
    }
    writer.finish().unwrap()
}

fn read(log: &[u8], framing: Framing) -> Vec<Event> {
    let reader = BinlogReader::new(Cursor::new(log.to_vec()), framing).unwrap();
    reader.map(Result::unwrap).collect()
}

/// What a binary log keeps of an event, its own times aside.
fn kept(event: &Event) -> Option<(u32, String)> {
    let own = |name: &str| {
        ![
            "te",
            "content-type",
            "user-agent",
            "grpc-encoding",
            "grpc-accept-encoding",
        ]
        .contains(&name)
    };
    let strip = |metadata: &mut Metadata| metadata.0.retain(|(name, _)| own(name));
    let mut kind = event.kind.clone();
    match &mut kind {
        EventKind::CallStart(start) => {
            strip(&mut start.metadata);
            start.peer.clear();
        }
        EventKind::Headers(headers) => strip(&mut headers.metadata),
        EventKind::End(Ending::Status(status)) => {
            status.trailers = Metadata::default();
            status.trailers_only = false;
        }
        EventKind::End(_) => return Some((event.call, "end".to_owned())),
        EventKind::Gap(_) | EventKind::Note(_) => return None,
        EventKind::Message(_) | EventKind::HalfClose => {}
    }
    Some((event.call, format!("{kind:?}")))
}

#[test]
fn a_capture_survives_the_way_through_a_log() {
    for capture in ["zero-ids", "nan", "production", "trailers-only-error", "unknown-fields"] {
        let (anchor, before) = events(capture);
        let log = log(anchor, &before);
        assert_eq!(Framing::of(&log), Framing::Fixed);
        let after = read(&log, Framing::Fixed);
        let endings = |event: &Event| {
            kept(event).map(|(call, text)| {
                (
                    call,
                    if text.starts_with("End") {
                        "end".to_owned()
                    } else {
                        text
                    },
                )
            })
        };
        let (before, after): (Vec<_>, Vec<_>) = (
            before.iter().filter_map(endings).collect(),
            after.iter().filter_map(endings).collect(),
        );
        assert_eq!(before, after, "{capture}");
    }
}

#[test]
fn a_log_with_varint_lengths_is_told_apart_and_read() {
    let (anchor, events) = events("zero-ids");
    let mut log = Vec::new();
    for event in &events {
        if let Some(entry) = entry(event, anchor, None) {
            entry.encode_length_delimited(&mut log).unwrap();
        }
    }
    assert_eq!(Framing::of(&log), Framing::Varint);
    let reader = BinlogReader::new(Cursor::new(log), Framing::Varint).unwrap();
    assert_eq!(reader.anchor_unix_ns(), anchor + events[0].offset_ns);
    assert_eq!(reader.map(Result::unwrap).count(), events.len());
}

#[test]
fn entries_stand_as_the_proto_numbers_them() {
    let (anchor, events) = events("zero-ids");
    let start = entry(&events[0], anchor, None).unwrap().encode_to_vec();
    // timestamp (1), call_id (2) = 1, sequence (3) = 1, type (4) = CLIENT_HEADER, logger (5) = CLIENT, client_header (6).
    let after_timestamp = &start[2 + usize::from(start[1])..];
    assert_eq!(start[0], 0x0a);
    assert_eq!(after_timestamp[..9], [0x10, 1, 0x18, 1, 0x20, 1, 0x28, 1, 0x32]);
}

#[test]
fn a_log_that_is_cut_or_no_log_says_where() {
    let (anchor, events) = events("zero-ids");
    let log = log(anchor, &events);
    let whole = read(&log, Framing::Fixed);
    assert_eq!(whole.len(), events.len(), "each entry is an event");
    // Where each entry begins, and where the last one ends: four bytes of length, and as many as they say.
    let mut begins = vec![0];
    while let Some(length) = log[begins[begins.len() - 1]..].first_chunk() {
        begins.push(begins[begins.len() - 1] + 4 + u32::from_be_bytes(*length) as usize);
    }
    assert_eq!((begins.len() - 1, begins[begins.len() - 1]), (events.len(), log.len()));
    for cut in 0..=log.len() {
        let entries = begins.partition_point(|begin| *begin <= cut) - 1;
        let rest = cut - begins[entries];
        let error = match rest {
            // Between two entries a log may end: it is a shorter one, and the call's missing ending tells.
            0 => None,
            1..4 => Some("the file ends within an entry's length".to_owned()),
            _ => Some(format!(
                "{} bytes are announced and {} are left; the file was cut off",
                begins[entries + 1] - begins[entries] - 4,
                rest - 4
            )),
        };
        let error = error.map(|problem| format!("could not read entry {}: {problem}", entries + 1));
        let (read, told) = match BinlogReader::new(Cursor::new(&log[..cut]), Framing::Fixed) {
            Ok(mut reader) => {
                let mut told = None;
                let mut read = Vec::new();
                for event in reader.by_ref() {
                    assert!(told.is_none(), "{cut}: nothing follows an error");
                    match event {
                        Ok(event) => read.push(event),
                        Err(error) => told = Some(error.to_string()),
                    }
                }
                (read, told)
            }
            // The first entry is read at once.
            Err(error) => (Vec::new(), Some(error.to_string())),
        };
        assert_eq!(told, error, "{cut}");
        assert_eq!(read, whole[..entries], "{cut}");
    }
    let junk = BinlogReader::new(Cursor::new(vec![0, 0, 0, 2, 0xff, 0xff]), Framing::Fixed);
    assert!(junk.unwrap_err().to_string().contains("entry 1 is no entry"));
    let huge = BinlogReader::new(Cursor::new(vec![0xff; 64]), Framing::Fixed);
    assert!(huge.unwrap_err().to_string().contains("announced"));
}
