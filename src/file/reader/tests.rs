use std::io::{self, Cursor, Read, Seek, SeekFrom};

use super::*;
use crate::{
    file::{Writer, WriterOptions},
    model::event::{Direction, EventKind, Message},
};

/// A file that shows only its beginning, until a reader has come to the end of that and looks elsewhere.
struct Growing {
    file: Cursor<Vec<u8>>,
    visible: u64,
    at_end: bool,
}

impl Growing {
    fn grow(&mut self) {
        if self.at_end {
            self.visible = self.file.get_ref().len() as u64;
        }
    }
}

impl Read for Growing {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        self.grow();
        let left = self.visible.saturating_sub(self.file.position());
        let read = self.file.by_ref().take(left).read(into)?;
        self.at_end |= read == 0 && !into.is_empty();
        Ok(read)
    }
}

impl Seek for Growing {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.grow();
        match to {
            SeekFrom::End(_) => Ok(self.visible),
            to => self.file.seek(to),
        }
    }
}

#[test]
fn a_chunk_that_is_completed_while_it_is_read_is_no_damage() {
    let options = WriterOptions {
        chunk_bytes: 1,
        ..WriterOptions::default()
    };
    let mut writer = Writer::new(Vec::new(), &Header::new(0), options).unwrap();
    let start = writer.stored_bytes();
    for seq in 1..=4 {
        let message = Message::plain(Direction::Received, vec![seq as u8; 100]);
        let kind = EventKind::Message(message);
        writer
            .write(&Event {
                call: 1,
                seq,
                offset_ns: seq,
                kind,
            })
            .unwrap();
    }
    let (bytes, summary) = writer.finish_into().unwrap();
    for visible in start..bytes.len() as u64 {
        let growing = Growing {
            file: Cursor::new(bytes.clone()),
            visible,
            at_end: false,
        };
        let mut reader = Reader::new(growing).unwrap();
        let mut seqs = Vec::new();
        // A reader that comes to the end for now is asked again, as `--follow` does.
        while !matches!(reader.tail(), Tail::Finished(_)) {
            while let Some(event) = reader
                .next_event()
                .unwrap_or_else(|error| panic!("{visible} bytes: {error}"))
            {
                seqs.push(event.seq);
            }
        }
        assert_eq!(seqs.len() as u64, summary.events, "{visible} bytes visible at first");
    }
}

/// Two calls that take turns, in many chunks, some of which hold only one of them.
fn two_calls() -> (Vec<u8>, Vec<Event>) {
    let options = WriterOptions {
        chunk_bytes: 300,
        ..WriterOptions::default()
    };
    let event = |seq: u64| Event {
        call: 1 + u32::from(seq / 20 % 2 == 1),
        seq,
        offset_ns: seq * 10,
        kind: EventKind::Message(Message::plain(Direction::Received, vec![seq as u8; 80])),
    };
    let events: Vec<_> = (0..400).map(event).collect();
    let mut writer = Writer::new(Vec::new(), &Header::new(0), options).unwrap();
    for event in &events {
        writer.write(event).unwrap();
    }
    (writer.finish_into().unwrap().0, events)
}

#[test]
fn chunks_that_are_opened_elsewhere_come_in_the_order_of_the_file_and_with_the_same_errors() {
    let (bytes, events) = two_calls();
    for threads in [1, 3] {
        let mut reader = Reader::new(Cursor::new(&bytes)).unwrap().parallel(threads).unwrap();
        assert_eq!(reader.by_ref().map(Result::unwrap).collect::<Vec<_>>(), events);
        assert!(matches!(reader.tail(), Tail::Finished(_)));
        for offset in [0, 1_995, 3_999, 500] {
            reader.seek(offset).unwrap();
            let expected = events.iter().find(|event| event.offset_ns >= offset);
            assert_eq!(reader.next_event().unwrap().as_ref(), expected, "offset {offset}");
        }
    }
    for place in (0..bytes.len()).step_by(97) {
        let mut bad = bytes.clone();
        bad[place] ^= 0x10;
        let read = |threads| {
            let mut read = Vec::new();
            let reader = Reader::new(Cursor::new(&bad)).and_then(|reader| reader.parallel(threads));
            match reader {
                Err(error) => read.push(Err(error.to_string())),
                Ok(reader) => read.extend(reader.map(|event| event.map_err(|error| error.to_string()))),
            }
            read
        };
        assert_eq!(read(2), read(0), "byte {place}");
    }
}

#[test]
fn the_digest_of_all_events_is_checked_alike_wherever_chunks_are_opened() {
    let (bytes, events) = two_calls();
    for place in (0..bytes.len()).step_by(101) {
        let mut bad = bytes.clone();
        bad[place] ^= 0x10;
        let read = |threads| {
            let mut reader = Reader::new(Cursor::new(&bad)).ok()?.parallel(threads).unwrap();
            reader.rewind_checked();
            Some(
                reader
                    .map(|event| event.map_err(|error| error.to_string()))
                    .collect::<Vec<_>>(),
            )
        };
        assert_eq!(read(2), read(0), "byte {place}");
    }
    let mut reader = Reader::new(Cursor::new(&bytes)).unwrap().parallel(2).unwrap();
    reader.rewind_checked();
    assert!(reader.map(Result::unwrap).eq(events));
}

