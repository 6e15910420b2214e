use std::{
    fs,
    path::PathBuf,
    sync::atomic::{AtomicU64, Ordering},
};

use super::*;
use crate::{
    file::Reader,
    model::event::{CallStart, Direction, Event, Message},
    record::{Refused, RingBound, RotateOptions},
};

fn call() -> CallStart {
    CallStart {
        method: "/t.S/Watch".to_owned(),
        ..CallStart::default()
    }
}

fn message(byte: u8) -> Message {
    Message::plain(Direction::Received, vec![byte; 100])
}

#[tokio::test]
async fn many_recordings_share_threads_and_each_keeps_its_own_events() {
    let folder = tempfile::tempdir().unwrap();
    let pool = RecordingPool::new(20).unwrap();
    let recordings: Vec<_> = (0..20)
        .map(|at| {
            let path = folder.path().join(format!("{at}.gcap"));
            let reserved = pool.reserve(&path, RecordingOptions::default()).unwrap();
            (at, path, reserved.start(&Header::new(0)).unwrap())
        })
        .collect();
    let calls: Vec<_> = recordings
        .iter()
        .map(|(at, _, recording)| (*at, recording.handle().call(call()).unwrap()))
        .collect();
    for _ in 0..50 {
        for (at, call) in &calls {
            call.message(message(*at)).await.unwrap();
        }
    }
    drop(calls);
    for (at, path, recording) in recordings {
        let summary = recording.finish().await.unwrap();
        assert_eq!(summary.summary.messages, 50);
        let read = Reader::open(&path).unwrap().map(|event| event.unwrap().kind);
        let messages = read
            .filter(|kind| matches!(kind, crate::model::event::EventKind::Message(message) if message.data[0] == at));
        assert_eq!(messages.count(), 50, "{at}");
    }
}

#[tokio::test]
async fn a_recording_that_panics_leaves_the_others_of_its_thread_whole() {
    struct Fragile;
    impl crate::transform::redact::RedactionRule for Fragile {
        fn apply(&mut self, _: Event) -> Event {
            panic!("of a test")
        }
    }
    let folder = tempfile::tempdir().unwrap();
    let pool = RecordingPool::new(1).unwrap();
    let mut bad = pool
        .reserve(&folder.path().join("bad.gcap"), RecordingOptions::default())
        .unwrap();
    bad.recorder.rules.push(Box::new(Fragile));
    let bad = bad.start(&Header::new(0)).unwrap();
    let good = pool
        .reserve(&folder.path().join("good.gcap"), RecordingOptions::default())
        .unwrap();
    let good = good.start(&Header::new(0)).unwrap();
    let fails = bad.handle().call(call());
    bad.handle().failed().await;
    drop(fails);
    let well = good.handle().call(call()).unwrap();
    well.message(message(1)).await.unwrap();
    drop(well);
    assert!(matches!(bad.finish().await, Err(RecordingFailure::Write { .. })));
    assert_eq!(good.finish().await.unwrap().summary.messages, 1);
}

#[tokio::test]
async fn what_stands_under_the_name_stays_until_there_is_something_to_replace_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.gcap");
    fs::write(&path, "earlier").unwrap();
    let kept = Recording::start(&path, &Header::new(0), RecordingOptions::default());
    assert!(
        matches!(kept, Err(RecordingFailure::Place { source, .. }) if source.kind() == io::ErrorKind::AlreadyExists)
    );
    let replace = RecordingOptions {
        existing: Existing::Replace,
        ..RecordingOptions::default()
    };
    let nothing = Recording::start(&path, &Header::new(0), replace.clone()).unwrap();
    assert_eq!(nothing.finish().await.unwrap().files, []);
    assert_eq!(fs::read(&path).unwrap(), b"earlier");
    let recording = Recording::start(&path, &Header::new(0), replace).unwrap();
    drop(recording.handle().call(call()).unwrap());
    assert_eq!(recording.finish().await.unwrap().files.len(), 1);
    // No time was given: it is the present one.
    let year_2020 = 1_577_836_800_000_000_000;
    assert!(Reader::open(&path).unwrap().header().anchor_unix_ns > year_2020);
}

