use std::io::{self, Write};
use std::sync::{Arc, Mutex};

use super::*;
use crate::{
    file::{Header, Reader, WriterOptions, verify},
    model::event::{Direction, EventKind, Message},
};

/// Keeps its bytes where a test can see them; fails like a broken disk once it holds `limit` bytes.
#[derive(Debug, Clone)]
struct Disk {
    bytes: Arc<Mutex<Vec<u8>>>,
    limit: usize,
}

impl Write for Disk {
    fn write(&mut self, new: &[u8]) -> io::Result<usize> {
        let mut bytes = self.bytes.lock().unwrap();
        let room = self.limit.saturating_sub(bytes.len());
        if room == 0 {
            return Err(io::Error::from_raw_os_error(5));
        }
        let taken = new.len().min(room);
        bytes.extend_from_slice(&new[..taken]);
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Storage for Disk {}

fn event(seq: u64) -> Event {
    let data: Vec<u8> = (0..3000_u64).map(|at| (seq * at % 251) as u8).collect();
    Event {
        call: 1,
        seq,
        offset_ns: seq * 1_000,
        kind: EventKind::Message(Message::plain(Direction::Received, data)),
    }
}

fn pipeline(preference: CodecPreference, limit: usize) -> (Pipeline<Disk>, Arc<Mutex<Vec<u8>>>) {
    let bytes = Arc::<Mutex<Vec<u8>>>::default();
    let disk = Disk {
        bytes: Arc::clone(&bytes),
        limit,
    };
    let options = WriterOptions {
        chunk_bytes: 10_000,
        ..WriterOptions::default()
    };
    let writer = Writer::new(disk, &Header::new(0), options).unwrap();
    let room = NonZeroUsize::new(3).unwrap();
    let pool = CompressionPool::start().unwrap();
    (Pipeline::new(writer, pool, preference, room), bytes)
}

fn read(bytes: &[u8]) -> Vec<Event> {
    let reader = Reader::new(io::Cursor::new(bytes)).unwrap();
    reader.map_while(Result::ok).collect()
}

#[test]
fn what_went_through_the_press_is_the_same_file_in_the_same_order() {
    let (mut pipeline, bytes) = pipeline(CodecPreference::new(Codec::Zstd(1), []), usize::MAX);
    let events: Vec<_> = (1..=200).map(event).collect();
    for (at, event) in events.iter().enumerate() {
        pipeline.write(event).unwrap();
        if at == 100 {
            pipeline.flush().unwrap();
            assert_eq!(
                read(&bytes.lock().unwrap()),
                events[..=at],
                "a flush makes everything readable"
            );
        }
    }
    let written = pipeline.finish().unwrap();
    let bytes = bytes.lock().unwrap();
    assert_eq!(read(&bytes), events);
    let verified = verify(io::Cursor::new(&bytes[..])).unwrap();
    assert!(verified.is_whole(), "{verified:?}");
    assert_eq!(verified.summary, written.summary);
    assert_eq!(written.cheaper_chunks, 0);
    assert_eq!(
        written.codecs.iter().map(|(_, chunks)| chunks).sum::<u64>(),
        written.summary.chunks
    );
}

#[test]
fn a_queue_that_fills_takes_cheaper_codecs_and_one_that_drains_climbs_back() {
    let (mut pipeline, _) = pipeline(
        CodecPreference::new(Codec::Zstd(3), [Codec::Zstd(1), Codec::Stored]),
        usize::MAX,
    );
    let steps = [
        (Bound::CompressionPool, 0, 2, 0),
        (Bound::CompressionPool, 30, 2, 1),
        (Bound::CompressionPool, 10, 2, 1),
        (Bound::CompressionPool, 70, 2, 2),
        (Bound::Other, 20, 60, 2),
        (Bound::Other, 0, 60, 1),
        (Bound::Other, 0, 60, 0),
        (Bound::CompressionPool, 70, 1, 2),
        // It went down again at once, and now waits twice as long.
        (Bound::Other, 0, 60, 2),
        (Bound::Other, 0, 60, 1),
        (Bound::CompressionPool, 70, 1, 2),
        (Bound::Other, 0, 190, 2),
        // The pool is idle and the queue full: the disk is slow, and fewer bytes help it.
        (Bound::Other, 90, 20, 1),
        (Bound::Other, 0, 210, 0),
        // After a long drained it is as hopeful as in the beginning.
        (Bound::Other, 0, 210, 0),
        (Bound::CompressionPool, 70, 1, 2),
        (Bound::Other, 0, 60, 1),
    ];
    for (number, (bound, percent, millis, step)) in steps.into_iter().enumerate() {
        pipeline.pressure(percent);
        for _ in 0..millis {
            pipeline.now += Duration::from_millis(1);
            pipeline.step(bound);
        }
        assert_eq!(pipeline.codec_at, step, "{number}");
    }
}

#[test]
fn each_chunk_takes_the_codec_of_its_rung_and_is_counted() {
    let (mut pipeline, bytes) = pipeline(
        CodecPreference::new(Codec::Zstd(3), [Codec::Zstd(1), Codec::Stored]),
        usize::MAX,
    );
    let events: Vec<_> = (1..=40).map(event).collect();
    for (at, event) in events.iter().enumerate() {
        pipeline.codec_at = if at < 20 { 0 } else { 2 };
        pipeline.write(event).unwrap();
    }
    let written = pipeline.finish().unwrap();
    assert_eq!(written.codecs, [("zstd", 5), ("stored", 5)]);
    assert_eq!(written.cheaper_chunks, 5);
    assert_eq!(read(&bytes.lock().unwrap()), events);
}

#[test]
fn a_disk_that_breaks_fails_the_sink_and_every_whole_chunk_stays() {
    let limit = 100_000;
    let (mut pipeline, bytes) = pipeline(CodecPreference::new(Codec::Stored, []), limit);
    let events: Vec<_> = (1..=200).map(event).collect();
    let failed = events.iter().find_map(|event| pipeline.write(event).err());
    let error = failed.or_else(|| pipeline.flush().err()).unwrap().to_string();
    assert!(
        error.contains("Input/output error") && error.contains("disk itself failed"),
        "{error}"
    );
    assert!(pipeline.flush().is_err(), "nothing more is taken");
    drop(pipeline);
    let bytes = bytes.lock().unwrap();
    assert_eq!(bytes.len(), limit);
    let kept = read(&bytes);
    assert!(
        kept.len() >= 28 && kept[..] == events[..kept.len()],
        "{} kept",
        kept.len()
    );
}
