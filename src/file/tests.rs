use std::io::Cursor;

use proptest::prelude::*;

use super::*;
use crate::model::event::*;

pub(super) fn message(call: u32, seq: u64, offset_ns: u64, data: impl Into<bytes::Bytes>) -> Event {
    let kind = EventKind::Message(Message::plain(Direction::Received, data));
    Event {
        call,
        seq,
        offset_ns,
        kind,
    }
}

fn header() -> Header {
    let mut header = Header::new(1_700_000_000_000_000_000);
    header.set(Attribute::DIALECT, "datastream");
    header.set_descriptor_set(&schema_of("DataStreamService"));
    header.set("tag.ticket", "DAS-1");
    header
}

/// A set of one file that declares this service of the package `datastream`.
pub(super) fn schema_of(service: &str) -> Vec<u8> {
    let named = |key: u8, value: &[u8]| [&[key, value.len() as u8], value].concat();
    let service = named(0x32, &named(0x0a, service.as_bytes()));
    let file = [named(0x0a, &service), named(0x12, b"datastream"), service].concat();
    named(0x0a, &file)
}

/// Every kind of event, with everything that is easily lost: unknown bytes, binary metadata, order, empty messages.
fn every_kind() -> Vec<Event> {
    let mut metadata = Metadata::default();
    metadata.push("z-first", "1");
    metadata.push("a-second", "2");
    metadata.push("z-first", "again");
    metadata.push("trace-bin", b"AAEC/w==".as_slice());
    metadata.push("odd", [0xff, 0x00, 0xfe].as_slice());
    let start = CallStart {
        method: "/datastream.DataStreamService/StreamSpectrograms".to_owned(),
        authority: "localhost:50051".to_owned(),
        peer: "127.0.0.1:50051".to_owned(),
        metadata: metadata.clone(),
        ..CallStart::default()
    };
    let status = Status {
        code: 14,
        message: "idle \u{2014} closed".to_owned(),
        trailers: metadata.clone(),
        trailers_only: true,
    };
    let kinds = vec![
        EventKind::CallStart(start),
        EventKind::Message(Message::plain(Direction::Sent, &b"\x0a\x01x"[..])),
        EventKind::HalfClose,
        EventKind::Headers(Headers { metadata }),
        EventKind::Message(Message {
            direction: Direction::Received,
            compressed: true,
            data: vec![7; 300].into(),
        }),
        EventKind::Message(Message::plain(Direction::Received, &b""[..])),
        EventKind::Gap(Gap {
            direction: Direction::Received,
            messages: 3,
            reason: "queue full".to_owned(),
        }),
        EventKind::Note(Note {
            author: "operator".to_owned(),
            text: "hammer shot".to_owned(),
        }),
        EventKind::End(Ending::Status(status)),
    ];
    let endings = vec![
        Ending::Cancelled(Cancelled {
            by: Party::Client,
            reason: "enough".to_owned(),
            code: None,
            cut: false,
        }),
        Ending::Broken(Broken {
            error: "reset".to_owned(),
            goaway: true,
            ..Broken::default()
        }),
        Ending::Deadline(Deadline {
            limit: Limit::Idle,
            after_ns: 60_000_000_000,
        }),
    ];
    let kinds = (1..).zip(kinds).map(|(seq, kind)| (1, seq, kind));
    let endings = (2..)
        .zip(endings)
        .map(|(call, ending)| (call, 1, EventKind::End(ending)));
    let numbered = (1..).zip(kinds.chain(endings));
    numbered
        .map(|(n, (call, seq, kind))| Event {
            call,
            seq,
            offset_ns: n * 1000,
            kind,
        })
        .collect()
}

fn write(events: &[Event], options: WriterOptions) -> (Vec<u8>, Summary) {
    let mut writer = Writer::new(Vec::new(), &header(), options).unwrap();
    for event in events {
        writer.write(event).unwrap();
    }
    writer.finish_into().unwrap()
}

fn small_chunks() -> WriterOptions {
    WriterOptions {
        chunk_bytes: 64,
        ..WriterOptions::default()
    }
}

fn read(bytes: &[u8]) -> Result<Vec<Event>, FileError> {
    Reader::new(Cursor::new(bytes))?.collect()
}

