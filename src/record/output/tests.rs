use std::{fs, fs::File, num::NonZeroUsize, path::Path, time::Duration};

use bytes::Bytes;

use super::*;
use crate::{
    file::{CompressionPool, Header, Reader, WriterOptions, verify},
    model::event::{CAPTURE_CALL, CallStart, Direction, Ending, EventKind, Message, Status},
    record::pipeline::CodecPreference,
};

const MS: u64 = 1_000_000;
/// Wall clock of the recording's beginning.
const ANCHOR: u64 = 1_700_000_000_000_000_000;

fn template() -> CaptureTemplate {
    CaptureTemplate {
        header: Header::new(ANCHOR),
        chunks: WriterOptions::default(),
        compression: CompressionPool::start().unwrap(),
        codecs: CodecPreference::default(),
        room: NonZeroUsize::MIN,
        files: RecordingFiles::default(),
    }
}

/// Bytes that do not compress.
fn noise(seed: u64, len: usize) -> Bytes {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut next = || {
        state ^= state >> 12;
        state ^= state << 25;
        state ^= state >> 27;
        (state.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 56) as u8
    };
    (0..len).map(|_| next()).collect()
}

/// A call that is opened at 0 and gets a message every 10 ms.
struct Call {
    number: u32,
    seq: u64,
}

impl Call {
    fn new(number: u32) -> Self {
        Self { number, seq: 0 }
    }

    fn event(&mut self, at_ms: u64, kind: EventKind) -> Event {
        self.seq += 1;
        Event {
            call: self.number,
            seq: self.seq,
            offset_ns: at_ms * MS,
            kind,
        }
    }

    fn open(&mut self, sink: &mut impl Sink, at_ms: u64) {
        let start = CallStart {
            method: "/a.B/C".to_owned(),
            ..CallStart::default()
        };
        sink.write(&self.event(at_ms, EventKind::CallStart(start))).unwrap();
        let request = Message::plain(Direction::Sent, &b"ask"[..]);
        sink.write(&self.event(at_ms, EventKind::Message(request))).unwrap();
        sink.write(&self.event(at_ms, EventKind::HalfClose)).unwrap();
    }

    fn receive(&mut self, sink: &mut impl Sink, at_ms: u64, bytes: usize) -> Bytes {
        let data = noise(at_ms + 1, bytes);
        let message = Message::plain(Direction::Received, data.clone());
        sink.write(&self.event(at_ms, EventKind::Message(message))).unwrap();
        data
    }

    fn end(&mut self, sink: &mut impl Sink, at_ms: u64, code: u32) {
        let status = Status {
            code,
            message: "so it is".to_owned(),
            ..Status::default()
        };
        sink.write(&self.event(at_ms, EventKind::End(Ending::Status(status))))
            .unwrap();
    }
}

fn events(path: &Path) -> Vec<Event> {
    Reader::open(path).unwrap().map(Result::unwrap).collect()
}

fn received(events: &[Event]) -> Vec<&Bytes> {
    let data = events.iter().filter_map(|event| match &event.kind {
        EventKind::Message(message) if message.direction == Direction::Received => Some(&message.data),
        _ => None,
    });
    data.collect()
}

fn notes(events: &[Event], call: u32) -> Vec<&str> {
    let texts = events.iter().filter_map(|event| match &event.kind {
        EventKind::Note(note) if event.call == call => Some(note.text.as_str()),
        _ => None,
    });
    texts.collect()
}

/// Panics unless the file is whole, its numbers have no holes, and every call has one opening and one ending.
fn is_whole(path: &Path) {
    let verified = verify(File::open(path).unwrap()).unwrap();
    assert!(verified.is_whole(), "{verified:?}");
    let events = events(path);
    let mut calls: Vec<_> = events.iter().map(|event| event.call).collect();
    calls.sort_unstable();
    calls.dedup();
    for call in calls {
        let of_call: Vec<_> = events.iter().filter(|event| event.call == call).collect();
        assert!((1..).zip(&of_call).all(|(seq, event)| event.seq == seq), "{of_call:?}");
        if call != CAPTURE_CALL {
            assert!(matches!(of_call[0].kind, EventKind::CallStart(_)));
            let endings = of_call.iter().filter(|event| matches!(event.kind, EventKind::End(_)));
            assert_eq!(endings.count(), 1);
            assert!(matches!(of_call[of_call.len() - 1].kind, EventKind::End(_)));
        }
    }
    assert!(events.is_sorted_by_key(|event| event.offset_ns));
}

