use std::io::Cursor;

use super::*;
use crate::{
    file::{
        Attribute, Header, Recovered, Summary, WriterOptions,
        format::{self, Tag},
        recover,
        tests::{message, schema_of},
        verify,
    },
    model::event::{CallStart, Event, EventKind},
};

const KEPT: AncillaryTag = AncillaryTag(*b"noTe");
const OF_CHUNKS: AncillaryTag = AncillaryTag(*b"zonE");

fn start(call: u32, service: &str) -> Event {
    let kind = EventKind::CallStart(CallStart {
        method: format!("/datastream.{service}/Get"),
        ..CallStart::default()
    });
    Event {
        call,
        seq: 1,
        offset_ns: u64::from(call),
        kind,
    }
}

fn header() -> Header {
    let mut header = Header::new(7);
    header.set_descriptor_set(&[schema_of("A"), schema_of("B"), schema_of("Never")].concat());
    header
}

/// Two calls of different services, with parts of a later release between the chunks.
fn capture() -> (Vec<u8>, Vec<Event>, Summary) {
    let options = WriterOptions {
        chunk_bytes: 1,
        ..WriterOptions::default()
    };
    let events = vec![
        start(1, "A"),
        message(1, 2, 2, "one"),
        start(2, "B"),
        message(2, 2, 3, "two"),
    ];
    let mut writer = Writer::new(Vec::new(), &header(), options).unwrap();
    for (at, event) in events.iter().enumerate() {
        writer.write(event).unwrap();
        writer.write_ancillary(OF_CHUNKS, vec![at as u8; 5]).unwrap();
        writer.write_ancillary(KEPT, vec![at as u8]).unwrap();
    }
    let (bytes, summary) = writer.finish_into().unwrap();
    (bytes, events, summary)
}

fn parts(bytes: &[u8]) -> Vec<(u64, Ancillary)> {
    let mut parts = Vec::new();
    let mut reader = Reader::new(Cursor::new(bytes)).unwrap();
    let see = |_: &mut Reader<_>, byte, part: &Ancillary| {
        parts.push((byte, part.clone()));
        Ok(())
    };
    reader.each_ancillary(see).unwrap();
    parts
}

fn schema(bytes: &[u8]) -> Option<Vec<u8>> {
    let reader = Reader::new(Cursor::new(bytes)).unwrap();
    reader.header().get(Attribute::DESCRIPTOR_SET).map(<[u8]>::to_vec)
}

fn recovered(bytes: &[u8]) -> (Vec<u8>, Recovered) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("saved.gcap");
    let recovered = recover(Cursor::new(bytes), |header| {
        Writer::create(&path, header, WriterOptions::default())
    });
    (std::fs::read(&path).unwrap(), recovered.unwrap())
}

#[test]
fn what_is_not_known_is_passed_over_by_every_way_of_reading() {
    let (bytes, events, summary) = capture();
    for bytes in [&bytes[..], &bytes[..bytes.len() - 1]] {
        let mut reader = Reader::new(Cursor::new(bytes)).unwrap();
        assert_eq!(reader.by_ref().map(Result::unwrap).collect::<Vec<_>>(), events);
        reader.seek(3).unwrap();
        assert_eq!(reader.by_ref().count(), 1);
        assert_eq!(reader.overview().unwrap().events, summary.events);
        reader.only_calls([2]);
        assert_eq!(reader.by_ref().map(Result::unwrap).collect::<Vec<_>>(), events[2..]);
        let parallel = Reader::new(Cursor::new(bytes)).unwrap().parallel(2).unwrap();
        assert_eq!(parallel.map(Result::unwrap).collect::<Vec<_>>(), events);
    }
    let verified = verify(Cursor::new(&bytes)).unwrap();
    assert!(verified.is_whole(), "{verified:?}");
    assert_eq!(verified.summary, summary);
}

#[test]
fn the_parts_of_a_finished_capture_name_each_other_and_those_of_another_are_found() {
    let (bytes, ..) = capture();
    let all = parts(&bytes);
    let tags: Vec<_> = all.iter().map(|(_, part)| part.tag).collect();
    let (schema, each) = (AncillaryTag::SCHEMA, [OF_CHUNKS, KEPT]);
    assert_eq!(tags, [&[schema][..], &each, &each, &[schema], &each, &each].concat());
    for pair in all.windows(2) {
        assert_eq!(pair[1].1.previous, pair[0].0);
    }
    assert_eq!(parts(&bytes[..bytes.len() - 1]), all);
}

#[test]
fn a_capture_that_is_made_from_another_keeps_what_stays_right_in_it() {
    let (bytes, events, summary) = capture();
    let copied = {
        let mut source = Reader::new(Cursor::new(&bytes)).unwrap();
        let mut copy = Writer::new(Vec::new(), source.header(), WriterOptions::default()).unwrap();
        for event in source.by_ref() {
            copy.write(&event.unwrap()).unwrap();
        }
        copy.keep_parts_of(&mut source).unwrap();
        assert!(matches!(source.tail(), crate::file::Tail::Finished(_)));
        copy.finish_into().unwrap().0
    };
    for copy in [copied, recovered(&bytes).0, recovered(&bytes[..bytes.len() - 1]).0] {
        let kept: Vec<_> = parts(&copy)
            .into_iter()
            .filter(|(_, part)| part.tag != AncillaryTag::SCHEMA)
            .map(|(_, part)| (part.tag, part.content))
            .collect();
        assert_eq!(kept, [0, 1, 2, 3].map(|at| (KEPT, vec![at])));
        assert_eq!(schema(&copy), schema(&bytes));
        let mut reader = Reader::new(Cursor::new(&copy)).unwrap();
        assert!(
            reader
                .by_ref()
                .map(Result::unwrap)
                .collect::<Vec<_>>()
                .starts_with(&events)
        );
    }
    assert_eq!(recovered(&bytes).1.events_saved, summary.events);
}

