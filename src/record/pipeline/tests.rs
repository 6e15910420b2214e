use std::io::{self, Write};
use std::sync::{Arc, Mutex};

mod machine;

use super::*;
use crate::{
    file::{Codec, Header, Reader, WriterOptions, verify},
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

fn pipeline(codecs: CodecPreference, limit: usize) -> (Pipeline<Disk>, Arc<Mutex<Vec<u8>>>) {
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
    (Pipeline::new(writer, pool, codecs, room), bytes)
}

fn read(bytes: &[u8]) -> Vec<Event> {
    let reader = Reader::new(io::Cursor::new(bytes)).unwrap();
    reader.map_while(Result::ok).collect()
}

#[test]
fn what_went_through_the_pool_is_the_same_file_in_the_same_order() {
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

/// Seals at once, and counts the bytes of the chunks that were not taken back.
#[derive(Debug, Clone, Default)]
struct Counting(Arc<Mutex<(usize, usize)>>);

#[derive(Debug)]
struct Counted {
    held: Arc<Mutex<(usize, usize)>>,
    bytes: usize,
    piece: ChunkBuffers,
}

impl Compression for Counting {
    type Pending = Counted;

    fn seal(&self, mut piece: ChunkBuffers, _: Codec) -> Counted {
        let bytes = piece.chunk.raw_len();
        crate::file::Sealer::default()
            .seal(&mut piece.chunk, Codec::Stored, &mut piece.sealed)
            .unwrap();
        let mut held = self.0.lock().unwrap();
        held.0 += bytes;
        held.1 = held.1.max(held.0);
        let held = Arc::clone(&self.0);
        Counted { held, bytes, piece }
    }
}

impl crate::record::compression::Pending for Counted {
    fn ready(&self) -> Option<Result<ChunkBuffers, FileError>> {
        None
    }

    fn wait(self) -> Result<ChunkBuffers, FileError> {
        self.held.lock().unwrap().0 -= self.bytes;
        Ok(self.piece)
    }
}

#[test]
fn large_messages_are_compressed_two_at_a_time_whatever_the_room() {
    let writer = Writer::new(Vec::new(), &Header::new(0), WriterOptions::default()).unwrap();
    let counting = Counting::default();
    let room = NonZeroUsize::new(8).unwrap();
    let codecs = CodecPreference::new(Codec::Stored, []);
    let timer = Box::new(SystemTimer);
    let mut pipeline = Pipeline::timed(writer, counting.clone(), codecs, room, timer);
    for seq in 1..=5 {
        let message = Message::plain(Direction::Received, vec![seq as u8; 15_000_000]);
        let kind = EventKind::Message(message);
        let event = Event {
            call: 1,
            seq,
            offset_ns: seq,
            kind,
        };
        Sink::write(&mut pipeline, &event).unwrap();
    }
    // One that is larger than the limit goes alone.
    let kind = EventKind::Message(Message::plain(Direction::Received, vec![6; MOST_UNDER_WAY + 1]));
    let event = Event {
        call: 1,
        seq: 6,
        offset_ns: 6,
        kind,
    };
    Sink::write(&mut pipeline, &event).unwrap();
    let written = pipeline.finish().unwrap();
    assert_eq!(written.summary.messages, 6);
    let (held, most) = *counting.0.lock().unwrap();
    assert_eq!(held, 0);
    assert!((30_000_000..=MOST_UNDER_WAY + 100).contains(&most), "{most}");
}
