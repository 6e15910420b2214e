use prost::Message as _;

use super::*;
use crate::{
    das::{
        dialect::datastream::StreamRequest,
        proto::{datastream as spec, pandadatastream as panda},
    },
    transform::convert::delimited::write_message,
};

const START_MS: i64 = 1_700_000_000_000;

fn file(messages: &[Vec<u8>]) -> Vec<u8> {
    let mut file = Vec::new();
    for message in messages {
        write_message(&mut file, message).unwrap();
    }
    file
}

/// A frame of rows from start to end, milliseconds after [`START_MS`].
fn frame(rows: &[(i64, i64)]) -> Vec<u8> {
    let row = |(start, end): &(i64, i64)| spec::SpectrogramRow {
        start_timestamp: START_MS + start,
        end_timestamp: START_MS + end,
        ..spec::SpectrogramRow::default()
    };
    let rows = rows.iter().map(row).collect();
    spec::DataStream {
        rows,
        ..spec::DataStream::default()
    }
    .encode_to_vec()
}

fn import(messages: &[Vec<u8>]) -> (u64, Vec<Event>) {
    let file = file(messages);
    let import = Import::new(
        file.as_slice(),
        ImportOptions {
            job_id: "12-1".into(),
            ..ImportOptions::default()
        },
    );
    (import.anchor_unix_ns(), import.map(Result::unwrap).collect())
}

fn frame_offsets_ms(events: &[Event]) -> Vec<u64> {
    let received = |event: &&Event| matches!(&event.kind, EventKind::Message(m) if m.direction == Direction::Received);
    events
        .iter()
        .filter(received)
        .map(|event| event.offset_ns / NS_PER_MS)
        .collect()
}

#[test]
fn frames_become_one_whole_call() {
    let frames = [frame(&[(0, 40), (40, 80)]), frame(&[(80, 120)])];
    let (anchor, events) = import(&frames);
    assert_eq!(anchor, START_MS as u64 * NS_PER_MS);
    let names = events.iter().map(|event| event.kind.name()).collect::<Vec<_>>();
    assert_eq!(
        names,
        [
            "call_start",
            "message",
            "half_close",
            "headers",
            "message",
            "message",
            "end"
        ]
    );
    assert!(events.iter().map(|event| event.seq).eq(1..=7) && events.iter().all(|event| event.call == 1));
    let EventKind::CallStart(start) = &events[0].kind else {
        panic!()
    };
    assert_eq!(
        (start.method.as_str(), start.metadata.get_text("te")),
        (datastream::METHOD, Some("trailers"))
    );
    let EventKind::Message(request) = &events[1].kind else {
        panic!()
    };
    assert_eq!(StreamRequest::decode(&request.data).unwrap().job_id, "12-1");
    let EventKind::Message(first) = &events[4].kind else {
        panic!()
    };
    assert_eq!(first.data, frames[0]);
    let EventKind::End(Ending::Status(status)) = &events[6].kind else {
        panic!()
    };
    assert_eq!((status.code, status.trailers.get_text("grpc-status")), (0, Some("0")));
    assert_eq!(events[6].offset_ns, 120 * NS_PER_MS);
}

#[test]
fn offsets_are_the_rows_own_time_and_never_fall() {
    let (_, events) = import(&[
        frame(&[(0, 40)]),
        frame(&[(40, 90)]),
        frame(&[(30, 60)]),
        frame(&[]),
        frame(&[(i64::MAX - START_MS, i64::MAX - START_MS)]),
        frame(&[(3_600_000, 3_600_040)]),
    ]);
    assert_eq!(frame_offsets_ms(&events), [40, 90, 90, 90, 90, 3_600_040]);
}

#[test]
fn a_frame_that_cannot_be_decoded_is_imported_at_the_offset_before_it() {
    let file = file(&[vec![0xff], frame(&[(0, 40)]), vec![0x0a, 9], frame(&[(40, 80)])]);
    let mut import = Import::new(file.as_slice(), ImportOptions::default());
    assert_eq!(import.anchor_unix_ns(), START_MS as u64 * NS_PER_MS);
    let events = import.by_ref().map(Result::unwrap).collect::<Vec<_>>();
    assert_eq!(frame_offsets_ms(&events), [0, 40, 40, 80]);
    assert_eq!((import.frames(), import.undecodable()), (4, 2));
}

#[test]
fn an_empty_file_is_a_call_without_frames() {
    let (anchor, events) = import(&[]);
    assert_eq!((anchor, events.len()), (0, 5));
    assert_eq!(events[4].kind.name(), "end");
}

#[test]
fn a_late_first_row_anchors_at_the_epoch_and_offsets_still_begin_with_it() {
    let mut frames = vec![Vec::new(); LOOKAHEAD_FRAMES];
    frames.push(frame(&[(0, 40)]));
    let (anchor, events) = import(&frames);
    assert_eq!((anchor, frame_offsets_ms(&events).last()), (0, Some(&40)));
}

#[test]
fn a_cut_file_gives_what_is_whole_then_an_error_and_then_a_broken_ending() {
    let mut file = file(&[frame(&[(0, 40)]), frame(&[(40, 80)])]);
    file.pop();
    let mut import = Import::new(file.as_slice(), ImportOptions::default());
    let events = import.by_ref().collect::<Vec<_>>();
    assert_eq!(events.len(), 7);
    let error = events[5].as_ref().unwrap_err();
    assert_eq!((error.frames, error.source.number), (1, 2));
    let ending = &events[6].as_ref().unwrap().kind;
    assert!(matches!(ending, EventKind::End(Ending::Broken(_))), "{ending:?}");
    assert!(import.next().is_none());
}

#[test]
fn production_frames_are_placed_by_their_last_timestamp() {
    let block = |times: &[i64]| {
        panda::DataStream {
            timestamp_in_milis: times.iter().map(|ms| START_MS + ms).collect(),
            data_shape_x: 1,
            data_shape_y: times.len() as i32,
            main_data: vec![vec![0; 4 * times.len()]],
            ..panda::DataStream::default()
        }
        .encode_to_vec()
    };
    let options = ImportOptions {
        dialect: Dialect::PandaDataStream,
        stream_id: 2,
        ..ImportOptions::default()
    };
    let file = file(&[block(&[0, 40]), block(&[80])]);
    let events = Import::new(file.as_slice(), options)
        .map(Result::unwrap)
        .collect::<Vec<_>>();
    assert_eq!(frame_offsets_ms(&events), [40, 80]);
    let EventKind::Message(request) = &events[1].kind else {
        panic!()
    };
    assert_eq!(pandadatastream::requested_stream(&request.data), Ok(2));
}

#[test]
fn the_same_file_gives_the_same_events() {
    let frames = [frame(&[(0, 40)]), vec![0xff], frame(&[(40, 80)])];
    assert_eq!(import(&frames), import(&frames));
}
