use std::io::Cursor;

use super::*;
use crate::{
    file::{
        Codec, Header, Reader, Tail, Verified, Writer, WriterOptions,
        format::{self, PART_HEAD_LEN, Tag},
        record::{Body, IndexBlock},
        recover::{Recovered, recover},
        verify,
    },
    model::event::{Direction, Ending, Event, EventKind, Message},
};

/// Nothing of it must become an event.
const FORGED: &[u8] = b"FORGED";

fn event(seq: u64, data: impl Into<bytes::Bytes>) -> Event {
    Event {
        call: 1,
        seq,
        offset_ns: 1_000_003 * seq,
        kind: EventKind::Message(Message::plain(Direction::Received, data)),
    }
}

/// A capture with a chunk for each event, whose payloads stand in the file as they are; without index and summary when it
/// is left unfinished.
fn written(events: &[Event], finished: bool) -> Vec<u8> {
    let options = WriterOptions {
        chunk_bytes: 1,
        codec: Codec::Stored,
        ..WriterOptions::default()
    };
    let mut writer = Writer::new(Vec::new(), &Header::new(7), options).unwrap();
    for event in events {
        writer.write(event).unwrap();
    }
    let (mut bytes, _) = writer.finish_into().unwrap();
    if !finished {
        let last = places(&bytes, *b"CHNK").last().copied().unwrap();
        bytes.truncate(end_of(&bytes, last));
    }
    bytes
}

/// Where parts with this tag begin, by their own lengths from the first on.
fn places(bytes: &[u8], tag: [u8; 4]) -> Vec<usize> {
    let (mut at, mut found) = (0, Vec::new());
    while at < bytes.len() {
        if bytes[at + 8..at + 12] == tag {
            found.push(at);
        }
        at = end_of(bytes, at);
    }
    found
}

/// Where a part ends, and what is stored behind it.
fn end_of(bytes: &[u8], part: usize) -> usize {
    let len = u32::from_le_bytes(bytes[part + 4..part + 8].try_into().unwrap()) as usize;
    let stored = match &bytes[part + 8..part + 12] {
        b"CHNK" => head(bytes, part).stored_len as usize,
        _ => 0,
    };
    part + 8 + len + stored
}

fn body(bytes: &[u8], part: usize) -> &[u8] {
    let len = u32::from_le_bytes(bytes[part + 4..part + 8].try_into().unwrap()) as usize;
    &bytes[part + PART_HEAD_LEN..part + 4 + len]
}

fn head(bytes: &[u8], part: usize) -> ChunkHead {
    ChunkHead::from_body(body(bytes, part)).unwrap()
}

/// The file with the part that begins at `part` replaced by one with this body and a checksum that holds.
fn sealed<T: Body>(bytes: &[u8], part: usize, tag: Tag, value: &T) -> Vec<u8> {
    let len = u32::from_le_bytes(bytes[part + 4..part + 8].try_into().unwrap()) as usize;
    let new = format::encode_part(tag, &value.to_body().unwrap());
    [&bytes[..part], &new, &bytes[part + 8 + len..]].concat()
}

/// Chunks with every number and event that may be due, an index block, and a whole capture: all with good checksums.
fn payload() -> Vec<u8> {
    let small = written(&[event(1, FORGED)], true);
    let part = places(&small, *b"CHNK")[0];
    let (stored, whole) = (
        &small[part + 8 + 4 + body(&small, part).len() + 4..end_of(&small, part)],
        &small,
    );
    let mut payload = whole.clone();
    for number in 0..12 {
        for first_event in [number, number + 1] {
            let head = ChunkHead {
                number,
                first_event,
                ..head(&small, part)
            };
            payload.extend(format::encode_part(Tag::Chunk, &head.to_body().unwrap()));
            payload.extend(stored);
        }
    }
    payload.extend(whole);
    payload
}

