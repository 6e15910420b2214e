use std::{future::poll_fn, thread};

use super::*;
use crate::serve::{
    encoding::Encoding,
    faults::Running,
    options::Playback,
    player::{Act, MaxFrames},
    script::Scan,
    testing::Recording,
};

#[test]
fn read_ahead_is_shared_out_and_never_beyond_its_bounds() {
    assert_eq!(read_ahead(0), MOST_BYTES);
    assert_eq!(read_ahead(2), MOST_BYTES);
    assert_eq!(read_ahead(8), TOTAL_BYTES / 8);
    assert_eq!(read_ahead(u64::MAX), LEAST_BYTES);
}

#[tokio::test]
async fn a_reader_never_holds_more_than_its_bound() {
    const LIMIT: usize = 50_000;
    let recording = (0..300).fold(Recording::job(1, "a"), |recording, _| {
        recording.received(vec![0; 10_000])
    });
    let recording = recording.ok();
    let mut scan = Scan::default();
    recording.events.iter().for_each(|event| scan.take(event));
    let call = scan.jobs("a").remove(0).calls.remove(0);
    let timeline = Timeline::new(&call, MaxFrames::Unlimited, &Playback::default());
    let injector = Injector::new(&Running::default(), 1, "", 0);
    let mut queue = spawn(
        recording.source(),
        None,
        timeline,
        injector,
        Encoding::AS_RECORDED.encoder(None),
        LIMIT,
    )
    .unwrap();
    let mut messages = 0;
    while let Some(step) = poll_fn(|cx| queue.poll_next(cx)).await {
        messages += u32::from(matches!(step.act, Act::Message { .. }));
        // Lets the reader go as far ahead as it may.
        thread::yield_now();
    }
    assert_eq!(messages, 300);
    assert!(queue.most_bytes() <= LIMIT, "{}", queue.most_bytes());
}
