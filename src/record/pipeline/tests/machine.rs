//! A machine of the test's own, in which nothing takes time but compression and the disk, and they as much as it says.

use std::{
    io::{self, Write},
    num::NonZeroUsize,
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use super::super::*;
use crate::{
    file::{Codec, Header, Reader, Sealer, WriterOptions, verify},
    model::event::{Event, EventKind},
    record::{compression::Pending, timer::Moment},
};

/// Bytes per second.
const MB: f64 = 1e6;

/// What one thread compresses of the recording in a second, measured on two cores, and what is left for it.
const SPEEDS: [(Codec, f64); 3] = [
    (Codec::Float, 300.0 * MB),
    (Codec::FloatFast, 700.0 * MB),
    (Codec::Stored, 1400.0 * MB),
];

#[derive(Debug, Clone)]
struct Machine(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    now: Duration,
    /// Bytes that the disk takes in a second.
    disk: f64,
    /// How many times slower than it is compression has become.
    slower: f64,
    /// When each thread of the pool is free.
    threads: Vec<Duration>,
    /// The codec of each chunk.
    codecs: Vec<Codec>,
    written: Vec<u8>,
}

impl Machine {
    /// With two cores.
    fn new(disk: f64) -> Self {
        Self(Arc::new(Mutex::new(State {
            now: Duration::ZERO,
            disk,
            slower: 1.0,
            threads: vec![Duration::ZERO; 2],
            codecs: Vec::new(),
            written: Vec::new(),
        })))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }

    fn pipeline(&self) -> Pipeline<Self, Self> {
        let options = WriterOptions {
            chunk_bytes: 64 << 10,
            ..WriterOptions::default()
        };
        let writer = Writer::new(self.clone(), &Header::new(0), options).unwrap();
        let room = NonZeroUsize::new(4).unwrap();
        Pipeline::timed(
            writer,
            self.clone(),
            CodecPreference::default(),
            room,
            Box::new(self.clone()),
        )
    }

    /// The chunks from the one of this number on that took this codec, as a share of all.
    fn share(&self, from: usize, codec: Codec) -> f64 {
        let state = self.state();
        let chunks = &state.codecs[from..];
        chunks.iter().filter(|taken| **taken == codec).count() as f64 / chunks.len() as f64
    }
}

impl Timer for Machine {
    fn now(&self) -> Moment {
        Moment {
            at: self.state().now,
            cpu: Duration::ZERO,
        }
    }

    fn starved(&self) -> Option<Duration> {
        Some(Duration::ZERO)
    }
}

impl Write for Machine {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut state = self.state();
        let takes = bytes.len() as f64 / state.disk;
        state.now += Duration::from_secs_f64(takes);
        state.written.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Storage for Machine {}

/// A chunk, and when it is compressed.
#[derive(Debug)]
struct Compressed {
    machine: Machine,
    at: Duration,
    piece: Mutex<Option<ChunkBuffers>>,
}

impl Compression for Machine {
    type Pending = Compressed;

    fn seal(&self, mut piece: ChunkBuffers, codec: Codec) -> Compressed {
        let raw = piece.chunk.raw_len() as f64;
        Sealer::default()
            .seal(&mut piece.chunk, codec, &mut piece.sealed)
            .unwrap();
        let mut state = self.state();
        state.codecs.push(codec);
        let speed = SPEEDS.iter().find(|(known, _)| *known == codec).unwrap().1;
        let takes = Duration::from_secs_f64(raw * state.slower / speed);
        let now = state.now;
        let thread = state.threads.iter_mut().min().unwrap();
        *thread = now.max(*thread) + takes;
        Compressed {
            machine: self.clone(),
            at: *thread,
            piece: Mutex::new(Some(piece)),
        }
    }
}

impl Pending for Compressed {
    fn ready(&self) -> Option<Result<ChunkBuffers, FileError>> {
        let is_done = self.machine.state().now >= self.at;
        is_done.then(|| Ok(self.piece.lock().unwrap().take().unwrap()))
    }

    fn wait(self) -> Result<ChunkBuffers, FileError> {
        let mut state = self.machine.state();
        state.now = state.now.max(self.at);
        drop(state);
        Ok(self.piece.into_inner().unwrap().unwrap())
    }
}

/// The messages of a real recording.
fn messages() -> Vec<Event> {
    let events = Reader::open("captures/optodas-quake.gcap").unwrap().map(Result::unwrap);
    events
        .filter(|event| matches!(event.kind, EventKind::Message(_)))
        .collect()
}

/// Writes the messages so many times over, as fast as they are taken: the queue is full. Answers with their bytes.
fn write(pipeline: &mut Pipeline<Machine, Machine>, messages: &[Event], times: usize) -> f64 {
    pipeline.pressure(100);
    let mut bytes = 0;
    for event in messages.iter().cycle().take(times * messages.len()) {
        pipeline.write(event).unwrap();
        if let EventKind::Message(message) = &event.kind {
            bytes += message.data.len();
        }
    }
    bytes as f64
}

#[test]
fn a_slow_disk_is_given_the_better_codec_and_the_stream_is_faster_than_the_disk() {
    let messages = messages();
    for (disk, least) in [(100.0, 1.35), (200.0, 1.35), (400.0, 1.2)] {
        let machine = Machine::new(disk * MB);
        let mut pipeline = machine.pipeline();
        let bytes = write(&mut pipeline, &messages, 6);
        let written = pipeline.finish().unwrap();
        let rate = bytes / machine.state().now.as_secs_f64() / (disk * MB);
        let stored = machine.share(0, Codec::Stored);
        assert!(rate >= least && stored <= 0.1, "{disk}: {rate}, {stored} stored");
        let waited = written.waited;
        assert!(waited.writing > waited.compression * 2, "{disk}: {waited:?}");
        assert!(
            waited.writing.as_secs_f64() > 0.8 * machine.state().now.as_secs_f64(),
            "{disk}"
        );
    }
}

#[test]
fn slow_compression_is_spared_and_the_stream_is_faster_than_the_better_codec() {
    let messages = messages();
    let machine = Machine::new(5000.0 * MB);
    machine.state().slower = 5.0;
    let mut pipeline = machine.pipeline();
    let bytes = write(&mut pipeline, &messages, 6);
    let written = pipeline.finish().unwrap();
    // Two threads make 120 MB/s with the wanted codec, and 560 with the cheapest.
    let rate = bytes / machine.state().now.as_secs_f64() / MB;
    assert!(rate > 400.0, "{rate}");
    assert!(machine.share(100, Codec::Stored) > 0.9);
    let codecs = machine.state().codecs.clone();
    let cheaper = codecs.iter().filter(|codec| **codec != Codec::Float).count();
    assert_eq!(
        (written.cheaper_chunks, written.summary.chunks),
        (cheaper as u64, codecs.len() as u64)
    );
    assert!(
        written.waited.compression > written.waited.writing * 2,
        "{:?}",
        written.waited
    );
}

#[test]
fn when_the_bottleneck_moves_the_codec_follows() {
    let messages = messages();
    let machine = Machine::new(100.0 * MB);
    let mut pipeline = machine.pipeline();
    for (disk, slower, codec) in [
        (100.0, 1.0, Codec::Float),
        (5000.0, 5.0, Codec::Stored),
        (100.0, 1.0, Codec::Float),
        // Both are slow, and the cheapest codec would be the slowest.
        (100.0, 5.0, Codec::Float),
    ] {
        let mut state = machine.state();
        (state.disk, state.slower) = (disk * MB, slower);
        drop(state);
        write(&mut pipeline, &messages, 4);
        let from = machine.state().codecs.len();
        write(&mut pipeline, &messages, 2);
        let shares = SPEEDS.map(|(codec, _)| machine.share(from, codec));
        assert!(
            machine.share(from, codec) >= shares.into_iter().fold(0.0, f64::max),
            "{disk}, {slower}: {shares:?}"
        );
        if codec != Codec::Stored {
            assert!(
                machine.share(from, Codec::Stored) <= 0.1,
                "{disk}, {slower}: {shares:?}"
            );
        }
    }
    let written = pipeline.finish().unwrap();
    let verified = verify(io::Cursor::new(&machine.state().written[..])).unwrap();
    assert!(
        verified.is_whole() && verified.summary == written.summary,
        "each chunk names its codec"
    );
}

#[test]
fn once_the_queue_has_drained_the_wanted_codec_is_back() {
    let messages = messages();
    let machine = Machine::new(5000.0 * MB);
    machine.state().slower = 5.0;
    let mut pipeline = machine.pipeline();
    write(&mut pipeline, &messages, 2);
    assert_eq!(machine.state().codecs.last(), Some(&Codec::Stored));
    pipeline.pressure(0);
    let waited = pipeline.choice.waited();
    for event in messages.iter().cycle().take(2 * messages.len()) {
        machine.state().now += Duration::from_millis(10);
        pipeline.write(event).unwrap();
    }
    assert_eq!(machine.state().codecs.last(), Some(&Codec::Float));
    assert_eq!(pipeline.choice.waited(), waited, "nothing waits");
}

#[test]
fn a_queue_that_only_fills_a_little_never_takes_the_cheapest_codec() {
    let messages = messages();
    let machine = Machine::new(5000.0 * MB);
    machine.state().slower = 5.0;
    let mut pipeline = machine.pipeline();
    for (percent, cheapest) in [(14, Codec::Float), (34, Codec::FloatFast), (35, Codec::Stored)] {
        pipeline.pressure(percent);
        for event in messages.iter().cycle().take(2 * messages.len()) {
            pipeline.write(event).unwrap();
        }
        assert_eq!(machine.state().codecs.last(), Some(&cheapest), "{percent} %");
    }
}