#[test]
fn a_capture_holds_the_schema_of_what_was_called_and_has_it_before_it_is_needed() {
    let (bytes, events, _) = capture();
    let [a, b] = ["A", "B"].map(schema_of);
    assert_eq!(schema(&bytes), Some([a.clone(), b.clone()].concat()));
    let digest = |header: &Header| header.text(Attribute::DESCRIPTOR_SHA256).map(str::to_owned);
    let read = Reader::new(Cursor::new(&bytes)).unwrap();
    assert_eq!(digest(read.header()), digest(&header()), "what the recorder knew");
    // Killed at any byte: what can be read has its schema.
    for cut in 0..bytes.len() {
        let Ok(mut reader) = Reader::new(Cursor::new(&bytes[..cut])) else {
            continue;
        };
        let events_read = reader.by_ref().map_while(Result::ok).count();
        assert!(events_read <= events.len());
        let known = reader.header().get(Attribute::DESCRIPTOR_SET).unwrap_or_default();
        assert!(events_read == 0 || known.starts_with(&a), "cut at {cut}");
        assert!(events_read <= 2 || known.ends_with(&b), "cut at {cut}");
    }
}

#[test]
fn a_reader_that_follows_a_recording_learns_its_schema() {
    let (bytes, events, _) = capture();
    let second = parts(&bytes)
        .iter()
        .filter(|(_, part)| part.tag == AncillaryTag::SCHEMA)
        .nth(1)
        .unwrap()
        .0;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("growing.gcap");
    std::fs::write(&path, &bytes[..second as usize]).unwrap();
    let mut reader = Reader::open(&path).unwrap();
    assert_eq!(reader.by_ref().count(), 2);
    assert_eq!(
        reader.header().get(Attribute::DESCRIPTOR_SET),
        Some(&schema_of("A")[..])
    );
    std::fs::write(&path, &bytes).unwrap();
    assert_eq!(reader.next_event().unwrap().as_ref(), Some(&events[2]));
    let both = [schema_of("A"), schema_of("B")].concat();
    assert_eq!(reader.header().get(Attribute::DESCRIPTOR_SET), Some(&both[..]));
    assert_eq!(reader.by_ref().count(), 1);
    assert_eq!(
        reader.header().get(Attribute::DESCRIPTOR_SET),
        Some(&both[..]),
        "each once"
    );
}

#[test]
fn a_flip_in_any_ancillary_part_is_found_and_costs_no_event() {
    let (bytes, events, _) = capture();
    for (byte, part) in parts(&bytes) {
        let len = format::PART_HEAD_LEN + part.to_body().len() + format::PART_CRC_LEN;
        for place in byte as usize..byte as usize + len {
            for flip in [0x01, 0x20, 0x80] {
                let mut bad = bytes.clone();
                bad[place] ^= flip;
                let verified = verify(Cursor::new(&bad)).unwrap();
                assert!(!verified.is_whole(), "a flip at byte {place} passes");
                assert_eq!(
                    verified.summary.events,
                    events.len() as u64,
                    "byte {place}: {verified:?}"
                );
                let saved = recovered(&bad).0;
                let saved = Reader::new(Cursor::new(&saved)).unwrap();
                let saved: Vec<_> = saved.map(Result::unwrap).collect();
                assert!(saved.starts_with(&events), "byte {place}");
            }
        }
    }
}

#[test]
fn who_reads_from_the_first_offset_meets_damage_before_the_first_chunk() {
    let (mut bytes, ..) = capture();
    let (first, _) = parts(&bytes)[0];
    bytes[first as usize + format::PART_HEAD_LEN + 8] ^= 1;
    let mut reader = Reader::new(Cursor::new(&bytes)).unwrap();
    reader.seek(0).unwrap();
    assert!(reader.any(|event| event.is_err()));
}

#[test]
fn an_unknown_part_that_may_not_be_passed_over_is_no_ancillary_part() {
    for (tag, is_ancillary) in [(b"zonE", true), (b"Zone", false), (b"zo e", false), (b"1one", false)] {
        assert_eq!(AncillaryTag::from_bytes(*tag).is_some(), is_ancillary);
    }
}

#[test]
fn parts_that_name_each_other_in_a_circle_are_no_loop() {
    let mut writer = Writer::new(Vec::new(), &Header::new(0), WriterOptions::default()).unwrap();
    let at = writer.stored_bytes();
    writer.write_ancillary(KEPT, Vec::new()).unwrap();
    let (mut bytes, _) = writer.finish_into().unwrap();
    let part = Ancillary {
        tag: KEPT,
        previous: at,
        content: Vec::new(),
    };
    let part = format::encode_part(Tag::Ancillary(KEPT), &part.to_body());
    bytes[at as usize..at as usize + part.len()].copy_from_slice(&part);
    assert_eq!(parts(&bytes).len(), 1);
    assert!(!verify(Cursor::new(&bytes)).unwrap().is_whole());
}
