use super::*;
use crate::{
    analyze::stats::{StatsCollector, StatsOptions},
    file::Header,
    model::event::{CallStart, Direction, Ending, Event, EventKind, Message, Observer as _, Status},
};

fn stats(name: &str) -> Stats {
    let path = format!("{}/captures/{name}.gcap", env!("CARGO_MANIFEST_DIR"));
    Stats::of(&mut Reader::open(path).unwrap()).unwrap()
}

fn rendered(name: &str) -> String {
    render(&stats(name), &SnapshotOptions::default())
}

#[test]
fn nothing_volatile_is_in_the_text() {
    let text = rendered("trailers-only-error");
    assert!(
        text.contains("status NOT_FOUND, trailers only: no job [job]\n"),
        "{text}"
    );
    let text = rendered("production");
    for volatile in ["70788", "127.0.0.1", "17955072"] {
        assert!(!text.contains(volatile), "{volatile} in {text}");
    }
    let text = rendered("febus-jitter");
    for volatile in ["febus", "2020", "1599031305"] {
        assert!(!text.contains(volatile), "{volatile} in {text}");
    }
}

#[test]
fn arrival_times_change_the_text_only_when_they_are_asked_for() {
    let one = stats("zero-ids");
    let mut two = one.clone();
    two.timing.first_frame_ns = Some(77);
    two.totals.last_offset_ns = 1;
    two.calls[0].first_frame_ns = Some(77);
    let options = SnapshotOptions::default();
    assert_eq!(render(&one, &options), render(&two, &options));
    let options = SnapshotOptions {
        timing: SnapshotPart::Include,
        ..options
    };
    assert!(render(&two, &options).contains("first frame ns          77\n"));
}

#[test]
fn digests_can_be_left_out() {
    let stats = stats("zero-ids");
    assert!(rendered("zero-ids").contains("digest                  sha256:"));
    let options = SnapshotOptions {
        digests: SnapshotPart::LeaveOut,
        ..SnapshotOptions::default()
    };
    assert!(!render(&stats, &options).contains("sha256"));
}

#[test]
fn the_table_of_sensors_is_bounded_and_says_so() {
    let options = SnapshotOptions {
        sensors: 3,
        ..SnapshotOptions::default()
    };
    let text = render(&stats("febus-jitter"), &options);
    assert!(text.ends_with("\n97 more, not listed\n"), "{text}");
    assert!(rendered("febus-jitter").lines().count() > 100);
}

#[test]
fn a_changed_value_changes_the_text() {
    let one = stats("zero-ids");
    let mut two = one.clone();
    two.sensors[1].amplitude.max_db = Some(1.0);
    assert_ne!(
        render(&one, &SnapshotOptions::default()),
        render(&two, &SnapshotOptions::default())
    );
}

#[test]
fn an_empty_stream_has_a_text_too() {
    let text = rendered("empty-stream");
    assert!(text.contains("frames                  0\n"), "{text}");
    assert!(text.contains("mean                    -\n"), "{text}");
    assert!(!text.contains(" \n"), "a blank ends a line");
}

#[test]
fn a_service_has_a_text_of_its_methods_without_a_word_about_spectrograms() {
    let mut collector = StatsCollector::new(&Header::new(0), StatsOptions::default());
    let mut put = |call: u32, ms: u64, kind| {
        collector.observe(&Event {
            call,
            seq: 1,
            offset_ns: ms * 1_000_000,
            kind,
        });
    };
    for (call, code) in [(1, 0), (2, 13)] {
        let start = CallStart {
            method: "/a.B/Get".to_owned(),
            ..CallStart::default()
        };
        put(call, 0, EventKind::CallStart(start));
        put(
            call,
            1,
            EventKind::Message(Message::plain(Direction::Sent, &b"abc"[..])),
        );
        put(
            call,
            2,
            EventKind::Message(Message::plain(Direction::Received, vec![0; 10 * call as usize])),
        );
        let status = Status {
            code,
            ..Status::default()
        };
        put(call, 3, EventKind::End(Ending::Status(status)));
    }
    let stats = collector.finish();
    let text = render(&stats, &SnapshotOptions::default());
    for line in [
        "## method /a.B/Get",
        "status OK               1",
        "status INTERNAL         1",
        "bytes sent              6",
        "sizes received          10..20",
        "ending                  status INTERNAL",
    ] {
        assert!(text.lines().any(|found| found == line), "{line} is not in {text}");
    }
    for word in ["frame", "row", "sensor", "dB", "canvas", "job"] {
        assert!(!text.contains(word), "{word} in {text}");
    }
    assert!(!text.contains("## arrival"), "{text}");
    let options = SnapshotOptions {
        timing: SnapshotPart::Include,
        ..SnapshotOptions::default()
    };
    assert!(render(&stats, &options).contains("to the status p50 ns    3000000\n"));
}
