use std::{
    sync::{
        Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use super::{spool::Spool, *};
use crate::{
    model::event::{Broken, Direction, Ending, Event, Gap, Headers, Message, Metadata, Observer, Status},
    transform::redact::{MetadataPolicy, RedactionRule},
};

/// A clock that steps by one microsecond each time it is read.
#[derive(Debug, Default)]
struct Steps(AtomicU64);

impl Clock for Steps {
    fn offset_ns(&self) -> u64 {
        self.0.fetch_add(1_000, Ordering::Relaxed)
    }
}

/// What a sink of a test took, and gates to hold it up.
#[derive(Debug, Default)]
struct Taken {
    events: Vec<Event>,
    flushes: usize,
    finished: bool,
}

/// Keeps events in memory; can be held up, and can fail.
struct Memory {
    taken: Arc<Mutex<Taken>>,
    /// A token must be taken before each write.
    gate: Option<mpsc::Receiver<()>>,
    /// Told about each flush.
    flushed: Option<mpsc::Sender<usize>>,
    fail_after: Option<usize>,
    fail_finish: bool,
}

impl Memory {
    fn new() -> (Self, Arc<Mutex<Taken>>) {
        let taken = Arc::<Mutex<Taken>>::default();
        let memory = Self {
            taken: Arc::clone(&taken),
            gate: None,
            flushed: None,
            fail_after: None,
            fail_finish: false,
        };
        (memory, taken)
    }
}

impl Sink for Memory {
    type Summary = usize;

    fn write(&mut self, event: &Event) -> Result<(), SinkError> {
        if let Some(gate) = &self.gate {
            let _ = gate.recv();
        }
        let mut taken = self.taken.lock().unwrap();
        if self.fail_after.is_some_and(|after| taken.events.len() >= after) {
            return Err("no space left on device".into());
        }
        taken.events.push(event.clone());
        Ok(())
    }

    fn flush(&mut self) -> Result<(), SinkError> {
        let mut taken = self.taken.lock().unwrap();
        taken.flushes += 1;
        if let Some(flushed) = &self.flushed {
            let _ = flushed.send(taken.events.len());
        }
        Ok(())
    }

    fn finish(self) -> Result<usize, SinkError> {
        if self.fail_finish {
            return Err("the index does not fit".into());
        }
        let mut taken = self.taken.lock().unwrap();
        taken.finished = true;
        Ok(taken.events.len())
    }

    fn stored_bytes(&self) -> u64 {
        42
    }
}

fn options() -> RecorderOptions {
    RecorderOptions {
        clock: Arc::<Steps>::default(),
        ..RecorderOptions::default()
    }
}

fn message(bytes: usize) -> Message {
    Message::plain(Direction::Received, vec![7; bytes])
}

fn ok() -> Ending {
    Ending::Status(Status::default())
}

fn kinds(events: &[Event]) -> Vec<&'static str> {
    events.iter().map(|event| event.kind.name()).collect()
}

#[tokio::test]
async fn a_call_is_written_in_order_with_numbers_without_holes() {
    let (sink, taken) = Memory::new();
    let recorder = Recorder::start(sink, options()).unwrap();
    let handle = recorder.handle();
    let call = handle.call(CallStart::default()).unwrap();
    call.message(message(3)).await.unwrap();
    call.half_close().unwrap();
    handle.note("someone", "here").unwrap();
    call.end(ok()).unwrap();
    assert_eq!(recorder.finish().await.unwrap(), 5);
    let taken = taken.lock().unwrap();
    assert_eq!(
        kinds(&taken.events),
        ["call_start", "message", "half_close", "note", "end"]
    );
    let of_call: Vec<_> = taken.events.iter().filter(|e| e.call == 1).map(|e| e.seq).collect();
    assert_eq!(of_call, [1, 2, 3, 4]);
    let note = taken.events.iter().find(|e| e.call == 0).unwrap();
    assert_eq!(note.seq, 1);
    assert!(taken.events.is_sorted_by_key(|e| e.offset_ns));
    assert!(taken.finished);
    let totals = handle.totals();
    assert_eq!((totals.calls, totals.messages, totals.message_bytes), (1, 1, 3));
    assert_eq!((totals.written, totals.queued, totals.stored_bytes), (5, 0, 42));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn events_of_many_tasks_are_written_in_the_order_of_their_offsets() {
    let (sink, taken) = Memory::new();
    let recorder = Recorder::start(
        sink,
        RecorderOptions {
            queue_events: 3,
            queue_bytes: 100,
            ..options()
        },
    )
    .unwrap();
    let tasks: Vec<_> = (0..8)
        .map(|_| {
            let handle = recorder.handle();
            tokio::spawn(async move {
                let call = handle.call(CallStart::default()).unwrap();
                for size in 0..50 {
                    call.message(message(size * 3)).await.unwrap();
                }
                call.end(ok()).unwrap();
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    let written = recorder.finish().await.unwrap();
    let events = &taken.lock().unwrap().events;
    assert!(events.is_sorted_by_key(|e| e.offset_ns));
    for call in 1..=8 {
        let of_call: Vec<_> = events.iter().filter(|e| e.call == call).collect();
        assert!(of_call.iter().map(|e| e.seq).eq(1..=of_call.len() as u64));
        let messages = of_call.iter().filter(|e| matches!(e.kind, EventKind::Message(_)));
        assert_eq!(messages.count(), 50);
    }
    // A call whose messages waited has a note of it.
    let notes = events.iter().filter(|e| matches!(e.kind, EventKind::Note(_))).count();
    assert_eq!(written, 8 * 52 + notes);
}

#[tokio::test]
async fn a_call_that_is_dropped_or_left_open_still_gets_one_ending() {
    let (sink, taken) = Memory::new();
    let recorder = Recorder::start(sink, options()).unwrap();
    let handle = recorder.handle();
    drop(handle.call(CallStart::default()).unwrap());
    let open = handle.call(CallStart::default()).unwrap();
    recorder.finish().await.unwrap();
    assert_eq!(open.half_close(), Err(Refused::Finished));
    drop(open);
    let events = &taken.lock().unwrap().events;
    for call in [1, 2] {
        let ends: Vec<_> = events
            .iter()
            .filter(|e| e.call == call && matches!(&e.kind, EventKind::End(Ending::Broken(Broken { .. }))))
            .map(|e| e.seq)
            .collect();
        assert_eq!(ends, [2], "call {call}");
    }
}

#[tokio::test]
async fn nothing_comes_after_an_ending() {
    let (sink, taken) = Memory::new();
    let recorder = Recorder::start(sink, options()).unwrap();
    let call = recorder.handle().call(CallStart::default()).unwrap();
    call.record(EventKind::End(ok())).await.unwrap();
    assert_eq!(call.end(ok()), Err(Refused::Ended));
    assert_eq!(call.message(message(1)).await, Err(Refused::Ended));
    drop(call);
    recorder.finish().await.unwrap();
    assert_eq!(taken.lock().unwrap().events.len(), 2);
}

#[tokio::test]
async fn a_full_queue_leaves_messages_out_and_says_how_many() {
    let (mut sink, taken) = Memory::new();
    let (open, gate) = mpsc::channel();
    sink.gate = Some(gate);
    let recorder = Recorder::start(
        sink,
        RecorderOptions {
            queue_events: 1,
            on_overflow: Overflow::Gap,
            ..options()
        },
    )
    .unwrap();
    let handle = recorder.handle();
    let call = handle.call(CallStart::default()).unwrap();
    for _ in 0..4 {
        call.message(message(1)).await.unwrap();
    }
    assert_eq!(handle.totals().gaps, 3);
    drop(open); // the gate is open for good
    call.end(ok()).unwrap();
    recorder.finish().await.unwrap();
    let events = &taken.lock().unwrap().events;
    assert_eq!(kinds(events), ["call_start", "message", "gap", "end"]);
    assert!(matches!(
        &events[2].kind,
        EventKind::Gap(Gap {
            messages: 3,
            direction: Direction::Received,
            ..
        })
    ));
}

/// A recorder with room for one of the messages of [`kibis`], and a file for three more; its writer waits at the gate.
fn with_spill(
    on_overflow: Overflow,
    rules: Vec<Box<dyn RedactionRule>>,
    folder: &tempfile::TempDir,
) -> (Recorder<Memory>, Arc<Mutex<Taken>>, mpsc::Sender<()>) {
    let (mut sink, taken) = Memory::new();
    let (open, gate) = mpsc::channel();
    sink.gate = Some(gate);
    let options = RecorderOptions {
        queue_bytes: 20 << 10,
        on_overflow,
        spool: Some(Spool::beside(&folder.path().join("a.gcap"), 48 << 10)),
        rules,
        ..options()
    };
    (Recorder::start(sink, options).unwrap(), taken, open)
}

/// A message of 16 KiB.
fn kibis(byte: u8) -> Message {
    Message::plain(Direction::Received, vec![byte; 16 << 10])
}

#[tokio::test]
async fn what_finds_the_queue_full_waits_in_a_file_in_its_order_before_any_is_left_out() {
    let folder = tempfile::tempdir().unwrap();
    let (recorder, taken, open) = with_spill(Overflow::Gap, Vec::new(), &folder);
    let call = recorder.handle().call(CallStart::default()).unwrap();
    for byte in 1..=5 {
        call.message(kibis(byte)).await.unwrap();
    }
    let totals = recorder.handle().totals();
    assert_eq!(
        (totals.messages, totals.spooled, totals.gaps, totals.blocked_ns),
        (4, 3, 1, 0)
    );
    assert_eq!(
        (totals.message_bytes, recorder.handle.queue.fill()),
        (4 * (16 << 10), 100)
    );
    drop(open);
    while recorder.handle().totals().written < 5 {
        std::thread::yield_now();
    }
    for byte in 6..=7 {
        call.record(EventKind::Message(kibis(byte))).await.unwrap();
    }
    call.end(ok()).unwrap();
    recorder.finish().await.unwrap();
    let events = &taken.lock().unwrap().events;
    let messages: Vec<_> = events
        .iter()
        .filter_map(|event| match &event.kind {
            EventKind::Message(message) => Some(message.clone()),
            _ => None,
        })
        .collect();
    assert_eq!(messages, [1, 2, 3, 4, 6, 7].map(kibis));
    assert_eq!(kinds(&events[5..6]), ["gap"]);
    assert!(events.iter().filter(|e| e.call == 1).map(|e| e.seq).eq(1..=9));
}

#[tokio::test]
async fn a_recording_that_may_abort_does_so_when_the_file_is_full() {
    let folder = tempfile::tempdir().unwrap();
    let (recorder, taken, open) = with_spill(Overflow::Abort, Vec::new(), &folder);
    let call = recorder.handle().call(CallStart::default()).unwrap();
    for byte in 1..=4 {
        call.message(kibis(byte)).await.unwrap();
    }
    assert_eq!(call.message(kibis(5)).await, Err(Refused::Overflow));
    drop(open);
    call.end(ok()).unwrap();
    assert!(matches!(
        recorder.finish().await,
        Err(RecorderError::Overflow { lost: 1 })
    ));
    let expected = ["call_start", "message", "message", "message", "message", "gap", "end"];
    assert_eq!(kinds(&taken.lock().unwrap().events), expected);
}

#[tokio::test]
async fn what_rules_may_hide_waits_in_no_file() {
    let folder = tempfile::tempdir().unwrap();
    let (recorder, _, open) = with_spill(Overflow::Gap, vec![Box::new(MetadataPolicy::Keep)], &folder);
    let call = recorder.handle().call(CallStart::default()).unwrap();
    for byte in 1..=2 {
        call.message(kibis(byte)).await.unwrap();
    }
    let totals = recorder.handle().totals();
    assert_eq!((totals.spooled, totals.gaps), (0, 1));
    drop(open);
    call.end(ok()).unwrap();
    recorder.finish().await.unwrap();
}

#[tokio::test]
async fn a_full_queue_can_abort_and_the_file_is_still_whole() {
    let (mut sink, taken) = Memory::new();
    let (open, gate) = mpsc::channel();
    sink.gate = Some(gate);
    let recorder = Recorder::start(
        sink,
        RecorderOptions {
            queue_bytes: 10,
            on_overflow: Overflow::Abort,
            ..options()
        },
    )
    .unwrap();
    let handle = recorder.handle();
    let call = handle.call(CallStart::default()).unwrap();
    call.message(message(8)).await.unwrap();
    assert_eq!(call.message(message(8)).await, Err(Refused::Overflow));
    drop(open);
    assert_eq!(
        call.message(message(1)).await,
        Err(Refused::Overflow),
        "aborted is aborted"
    );
    assert_eq!(handle.refused(), Some(Refused::Overflow));
    call.end(ok()).unwrap();
    assert!(matches!(
        recorder.finish().await,
        Err(RecorderError::Overflow { lost: 2 })
    ));
    let taken = taken.lock().unwrap();
    assert_eq!(kinds(&taken.events), ["call_start", "message", "gap", "end"]);
    assert!(taken.finished);
}

#[tokio::test]
async fn a_full_queue_makes_a_message_wait_and_a_larger_one_than_the_queue_gets_in_alone() {
    let (mut sink, taken) = Memory::new();
    let (open, gate) = mpsc::channel();
    sink.gate = Some(gate);
    let recorder = Recorder::start(
        sink,
        RecorderOptions {
            queue_bytes: 10,
            ..options()
        },
    )
    .unwrap();
    let handle = recorder.handle();
    let call = handle.call(CallStart::default()).unwrap();
    call.message(message(1000)).await.unwrap();
    let mut waiting = std::pin::pin!(call.message(message(1)));
    assert!(futures_poll(waiting.as_mut()).await.is_none(), "the queue is full");
    drop(open);
    waiting.await.unwrap();
    call.end(ok()).unwrap();
    let held = handle.totals().blocked_ns;
    assert!(held > 0 && held == call.blocked_ns());
    recorder.finish().await.unwrap();
    let events = &taken.lock().unwrap().events;
    assert_eq!(kinds(events), ["call_start", "message", "message", "note", "end"]);
    let EventKind::Note(note) = &events[3].kind else {
        unreachable!("the fourth is a note");
    };
    let text = format!("messages waited {:.3} ms in total", held as f64 / 1e6);
    assert!(
        note.text.starts_with(&text) && note.text.contains("(times: 1)"),
        "{}",
        note.text
    );
}

/// Polls once.
async fn futures_poll<F: Future>(future: std::pin::Pin<&mut F>) -> Option<F::Output> {
    let mut future = Some(future);
    std::future::poll_fn(|cx| {
        std::task::Poll::Ready(match future.take().unwrap().poll(cx) {
            std::task::Poll::Ready(output) => Some(output),
            std::task::Poll::Pending => None,
        })
    })
    .await
}

#[tokio::test]
async fn a_failing_sink_refuses_what_follows_and_reports_what_was_written() {
    let (mut sink, taken) = Memory::new();
    sink.fail_after = Some(2);
    let recorder = Recorder::start(
        sink,
        RecorderOptions {
            queue_events: 1,
            ..options()
        },
    )
    .unwrap();
    let handle = recorder.handle();
    let call = handle.call(CallStart::default()).unwrap();
    let mut refused = None;
    for _ in 0..10 {
        if let Err(why) = call.message(message(1)).await {
            refused = Some(why);
        }
    }
    assert_eq!(refused, Some(Refused::SinkFailed));
    assert_eq!(call.end(ok()), Err(Refused::SinkFailed));
    assert!(handle.call(CallStart::default()).is_err());
    let error = recorder.finish().await.unwrap_err();
    let text = error.to_string();
    assert!(text.contains("no space left"), "{text}");
    let RecorderError::Sink {
        act, written, refused, ..
    } = error
    else {
        panic!("{text}")
    };
    assert_eq!((act, written), ("write", 2));
    assert!(refused >= 2, "{refused}");
    assert_eq!(taken.lock().unwrap().events.len(), 2);
}

#[tokio::test]
async fn a_sink_that_cannot_finish_is_an_error() {
    let (mut sink, _) = Memory::new();
    sink.fail_finish = true;
    let recorder = Recorder::start(sink, options()).unwrap();
    assert!(matches!(
        recorder.finish().await,
        Err(RecorderError::Sink {
            act: "finish",
            written: 0,
            ..
        })
    ));
}

#[test]
fn what_lies_still_is_flushed_without_another_event() {
    let (mut sink, _) = Memory::new();
    let (tell, flushes) = mpsc::channel();
    sink.flushed = Some(tell);
    let recorder = Recorder::start(
        sink,
        RecorderOptions {
            flush_interval: Duration::from_millis(5),
            ..options()
        },
    )
    .unwrap();
    let call = recorder.handle().call(CallStart::default()).unwrap();
    assert_eq!(flushes.recv(), Ok(1));
    call.end(ok()).unwrap();
    assert_eq!(flushes.recv(), Ok(2));
    assert_eq!(recorder.finish_blocking().unwrap(), 2);
}

#[test]
fn offsets_close_a_chunk_even_when_the_machine_is_faster_than_the_clock() {
    let (sink, taken) = Memory::new();
    let recorder = Recorder::start(
        sink,
        RecorderOptions {
            clock: Arc::new(Hours::default()),
            flush_interval: Duration::from_secs(3600),
            ..RecorderOptions::default()
        },
    )
    .unwrap();
    let call = recorder.handle().call(CallStart::default()).unwrap();
    call.half_close().unwrap();
    call.end(ok()).unwrap();
    recorder.finish_blocking().unwrap();
    assert_eq!(taken.lock().unwrap().flushes, 1);
}

/// A clock that steps by an hour.
#[derive(Debug, Default)]
struct Hours(AtomicU64);

impl Clock for Hours {
    fn offset_ns(&self) -> u64 {
        self.0.fetch_add(3_600_000_000_000, Ordering::Relaxed)
    }
}

#[tokio::test]
async fn secrets_are_replaced_before_the_sink_and_the_observers_see_them() {
    struct Watcher(Arc<Mutex<Vec<Event>>>);
    impl Observer for Watcher {
        fn observe(&mut self, event: &Event) {
            self.0.lock().unwrap().push(event.clone());
        }
    }
    let mut metadata = Metadata::default();
    metadata.push("authorization", "Bearer 123");
    metadata.push("x-site", "north");
    for (policy, expected) in [
        (MetadataPolicy::Redact, &b"[redacted]"[..]),
        (MetadataPolicy::Keep, b"Bearer 123"),
    ] {
        let (sink, taken) = Memory::new();
        let seen = Arc::default();
        let recorder = Recorder::start(
            sink,
            RecorderOptions {
                metadata: policy,
                observers: vec![Box::new(Watcher(Arc::clone(&seen)))],
                ..options()
            },
        )
        .unwrap();
        let call = recorder
            .handle()
            .call(CallStart {
                metadata: metadata.clone(),
                ..CallStart::default()
            })
            .unwrap();
        let headers = Headers {
            metadata: metadata.clone(),
        };
        call.record(EventKind::Headers(headers)).await.unwrap();
        call.end(ok()).unwrap();
        recorder.finish().await.unwrap();
        let taken = taken.lock().unwrap();
        let EventKind::Headers(headers) = &taken.events[1].kind else {
            panic!("{:?}", taken.events[1])
        };
        assert_eq!(headers.metadata.get("authorization"), Some(expected));
        assert_eq!(headers.metadata.get("x-site"), Some(&b"north"[..]));
        assert_eq!(*seen.lock().unwrap(), taken.events);
    }
}

#[test]
fn a_recorder_that_is_dropped_completes_its_sink() {
    let (sink, taken) = Memory::new();
    let recorder = Recorder::start(sink, options()).unwrap();
    let handle = recorder.handle();
    let call = handle.call(CallStart::default()).unwrap();
    drop(recorder);
    assert_eq!(call.end(ok()), Err(Refused::Finished));
    // The writer thread holds the other strong reference to the events until it is done.
    while Arc::strong_count(&taken) > 1 {
        std::thread::yield_now();
    }
    assert!(taken.lock().unwrap().finished);
}

/// Panics at the second event it sees.
struct Fragile {
    seen: u32,
}

impl Fragile {
    fn see(&mut self) {
        self.seen += 1;
        assert!(self.seen < 2, "a defect");
    }
}

impl Observer for Fragile {
    fn observe(&mut self, _: &Event) {
        self.see();
    }
}

impl RedactionRule for Fragile {
    fn apply(&mut self, event: Event) -> Event {
        self.see();
        event
    }
}

/// A sink that panics at the second event.
struct FragileSink(Fragile);

impl Sink for FragileSink {
    type Summary = ();

    fn write(&mut self, _: &Event) -> Result<(), SinkError> {
        self.0.see();
        Ok(())
    }

    fn flush(&mut self) -> Result<(), SinkError> {
        Ok(())
    }

    fn finish(self) -> Result<(), SinkError> {
        Ok(())
    }

    fn stored_bytes(&self) -> u64 {
        0
    }
}

#[tokio::test]
async fn an_observer_that_panics_sees_no_more_and_the_recording_is_complete() {
    let (sink, taken) = Memory::new();
    let observers: Vec<Box<dyn Observer>> = vec![Box::new(Fragile { seen: 0 })];
    let recorder = Recorder::start(sink, RecorderOptions { observers, ..options() }).unwrap();
    let call = recorder.handle().call(CallStart::default()).unwrap();
    for _ in 0..3 {
        call.message(message(3)).await.unwrap();
    }
    call.end(ok()).unwrap();
    assert_eq!(recorder.finish().await.unwrap(), 5);
    assert!(taken.lock().unwrap().finished);
}

#[tokio::test]
async fn a_rule_that_panics_ends_the_recording_before_what_it_should_have_hidden() {
    let (sink, taken) = Memory::new();
    let rules: Vec<Box<dyn RedactionRule>> = vec![Box::new(Fragile { seen: 0 })];
    let recorder = Recorder::start(sink, RecorderOptions { rules, ..options() }).unwrap();
    let handle = recorder.handle();
    let call = handle.call(CallStart::default()).unwrap();
    call.message(message(3)).await.unwrap();
    handle.failed().await;
    let error = recorder.finish().await.unwrap_err().to_string();
    assert!(error.contains("redact") && error.contains("panicked"), "{error}");
    let taken = taken.lock().unwrap();
    assert_eq!(kinds(&taken.events), ["call_start", "end"]);
    assert!(taken.finished, "what came before is a whole capture");
}

#[tokio::test]
async fn a_writer_that_panics_lets_nobody_wait_and_is_an_error() {
    let few = RecorderOptions {
        queue_events: 1,
        ..options()
    };
    let threads = WriterThreads::start(1).unwrap();
    let start = [
        Recorder::start(FragileSink(Fragile { seen: 0 }), few).unwrap(),
        Recorder::start_on(&threads, FragileSink(Fragile { seen: 0 }), options()),
        // The one before it took the thread along with nothing.
        Recorder::start_on(&threads, FragileSink(Fragile { seen: 0 }), options()),
    ];
    for recorder in start {
        let handle = recorder.handle();
        let call = handle.call(CallStart::default()).unwrap();
        // As many as would fill the queue for good, had they to wait for the writer.
        while call.message(message(3)).await.is_ok() {}
        handle.failed().await;
        assert_eq!(handle.refused(), Some(Refused::SinkFailed));
        assert!(matches!(recorder.finish().await, Err(RecorderError::Lost)));
    }
}

#[test]
fn a_panic_that_drops_a_recorder_waits_until_its_sink_is_complete() {
    let (sink, taken) = Memory::new();
    let recorder = Recorder::start(sink, options()).unwrap();
    let call = recorder.handle().call(CallStart::default()).unwrap();
    let panicked = thread::spawn(move || {
        let _recorder = recorder;
        panic!("a defect");
    });
    assert!(panicked.join().is_err());
    assert!(taken.lock().unwrap().finished);
    drop(call);
}