#[test]
fn a_writer_that_seals_on_other_threads_makes_the_same_file() {
    let mut events = every_kind();
    let last = events.last().map_or(0, |event| event.offset_ns);
    events.extend((1..400).map(|seq| message(9, seq, last + seq * 1000, vec![seq as u8; 50 + seq as usize % 40])));
    for chunk_ns in [5_000, u64::MAX] {
        let options = WriterOptions {
            chunk_ns,
            ..small_chunks()
        };
        let made = |parallel: bool, flush_at: usize| {
            let mut writer = Writer::new(Vec::new(), &header(), options).unwrap();
            if parallel {
                writer = writer.parallel().unwrap();
            }
            for (at, event) in events.iter().enumerate() {
                writer.write(event).unwrap();
                if at == flush_at {
                    writer.flush().unwrap();
                }
            }
            writer.finish_into().unwrap()
        };
        for flush_at in [0, 100, usize::MAX] {
            assert_eq!(made(true, flush_at), made(false, flush_at));
        }
    }
}

#[test]
fn every_kind_of_event_comes_back_as_it_went_in() {
    let events = every_kind();
    for options in [WriterOptions::default(), small_chunks()] {
        let (bytes, summary) = write(&events, options);
        assert_eq!(read(&bytes).unwrap(), events);
        assert_eq!(Reader::new(Cursor::new(&bytes)).unwrap().header(), &header());
        assert_eq!(
            (summary.events, summary.calls, summary.messages, summary.gaps),
            (12, 1, 2, 3)
        );
        assert_eq!(
            (summary.message_bytes, summary.sent_messages, summary.sent_bytes),
            (300, 1, 3)
        );
        assert_eq!(summary.stored_bytes, bytes.len() as u64);
    }
}

#[test]
fn the_digest_depends_on_the_events_and_not_on_chunks_or_compression() {
    let events = every_kind();
    let (_, one) = write(&events, WriterOptions::default());
    let (_, many) = write(&events, small_chunks());
    assert!(many.chunks > one.chunks);
    assert_eq!(one.digest, many.digest);
    for codec in [Codec::Zstd(1), Codec::Zstd(19), Codec::FloatFast, Codec::Stored] {
        let options = WriterOptions {
            codec,
            ..WriterOptions::default()
        };
        let (bytes, other) = write(&events, options);
        assert_eq!(one.digest, other.digest);
        assert_eq!(read(&bytes).unwrap(), events);
    }
    let mut changed = events;
    changed[0].offset_ns += 1;
    assert_ne!(write(&changed, WriterOptions::default()).1.digest, one.digest);
}

#[test]
fn the_reader_ends_with_the_same_summary_that_the_writer_gave() {
    let (bytes, summary) = write(&every_kind(), small_chunks());
    let mut reader = Reader::new(Cursor::new(&bytes)).unwrap();
    assert_eq!(reader.summary().unwrap(), Some(summary));
    while reader.next_event().unwrap().is_some() {}
    assert_eq!(reader.tail(), Tail::Finished(summary));
    let verified = verify(Cursor::new(&bytes)).unwrap();
    assert_eq!((verified.summary, verified.is_whole()), (summary, true));
}

#[test]
fn a_file_cut_at_any_byte_reads_up_to_its_last_whole_chunk_and_recovers_as_much() {
    let events = every_kind();
    let (bytes, _) = write(&events, small_chunks());
    let first_chunk = Reader::new(Cursor::new(&bytes)).unwrap().scanner().at();
    let mut most = 0;
    for cut in 0..bytes.len() {
        let part = &bytes[..cut];
        match read(part) {
            Ok(read) => {
                assert_eq!(read, events[..read.len()], "cut at {cut}");
                assert!(read.len() >= most, "cut at {cut} lost what a shorter file had");
                most = read.len();
            }
            Err(_) => assert!((cut as u64) < first_chunk, "cut at {cut}"),
        }
        let verified = verify(Cursor::new(part)).unwrap();
        assert!(!verified.is_whole(), "cut at {cut} passes as whole");
        let (saved, recovered) = recover_bytes(part);
        assert!(!recovered.is_lossless(), "cut at {cut}");
        let kept: Vec<_> = read(&saved)
            .unwrap()
            .into_iter()
            .take(recovered.events_saved as usize)
            .collect();
        assert_eq!(kept, events[..kept.len()], "cut at {cut}");
        if cut as u64 >= first_chunk {
            assert_eq!(kept.len(), read(part).unwrap().len(), "cut at {cut}");
        }
    }
    assert_eq!(most, events.len());
}

