use std::io::Cursor;

use prost::Message as _;

use super::{write::entry, *};
use crate::{
    file::Reader,
    model::event::{CallStart, Event, EventKind},
    transform::convert::{Loss, Losses},
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

fn log_and_losses(anchor: u64, events: &[Event]) -> (Vec<u8>, Losses) {
    let mut writer = BinlogWriter::new(Vec::new(), anchor);
    for event in events {
        writer.write(event).unwrap();
    }
    let losses = writer.losses().clone();
    (writer.finish().unwrap(), losses)
}

fn read(log: &[u8], framing: Framing) -> Vec<Event> {
    let reader = BinlogReader::new(Cursor::new(log.to_vec()), framing).unwrap();
    reader.map(Result::unwrap).collect()
}

#[test]
fn a_capture_survives_the_way_through_a_log() {
    for capture in ["zero-ids", "nan", "trailers-only-error", "unknown-fields"] {
        let (anchor, before) = events(capture);
        let (log, losses) = log_and_losses(anchor, &before);
        assert_eq!(Framing::of(&log), Framing::Fixed);
        let first = before[0].offset_ns;
        let mut after = read(&log, Framing::Fixed);
        for event in &mut after {
            event.offset_ns += first;
        }
        assert_eq!(before, after, "{capture}");
        assert!(losses.is_empty(), "{capture}: {losses}");
    }
}

#[test]
fn what_a_log_cannot_say_is_counted_and_never_said_otherwise() {
    let (anchor, before) = events("format-1.0");
    let (log, losses) = log_and_losses(anchor, &before);
    let endings: Vec<_> = read(&log, Framing::Fixed)
        .into_iter()
        .filter_map(|event| match event.kind {
            EventKind::End(ending) => Some((event.call, ending.name())),
            _ => None,
        })
        .collect();
    // OK, cancelled by us, cancelled by the client, cut by a slice; a reset by the server, a broken connection and limits
    // are none.
    let cancelled = [2, 3, 11].map(|call| (call, "cancelled"));
    let ok = [1, 15, 16].map(|call| (call, "status"));
    let expected: Vec<_> = [&ok[..1], &cancelled[..], &ok[1..]].concat();
    assert_eq!(endings, expected);
    assert_eq!(losses.count(Loss::Endings), 10, "{losses}");
    assert_eq!(losses.count(Loss::CancelReasons), 3, "{losses}");
    assert_eq!(losses.count(Loss::GapReasons), 1, "{losses}");
    assert_eq!(losses.count(Loss::Notes), 2, "{losses}");
    let mut reader = BinlogReader::new(Cursor::new(log), Framing::Fixed).unwrap();
    let lost: Vec<_> = reader
        .by_ref()
        .filter_map(|event| match event.unwrap().kind {
            EventKind::Gap(gap) => Some(gap.messages),
            _ => None,
        })
        .collect();
    assert_eq!(lost, [3], "as many as before");
    let losses = reader.losses();
    assert_eq!(losses.count(Loss::UnendedCalls), 10, "{losses}");
    assert_eq!(losses.count(Loss::CancelReasons), 3, "{losses}");
}

fn header(call_id: u64, logger: i32, sequence: u64) -> GrpcLogEntry {
    let start = Event {
        call: 1,
        seq: sequence,
        offset_ns: 0,
        kind: EventKind::CallStart(CallStart {
            method: "/a.B/C".to_owned(),
            peer: "[::1]:80".to_owned(),
            ..CallStart::default()
        }),
    };
    let mut entry = entry(&start, 9_000_000_000, None).unwrap();
    (entry.call_id, entry.logger) = (call_id, logger);
    entry
}

fn half_close(call_id: u64, logger: i32, sequence: u64, seconds: u64) -> GrpcLogEntry {
    let event = Event {
        call: 1,
        seq: sequence,
        offset_ns: seconds * 1_000_000_000,
        kind: EventKind::HalfClose,
    };
    let mut entry = entry(&event, 0, None).unwrap();
    (entry.call_id, entry.logger) = (call_id, logger);
    entry
}

fn read_entries(entries: &[GrpcLogEntry]) -> (Vec<Event>, Losses) {
    let mut log = Vec::new();
    for entry in entries {
        entry.encode_length_delimited(&mut log).unwrap();
    }
    let mut reader = BinlogReader::new(Cursor::new(log), Framing::Varint).unwrap();
    let events = reader.by_ref().map(Result::unwrap).collect();
    (events, reader.losses().clone())
}

#[test]
fn entries_that_do_not_follow_each_other_are_counted() {
    let (events, losses) = read_entries(&[
        half_close(1, 1, 40, 9),
        header(2, 1, 1),
        half_close(2, 1, 5, 10),
        half_close(2, 1, 5, 8),
        half_close(2, 1, 0, 11),
        half_close(1, 1, 41, 12),
        header(2, 1, 1),
        // The server's side of the same call is a call of its own.
        header(2, 2, 1),
    ]);
    let losses: Vec<_> = losses.iter().collect();
    assert_eq!(
        losses,
        [
            (Loss::UnendedCalls, 3),
            (Loss::EarlierTimes, 3),
            (Loss::MissingEntries, 3),
            (Loss::RepeatedEntries, 1),
            (Loss::EntriesWithoutCall, 2),
        ]
    );
    let names: Vec<_> = events.iter().map(|event| (event.call, event.kind.name())).collect();
    assert_eq!(
        names,
        [
            (1, "call_start"),
            (1, "gap"),
            (1, "half_close"),
            (1, "half_close"),
            (1, "half_close"),
            (2, "call_start"),
            (3, "call_start"),
        ]
    );
    assert!(events.is_sorted_by_key(|event| event.offset_ns));
    let EventKind::CallStart(start) = &events[0].kind else {
        panic!()
    };
    assert_eq!(start.peer, "[::1]:80");
}

#[test]
fn entries_that_name_the_side_that_they_come_from_belong_to_the_one_call() {
    let (events, losses) = read_entries(&[header(1, 1, 1), half_close(1, 2, 2, 9), half_close(1, 0, 3, 9)]);
    assert!(
        events.iter().all(|event| event.call == 1) && events.len() == 3,
        "{events:?}"
    );
    assert_eq!(losses.iter().collect::<Vec<_>>(), [(Loss::UnendedCalls, 1)]);
}

#[test]
fn what_was_cut_to_a_limit_of_the_log_is_counted() {
    let (_, events) = events("zero-ids");
    let message = events
        .iter()
        .find(|event| matches!(event.kind, EventKind::Message(_)))
        .unwrap();
    let mut message = entry(message, 9_000_000_000, None).unwrap();
    (message.payload_truncated, message.sequence_id_within_call) = (true, 2);
    let mut start = header(1, 1, 1);
    start.payload_truncated = true;
    let (events, losses) = read_entries(&[start, message]);
    assert!(
        matches!(&events[1].kind, EventKind::Gap(gap) if gap.messages == 1),
        "{events:?}"
    );
    assert_eq!(
        (losses.count(Loss::TruncatedMessages), losses.count(Loss::Metadata)),
        (1, 1)
    );
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
    assert!(junk.unwrap_err().to_string().contains("entry 1 is not an entry"));
    let huge = BinlogReader::new(Cursor::new(vec![0xff; 64]), Framing::Fixed);
    assert!(huge.unwrap_err().to_string().contains("announced"));
}