#[test]
fn every_layout_is_written_by_code_without_a_runtime() {
    let folder = tempfile::tempdir().unwrap();
    let layouts = [
        (RecordingLayout::Single, 1),
        (
            RecordingLayout::Series(RotateOptions {
                size: Some(1 << 20),
                ..RotateOptions::default()
            }),
            1,
        ),
        (RecordingLayout::Ring(RingOptions::new(RingBound::Bytes(1 << 20))), 1),
    ];
    for (at, (layout, files)) in layouts.into_iter().enumerate() {
        let options = RecordingOptions {
            layout,
            ..RecordingOptions::default()
        };
        let text = serde_json::to_string(&options).unwrap();
        assert_eq!(
            serde_json::from_str::<RecordingOptions>(&text).unwrap(),
            options,
            "{text}"
        );
        let path = folder.path().join(format!("{at}.gcap"));
        let recording = Recording::start(&path, &Header::new(0), options).unwrap();
        let handle = recording.handle();
        handle.note("me", "a remark").unwrap();
        recording.trigger("a test");
        assert_eq!(recording.finish_blocking().unwrap().files.len(), files, "{text}");
        assert_eq!(handle.note("me", "too late"), Err(Refused::Finished));
    }
}

#[tokio::test]
async fn a_ring_whose_parts_were_damaged_counts_what_can_still_be_read() {
    let folder = tempfile::tempdir().unwrap();
    let ring = RingOptions {
        post_roll: std::time::Duration::ZERO,
        ..RingOptions::new(RingBound::Bytes(32 << 10))
    };
    let options = RecordingOptions {
        layout: RecordingLayout::Ring(ring),
        ..RecordingOptions::default()
    };
    struct Ticks(AtomicU64);
    impl Clock for Ticks {
        /// A tenth of a second later each time, so that every event ends a chunk soon.
        fn offset_ns(&self) -> u64 {
            self.0.fetch_add(100_000_000, Ordering::Relaxed)
        }
    }
    let reserved = RecordingPool::new(1)
        .unwrap()
        .reserve(&folder.path().join("x.gcap"), options)
        .unwrap();
    let recording = reserved
        .with_clock(Arc::new(Ticks(AtomicU64::new(0))))
        .start(&Header::new(0))
        .unwrap();
    let handle = recording.handle();
    let open = handle.call(call()).unwrap();
    let mut noise = 1_u64;
    for _ in 0..200 {
        let data: Vec<u8> = std::iter::repeat_with(|| {
            noise = noise
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            (noise >> 56) as u8
        })
        .take(2000)
        .collect();
        open.message(Message::plain(Direction::Received, data)).await.unwrap();
    }
    let parts = || -> Vec<PathBuf> {
        let entries = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().path());
        let mut parts: Vec<_> = entries
            .filter(|path| path.to_string_lossy().contains(".ring-"))
            .collect();
        parts.sort();
        parts
    };
    let waiting = std::time::Instant::now();
    // Nothing more comes that would push the damaged parts out of the ring.
    while handle.totals().written < 201 || parts().len() < 2 {
        assert!(waiting.elapsed().as_secs() < 30, "{:?}", parts());
        tokio::task::yield_now().await;
    }
    for part in parts() {
        let file = fs::OpenOptions::new().write(true).open(part).unwrap();
        file.set_len(file.metadata().unwrap().len() / 3).unwrap();
    }
    recording.trigger("a test");
    drop(open);
    let Err(RecordingFailure::Write {
        stored: Some(stored), ..
    }) = recording.finish().await
    else {
        panic!("a dump of what is damaged fails");
    };
    let readable = |file: &crate::record::RecordedCapture| {
        let verified = crate::file::verify(fs::File::open(&file.path).unwrap()).unwrap();
        verified.summary.messages
    };
    let readable: u64 = stored.files.iter().map(readable).sum();
    assert_eq!(stored.present_messages, readable);
    assert!(stored.present_messages < 200, "{}", stored.present_messages);
}