#[test]
fn a_flip_of_any_byte_is_found_and_never_read_as_right() {
    let events = every_kind();
    let (bytes, summary) = write(&events, small_chunks());
    let whole_chunks = summary.chunks;
    for place in 0..bytes.len() {
        for flip in [0x01, 0x80, 0xff] {
            let mut bad = bytes.clone();
            bad[place] ^= flip;
            let mut reader = Reader::new(Cursor::new(&bad));
            let mut good = 0;
            let error = loop {
                match &mut reader {
                    Err(error) => break Some(error.to_string()),
                    Ok(reader) => match reader.next_event() {
                        Ok(Some(event)) => {
                            assert_eq!(event, events[good], "byte {place}");
                            good += 1;
                        }
                        Ok(None) => break None,
                        Err(error) => break Some(error.to_string()),
                    },
                }
            };
            let verified = verify(Cursor::new(&bad)).unwrap();
            assert!(!verified.is_whole(), "a flip at byte {place} passes");
            assert!(
                error.is_some() || !verified.finished || !verified.damage.is_empty(),
                "a flip at byte {place} is silent"
            );
            if let Some(damage) = verified.damage.first() {
                assert!(damage.byte <= place as u64, "{damage} is placed behind byte {place}");
            }
            let (saved, recovered) = recover_bytes(&bad);
            assert!(!recovered.is_lossless(), "byte {place}");
            let saved = read(&saved).unwrap();
            let originals = saved.iter().filter(|event| events.contains(event)).count();
            let added = saved.iter().filter(|event| !events.contains(event));
            assert!(
                added.clone().all(is_ours),
                "byte {place} invented {:?}",
                added.collect::<Vec<_>>()
            );
            // One chunk at most is lost with one byte.
            let verified_chunks = verified.summary.chunks;
            assert!(
                verified_chunks + 1 >= whole_chunks,
                "byte {place}: {verified_chunks} of {whole_chunks} chunks"
            );
            assert_eq!(originals as u64, recovered.events_saved, "byte {place}");
        }
    }
}

fn is_ours(event: &Event) -> bool {
    match &event.kind {
        EventKind::Gap(gap) => gap.reason.contains("damaged"),
        EventKind::Note(note) => note.author == "recover",
        EventKind::End(Ending::Broken(broken)) => broken.error.contains("cut off"),
        _ => false,
    }
}