/// What a watch was told: places, and the ends of passes.
#[derive(Debug, Default)]
struct Told(std::sync::Mutex<Vec<Option<(u64, u64)>>>);

impl ReadWatch for Told {
    fn at(&self, byte: u64, len: u64) {
        self.0.lock().unwrap().push(Some((byte, len)));
    }

    fn done(&self) {
        self.0.lock().unwrap().push(None);
    }
}

#[test]
fn a_watch_is_told_of_every_pass_to_its_end() {
    let (bytes, _) = two_calls();
    for threads in [0, 2] {
        let told = std::sync::Arc::new(Told::default());
        let reader = Reader::new(Cursor::new(&bytes)).unwrap().parallel(threads).unwrap();
        let mut reader = reader.watched(Some(std::sync::Arc::clone(&told) as _)).unwrap();
        let mut pass = || {
            reader.rewind();
            assert!(reader.by_ref().all(|event| event.is_ok()));
            std::mem::take(&mut *told.0.lock().unwrap())
        };
        for _ in 0..2 {
            let mut told = pass();
            assert_eq!(told.pop(), Some(None), "the end");
            let places: Vec<_> = told.into_iter().map(Option::unwrap).collect();
            assert!(places.len() > 2 && places.is_sorted());
            assert!(
                places
                    .iter()
                    .all(|(byte, len)| byte <= len && *len == bytes.len() as u64)
            );
        }
    }
    let (mut bad, told) = (bytes.clone(), std::sync::Arc::new(Told::default()));
    let middle = bad.len() / 2;
    bad[middle] ^= 1;
    let reader = Reader::new(Cursor::new(&bad)).unwrap();
    let mut reader = reader.watched(Some(std::sync::Arc::clone(&told) as _)).unwrap();
    assert!(reader.by_ref().any(|event| event.is_err()));
    assert_eq!(told.0.lock().unwrap().last(), Some(&None));
}

#[test]
fn a_growing_file_is_read_on_with_chunks_opened_elsewhere() {
    let (bytes, events) = two_calls();
    let growing = Growing {
        file: Cursor::new(bytes.clone()),
        visible: bytes.len() as u64 / 2 + 3,
        at_end: false,
    };
    let mut reader = Reader::new(growing).unwrap().parallel(2).unwrap();
    let mut read = Vec::new();
    while !matches!(reader.tail(), Tail::Finished(_)) {
        while let Some(event) = reader.next_event().unwrap() {
            read.push(event);
        }
    }
    assert_eq!(read, events);
}

#[test]
fn the_chunks_of_other_calls_are_passed_over_unread() {
    let (mut bytes, events) = two_calls();
    for threads in [0, 2] {
        for calls in [vec![1], vec![2], vec![2, 1], vec![7]] {
            let mut reader = Reader::new(Cursor::new(&bytes)).unwrap().parallel(threads).unwrap();
            reader.only_calls(calls.iter().copied());
            let read: Vec<_> = reader.by_ref().map(Result::unwrap).collect();
            let expected = events.iter().filter(|event| calls.contains(&event.call));
            assert!(read.iter().eq(expected), "calls {calls:?}");
            assert!(matches!(reader.tail(), Tail::Finished(_)));
        }
    }
    // From the middle on.
    let middle = events[events.len() / 2].offset_ns;
    let mut reader = Reader::new(Cursor::new(&bytes)).unwrap();
    reader.only_calls([2]);
    reader.seek(middle).unwrap();
    let expected = events
        .iter()
        .filter(|event| event.call == 2 && event.offset_ns >= middle);
    assert!(reader.map(Result::unwrap).eq(expected.cloned()));
    // The first chunk holds call 1 alone, and its stored bytes are damaged, or all of it: call 2 does not notice.
    let mut scanner = Scanner::new(Cursor::new(&bytes));
    let damaged = loop {
        if let Step {
            found: Found::Chunk(..),
            ..
        } = scanner.step(Content::Skip).unwrap()
        {
            break scanner.at() as usize - 1;
        }
    };
    let begins = Reader::new(Cursor::new(&bytes)).unwrap().first_part as usize;
    bytes[damaged] ^= 1;
    bytes[begins..begins + 40].fill(0);
    let mut reader = Reader::new(Cursor::new(&bytes)).unwrap();
    reader.only_calls([2]);
    assert_eq!(reader.map(Result::unwrap).count(), 200);
    assert!(Reader::new(Cursor::new(&bytes)).unwrap().next_event().is_err());
}
