use std::{
    collections::{BTreeMap, BTreeSet},
    io::Cursor,
};

use ::mcap::records::MessageHeader;
use prost::Message as _;
use prost_reflect::{
    DescriptorPool,
    prost_types::{DescriptorProto, FileDescriptorProto, FileDescriptorSet},
};

use super::*;
use crate::{
    das::dialect::datastream,
    file::{Header, Reader},
    model::event::{
        Broken, CallStart, Cancelled, Direction, Ending, Event, EventKind, Gap, GoAway, Headers, Message, Metadata,
        Note, Party, Status,
    },
    transform::convert::Loss,
};

fn events(capture: &str) -> (Header, Vec<Event>) {
    let reader = Reader::open(format!("captures/{capture}.gcap")).unwrap();
    (reader.header().clone(), reader.map(Result::unwrap).collect())
}

fn types(method: &str, direction: Direction) -> Option<String> {
    let received = direction == Direction::Received && method == datastream::METHOD;
    received.then(|| "datastream.DataStream".to_owned())
}

fn file(header: &Header, events: &[Event]) -> Vec<u8> {
    let mut writer = McapWriter::new(Cursor::new(Vec::new()), header, &types).unwrap();
    for event in events {
        writer.write(event).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

fn write(capture: &str) -> Vec<u8> {
    let (header, events) = events(capture);
    file(&header, &events)
}

fn read(file: &[u8]) -> (McapReader<Cursor<Vec<u8>>>, Vec<Event>) {
    let mut reader = McapReader::new(Cursor::new(file.to_vec())).unwrap();
    let events = reader.by_ref().map(Result::unwrap).collect();
    (reader, events)
}

fn event(call: u32, seq: u64, offset_ns: u64, kind: EventKind) -> Event {
    Event {
        call,
        seq,
        offset_ns,
        kind,
    }
}

fn received(data: &'static [u8]) -> EventKind {
    EventKind::Message(Message::plain(Direction::Received, data))
}

fn start(method: &str) -> EventKind {
    EventKind::CallStart(CallStart {
        method: method.to_owned(),
        connection: 3,
        certificate_sha256: Some([0xab; 32]),
        attributes: vec![("later".to_owned(), vec![0xff, 0])],
        ..CallStart::default()
    })
}

#[test]
fn every_event_and_the_header_come_back() {
    for capture in [
        "zero-ids",
        "production",
        "nan",
        "febus-jitter",
        "format-1.0",
        "trailers-only-error",
    ] {
        let (header, before) = events(capture);
        let (reader, after) = read(&write(capture));
        assert_eq!(reader.header(), Some(&header), "{capture}");
        assert_eq!(reader.anchor_unix_ns(), header.anchor_unix_ns, "{capture}");
        assert!(before == after, "{capture}");
        assert!(reader.losses().is_empty(), "{capture}: {}", reader.losses());
    }
}

#[test]
fn what_no_message_of_mcap_can_say_comes_back_too() {
    let mut header = Header::new(u64::MAX - 5);
    header.set("bytes", [0xff, 0]);
    header.set("again", "a");
    let mut metadata = Metadata::default();
    metadata.push("grpc-encoding", "gzip");
    metadata.push("x", [0xfe]);
    metadata.push("x", "2");
    let compressed = |data: &[u8]| {
        EventKind::Message(Message {
            direction: Direction::Received,
            compressed: true,
            data: data.to_vec().into(),
        })
    };
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    std::io::Write::write_all(&mut gzip, b"content").unwrap();
    let gzip = gzip.finish().unwrap();
    let cancelled = |by| {
        EventKind::End(Ending::Cancelled(Cancelled {
            by,
            code: Some(8),
            reason: "\u{1}\u{fffe}\"".to_owned(),
            cut: true,
        }))
    };
    let broken = Broken {
        error: "reset".to_owned(),
        goaway: true,
        reset: Some(11),
        announced: Some(GoAway {
            last_stream: 5,
            code: 0,
            data: vec![0xff].into(),
        }),
        ended: false,
    };
    let note = EventKind::Note(Note {
        author: "a".to_owned(),
        text: "after the end".to_owned(),
    });
    let gap = EventKind::Gap(Gap {
        direction: Direction::Sent,
        messages: u64::MAX,
        reason: String::new(),
    });
    let before = [
        event(0, 1, 0, note.clone()),
        event(7, 1, 0, start("/a.B/C")),
        event(9, 3, 1, start("/a.B/C")),
        event(7, 2, 2, EventKind::Headers(Headers { metadata })),
        // A hole in the numbers, times that no wall clock holds, and one that runs backwards.
        event(9, 9, 3, received(b"nine")),
        event(9, 10, 1_000, received(b"ten")),
        event(7, 3, 4, compressed(&gzip)),
        event(7, 4, 4, compressed(b"no gzip")),
        event(7, 5, 4, gap),
        event(7, 6, 4, received(b"")),
        event(7, 7, 5, EventKind::HalfClose),
        event(7, 8, 6, cancelled(Party::Server)),
        event(7, 9, 6, note),
        event(9, 11, 7, cancelled(Party::Us)),
        event(10, 1, 8, start("/a.B/C")),
        event(10, 2, 9, EventKind::End(Ending::Broken(broken))),
    ];
    let written = file(&header, &before);
    let (reader, after) = read(&written);
    assert_eq!(reader.header(), Some(&header));
    assert_eq!(before, after.as_slice());
    assert!(reader.losses().is_empty(), "{}", reader.losses());
    // Readers of other software find the content.
    let stream = ::mcap::MessageStream::new(&written).unwrap().map(Result::unwrap);
    let contents: Vec<_> = stream
        .filter(|message| message.channel.topic == "/a.B/C received")
        .map(|message| (message.sequence, message.data.into_owned()))
        .collect();
    let expected = [
        (9, &b"nine"[..]),
        (9, b"ten"),
        (7, b"content"),
        (7, b"no gzip"),
        (7, b""),
    ];
    assert_eq!(contents, expected.map(|(call, data)| (call, data.to_vec())));
}

#[test]
fn calls_beyond_any_number_of_channels_share_those_of_their_method() {
    let calls = 40_000;
    let mut before = Vec::new();
    for call in 1..=calls {
        let at = u64::from(call);
        before.push(event(call, 1, at, start("/a.B/C")));
        before.push(event(
            call,
            2,
            at,
            EventKind::Message(Message::plain(Direction::Sent, &b"?"[..])),
        ));
        before.push(event(call, 3, at, received(b"!")));
        before.push(event(call, 4, at, EventKind::End(Ending::Status(Status::default()))));
    }
    let written = file(&Header::new(1), &before);
    let (reader, after) = read(&written);
    assert!(before == after);
    assert!(reader.losses().is_empty());
    let summary = ::mcap::Summary::read(&written).unwrap().unwrap();
    assert_eq!(summary.channels.len(), 3);
}

#[test]
fn the_official_reader_finds_schema_channel_and_messages() {
    let file = write("zero-ids");
    let summary = ::mcap::Summary::read(&file).unwrap().unwrap();
    let topics: BTreeSet<_> = summary.channels.values().map(|channel| channel.topic.clone()).collect();
    let frames = format!("{} received", datastream::METHOD);
    assert_eq!(
        topics,
        BTreeSet::from([
            frames.clone(),
            format!("{} sent", datastream::METHOD),
            EVENTS_TOPIC.to_owned()
        ])
    );
    let channel = summary
        .channels
        .values()
        .find(|channel| channel.topic == frames)
        .unwrap();
    let schema = channel.schema.as_ref().unwrap();
    assert_eq!(
        (
            schema.name.as_str(),
            schema.encoding.as_str(),
            channel.message_encoding.as_str()
        ),
        ("datastream.DataStream", "protobuf", "protobuf")
    );
    let (_, events) = events("zero-ids");
    let before: Vec<_> = events
        .iter()
        .filter_map(|event| match &event.kind {
            EventKind::Message(message) if message.direction == Direction::Received => Some(message.data.to_vec()),
            _ => None,
        })
        .collect();
    let stream = ::mcap::MessageStream::new(&file).unwrap().map(Result::unwrap);
    let found: Vec<_> = stream.filter(|message| message.channel.topic == frames).collect();
    assert!(found.iter().map(|message| message.data.to_vec()).eq(before));
    assert!(found.iter().all(|message| message.sequence == 1), "the call");
}

/// A file of ours, rewritten by other software that leaves out some messages.
fn without(file: &[u8], leave_out: impl Fn(usize, &::mcap::Message<'_>) -> bool) -> Vec<u8> {
    let mut writer = ::mcap::Writer::new(Cursor::new(Vec::new())).unwrap();
    for (at, message) in ::mcap::MessageStream::new(file)
        .unwrap()
        .map(Result::unwrap)
        .enumerate()
    {
        if !leave_out(at, &message) {
            writer.write(&message).unwrap();
        }
    }
    writer.finish().unwrap();
    writer.into_inner().into_inner()
}

#[test]
fn what_other_software_took_out_of_our_file_is_counted() {
    let (_, before) = events("zero-ids");
    let file = write("zero-ids");
    let (whole, same) = read(&without(&file, |_, _| false));
    assert!(before == same && whole.losses().is_empty(), "{}", whole.losses());

    let frames = |message: &::mcap::Message<'_>| message.channel.topic.ends_with("received");
    let first = ::mcap::MessageStream::new(&file)
        .unwrap()
        .map(Result::unwrap)
        .position(|message| frames(&message));
    let (fewer, events) = read(&without(&file, |at, _| Some(at) == first));
    assert_eq!(fewer.losses().count(Loss::MissingEvents), 1, "{}", fewer.losses());
    let gaps = events
        .iter()
        .filter(|event| matches!(&event.kind, EventKind::Gap(gap) if gap.messages == 1));
    assert_eq!(gaps.count(), 1);

    let last = ::mcap::MessageStream::new(&file).unwrap().count() - 1;
    let (no_end, events) = read(&without(&file, |at, _| at == last));
    assert!(events == before);
    assert_eq!(no_end.losses().count(Loss::FileEnd), 1);
    let (unended, events) = read(&without(&file, |at, _| at + 1 >= last));
    assert_eq!(unended.losses().count(Loss::UnendedCalls), 1);
    assert!(
        !events.iter().any(|event| matches!(event.kind, EventKind::End(_))),
        "nothing is invented"
    );
    let (lines, _) = read(&without(&file, |_, message| frames(message)));
    assert_eq!(lines.losses().count(Loss::MissingEvents), 5);
}

#[test]
fn a_file_that_was_sorted_by_time_is_the_same() {
    let (_, before) = events("production");
    let file = write("production");
    let mut messages: Vec<_> = ::mcap::MessageStream::new(&file).unwrap().map(Result::unwrap).collect();
    messages.sort_by_key(|message| message.log_time);
    let mut writer = ::mcap::Writer::new(Cursor::new(Vec::new())).unwrap();
    for message in &messages {
        writer.write(message).unwrap();
    }
    writer.finish().unwrap();
    let (reader, after) = read(&writer.into_inner().into_inner());
    assert!(before == after && reader.losses().is_empty(), "{}", reader.losses());
}

#[test]
fn the_end_of_a_capture_that_had_none_is_told() {
    let (header, events) = events("zero-ids");
    let mut writer = McapWriter::new(Cursor::new(Vec::new()), &header, &types).unwrap();
    for event in &events[..3] {
        writer.write(event).unwrap();
    }
    writer.unfinished();
    let (reader, after) = read(&writer.finish().unwrap().into_inner());
    assert_eq!(after, events[..3]);
    let losses = reader.losses();
    assert_eq!(
        (losses.count(Loss::Unfinished), losses.count(Loss::UnendedCalls)),
        (1, 1)
    );
}

#[test]
fn two_captures_in_one_file_and_lines_of_another_layout_are_refused() {
    let merged = {
        let mut writer = ::mcap::Writer::new(Cursor::new(Vec::new())).unwrap();
        for _ in 0..2 {
            for message in ::mcap::MessageStream::new(&write("zero-ids")).unwrap() {
                writer.write(&message.unwrap()).unwrap();
            }
        }
        writer.finish().unwrap();
        writer.into_inner().into_inner()
    };
    let errors: Vec<_> = McapReader::new(Cursor::new(merged))
        .unwrap()
        .filter_map(Result::err)
        .collect();
    assert!(matches!(&errors[..], [McapReadError::TwoCaptures { .. }]), "{errors:?}");
    for text in [
        &br#"{"event":"capture_start","layout":2,"anchor_unix_ns":0,"attributes":[]}"#[..],
        br#"{"event":"half_close","call":1,"seq":1,"offset_ns":0}"#,
        b"no JSON",
    ] {
        let mut writer = ::mcap::Writer::new(Cursor::new(Vec::new())).unwrap();
        let channel = writer.add_channel(0, EVENTS_TOPIC, "json", &BTreeMap::new()).unwrap();
        put(&mut writer, channel, 0, 0, text);
        writer.finish().unwrap();
        let file = writer.into_inner();
        let error = McapReader::new(Cursor::new(file.into_inner())).unwrap_err();
        assert!(matches!(error, McapReadError::Line { .. }), "{error}");
    }
}

fn put(writer: &mut ::mcap::Writer<Cursor<Vec<u8>>>, channel_id: u16, sequence: u32, at: u64, data: &[u8]) {
    let header = MessageHeader {
        channel_id,
        sequence,
        log_time: at,
        publish_time: at,
    };
    writer.write_to_known_channel(&header, data).unwrap();
}

/// A descriptor set of one file with one message.
fn descriptors(file: &str, message: &str) -> Vec<u8> {
    let message = DescriptorProto {
        name: Some(message.to_owned()),
        ..DescriptorProto::default()
    };
    let file = FileDescriptorProto {
        name: Some(file.to_owned()),
        package: Some("robot".to_owned()),
        message_type: vec![message],
        syntax: Some("proto3".to_owned()),
        ..FileDescriptorProto::default()
    };
    FileDescriptorSet { file: vec![file] }.encode_to_vec()
}

#[test]
fn a_foreign_file_becomes_calls_by_its_schemas() {
    let mut writer = ::mcap::Writer::new(Cursor::new(Vec::new())).unwrap();
    let none = BTreeMap::new();
    let schema = writer.add_schema("datastream.DataStream", "protobuf", b"").unwrap();
    let frames = writer.add_channel(schema, "frames", "protobuf", &none).unwrap();
    put(&mut writer, frames, 0, 50, b"\x0a\x00");
    // Schemas and channels commonly stand before their first message, and so behind those of others.
    let schema = writer
        .add_schema("robot.Imu", "protobuf", &descriptors("imu.proto", "Imu"))
        .unwrap();
    let imu = writer.add_channel(schema, "/imu", "protobuf", &none).unwrap();
    let text = writer.add_schema("std_msgs/Int32", "ros2msg", b"int32 data").unwrap();
    let ros = writer.add_channel(text, "/a/b", "cdr", &none).unwrap();
    put(&mut writer, imu, 1, 70, b"");
    put(&mut writer, frames, 2, 60, b"\x0a\x00");
    put(&mut writer, ros, 3, 80, b"\x00");
    writer
        .write_metadata(&::mcap::records::Metadata {
            name: "site".to_owned(),
            metadata: BTreeMap::from([("name".to_owned(), "north".to_owned())]),
        })
        .unwrap();
    writer
        .attach(&::mcap::Attachment {
            log_time: 0,
            create_time: 0,
            name: "calibration.yaml".to_owned(),
            media_type: "text/yaml".to_owned(),
            data: b"a: 1".as_slice().into(),
        })
        .unwrap();
    writer.finish().unwrap();
    let file = writer.into_inner().into_inner();

    let schemas = McapSchemas::read(Cursor::new(&file)).unwrap();
    let mut reader = McapReader::with_schemas(Cursor::new(&file), schemas).unwrap();
    assert_eq!((reader.anchor_unix_ns(), reader.header()), (50, None));
    let pool = DescriptorPool::decode(reader.descriptor_set().unwrap().as_slice()).unwrap();
    let methods: Vec<_> = pool.get_service_by_name("mcap").unwrap().methods().collect();
    assert_eq!(methods.len(), 1);
    assert_eq!(
        (methods[0].name(), methods[0].output().full_name()),
        ("imu", "robot.Imu")
    );
    let events: Vec<_> = reader.by_ref().map(Result::unwrap).collect();
    let methods: Vec<_> = events
        .iter()
        .filter_map(|event| match &event.kind {
            EventKind::CallStart(start) => Some(start.method.as_str()),
            _ => None,
        })
        .collect();
    assert_eq!(methods, [datastream::METHOD, "/mcap/imu", "/mcap/a/b"]);
    assert!(
        !events.iter().any(|event| matches!(event.kind, EventKind::End(_))),
        "MCAP does not say how a call ended"
    );
    assert!(
        events.is_sorted_by_key(|event| event.offset_ns),
        "time never runs backwards"
    );
    let notes: Vec<_> = events
        .iter()
        .filter_map(|event| match &event.kind {
            EventKind::Note(note) => Some(note.text.as_str()),
            _ => None,
        })
        .collect();
    for said in ["int32 data", "north", "calibration.yaml"] {
        assert!(notes.iter().any(|note| note.contains(said)), "{said}: {notes:?}");
    }
    let losses: Vec<_> = reader.losses().iter().collect();
    assert_eq!(
        losses,
        [(Loss::UnendedCalls, 3), (Loss::EarlierTimes, 1), (Loss::Attachments, 1)]
    );
    // A pipe cannot be read twice: what comes too late for the header is counted.
    let (piped, _) = read(&file);
    assert_eq!(piped.losses().count(Loss::Schemas), 1);
}

#[test]
fn holes_in_the_numbers_of_other_software_are_counted() {
    let count = |numbers: &[(u16, u32)]| {
        let mut writer = ::mcap::Writer::new(Cursor::new(Vec::new())).unwrap();
        let none = BTreeMap::new();
        let channels = ["/a", "/b"].map(|topic| writer.add_channel(0, topic, "cdr", &none).unwrap());
        for (channel, sequence) in numbers {
            put(&mut writer, channels[usize::from(*channel)], *sequence, 0, b"");
        }
        writer.finish().unwrap();
        read(&writer.into_inner().into_inner())
            .0
            .losses()
            .count(Loss::MissingEntries)
    };
    assert_eq!(count(&[(0, 4), (0, 5), (0, 6)]), 0);
    assert_eq!(count(&[(0, 4), (0, 7), (0, 8)]), 2);
    assert_eq!(count(&[(0, 0), (1, 0), (0, 0), (1, 0)]), 0, "not counted at all");
    assert_eq!(count(&[(0, 0), (1, 1), (1, 2), (0, 3)]), 0, "one counter");
    assert_eq!(count(&[(0, 0), (1, 1), (0, 4)]), 2, "one counter");
    assert_eq!(
        count(&[(0, 0), (1, 0), (0, 1), (1, 1), (0, 4), (1, 2)]),
        2,
        "a counter each"
    );
}

#[test]
fn schemas_that_contradict_each_other_are_counted() {
    let mut writer = ::mcap::Writer::new(Cursor::new(Vec::new())).unwrap();
    for (name, set) in [
        ("robot.A", descriptors("a.proto", "A")),
        ("robot.B", descriptors("a.proto", "B")),
        ("robot.C", vec![0xff]),
    ] {
        writer.add_schema(name, "protobuf", &set).unwrap();
    }
    let channel = writer.add_channel(0, "/a", "cdr", &BTreeMap::new()).unwrap();
    put(&mut writer, channel, 0, 0, b"");
    writer.finish().unwrap();
    let file = writer.into_inner().into_inner();
    let schemas = McapSchemas::read(Cursor::new(&file)).unwrap();
    assert_eq!(schemas.left_out(), 2);
    let reader = McapReader::with_schemas(Cursor::new(file), schemas).unwrap();
    assert_eq!(reader.losses().count(Loss::Schemas), 2);
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

#[test]
fn a_small_file_does_not_unfold_to_a_large_one_in_memory() {
    // A message of 200 MB of zeros takes some kilobytes.
    let mut writer = ::mcap::Writer::new(Cursor::new(Vec::new())).unwrap();
    let channel = writer.add_channel(0, "/a", "cdr", &BTreeMap::new()).unwrap();
    put(&mut writer, channel, 0, 0, &vec![0; 200 << 20]);
    writer.finish().unwrap();
    let file = writer.into_inner().into_inner();
    assert!(file.len() < 1 << 20);
    let schemas = McapSchemas::read(Cursor::new(&file)).unwrap();
    for reader in [
        McapReader::new(Cursor::new(&file)),
        McapReader::with_schemas(Cursor::new(&file), schemas),
    ] {
        let error = reader.unwrap_err();
        assert!(matches!(error, McapReadError::Mcap { .. }), "{error}");
    }
    // A line of many values is refused before it is taken apart.
    let mut line = br#"{"event":"capture_start","layout":1,"anchor_unix_ns":0,"attributes":["#.to_vec();
    line.extend(br#"["",""],"#.repeat(500_000));
    line.extend(br#"["",""]]}"#);
    let mut writer = ::mcap::Writer::new(Cursor::new(Vec::new())).unwrap();
    let channel = writer.add_channel(0, EVENTS_TOPIC, "json", &BTreeMap::new()).unwrap();
    put(&mut writer, channel, 0, 0, &line);
    writer.finish().unwrap();
    let file = writer.into_inner().into_inner();
    let error = McapReader::new(Cursor::new(file)).unwrap_err();
    assert!(error.to_string().contains("values in one line"), "{error}");
}

#[test]
fn channels_and_schemas_are_held_in_bounded_memory_and_a_text_is_said_once() {
    let mut writer = ::mcap::Writer::new(Cursor::new(Vec::new())).unwrap();
    let text = "x".repeat(900 << 10);
    let mut channels = Vec::new();
    for at in 0..50 {
        let schema = writer
            .add_schema(&format!("t{at}"), "ros2msg", text.as_bytes())
            .unwrap();
        for side in 0..2 {
            let topic = format!("/{at}/{side}");
            channels.push(writer.add_channel(schema, &topic, "cdr", &BTreeMap::new()).unwrap());
        }
    }
    for channel in channels {
        put(&mut writer, channel, 0, 0, b"");
    }
    writer.finish().unwrap();
    let (reader, events) = read(&writer.into_inner().into_inner());
    assert!(reader.losses().count(Loss::Schemas) > 10, "{}", reader.losses());
    let long = events
        .iter()
        .filter(|event| matches!(&event.kind, EventKind::Note(note) if note.text.contains(&text)));
    assert!((30..40).contains(&long.count()));
}

#[test]
fn a_file_of_endless_records_of_unknown_kinds_is_not_read_to_its_end() {
    let mut file = ::mcap::MAGIC.to_vec();
    for _ in 0..1_000_001 {
        file.push(0x7f);
        file.extend(0_u64.to_le_bytes());
    }
    let error = McapReader::new(Cursor::new(file)).unwrap_err();
    assert!(matches!(error, McapReadError::Unknown { messages: 0 }), "{error}");
}