/// Ten events, of which the fifth holds parts.
fn hosted() -> Vec<Event> {
    let data = |seq: u64| if seq == 5 { payload() } else { vec![seq as u8; 40] };
    (1..=10).map(|seq| event(seq, data(seq))).collect()
}

fn recovered(bytes: &[u8]) -> (Vec<Event>, Recovered) {
    let mut saved = Vec::new();
    let shared = std::sync::Arc::new(std::sync::Mutex::new(Vec::new()));
    let result = recover(Cursor::new(bytes), |header| {
        Writer::new(Shared(std::sync::Arc::clone(&shared)), header, WriterOptions::default())
    });
    let result = result.unwrap();
    let file = shared.lock().unwrap().clone();
    for event in Reader::new(Cursor::new(file)).unwrap() {
        saved.push(event.unwrap());
    }
    (saved, result)
}

struct Shared(std::sync::Arc<std::sync::Mutex<Vec<u8>>>);

impl std::io::Write for Shared {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl crate::file::Storage for Shared {
    fn sync(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Recovers, and gives the numbers of the events that were saved; panics when one was never written as an event.
#[track_caller]
fn saved(bytes: &[u8], events: &[Event]) -> Vec<u64> {
    let (saved, _) = recovered(bytes);
    let mut numbers = Vec::new();
    for event in saved {
        let ours = match &event.kind {
            EventKind::Gap(_) | EventKind::Note(_) => true,
            EventKind::End(Ending::Broken(broken)) => broken.error.contains("cut off"),
            _ => false,
        };
        if !ours {
            assert!(events.contains(&event), "never written: {event:?}");
            numbers.push(event.seq);
        }
    }
    let verified = verify(Cursor::new(bytes)).unwrap();
    assert_eq!(verified.summary.events, numbers.len() as u64);
    numbers
}

fn all_but(lost: &[u64], last: u64) -> Vec<u64> {
    (1..=last).filter(|seq| !lost.contains(seq)).collect()
}

#[test]
fn a_payload_of_parts_is_a_payload() {
    let events = hosted();
    for finished in [true, false] {
        let bytes = written(&events, finished);
        assert_eq!(saved(&bytes, &events), all_but(&[], 10));
    }
}

#[test]
fn nothing_in_the_payload_of_a_torn_chunk_becomes_an_event() {
    let events = hosted();
    let bytes = written(&events, true);
    let part = places(&bytes, *b"CHNK")[4];
    for cut in (part..end_of(&bytes, part))
        .step_by(11)
        .chain([end_of(&bytes, part) - 1])
    {
        assert_eq!(saved(&bytes[..cut], &events), [1, 2, 3, 4], "cut at {cut}");
        let mut reader = Reader::new(Cursor::new(&bytes[..cut])).unwrap();
        let mut read = 0;
        while let Some(event) = reader.next_event().unwrap_or(None) {
            assert_eq!(event, events[read]);
            read += 1;
        }
        assert_eq!(read, 4);
        assert!(!matches!(reader.tail(), Tail::Finished(_)), "cut at {cut}");
    }
}

#[test]
fn nothing_in_the_payload_of_a_chunk_whose_head_is_damaged_becomes_an_event() {
    let events = hosted();
    for finished in [true, false] {
        let bytes = written(&events, finished);
        let part = places(&bytes, *b"CHNK")[4];
        let stored = part + PART_HEAD_LEN + body(&bytes, part).len() + 4;
        // One byte of it: what its lengths tell is enough.
        for byte in part..stored {
            let mut bad = bytes.clone();
            bad[byte] ^= 0x41;
            assert_eq!(
                saved(&bad, &events),
                all_but(&[5], 10),
                "byte {byte}, finished: {finished}"
            );
            for cut in (stored..end_of(&bytes, part)).step_by(997) {
                assert_eq!(saved(&bad[..cut], &events), [1, 2, 3, 4], "byte {byte}, cut at {cut}");
            }
        }
        // All of it: only the index knows.
        let mut bad = bytes.clone();
        bad[part..stored].fill(0);
        let left = if finished { all_but(&[5], 10) } else { vec![1, 2, 3, 4] };
        assert_eq!(saved(&bad, &events), left);
        // And the head of the next one.
        let next = end_of(&bytes, part);
        bad[next..next + 60].fill(0);
        let left = if finished {
            all_but(&[5, 6], 10)
        } else {
            vec![1, 2, 3, 4]
        };
        assert_eq!(saved(&bad, &events), left);
    }
}

#[test]
fn a_later_index_block_tells_where_chunks_of_an_unfinished_capture_begin() {
    let data = |seq: u64| if seq == 100 { payload() } else { vec![seq as u8; 20] };
    let events: Vec<_> = (1..=300).map(|seq| event(seq, data(seq))).collect();
    let bytes = written(&events, false);
    let chunks = places(&bytes, *b"CHNK");
    let wipe = |bytes: &mut Vec<u8>, seq: usize| bytes[chunks[seq - 1]..][..120].fill(0);
    let mut bad = bytes.clone();
    wipe(&mut bad, 100);
    assert_eq!(saved(&bad, &events), all_but(&[100], 300));
    wipe(&mut bad, 200);
    assert_eq!(saved(&bad, &events), all_but(&[100, 200], 300));
    // The index block itself: what it holds is known from the chunks before it.
    let index = places(&bytes, *b"INDX")[0];
    let mut bad = bytes.clone();
    bad[index..index + 500].fill(0);
    assert_eq!(saved(&bad, &events), all_but(&[], 300));
    // No index block follows: nothing proves anything.
    let mut bad = bytes.clone();
    wipe(&mut bad, 290);
    assert_eq!(saved(&bad, &events), all_but(&[], 289));
    let said = verify(Cursor::new(&bad)).unwrap();
    assert!(said.damage[0].what.contains("nothing proves"), "{:?}", said.damage);
}

#[test]
fn where_bytes_are_missing_or_too_many_the_chunks_that_the_index_lists_are_found() {
    let events = hosted();
    let bytes = written(&events, true);
    let chunks = places(&bytes, *b"CHNK");
    let within = |chunk: usize| chunks[chunk] + (end_of(&bytes, chunks[chunk]) - chunks[chunk]) * 9 / 10;
    for chunk in [3, 4, 8, 9] {
        // From a few bytes of one chunk to the beginning of the next.
        for (missing, lost) in [(9, 1), (15, 1), (end_of(&bytes, chunks[chunk]) - within(chunk) + 30, 2)] {
            let at = within(chunk);
            let less = [&bytes[..at], &bytes[at + missing..]].concat();
            let lost: Vec<_> = (0..lost).map(|more| (chunk + 1 + more) as u64).collect();
            assert_eq!(
                saved(&less, &events),
                all_but(&lost, 10),
                "{missing} bytes of chunk {chunk} are missing"
            );
            let more = [&bytes[..at], &vec![7; missing], &bytes[at..]].concat();
            assert_eq!(
                saved(&more, &events),
                all_but(&lost[..1], 10),
                "{missing} bytes too many in chunk {chunk}"
            );
        }
    }
}

#[test]
fn a_chunk_that_comes_again_is_no_chunk() {
    let events = hosted();
    let bytes = written(&events, false);
    let chunks = places(&bytes, *b"CHNK");
    let again = [&bytes[..chunks[3]], &bytes[chunks[1]..chunks[2]], &bytes[chunks[3]..]].concat();
    let numbers = saved(&again, &events);
    assert!(numbers.windows(2).all(|pair| pair[0] < pair[1]), "{numbers:?}");
    assert!(!verify(Cursor::new(&again)).unwrap().damage.is_empty());
}

#[track_caller]
fn is_damaged(bytes: &[u8], byte: usize, what: &str) -> Verified {
    let verified = verify(Cursor::new(bytes)).unwrap();
    assert!(!verified.is_whole(), "{what} passes as whole");
    assert!(
        verified.damage.iter().any(|damage| damage.byte == byte as u64),
        "{what}: {:?}",
        verified.damage
    );
    verified
}

#[test]
fn a_chunk_head_that_contradicts_its_events_is_damage() {
    let bytes = written(&hosted(), true);
    let part = places(&bytes, *b"CHNK")[2];
    type Change = (&'static str, fn(&mut ChunkHead));
    let changes: [Change; 13] = [
        ("number", |head| head.number += 1),
        ("largest number", |head| head.number = u64::MAX),
        ("first event", |head| head.first_event = u64::MAX),
        ("events", |head| head.events += 1),
        ("smallest offset", |head| head.min_offset_ns -= 1),
        ("largest offset", |head| head.max_offset_ns += 1),
        ("control", |head| head.control = true),
        ("received", |head| head.calls[0].received += 1),
        ("call", |head| head.calls[0].call += 1),
        ("no call", |head| head.calls.clear()),
        ("raw length", |head| head.raw_len += 1),
        ("codec", |head| head.codec = 1 << 7),
        ("digest", |head| head.sha256[0] ^= 1),
    ];
    for (what, change) in changes {
        let mut head = head(&bytes, part);
        change(&mut head);
        let mut bad = sealed(&bytes, part, Tag::Chunk, &head);
        if bad.len() != bytes.len() {
            // What follows moved: only the chunk itself is of interest.
            bad.truncate(end_of(&bad, part));
        }
        is_damaged(&bad, part, what);
        // Reading stops there, and no arithmetic on it panics.
        let mut reader = Reader::new(Cursor::new(&bad)).unwrap();
        while let Ok(Some(_)) = reader.next_event() {}
        // The digests of chunks are for `verify`, and for whoever names the capture by its digest.
        let checked = what != "digest";
        assert_eq!(reader.tail() == Tail::Damaged, checked, "{what}");
        let _ = reader.overview();
        let _ = recovered(&bad);
    }
}

#[test]
fn an_index_block_or_summary_that_contradicts_the_chunks_is_damage() {
    let bytes = written(&hosted(), true);
    let part = places(&bytes, *b"INDX")[0];
    type Change = (&'static str, fn(&mut IndexBlock));
    let changes: [Change; 9] = [
        ("previous", |block| block.previous = 32),
        ("byte", |block| block.entries[1].byte += 1),
        ("number", |block| block.entries[1].number += 1),
        ("first event", |block| block.entries[1].first_event += 1),
        ("smallest offset", |block| block.entries[1].min_offset_ns += 1),
        ("largest offset", |block| block.entries[1].max_offset_ns += 1),
        ("control", |block| block.entries[1].control = true),
        ("calls", |block| block.entries[1].calls[0] = 9),
        ("order", |block| block.entries.swap(1, 2)),
    ];
    for (what, change) in changes {
        let mut block = IndexBlock::from_body(body(&bytes, part)).unwrap();
        change(&mut block);
        let bad = sealed(&bytes, part, Tag::Index, &block);
        is_damaged(&bad, part, what);
        let mut reader = Reader::new(Cursor::new(&bad)).unwrap();
        while let Ok(Some(_)) = reader.next_event() {}
        assert_eq!(reader.tail(), Tail::Damaged, "{what}");
    }
    let mut block = IndexBlock::from_body(body(&bytes, part)).unwrap();
    block.entries[1].calls.clear();
    let any_call = sealed(&bytes, part, Tag::Index, &block);
    let part = places(&any_call, *b"DONE")[0];
    assert!(
        verify(Cursor::new(&any_call)).unwrap().is_whole(),
        "an entry without calls stands for any"
    );
    type Alter = (&'static str, fn(&mut Done));
    let changes: [Alter; 12] = [
        ("last index", |done| done.last_index += 1),
        ("chunks", |done| done.chunks += 1),
        ("events", |done| done.events += 1),
        ("calls", |done| done.calls += 1),
        ("messages", |done| done.messages += 1),
        ("message bytes", |done| done.message_bytes += 1),
        ("sent messages", |done| done.sent_messages += 1),
        ("sent bytes", |done| done.sent_bytes += 1),
        ("gaps", |done| done.gaps += 1),
        ("raw bytes", |done| done.raw_bytes += 1),
        ("last offset", |done| done.last_offset_ns += 1),
        ("digest", |done| done.sha256[0] ^= 1),
    ];
    for (what, change) in changes {
        let mut done = Done::from_body(body(&any_call, part)).unwrap();
        change(&mut done);
        is_damaged(&sealed(&any_call, part, Tag::Done, &done), part, what);
    }
}

#[test]
fn a_digest_that_is_not_that_of_the_events_ends_a_checked_reading() {
    let bytes = written(&hosted(), true);
    let part = places(&bytes, *b"DONE")[0];
    let mut done = Done::from_body(body(&bytes, part)).unwrap();
    done.sha256[0] ^= 1;
    for (bytes, right) in [(bytes.clone(), true), (sealed(&bytes, part, Tag::Done, &done), false)] {
        for threads in [0, 2] {
            let mut reader = Reader::new(Cursor::new(&bytes)).unwrap().parallel(threads).unwrap();
            reader.rewind_checked();
            let mut read = 0;
            let end = loop {
                match reader.next_event() {
                    Ok(Some(_)) => read += 1,
                    Ok(None) => break None,
                    Err(error) => break Some(error.to_string()),
                }
            };
            assert_eq!((read, end.is_none()), (10, right), "{end:?}");
        }
    }
}

#[test]
fn a_chunk_with_the_digest_of_another_does_not_take_its_place_in_a_shared_cache() {
    let (ours, theirs) = (written(&[event(1, "ours")], true), written(&[event(1, FORGED)], true));
    let part = places(&theirs, *b"CHNK")[0];
    let mut claimed = head(&theirs, part);
    let honest = head(&ours, places(&ours, *b"CHNK")[0]);
    // One length, so that nothing else tells them apart.
    assert_ne!(claimed.sha256, honest.sha256);
    (claimed.sha256, claimed.raw_len) = (honest.sha256, claimed.raw_len);
    let bad = sealed(&theirs, part, Tag::Chunk, &claimed);
    let cache = std::sync::Arc::new(crate::file::ChunkCache::new(1 << 20));
    let read = |bytes: &[u8]| {
        let reader = Reader::new(Cursor::new(bytes.to_vec())).unwrap();
        let mut reader = reader.sharing(std::sync::Arc::clone(&cache));
        reader.next_event()
    };
    assert!(read(&bad).is_err(), "its content is not that of the digest");
    assert_eq!(read(&ours).unwrap(), Some(event(1, "ours")));
}

#[test]
fn damage_among_candidates_that_claim_everything_costs_one_pass() {
    // A payload of a million bytes that is all candidates; the chunk's head is damaged, and there is no index.
    let mut candidate = format::encode_part(Tag::Chunk, &ChunkHead::default().to_body().unwrap());
    candidate.truncate(57);
    let calls: u64 = 60_000;
    candidate[49..57].copy_from_slice(&calls.to_le_bytes());
    candidate[4..8].copy_from_slice(&(98 + 12 * calls as u32 + 8).to_le_bytes());
    let events = [event(1, "a"), event(2, candidate.repeat(20_000)), event(3, "c")];
    let mut bytes = written(&events, false);
    let part = places(&bytes, *b"CHNK")[1];
    bytes[part..part + 120].fill(0);
    assert_eq!(saved(&bytes, &events), [1]);
    // Torn within the head: a search for anything that is good.
    assert!(
        Reader::new(Cursor::new(&bytes))
            .unwrap()
            .scanner()
            .any_part_from(part as u64)
            .unwrap()
    );
}
