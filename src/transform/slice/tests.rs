use std::io::Cursor;

use super::*;
use crate::das::focus::Span;
use crate::{
    das::dialect::datastream,
    file::{Header, WriterOptions},
    model::event::{Broken, CallStart, Direction, Ending, Headers, Message, Status},
};

const MS: u64 = 1_000_000;
const WALL: u64 = 1_700_000_000_000_000_000;

fn event(call: u32, seq: u64, at_ms: u64, kind: EventKind) -> Event {
    Event {
        call,
        seq,
        offset_ns: at_ms * MS,
        kind,
    }
}

fn sent(text: &str) -> EventKind {
    EventKind::Message(Message::plain(Direction::Sent, text.as_bytes().to_vec()))
}

fn received(byte: u8) -> EventKind {
    EventKind::Message(Message::plain(Direction::Received, vec![0x78, byte]))
}

/// A call that is opened at 0 and ends at 1000 ms, with ten messages from 100 ms on; and one that ends before it begins.
fn events() -> Vec<Event> {
    let start = |method: &str| {
        let method = method.to_owned();
        EventKind::CallStart(CallStart {
            method,
            ..CallStart::default()
        })
    };
    let mut events = vec![
        event(1, 1, 0, start("/other.Service/Early")),
        event(1, 2, 1, EventKind::End(Ending::Broken(Broken::default()))),
        event(2, 1, 2, start(datastream::METHOD)),
        event(2, 2, 3, sent("request")),
        event(2, 3, 4, EventKind::HalfClose),
        event(2, 4, 5, EventKind::Headers(Headers::default())),
    ];
    events.extend((1..=10).map(|n| event(2, 4 + n, n * 90 + 10, received(n as u8))));
    events.push(event(2, 15, 1000, EventKind::End(Ending::Status(Status::default()))));
    events
}

fn capture(events: &[Event]) -> Reader<Cursor<Vec<u8>>> {
    let mut header = Header::new(WALL);
    header.set("tag.site", "here");
    let mut writer = Writer::new(Vec::new(), &header, WriterOptions::default()).unwrap();
    for event in events {
        writer.write(event).unwrap();
    }
    Reader::new(Cursor::new(writer.finish_into().unwrap().0)).unwrap()
}

/// Slices, and reads the slice back.
fn cut(events: &[Event], cut: &Cut) -> Result<(Header, Vec<Event>, Sliced), SliceError> {
    let path = tempfile::NamedTempFile::new().unwrap().into_temp_path();
    std::fs::remove_file(&path).unwrap();
    let options = WriterOptions::default();
    let sliced = slice(&mut capture(events), cut, |header| {
        Writer::create(&path, header, options)
    })?;
    let reader = Reader::open(&path).unwrap();
    let header = reader.header().clone();
    let events: Vec<_> = reader.map(Result::unwrap).collect();
    assert!(
        events.is_sorted_by_key(|event| event.offset_ns),
        "in the order of their offsets"
    );
    Ok((header, events, sliced))
}

fn time(from_ms: u64, to_ms: u64) -> Cut {
    let range = Range::Time {
        from_ns: from_ms * MS,
        to_ns: to_ms * MS,
    };
    Cut {
        range,
        ..Cut::default()
    }
}

fn kinds(events: &[Event]) -> Vec<&'static str> {
    events.iter().map(|event| event.kind.name()).collect()
}

fn payloads(events: &[Event]) -> Vec<u8> {
    let payload = |event: &Event| match &event.kind {
        EventKind::Message(message) if message.direction == Direction::Received => Some(message.data[1]),
        _ => None,
    };
    events.iter().filter_map(payload).collect()
}

#[test]
fn a_slice_in_time_keeps_what_opened_the_call_and_says_that_it_went_on() {
    let (header, events, sliced) = cut(&events(), &time(200, 500)).unwrap();
    assert_eq!(
        kinds(&events),
        [
            "call_start",
            "message",
            "half_close",
            "headers",
            "message",
            "message",
            "message",
            "end",
            "note"
        ]
    );
    assert_eq!(payloads(&events), [3, 4, 5]);
    assert!(
        events[..4].iter().all(|event| event.offset_ns == 0),
        "opened before it begins"
    );
    assert_eq!(header.anchor_unix_ns, WALL + 200 * MS);
    let wall: Vec<_> = events[4..7]
        .iter()
        .map(|event| header.anchor_unix_ns + event.offset_ns - WALL)
        .collect();
    assert_eq!(wall, [280 * MS, 370 * MS, 460 * MS], "the wall clock is kept");
    let of_call: Vec<_> = events
        .iter()
        .filter(|event| event.call == 2)
        .map(|event| event.seq)
        .collect();
    assert_eq!(of_call, (1..=8).collect::<Vec<_>>());
    let EventKind::End(Ending::Cancelled(end)) = &events[7].kind else {
        panic!("{events:?}")
    };
    assert!(end.cut && end.reason.starts_with("cut by slice"));
    assert_eq!(
        (sliced.messages, sliced.messages_left_out, sliced.calls_left_out),
        (3, 7, 1)
    );
    let call = SlicedCall {
        call: 2,
        kept: 3,
        before: 2,
        after: 5,
        ending: false,
    };
    assert_eq!(sliced.calls, [call]);
    let of = header.slice().unwrap();
    assert_eq!(
        (of.from_ns, of.to_ns, of.origin_ns, of.calls_left_out),
        (200 * MS, 500 * MS, 200 * MS, 1)
    );
    assert!(of.of.is_some_and(|digest| digest.len() == 64));
    assert_eq!(header.text("tag.site"), Some("here"), "the rest of the header stays");
}

