use std::{num::NonZeroUsize, path::PathBuf};

use super::*;
use crate::{
    file::{CompressionPool, Header, Reader, WriterOptions, verify},
    model::event::{Broken, CallStart, Direction, Gap, Status},
    record::{
        output::{CaptureTemplate, Names, Output, RecordingFiles, Rotate, RotateOptions},
        pipeline::CodecPreference,
    },
};

/// A filter in front of one capture, and what is told of each call.
struct Bench {
    dir: tempfile::TempDir,
    filter: ErrorFilter<Output>,
    seqs: HashMap<u32, u64>,
}

impl Bench {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let template = CaptureTemplate {
            header: Header::new(0),
            chunks: WriterOptions::default(),
            compression: CompressionPool::start().unwrap(),
            codecs: CodecPreference::default(),
            room: NonZeroUsize::MIN,
            files: RecordingFiles::default(),
        };
        let names = Names::new(dir.path().join("x.gcap"), false);
        let inner = Rotate::start(names, template, RotateOptions::default()).unwrap();
        Self {
            dir,
            filter: ErrorFilter::new(Output::Rotate(Box::new(inner))),
            seqs: HashMap::new(),
        }
    }

    fn tell(&mut self, call: u32, offset_ns: u64, kind: EventKind) {
        let seq = self.seqs.entry(call).or_default();
        *seq += 1;
        let seq = *seq;
        let event = Event {
            call,
            seq,
            offset_ns,
            kind,
        };
        self.filter.write(&event).unwrap();
    }

    fn open(&mut self, call: u32, at: u64) {
        self.tell(call, at, EventKind::CallStart(CallStart::default()));
    }

    fn message(&mut self, call: u32, at: u64, bytes: usize) {
        let message = Message::plain(Direction::Received, vec![7; bytes]);
        self.tell(call, at, EventKind::Message(message));
    }

    fn end(&mut self, call: u32, at: u64, code: u32) {
        let status = Status {
            code,
            ..Status::default()
        };
        self.tell(call, at, EventKind::End(Ending::Status(status)));
    }

    /// What was written, as call and offset; and what was left out.
    fn finish(self) -> (Vec<(u32, u64)>, RecordingSummary) {
        let path: PathBuf = self.dir.path().join("x.000001.gcap");
        let written = self.filter.finish().unwrap();
        assert!(verify(std::fs::File::open(&path).unwrap()).unwrap().is_whole());
        let events: Vec<_> = Reader::open(&path).unwrap().map(Result::unwrap).collect();
        let mut seqs: HashMap<u32, u64> = HashMap::new();
        for event in &events {
            let seq = seqs.entry(event.call).or_default();
            *seq += 1;
            assert_eq!(event.seq, *seq, "call {}", event.call);
        }
        (
            events.iter().map(|event| (event.call, event.offset_ns)).collect(),
            written,
        )
    }
}

#[test]
fn calls_that_ended_well_are_left_out_and_the_others_are_whole_and_in_order() {
    let mut bench = Bench::new();
    for call in 1..=4 {
        bench.open(call, u64::from(call));
    }
    for call in [4, 1, 3, 2] {
        bench.message(call, 10, 100);
    }
    bench.end(2, 20, 5);
    bench.end(1, 21, 0);
    bench.end(4, 22, 0);
    let broken = Broken {
        error: "gone".to_owned(),
        ..Broken::default()
    };
    bench.tell(3, 23, EventKind::End(Ending::Broken(broken)));
    let (events, written) = bench.finish();
    assert_eq!((written.left_out, written.undecided), (2, 0));
    assert_eq!(events, [(2, 2), (3, 3), (3, 10), (2, 10), (2, 20), (3, 23), (0, 23)]);
}

#[test]
fn a_failed_call_waits_for_an_earlier_one_and_nothing_stays_held() {
    let mut bench = Bench::new();
    bench.open(1, 1);
    bench.open(2, 2);
    bench.end(2, 3, 13);
    assert_eq!(bench.filter.held.len(), 3);
    bench.end(1, 4, 0);
    assert!(bench.filter.held.is_empty() && bench.filter.calls.is_empty());
    assert_eq!(bench.filter.bytes, 0);
    let (events, written) = bench.finish();
    assert_eq!((events.len(), written.left_out), (3, 1));
}

#[test]
fn a_call_that_is_open_for_too_long_is_kept_and_holds_nobody_up() {
    let mut bench = Bench::new();
    bench.open(1, 0);
    let late = PATIENCE.as_nanos() as u64;
    bench.open(2, late - 1);
    assert_eq!(bench.filter.held.len(), 2);
    bench.filter.wake(late).unwrap();
    assert_eq!(bench.filter.held.len(), 1);
    bench.end(2, late, 0);
    bench.message(1, late + 1, 10);
    bench.end(1, late + 2, 0);
    assert!(bench.filter.held.is_empty() && bench.filter.calls.is_empty());
    let (events, written) = bench.finish();
    assert_eq!((written.left_out, written.undecided), (1, 1));
    assert_eq!(events, [(1, 0), (1, late + 1), (1, late + 2), (0, late + 2)]);
}

#[test]
fn what_is_held_back_stays_within_its_bound() {
    let mut bench = Bench::new();
    bench.open(1, 0);
    bench.open(2, 0);
    for at in 1..100 {
        bench.message(1 + at as u32 % 2, at, 1 << 20);
        assert!(bench.filter.bytes <= HELD_BYTES);
    }
    bench.end(1, 100, 0);
    bench.end(2, 100, 0);
    assert_eq!((bench.filter.bytes, bench.filter.calls.len()), (0, 0));
    let (events, written) = bench.finish();
    assert_eq!((written.left_out, written.undecided), (0, 2));
    assert_eq!(events.len(), 2 + 99 + 2);
}

#[test]
fn a_call_that_lacks_messages_is_kept() {
    let mut bench = Bench::new();
    bench.open(1, 1);
    let gap = Gap {
        direction: Direction::Sent,
        messages: 1,
        reason: "too large".to_owned(),
    };
    bench.tell(1, 2, EventKind::Gap(gap));
    bench.end(1, 3, 0);
    let (events, written) = bench.finish();
    assert_eq!((events.len(), written.left_out, written.undecided), (3, 0, 0));
}
