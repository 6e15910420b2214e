use std::io::Cursor;

use super::*;
use crate::{
    dialect::datastream,
    event::{Direction, Event, EventKind},
    file::Reader,
};

fn events(capture: &str) -> (crate::file::Header, Vec<Event>) {
    let reader = Reader::open(format!("captures/{capture}.gcap")).unwrap();
    (reader.header().clone(), reader.map(Result::unwrap).collect())
}

fn write(capture: &str) -> Vec<u8> {
    let (header, events) = events(capture);
    let types = |method: &str, direction: Direction| {
        let received = direction == Direction::Received && method == datastream::METHOD;
        received.then(|| "datastream.DataStream".to_owned())
    };
    let mut writer = McapWriter::new(Cursor::new(Vec::new()), &header, &types).unwrap();
    for event in &events {
        writer.write(event).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

fn messages(events: &[Event]) -> Vec<(u32, Direction, Vec<u8>)> {
    let message = |event: &Event| match &event.kind {
        EventKind::Message(message) => Some((event.call, message.direction, message.data.to_vec())),
        _ => None,
    };
    events.iter().filter_map(message).collect()
}

#[test]
fn messages_their_calls_and_their_times_survive() {
    for capture in ["zero-ids", "production", "nan", "febus-jitter"] {
        let (header, before) = events(capture);
        let reader = McapReader::new(Cursor::new(write(capture))).unwrap();
        let anchor = reader.anchor_unix_ns();
        let after: Vec<_> = reader.map(Result::unwrap).collect();
        assert_eq!(messages(&before), messages(&after), "{capture}");
        let times = |anchor: u64, events: &[Event]| -> Vec<u64> {
            let message = |event: &&Event| matches!(event.kind, EventKind::Message(_));
            events
                .iter()
                .filter(message)
                .map(|event| anchor + event.offset_ns)
                .collect()
        };
        assert_eq!(
            times(header.anchor_unix_ns, &before),
            times(anchor, &after),
            "{capture}"
        );
        let method = |events: &[Event]| match &events[0].kind {
            EventKind::CallStart(start) => start.method.clone(),
            other => panic!("{other:?}"),
        };
        assert_eq!(method(&before), method(&after), "{capture}");
    }
}

#[test]
fn the_official_reader_finds_schema_channel_and_messages() {
    let file = write("zero-ids");
    let summary = ::mcap::Summary::read(&file).unwrap().unwrap();
    let stats = summary.stats.unwrap();
    let (_, events) = events("zero-ids");
    assert_eq!(stats.message_count as usize, messages(&events).len());
    assert_eq!((stats.channel_count, stats.schema_count), (2, 1));
    let schema = summary.schemas.values().next().unwrap();
    assert_eq!(
        (schema.name.as_str(), schema.encoding.as_str()),
        ("datastream.DataStream", "protobuf")
    );
}

#[test]
fn a_foreign_file_becomes_calls_by_its_schemas() {
    let mut writer = ::mcap::Writer::new(Cursor::new(Vec::new())).unwrap();
    let schema = writer.add_schema("datastream.DataStream", "protobuf", b"").unwrap();
    let none = std::collections::BTreeMap::new();
    let frames = writer.add_channel(schema, "frames", "protobuf", &none).unwrap();
    let other = writer.add_channel(0, "/imu", "cdr", &none).unwrap();
    for (sequence, (channel, at)) in [(frames, 50), (other, 70), (frames, 60)].into_iter().enumerate() {
        let header = ::mcap::records::MessageHeader {
            channel_id: channel,
            sequence: sequence as u32,
            log_time: at,
            publish_time: at,
        };
        writer.write_to_known_channel(&header, b"\x0a\x00").unwrap();
    }
    writer.finish().unwrap();
    let file = writer.into_inner().into_inner();
    let reader = McapReader::new(Cursor::new(file)).unwrap();
    assert_eq!(reader.anchor_unix_ns(), 50);
    let events: Vec<_> = reader.map(Result::unwrap).collect();
    let methods: Vec<_> = events
        .iter()
        .filter_map(|event| match &event.kind {
            EventKind::CallStart(start) => Some(start.method.as_str()),
            _ => None,
        })
        .collect();
    assert_eq!(methods, [datastream::METHOD, "/mcap/imu"]);
    assert_eq!(
        events
            .iter()
            .filter(|event| matches!(event.kind, EventKind::End(_)))
            .count(),
        2
    );
    assert!(
        events.is_sorted_by_key(|event| event.offset_ns),
        "time never runs backwards"
    );
}

#[test]
fn damage_is_told_and_what_came_before_is_kept() {
    let file = write("zero-ids");
    for cut in 0..file.len() {
        let Ok(reader) = McapReader::new(Cursor::new(file[..cut].to_vec())) else {
            continue;
        };
        assert!(reader.filter_map(Result::err).count() <= 1, "{cut}");
    }
    assert!(McapReader::new(Cursor::new(b"no mcap at all".to_vec())).is_err());
}
