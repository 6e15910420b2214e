use std::sync::Arc;

use bytes::Bytes;

use super::*;
use crate::{
    file::Header,
    serve::{
        script::Scan,
        testing::{Recording, stream_request},
    },
};

fn catalog(recordings: impl IntoIterator<Item = Recording>) -> Catalog {
    let mut scan = Scan::default();
    for recording in recordings {
        recording.events.iter().for_each(|event| scan.take(event));
    }
    let entry = |job| {
        let source = CaptureSource::memory("made", Header::default(), Vec::new());
        Arc::new(Entry {
            job,
            source_at: 0,
            source,
            configure_request: None,
            configure_response: None,
            shape: None,
        })
    };
    Catalog::new(scan.jobs("fallback").into_iter().map(entry).collect())
}

#[expect(clippy::unnecessary_wraps, reason = "a request as `choose` takes it")]
fn asks(data: Vec<u8>) -> Option<Request> {
    Some(Request {
        compressed: false,
        data: Bytes::from(data),
    })
}

fn call_of(catalog: &Catalog, method: &str, request: Option<&Request>) -> u32 {
    catalog.choose(method, request).unwrap().call.call
}

fn limited(call: u32, max_frames: i32) -> Recording {
    Recording::of(call, STREAM_SPECTROGRAMS)
        .sent(stream_request("a", max_frames))
        .received("x")
        .ok()
}

#[test]
fn a_job_is_found_by_its_name() {
    let catalog = catalog([Recording::job(1, "a"), Recording::job(2, "b")]);
    assert_eq!(
        call_of(&catalog, STREAM_SPECTROGRAMS, asks(stream_request("b", 0)).as_ref()),
        2
    );
}

#[test]
fn an_unknown_job_is_named_beside_those_that_are_known() {
    let catalog = catalog((1..=10).map(|call| Recording::job(call, &format!("job-{call}"))));
    let refusal = catalog
        .choose(STREAM_SPECTROGRAMS, asks(stream_request("12-99999", 0)).as_ref())
        .unwrap_err();
    assert_eq!(refusal.code, NOT_FOUND);
    assert!(
        refusal.message.contains("\"12-99999\"") && refusal.message.contains("\"job-8\", and 2 more"),
        "{}",
        refusal.message
    );
    assert!(!refusal.message.contains("job-9"), "{}", refusal.message);
}

#[test]
fn a_very_long_job_name_is_shortened() {
    let request = asks(stream_request(&"é".repeat(100_000), 0));
    let refusal = catalog([Recording::job(1, "a")])
        .choose(STREAM_SPECTROGRAMS, request.as_ref())
        .unwrap_err();
    assert!(refusal.message.len() < 400, "{}", refusal.message);
}

#[test]
fn the_same_request_gets_the_same_call() {
    let catalog = catalog([limited(1, 5), limited(2, 0), limited(3, 7)]);
    for (max_frames, call) in [(5, 1), (0, 2), (7, 3), (6, 2)] {
        assert_eq!(
            call_of(
                &catalog,
                STREAM_SPECTROGRAMS,
                asks(stream_request("a", max_frames)).as_ref()
            ),
            call
        );
    }
}

#[test]
fn an_answered_call_is_preferred_to_a_failed_attempt() {
    let catalog = catalog([
        Recording::job(1, "a"),
        Recording::job(2, "a").received("x"),
        Recording::job(3, "a").received("y"),
    ]);
    assert_eq!(
        call_of(&catalog, STREAM_SPECTROGRAMS, asks(stream_request("a", 0)).as_ref()),
        2
    );
}

#[test]
fn max_frames_is_obeyed_and_a_recorded_one_is_recognised() {
    let catalog = catalog([limited(1, 5)]);
    let max_frames = |asked| {
        catalog
            .choose(STREAM_SPECTROGRAMS, asks(stream_request("a", asked)).as_ref())
            .unwrap()
            .max_frames
    };
    assert_eq!(max_frames(5), MaxFrames::AsRecorded(5));
    assert_eq!(max_frames(3), MaxFrames::First(3));
    assert_eq!(max_frames(0), MaxFrames::Unlimited);
    assert_eq!(max_frames(-1), MaxFrames::Unlimited);
}

#[test]
fn a_stream_id_chooses_the_call() {
    let catalog = catalog([Recording::stream(1, 1), Recording::stream(2, 0)]);
    assert_eq!(call_of(&catalog, STREAM_DATA, asks(Vec::new()).as_ref()), 2);
    assert_eq!(call_of(&catalog, STREAM_DATA, asks(vec![8, 1]).as_ref()), 1);
    let refusal = catalog.choose(STREAM_DATA, asks(vec![8, 9]).as_ref()).unwrap_err();
    assert_eq!(refusal.code, INVALID_ARGUMENT);
    assert!(
        refusal.message.contains("stream 9") && refusal.message.contains("0, 1"),
        "{}",
        refusal.message
    );
}

#[test]
fn bad_requests_are_refused() {
    let catalog = catalog([Recording::job(1, "a")]);
    let code_of = |request: Option<Request>| catalog.choose(STREAM_SPECTROGRAMS, request.as_ref()).unwrap_err().code;
    assert_eq!(code_of(None), INVALID_ARGUMENT);
    assert_eq!(code_of(asks(vec![0xff])), INVALID_ARGUMENT);
    assert_eq!(
        code_of(Some(Request {
            compressed: true,
            data: Bytes::new()
        })),
        UNIMPLEMENTED
    );
    assert_eq!(catalog.choose("/x.Y/Z", None).unwrap_err().code, UNIMPLEMENTED);
}