#[test]
fn a_slice_that_reaches_the_ending_keeps_it() {
    let (_, events, sliced) = cut(&events(), &time(900, u64::MAX / MS)).unwrap();
    assert_eq!(payloads(&events), [10]);
    assert!(sliced.calls[0].ending);
    assert!(
        events
            .iter()
            .any(|event| matches!(event.kind, EventKind::End(Ending::Status(_))))
    );
}

#[test]
fn frames_are_counted_call_by_call() {
    let range = Range::Frames(Span { min: 9, max: 21 });
    let (_, events, sliced) = cut(
        &events(),
        &Cut {
            range,
            ..Cut::default()
        },
    )
    .unwrap();
    assert_eq!(payloads(&events), [9, 10]);
    assert!(
        sliced
            .calls
            .iter()
            .any(|call| call.call == 2 && call.ending && call.before == 8)
    );
    let range = Range::Frames(Span { min: 1, max: 2 });
    let (_, cut_off, sliced) = cut(
        &self::events(),
        &Cut {
            range,
            ..Cut::default()
        },
    )
    .unwrap();
    assert_eq!(payloads(&cut_off), [1, 2]);
    assert!(
        sliced
            .calls
            .iter()
            .any(|call| call.call == 2 && !call.ending && call.after == 8)
    );
}

#[test]
fn everything_is_the_same_but_for_the_note() {
    let (header, sliced, report) = cut(&events(), &Cut::default()).unwrap();
    assert_eq!(sliced[..sliced.len() - 1], events());
    assert_eq!((header.anchor_unix_ns, report.messages_left_out), (WALL, 0));
}

#[test]
fn a_slice_of_a_slice_remembers_where_it_began() {
    let path = tempfile::NamedTempFile::new().unwrap().into_temp_path();
    std::fs::remove_file(&path).unwrap();
    let options = WriterOptions::default();
    slice(&mut capture(&events()), &time(200, 900), |header| {
        Writer::create(&path, header, options)
    })
    .unwrap();
    let mut twice = None;
    let mut first = Reader::open(&path).unwrap();
    slice(&mut first, &time(0, 300), |header| {
        twice = header.slice();
        Writer::new(Vec::new(), header, options)
    })
    .unwrap();
    let twice = twice.unwrap();
    assert_eq!((twice.from_ns, twice.origin_ns), (0, 200 * MS));
}

#[test]
fn what_is_not_there_is_an_error_that_says_what_is() {
    let text = |result: Result<_, SliceError>| result.err().unwrap().to_string();
    assert!(text(cut(&events(), &time(2000, 3000))).contains("ends at 1.000 s"));
    assert!(text(cut(&events(), &time(300, 200))).contains("before it begins"));
    let calls = vec![7];
    assert!(
        text(cut(
            &events(),
            &Cut {
                calls,
                ..Cut::default()
            }
        ))
        .contains("2 calls, 1 to 2")
    );
    let range = Range::Frames(Span { min: 11, max: 20 });
    assert!(
        text(cut(
            &events(),
            &Cut {
                range,
                ..Cut::default()
            }
        ))
        .contains("10 frames, counted from 1")
    );
    let sensors = "5".parse().ok();
    assert!(
        text(cut(
            &events(),
            &Cut {
                sensors,
                ..Cut::default()
            }
        ))
        .contains("sensors 5")
    );
}

#[test]
fn a_slice_by_frames_of_a_capture_whose_times_run_backwards_is_no_panic() {
    let mut events = events();
    let last = events.len() - 1;
    for (at, event) in events.iter_mut().enumerate() {
        event.offset_ns = if at == last { 0 } else { u64::MAX - at as u64 };
    }
    let range = Range::Frames(Span { min: 1, max: 3 });
    let cut = Cut {
        range,
        ..Cut::default()
    };
    let options = WriterOptions::default();
    let sliced = slice(&mut capture(&events), &cut, |header| {
        Writer::new(Vec::new(), header, options)
    });
    assert!(sliced.is_ok(), "{:?}", sliced.err());
}