fn recover_bytes(bytes: &[u8]) -> (Vec<u8>, Recovered) {
    use std::{cell::RefCell, rc::Rc};
    #[derive(Clone, Default)]
    struct Shared(Rc<RefCell<Vec<u8>>>);
    impl std::io::Write for Shared {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.borrow_mut().extend_from_slice(bytes);
            Ok(bytes.len())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    impl Storage for Shared {}
    let out = Shared::default();
    let recovered = recover(Cursor::new(bytes), |header| {
        Writer::new(out.clone(), header, WriterOptions::default())
    });
    let recovered = recovered.unwrap();
    let bytes = out.0.borrow().clone();
    (bytes, recovered)
}

#[test]
fn recovering_a_whole_capture_keeps_its_digest() {
    let (bytes, summary) = write(&every_kind()[..9], small_chunks());
    let (_, recovered) = recover_bytes(&bytes);
    assert!(recovered.is_lossless());
    assert_eq!(recovered.summary.digest, summary.digest);
}

#[test]
fn a_damaged_chunk_becomes_a_gap_with_the_number_of_messages_lost() {
    let events: Vec<_> = (1..=20).map(|seq| message(1, seq, seq, vec![seq as u8; 100])).collect();
    let (bytes, _) = write(
        &events,
        WriterOptions {
            chunk_bytes: 1,
            ..WriterOptions::default()
        },
    );
    // Damage inside the stored bytes of the tenth message's chunk, and of the last.
    let mut bad = bytes.clone();
    let places: Vec<usize> = chunk_places(&bytes);
    bad[stored_at(&bytes, places[9])] ^= 1;
    bad[stored_at(&bytes, places[19])] ^= 1;
    let (saved, recovered) = recover_bytes(&bad);
    assert_eq!(
        (recovered.events_saved, recovered.messages_lost, recovered.damage.len()),
        (18, 2, 2)
    );
    let gaps: Vec<_> = read(&saved)
        .unwrap()
        .into_iter()
        .filter(|event| matches!(event.kind, EventKind::Gap(_)))
        .collect();
    assert_eq!(gaps.iter().map(|gap| gap.seq).collect::<Vec<_>>(), [10, 20]);
}

fn stored_at(bytes: &[u8], part: usize) -> usize {
    part + 8 + u32::from_le_bytes(bytes[part + 4..part + 8].try_into().unwrap()) as usize
}

fn chunk_places(bytes: &[u8]) -> Vec<usize> {
    let places = bytes.windows(12).enumerate();
    let places = places.filter(|(_, window)| window.starts_with(&format::PART_MAGIC) && window.ends_with(b"CHNK"));
    places.map(|(place, _)| place).collect()
}

#[test]
fn seeking_finds_the_first_event_at_or_after_an_offset_with_and_without_an_index() {
    let events: Vec<_> = (0..1000)
        .map(|n| message(1, n + 1, n * 10, vec![n as u8; 10]))
        .collect();
    let (bytes, summary) = write(
        &events,
        WriterOptions {
            chunk_bytes: 60,
            ..WriterOptions::default()
        },
    );
    assert!(summary.chunks > 256, "several index blocks");
    let unfinished = &bytes[..bytes.len() - 1];
    for bytes in [&bytes[..], unfinished] {
        let mut reader = Reader::new(Cursor::new(bytes)).unwrap();
        for offset in [0, 1, 10, 4_321, 9_990, 5, 9_991, u64::MAX] {
            reader.seek(offset).unwrap();
            let expected = events.iter().find(|event| event.offset_ns >= offset);
            assert_eq!(reader.next_event().unwrap().as_ref(), expected, "offset {offset}");
        }
    }
}

#[test]
fn a_growing_file_is_read_on_from_where_it_ended() {
    let mut writer = Writer::new(Vec::new(), &header(), WriterOptions::default()).unwrap();
    writer.write(&message(1, 1, 1, "one")).unwrap();
    writer.flush().unwrap();
    writer.write(&message(1, 2, 2, "two")).unwrap();
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("growing.gcap");
    let (bytes, _) = writer.finish_into().unwrap();
    let places = chunk_places(&bytes);
    std::fs::write(&path, &bytes[..places[1] + 30]).unwrap();
    let mut reader = Reader::open(&path).unwrap();
    assert_eq!(reader.next_event().unwrap(), Some(message(1, 1, 1, "one")));
    assert_eq!(reader.next_event().unwrap(), None);
    assert_eq!(reader.tail(), Tail::Unfinished { torn_bytes: 30 });
    std::fs::write(&path, &bytes).unwrap();
    assert_eq!(reader.next_event().unwrap(), Some(message(1, 2, 2, "two")));
    assert_eq!(reader.next_event().unwrap(), None);
    assert!(matches!(reader.tail(), Tail::Finished(_)));
}

#[test]
fn a_reader_that_starts_again_ends_where_it_ended_before() {
    let mut writer = Writer::new(Vec::new(), &header(), WriterOptions::default()).unwrap();
    for (seq, text) in [(1, "one"), (2, "two"), (3, "three")] {
        writer.write(&message(1, seq, seq, text)).unwrap();
        writer.flush().unwrap();
    }
    let (bytes, _) = writer.finish_into().unwrap();
    let places = chunk_places(&bytes);
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("growing.gcap");
    let unfinished = CaptureState::Unfinished {
        whole_bytes: places[1] as u64,
        torn_bytes: 30,
    };
    for threads in [0, 2] {
        std::fs::write(&path, &bytes[..places[1] + 30]).unwrap();
        let mut reader = Reader::open(&path).unwrap().parallel(threads).unwrap();
        assert_eq!(reader.state().unwrap(), unfinished, "before it is read");
        assert_eq!(reader.by_ref().count(), 1);
        assert_eq!(reader.state().unwrap(), unfinished);
        std::fs::write(&path, &bytes).unwrap();
        reader.rewind();
        assert_eq!(reader.by_ref().count(), 1, "all passes see the same");
        assert_eq!(reader.state().unwrap(), unfinished);
        assert_eq!(reader.overview().unwrap().events, 1);
        assert_eq!(reader.next_event().unwrap(), Some(message(1, 1, 1, "one")));
        assert_eq!(Reader::open(&path).unwrap().count(), 3);
    }
}

#[test]
fn what_is_made_of_an_unfinished_capture_has_no_summary() {
    let unfinished = CaptureState::Unfinished {
        whole_bytes: 9,
        torn_bytes: 0,
    };
    for (state, finished) in [
        (CaptureState::Finished, true),
        (unfinished, false),
        (CaptureState::Damaged, false),
    ] {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("made.gcap");
        let mut writer = Writer::create(&path, &header(), WriterOptions::default()).unwrap();
        writer.write(&message(1, 1, 1, "one")).unwrap();
        let summary = writer.finish_as(state).unwrap();
        let verified = verify(std::fs::File::open(&path).unwrap()).unwrap();
        assert_eq!(
            (verified.finished, verified.torn_bytes, verified.damage.len()),
            (finished, 0, 0)
        );
        assert_eq!(
            verified.summary.digest, summary.digest,
            "the events have their digest either way"
        );
        assert_eq!(Reader::open(&path).unwrap().state().unwrap().is_finished(), finished);
    }
}

#[test]
fn a_newer_file_is_refused_with_the_release_that_reads_it() {
    let (mut bytes, _) = write(&[], WriterOptions::default());
    let newer = format::Version {
        major: 1,
        minor: VERSION.minor + 1,
    };
    bytes[..format::PROLOGUE_LEN].copy_from_slice(&format::encode_prologue(newer, "0.9.3"));
    let error = Reader::new(Cursor::new(&bytes)).unwrap_err().to_string();
    assert!(error.contains("grpc-capture 0.9.3 reads it"), "{error}");
    bytes[..format::PROLOGUE_LEN].copy_from_slice(&format::encode_prologue(newer, env!("CARGO_PKG_VERSION")));
    let error = Reader::new(Cursor::new(&bytes)).unwrap_err().to_string();
    assert!(
        error.contains("a development build wrote it") && !error.contains("reads it"),
        "{error}"
    );
    let next_major = format::Version { major: 2, minor: 0 };
    bytes[..format::PROLOGUE_LEN].copy_from_slice(&format::encode_prologue(next_major, "2.0.0"));
    assert!(matches!(
        Reader::new(Cursor::new(&bytes)).unwrap_err().kind(),
        FileErrorKind::UnreadableVersion { .. }
    ));
}

#[test]
fn an_unknown_codec_is_refused_by_name() {
    use record::Body as _;
    let (bytes, _) = write(&[message(1, 1, 1, "one")], WriterOptions::default());
    let at = chunk_places(&bytes)[0];
    let len = u32::from_le_bytes(bytes[at + 4..at + 8].try_into().unwrap()) as usize + 8;
    let mut head = record::ChunkHead::from_body(&bytes[at + 12..at + len - 4]).unwrap();
    for (codec, name) in [(4, "number 4"), (77, "number 77")] {
        head.codec = codec;
        let mut changed = bytes[..at].to_vec();
        changed.extend(format::encode_part(format::Tag::Chunk, &head.to_body().unwrap()));
        changed.extend(&bytes[at + len..]);
        let error = read(&changed).unwrap_err().to_string();
        assert!(error.contains(name), "{error}");
    }
}

#[test]
fn a_chunk_that_claims_to_be_huge_is_refused_before_anything_is_allocated() {
    use record::Body as _;
    let head = record::ChunkHead {
        raw_len: u64::MAX,
        stored_len: u64::MAX,
        codec: 1,
        ..Default::default()
    };
    let mut bytes = write(&[], WriterOptions::default()).0;
    bytes.truncate(bytes.len() - 16 - record::DONE_LEN);
    bytes.extend(format::encode_part(format::Tag::Chunk, &head.to_body().unwrap()));
    bytes.extend([0; 100]);
    let error = read(&bytes).unwrap_err().to_string();
    assert!(error.contains("over the format's limit"), "{error}");
}

#[test]
fn a_few_bytes_that_claim_a_large_content_are_refused_and_no_writer_makes_them() {
    use record::Body as _;
    // A message that compresses ten thousand times is stored as it is, by whatever codec, and comes back.
    let large = format::FREE_CHUNK_RAW as usize + 1;
    for codec in [Codec::Zstd(1), Codec::Float, Codec::FloatFast] {
        let events = [message(1, 1, 1, vec![0; large])];
        let (bytes, _) = write(
            &events,
            WriterOptions {
                codec,
                ..WriterOptions::default()
            },
        );
        assert!(bytes.len() > large, "{codec:?}");
        assert!(read(&bytes).unwrap() == events, "{codec:?}");
        assert!(verify(Cursor::new(&bytes)).unwrap().is_whole(), "{codec:?}");
    }
    let head = record::ChunkHead {
        events: 1,
        raw_len: format::FREE_CHUNK_RAW + 64,
        stored_len: 100,
        codec: 1,
        stored_crc32c: crc32c::crc32c(&[0; 100]),
        ..Default::default()
    };
    let crowded = record::ChunkHead {
        events: 5,
        raw_len: 5 * 28 - 1,
        ..head.clone()
    };
    for (head, what) in [(head, "more than 64 times as much"), (crowded, "claims more events")] {
        let mut bytes = write(&[], WriterOptions::default()).0;
        bytes.truncate(bytes.len() - 16 - record::DONE_LEN);
        bytes.extend(format::encode_part(format::Tag::Chunk, &head.to_body().unwrap()));
        bytes.extend([0; 100]);
        let error = read(&bytes).unwrap_err().to_string();
        assert!(error.contains(what), "{error}");
        assert!(!verify(Cursor::new(&bytes)).unwrap().is_whole());
    }
}

#[test]
fn a_record_shorter_than_a_head_is_refused() {
    let records = |len: u32| bytes::Bytes::from([&len.to_le_bytes()[..], &[0; 24]].concat());
    assert!(chunk::record_at(&records(24), 0).is_ok());
    for len in [0, 23] {
        let error = chunk::record_at(&records(len), 0).unwrap_err();
        assert!(error.contains("shorter than the head"), "{error}");
    }
    // As short as the format has one.
    let (bytes, _) = write(
        &[Event {
            call: 1,
            seq: 1,
            offset_ns: 1,
            kind: EventKind::HalfClose,
        }],
        WriterOptions::default(),
    );
    assert_eq!(read(&bytes).unwrap().len(), 1);
}

#[test]
fn more_metadata_than_any_library_holds_is_neither_written_nor_read() {
    let event = |pairs| {
        let mut metadata = Metadata::default();
        (0..pairs).for_each(|_| metadata.push("", ""));
        Event {
            call: 1,
            seq: 1,
            offset_ns: 1,
            kind: EventKind::Headers(Headers { metadata }),
        }
    };
    let (bytes, _) = write(&[event(1 << 16)], WriterOptions::default());
    assert_eq!(read(&bytes).unwrap(), [event(1 << 16)]);
    let mut record = Vec::new();
    let error = record::encode_event_head(&event((1 << 16) + 1), &mut record).unwrap_err();
    assert!(error.contains("65537 pairs"), "{error}");
    // Call, number and offset; kind 1; a count of pairs, each of two empty strings.
    let pairs = (1 << 16) + 1;
    let hostile = [
        &[0; 20][..],
        &1_u32.to_le_bytes(),
        &(pairs as u64).to_le_bytes(),
        &vec![0; 16 * pairs],
    ]
    .concat();
    let error = record::decode_event(&hostile.into()).unwrap_err();
    assert!(error.contains("65537 pairs"), "{error}");
}

#[test]
fn a_hostile_length_inside_a_head_is_an_error() {
    let mut body = vec![0_u8; 8];
    body.extend(u64::MAX.to_le_bytes());
    assert!(record::decode_header(&body).is_err());
    let record = bytes::Bytes::from([&[0_u8; 24][..], &u64::MAX.to_le_bytes()].concat());
    assert!(record::decode_event(&record).is_err());
}

#[test]
fn a_failing_disk_is_an_error_and_what_was_flushed_stays_readable() {
    #[derive(Default)]
    struct Full(Vec<u8>, usize);
    impl std::io::Write for Full {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            let room = self.1.saturating_sub(self.0.len()).min(bytes.len());
            if room == 0 {
                return Err(std::io::ErrorKind::StorageFull.into());
            }
            self.0.extend_from_slice(&bytes[..room]);
            Ok(room)
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    impl Storage for &mut Full {}
    let mut disk = Full(Vec::new(), 1000);
    let mut writer = Writer::new(&mut disk, &header(), small_chunks()).unwrap();
    let failed = (1..100).find_map(|seq| writer.write(&message(1, seq, seq, vec![seq as u8; 50])).err());
    let error = failed.unwrap();
    assert!(
        matches!(error.kind(), FileErrorKind::Io(_)) && error.byte().is_some(),
        "{error}"
    );
    let again = writer.write(&message(1, 100, 100, "x")).unwrap_err();
    assert!(matches!(again.kind(), FileErrorKind::WriterFailed));
    drop(writer);
    assert!(!read(&disk.0).unwrap().is_empty());
}

#[test]
fn the_message_digest_is_that_of_the_delimited_bytes() {
    let (bytes, _) = write(
        &[message(1, 1, 1, "ab"), message(1, 2, 9, vec![0; 200])],
        small_chunks(),
    );
    let calls = call_digests(&mut Reader::new(Cursor::new(&bytes)).unwrap()).unwrap();
    let delimited = [&b"\x02ab\xc8\x01"[..], &[0; 200]].concat();
    assert_eq!(calls[0].digest, Digest::of(&delimited));
    assert_eq!((calls[0].messages, calls[0].message_bytes), (2, 202));
}

fn any_event() -> impl Strategy<Value = Event> {
    let data = proptest::collection::vec(any::<u8>(), 0..200);
    let metadata = proptest::collection::vec(("[a-z-]{1,12}", proptest::collection::vec(any::<u8>(), 0..20)), 0..4);
    let kind = prop_oneof![
        (data, any::<bool>(), any::<bool>()).prop_map(|(data, compressed, sent)| {
            let direction = if sent { Direction::Sent } else { Direction::Received };
            EventKind::Message(Message {
                direction,
                compressed,
                data: data.into(),
            })
        }),
        (metadata, any::<String>()).prop_map(|(metadata, method)| {
            let metadata = Metadata(metadata);
            EventKind::CallStart(CallStart {
                method,
                metadata,
                ..CallStart::default()
            })
        }),
        any::<(u32, String, bool)>().prop_map(|(code, message, trailers_only)| {
            EventKind::End(Ending::Status(Status {
                code,
                message,
                trailers_only,
                ..Status::default()
            }))
        }),
    ];
    (any::<u32>(), any::<u64>(), any::<u64>(), kind).prop_map(|(call, seq, offset_ns, kind)| Event {
        call,
        seq,
        offset_ns,
        kind,
    })
}

proptest! {
    #[test]
    fn any_events_in_any_chunks_come_back(
        events in proptest::collection::vec(any_event(), 0..40),
        chunk_bytes in 1_usize..4000,
    ) {
        let options = WriterOptions { chunk_bytes, codec: Codec::Zstd(1), ..WriterOptions::default() };
        let (bytes, _) = write(&events, options);
        prop_assert_eq!(read(&bytes).unwrap(), events);
        prop_assert!(verify(Cursor::new(&bytes)).unwrap().is_whole());
    }

    #[test]
    fn any_bytes_at_all_are_read_without_a_panic(noise in proptest::collection::vec(any::<u8>(), 0..300), at in 0_usize..900) {
        let (mut bytes, _) = write(&every_kind(), small_chunks());
        let at = at.min(bytes.len());
        bytes.splice(at..at, noise);
        let _ = read(&bytes);
        let _ = verify(Cursor::new(&bytes)).unwrap();
        let _ = recover_bytes(&bytes);
    }
}

#[test]
fn the_overview_lists_calls_without_reading_their_messages() {
    let mut events = every_kind();
    events.extend((0..50).map(|n| message(2, n + 2, 20_000 + n, vec![0; 100])));
    let (bytes, summary) = write(&events, small_chunks());
    let mut reader = Reader::new(Cursor::new(&bytes)).unwrap();
    let overview = reader.overview().unwrap();
    assert_eq!(
        (overview.events, overview.chunks, overview.gaps),
        (summary.events, summary.chunks, 3)
    );
    let calls: Vec<_> = overview
        .calls
        .iter()
        .map(|call| (call.call, call.sent, call.received))
        .collect();
    assert_eq!(calls, [(1, 1, 2), (2, 0, 50), (3, 0, 0), (4, 0, 0)]);
    assert!(matches!(&overview.calls[0].ending, Some(Ending::Status(status)) if status.code == 14));
    assert_eq!(
        reader.next_event().unwrap().as_ref(),
        events.first(),
        "reading starts again"
    );
}

/// The worked example of FORMAT.md §9.
fn worked_example() -> (Header, Event) {
    let note = Note {
        author: "me".to_owned(),
        text: "hi".to_owned(),
    };
    let event = Event {
        call: 0,
        seq: 1,
        offset_ns: 2,
        kind: EventKind::Note(note),
    };
    (Header::new(1_000_000_000), event)
}

#[test]
fn the_worked_example_of_the_specification_is_what_is_read_and_written() {
    let document = include_str!("FORMAT.md");
    let hex = document
        .split("```hex\n")
        .nth(1)
        .and_then(|rest| rest.split("```").next())
        .unwrap();
    let digits: Vec<u8> = hex.bytes().filter(u8::is_ascii_hexdigit).collect();
    let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
    let documented: Vec<u8> = digits.chunks(2).map(byte).collect();
    let (header, event) = worked_example();
    let options = WriterOptions {
        codec: Codec::Zstd(3),
        ..WriterOptions::default()
    };
    let mut writer = Writer::new(Vec::new(), &header, options).unwrap();
    writer.write(&event).unwrap();
    let (written, _) = writer.finish_into().unwrap();
    let shown: Vec<String> = written
        .chunks(32)
        .map(|line| format!("{:x}", bytes::Bytes::copy_from_slice(line)))
        .collect();
    assert_eq!(written, documented, "FORMAT.md should show:\n{}", shown.join("\n"));
    let mut reader = Reader::new(Cursor::new(&documented)).unwrap();
    assert_eq!(reader.header(), &header);
    assert_eq!(reader.next_event().unwrap(), Some(event));
}

/// The bytes are those of the bincode format, whoever writes them: another library reads a record's head.
#[test]
fn another_library_decodes_the_same_bytes() {
    #[derive(wincode::SchemaRead, Debug, PartialEq)]
    struct Head {
        call: u32,
        seq: u64,
        offset_ns: u64,
        kind: Kind,
    }
    #[derive(wincode::SchemaRead, Debug, PartialEq)]
    enum Kind {
        CallStart,
        Headers,
        Message,
        HalfClose,
        End,
        Gap,
        Note { author: String, text: String },
    }
    let mut bytes = Vec::new();
    record::encode_event_head(&worked_example().1, &mut bytes).unwrap();
    let head: Head = wincode::deserialize(&bytes).unwrap();
    let kind = Kind::Note {
        author: "me".to_owned(),
        text: "hi".to_owned(),
    };
    assert_eq!(
        head,
        Head {
            call: 0,
            seq: 1,
            offset_ns: 2,
            kind
        }
    );
}

#[test]
fn the_overview_of_calls_with_much_metadata_takes_little() {
    let mut large = Metadata::default();
    large.push("x-large", vec![b'v'; 1 << 20]);
    let mut events = Vec::new();
    for call in 1..=20 {
        let start = CallStart {
            method: "/a.B/C".to_owned(),
            metadata: large.clone(),
            ..CallStart::default()
        };
        let status = Status {
            trailers: if call == 20 { Metadata::default() } else { large.clone() },
            ..Status::default()
        };
        for (seq, kind) in [
            (1, EventKind::CallStart(start)),
            (2, EventKind::End(Ending::Status(status))),
        ] {
            events.push(Event {
                call,
                seq,
                offset_ns: 0,
                kind,
            });
        }
    }
    let (bytes, _) = write(&events, WriterOptions::default());
    let overview = Reader::new(Cursor::new(&bytes)).unwrap().overview().unwrap();
    assert_eq!((overview.calls.len(), overview.trailers_left_out), (20, 4));
    for call in &overview.calls {
        let start = call.start.as_ref().unwrap();
        assert!(start.method == "/a.B/C" && start.metadata.is_empty());
        let Some(Ending::Status(status)) = &call.ending else {
            panic!("{call:?}")
        };
        assert_eq!(status.trailers.is_empty(), call.call > 15, "call {}", call.call);
    }
}