fn folder_bytes(folder: &Path) -> u64 {
    let entries = fs::read_dir(folder).unwrap();
    entries.map(|entry| entry.unwrap().metadata().unwrap().len()).sum()
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    let mut names: Vec<_> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
fn a_series_holds_every_message_once_and_each_file_is_a_whole_slice() {
    let dir = tempfile::tempdir().unwrap();
    let options = RotateOptions {
        size: Some(64 << 10),
        ..RotateOptions::default()
    };
    let mut rotate = Rotate::start(Names::new(dir.path().join("x.gcap"), false), template(), options).unwrap();
    let mut call = Call::new(1);
    call.open(&mut rotate, 0);
    let sent: Vec<_> = (1..=100)
        .map(|at| call.receive(&mut rotate, at * 10, 4 << 10))
        .collect();
    call.end(&mut rotate, 1100, 0);
    let written = rotate.finish().unwrap();
    assert!(written.files.len() >= 4, "{}", written.files.len());
    assert_eq!(written.digest(), None);
    assert_eq!(written.summary.messages, 100);
    let mut all = Vec::new();
    for (at, file) in written.files.iter().enumerate() {
        assert_eq!(file.path, dir.path().join(format!("x.{:06}.gcap", at + 1)));
        is_whole(&file.path);
        let reader = Reader::open(&file.path).unwrap();
        let slice = reader.header().slice().unwrap();
        assert_eq!(slice.from_ns, file.from_ns);
        assert_eq!(reader.header().anchor_unix_ns, ANCHOR + file.from_ns);
        let events = events(&file.path);
        all.extend(received(&events).into_iter().cloned());
        let last = events.iter().rev().find_map(|event| match &event.kind {
            EventKind::End(ending) => Some(ending.clone()),
            _ => None,
        });
        match (last.unwrap(), at + 1 == written.files.len()) {
            (Ending::Status(_), true) => {}
            (Ending::Cancelled(cut), false) => assert!(cut.cut && cut.reason.starts_with("cut by slice")),
            other => panic!("{other:?}"),
        }
        let earlier: u64 = written.files[..at].iter().map(|file| file.summary.messages).sum();
        if at > 0 {
            let said = notes(&events, 1).concat();
            assert!(
                said.contains(&format!("{earlier} received and 0 sent are not in it")),
                "{said}"
            );
        }
    }
    assert_eq!(all, sent);
}

#[test]
fn no_file_of_a_series_holds_only_the_ending_of_a_call() {
    let dir = tempfile::tempdir().unwrap();
    let options = RotateOptions {
        interval: Some(Duration::from_millis(100)),
        ..RotateOptions::default()
    };
    let mut rotate = Rotate::start(Names::new(dir.path().join("x.gcap"), false), template(), options).unwrap();
    let mut call = Call::new(1);
    call.open(&mut rotate, 0);
    for at in 1..=15 {
        call.receive(&mut rotate, at * 10, 10);
    }
    // Long after the second file was due to be closed.
    call.end(&mut rotate, 1000, 0);
    let written = rotate.finish().unwrap();
    assert_eq!(written.files.len(), 2);
    assert!(written.files.iter().all(|file| file.summary.messages > 0));
}

#[test]
fn only_the_newest_files_of_a_series_are_kept() {
    let dir = tempfile::tempdir().unwrap();
    let options = RotateOptions {
        interval: Some(Duration::from_millis(100)),
        keep: Some(2),
        ..RotateOptions::default()
    };
    let mut rotate = Rotate::start(Names::new(dir.path().join("x.gcap"), false), template(), options).unwrap();
    let mut call = Call::new(1);
    call.open(&mut rotate, 0);
    for at in 1..60 {
        call.receive(&mut rotate, at * 10, 10);
        assert!(names(dir.path()).len() <= 2);
    }
    let written = rotate.finish().unwrap();
    assert_eq!(names(dir.path()), ["x.000005.gcap", "x.000006.gcap"]);
    assert_eq!((written.files.len(), written.removed), (2, 4));
}

#[test]
fn a_name_of_the_series_that_is_taken_is_known_before_it_begins() {
    let dir = tempfile::tempdir().unwrap();
    let taken = dir.path().join("x.000003.gcap");
    for innocent in ["x.gcap", "x.backup.gcap", "y.000001.gcap", "x.000001.txt"] {
        fs::write(dir.path().join(innocent), "").unwrap();
    }
    let path = dir.path().join("x.gcap");
    assert_eq!(Names::new(&path, false).taken().unwrap(), None);
    fs::write(&taken, "").unwrap();
    assert_eq!(Names::new(&path, false).taken().unwrap(), Some(taken));
    assert_eq!(Names::new(&path, true).taken().unwrap(), None);
}

fn ring(dir: &Path, options: RingOptions, triggers: TriggerQueue) -> Ring {
    Ring::start(Names::new(dir.join("x.gcap"), false), template(), options, triggers).unwrap()
}

/// A ring as a sink, for the helpers above.
fn sink(dir: &Path, options: RingOptions) -> Output {
    triggered(dir, options, TriggerQueue::default())
}

/// The same with what asks for its dumps.
fn triggered(dir: &Path, options: RingOptions, triggers: TriggerQueue) -> Output {
    Output::Ring(Box::new(ring(dir, options, triggers)))
}

#[test]
fn a_ring_keeps_its_bound_over_ten_times_as_much_and_leaves_nothing_when_nothing_happened() {
    const BOUND: u64 = 1 << 20;
    let dir = tempfile::tempdir().unwrap();
    let mut output = sink(dir.path(), RingOptions::new(RingBound::Bytes(BOUND)));
    let mut call = Call::new(1);
    call.open(&mut output, 0);
    let (mut most, mut least) = (0, u64::MAX);
    for at in 1..=2_600 {
        call.receive(&mut output, at * 10, 4 << 10);
        let held = folder_bytes(dir.path());
        most = most.max(held);
        if at > 500 {
            least = least.min(held);
        }
    }
    assert!(most <= BOUND, "{most}");
    assert!(least >= BOUND * 3 / 4, "{least}");
    assert!(output.stored_bytes() > 10 * BOUND);
    call.end(&mut output, 30_000, 0);
    let written = output.finish().unwrap();
    assert_eq!(written, RecordingSummary::default());
    assert_eq!(names(dir.path()), [""; 0]);
}

#[test]
fn a_dump_holds_its_trigger_with_what_came_before_and_after_it() {
    let dir = tempfile::tempdir().unwrap();
    let options = RingOptions {
        post_roll: Duration::from_millis(500),
        ..RingOptions::new(RingBound::Time(Duration::from_secs(1)))
    };
    let triggers = TriggerQueue::default();
    let mut output = triggered(dir.path(), options, triggers.clone());
    let mut call = Call::new(7);
    call.open(&mut output, 0);
    let mut expected = Vec::new();
    for at in (10..=6000).step_by(10) {
        if at == 4000 {
            let what = "the operator asked".to_owned();
            triggers.push(Trigger {
                offset_ns: 4000 * MS,
                what,
            });
        }
        let data = call.receive(&mut output, at, 100);
        if (3000..=4500).contains(&at) {
            expected.push(data);
        }
    }
    call.end(&mut output, 6100, 0);
    let written = output.finish().unwrap();
    assert_eq!(names(dir.path()), ["x.000001.gcap"]);
    let [dump] = &written.files[..] else {
        panic!("{written:?}")
    };
    is_whole(&dump.path);
    let events = events(&dump.path);
    assert_eq!(received(&events), expected.iter().collect::<Vec<_>>());
    let said = notes(&events, CAPTURE_CALL);
    assert_eq!(said, ["the operator asked (at 4.000 s of the recording)"]);
    let said = notes(&events, 7);
    assert!(said[0].contains("299 received and 0 sent are not in it"), "{said:?}");
    assert!(matches!(&events[1].kind, EventKind::Message(message) if message.data == "ask"));
    let reader = Reader::open(&dump.path).unwrap();
    let slice = reader.header().slice().unwrap();
    assert_eq!((slice.from_ns, slice.to_ns), (3000 * MS, 4500 * MS));
    assert_eq!(dump.trigger.as_ref().unwrap().offset_ns, 4000 * MS);
    assert_eq!(written.digest(), Some(dump.summary.digest));
}

#[test]
fn failed_calls_are_dumped_and_dumps_do_not_overlap() {
    let dir = tempfile::tempdir().unwrap();
    let options = RingOptions {
        post_roll: Duration::from_millis(100),
        ..RingOptions::new(RingBound::Time(Duration::from_secs(10)))
    };
    let mut output = sink(dir.path(), options);
    let mut expected = Vec::new();
    for number in 1..=5_u32 {
        let at = u64::from(number) * 1000;
        let mut call = Call::new(number);
        call.open(&mut output, at);
        expected.push(call.receive(&mut output, at + 10, 100));
        call.end(&mut output, at + 20, if number % 2 == 0 { 13 } else { 0 });
    }
    let written = output.finish().unwrap();
    assert_eq!(written.files.len(), 2);
    let mut all = Vec::new();
    for (file, number) in written.files.iter().zip([2, 4]) {
        is_whole(&file.path);
        all.extend(received(&events(&file.path)).into_iter().cloned());
        let what = &file.trigger.as_ref().unwrap().what;
        assert_eq!(*what, format!("call {number} ended with status 13 (so it is)"));
    }
    assert_eq!(all, expected[..4]);
}

#[test]
fn a_stall_is_a_trigger_once_until_something_comes() {
    let dir = tempfile::tempdir().unwrap();
    let options = RingOptions {
        post_roll: Duration::ZERO,
        stall: Some(Duration::from_secs(5)),
        ..RingOptions::new(RingBound::Bytes(1 << 20))
    };
    let mut output = sink(dir.path(), options);
    output.wake(60_000 * MS).unwrap();
    let mut call = Call::new(1);
    call.open(&mut output, 61_000);
    for at in [62_000, 65_999, 66_000, 66_200, 70_000, 90_000] {
        output.wake(at * MS).unwrap();
    }
    call.receive(&mut output, 91_000, 10);
    call.receive(&mut output, 99_000, 10);
    call.end(&mut output, 99_001, 0);
    output.wake(200_000 * MS).unwrap();
    let written = output.finish().unwrap();
    let whats: Vec<_> = written
        .files
        .iter()
        .map(|file| &*file.trigger.as_ref().unwrap().what)
        .collect();
    assert_eq!(
        whats,
        [
            "nothing came for 5.000 s (open calls: 1)",
            "nothing came for 8.000 s (open calls: 1)"
        ]
    );
}

#[test]
fn silence_while_the_recorder_stood_still_is_no_stall() {
    let dir = tempfile::tempdir().unwrap();
    let options = RingOptions {
        post_roll: Duration::ZERO,
        stall: Some(Duration::from_secs(5)),
        ..RingOptions::new(RingBound::Bytes(1 << 20))
    };
    let mut output = sink(dir.path(), options);
    let mut call = Call::new(1);
    call.open(&mut output, 1_000);
    output.resumed(90_000 * MS);
    output.wake(90_000 * MS).unwrap();
    call.receive(&mut output, 90_100, 10);
    output.resumed(190_000 * MS);
    output.wake(194_000 * MS).unwrap();
    output.wake(195_000 * MS).unwrap();
    call.end(&mut output, 195_001, 0);
    let written = output.finish().unwrap();
    let whats: Vec<_> = written
        .files
        .iter()
        .map(|file| &*file.trigger.as_ref().unwrap().what)
        .collect();
    assert_eq!(whats, ["nothing came for 5.000 s (open calls: 1)"]);
}

#[test]
fn a_ring_that_is_asked_at_the_very_end_still_answers() {
    let dir = tempfile::tempdir().unwrap();
    let options = RingOptions::new(RingBound::Bytes(1 << 20));
    let triggers = TriggerQueue::default();
    let mut output = triggered(dir.path(), options, triggers.clone());
    let mut call = Call::new(1);
    call.open(&mut output, 0);
    let data = call.receive(&mut output, 10, 10);
    call.end(&mut output, 20, 0);
    triggers.push(Trigger {
        offset_ns: 20 * MS,
        what: "finding nan".to_owned(),
    });
    let written = output.finish().unwrap();
    let [dump] = &written.files[..] else {
        panic!("{written:?}")
    };
    is_whole(&dump.path);
    let events = events(&dump.path);
    assert_eq!(received(&events), [&data]);
    assert!(notes(&events, CAPTURE_CALL)[0].starts_with("finding nan"));
}

#[test]
fn a_dump_that_cannot_be_written_leaves_its_pieces() {
    let dir = tempfile::tempdir().unwrap();
    let mut output = sink(dir.path(), RingOptions::new(RingBound::Bytes(1 << 20)));
    let mut call = Call::new(1);
    call.open(&mut output, 0);
    call.receive(&mut output, 10, 100);
    call.end(&mut output, 20, 2);
    output.flush().unwrap();
    let [piece] = &names(dir.path())[..] else {
        panic!("one piece")
    };
    let piece = dir.path().join(piece);
    let before = fs::read(&piece).unwrap();
    // The piece is damaged where its events are.
    let file = fs::OpenOptions::new().write(true).open(&piece).unwrap();
    std::os::unix::fs::FileExt::write_all_at(&file, &[0; 60], before.len() as u64 - 80).unwrap();
    let error = output.finish().unwrap_err().to_string();
    assert!(error.contains("dump 1") && error.contains("parts stay"), "{error}");
    assert_eq!(dir.path().read_dir().unwrap().count(), 1, "and no half dump");
    assert!(piece.exists());
}

#[test]
fn a_dump_whose_name_was_taken_meanwhile_goes_under_another() {
    let dir = tempfile::tempdir().unwrap();
    let mut output = sink(dir.path(), RingOptions::new(RingBound::Bytes(1 << 20)));
    let path = dir.path().join("x.000001.gcap");
    fs::write(&path, "in the way").unwrap();
    let mut call = Call::new(1);
    call.open(&mut output, 0);
    let data = call.receive(&mut output, 10, 10);
    call.end(&mut output, 20, 2);
    let written = output.finish().unwrap();
    let [dump] = &written.files[..] else {
        panic!("{written:?}")
    };
    assert_eq!(dump.taken.as_ref(), Some(&path));
    assert_eq!(fs::read(&path).unwrap(), b"in the way");
    assert_eq!(received(&events(&dump.path)), [&data]);
}

#[test]
fn a_ring_that_breaks_off_leaves_its_pieces_and_tells_what_they_hold() {
    let dir = tempfile::tempdir().unwrap();
    let mut template = template();
    template.chunks.chunk_bytes = 1000;
    let files = template.files.clone();
    let names_of = Names::new(dir.path().join("x.gcap"), false);
    let options = RingOptions::new(RingBound::Bytes(1 << 20));
    let ring = Ring::start(names_of, template, options, TriggerQueue::default()).unwrap();
    let mut output = Output::Ring(Box::new(ring));
    let mut call = Call::new(1);
    call.open(&mut output, 0);
    let sent: Vec<_> = (1..200).map(|at| call.receive(&mut output, at * 10, 1000)).collect();
    output.flush().unwrap();
    drop(output);
    let held = files.held();
    assert_eq!(held.summary.messages as usize, sent.len());
    assert_eq!(held.calls, None);
    let mut kept = Vec::new();
    for file in &held.files {
        let mut reader = Reader::open(&file.path).unwrap();
        while let Ok(Some(event)) = reader.next_event() {
            kept.push(event);
        }
    }
    assert!(held.files.len() > 1 && received(&kept).into_iter().eq(&sent));
    assert_eq!(held.files.iter().filter(|file| !file.finished).count(), 1);
}

#[test]
fn a_bound_is_a_time_or_a_size() {
    for (text, bound) in [
        ("5m", RingBound::Time(Duration::from_secs(300))),
        ("90s", RingBound::Time(Duration::from_secs(90))),
        ("500MB", RingBound::Bytes(500_000_000)),
        ("64MiB", RingBound::Bytes(64 << 20)),
    ] {
        assert_eq!(text.parse(), Ok(bound), "{text}");
    }
    for text in ["", "5", "-5s", "1B", "0s", "much", "MB"] {
        assert!(
            text.parse::<RingBound>().unwrap_err().to_string().contains("500MB"),
            "{text}"
        );
    }
}
