use prost::Message as _;

use super::*;
use crate::{
    das::proto::{datastream, pandadatastream},
    serve::{Rate, testing::frame},
};

/// Adds a field that no schema knows.
fn with_unknown(mut bytes: Vec<u8>) -> Vec<u8> {
    bytes.extend_from_slice(b"\xfa\x07\x03abc");
    bytes
}

#[test]
fn rows_move_and_nothing_else_does() {
    let mut original = frame(2);
    original.rows.push(frame(3).rows.remove(0));
    let wire = with_unknown(original.encode_to_vec());
    let moved = restamp(Dialect::DataStream, &wire, 1_700_000_000_000).unwrap();
    for row in &mut original.rows {
        row.start_timestamp += 1_700_000_000_000;
        row.end_timestamp += 1_700_000_000_000;
    }
    assert_eq!(moved, with_unknown(original.encode_to_vec()));
    assert_eq!(restamp(Dialect::DataStream, &moved, -1_700_000_000_000).unwrap(), wire);
}

#[test]
fn a_start_of_zero_moves_like_any_other() {
    let moved = restamp(Dialect::DataStream, &frame(0).encode_to_vec(), 1000).unwrap();
    let moved = datastream::DataStream::decode(&moved[..]).unwrap();
    assert_eq!(
        (moved.rows[0].start_timestamp, moved.rows[0].end_timestamp),
        (1000, 1250)
    );
}

#[test]
fn a_row_without_timestamps_gets_none() {
    let mut bare = frame(1);
    (bare.rows[0].start_timestamp, bare.rows[0].end_timestamp) = (0, 0);
    let wire = bare.encode_to_vec();
    assert_eq!(restamp(Dialect::DataStream, &wire, 1000).unwrap(), wire);
}

#[test]
fn production_timestamps_move_packed_or_not() {
    let block = pandadatastream::DataStream {
        start_channel: 1,
        end_channel: 2,
        timestamp_in_milis: vec![1_700_000_000_000, 1_700_000_000_250],
        main_data: vec![vec![1, 2, 3, 4]],
        ..Default::default()
    };
    let moved = restamp(Dialect::PandaDataStream, &with_unknown(block.encode_to_vec()), 500).unwrap();
    let mut expected = block;
    expected.timestamp_in_milis.iter_mut().for_each(|at| *at += 500);
    assert_eq!(moved, with_unknown(expected.encode_to_vec()));
    // Field 3 as single varints.
    let moved = restamp(Dialect::PandaDataStream, b"\x18\x05\x28\x01\x18\x07", 3).unwrap();
    assert_eq!(moved, b"\x18\x08\x28\x01\x18\x0a");
}

#[test]
fn the_newest_row_of_the_first_frame_becomes_now_and_streams_agree() {
    let shifts = Arc::<Shifts>::default();
    let schedule = Schedule::new(Rate::times(2.0).unwrap(), 0);
    let mut one = Restamper::new(Dialect::DataStream, Arc::clone(&shifts), schedule, 10_000);
    let mut two = Restamper::new(Dialect::DataStream, shifts, schedule, 10_777);
    let at = |restamper: &mut Restamper, row, pass, offset_ns| {
        let frame = Bytes::from(frame(row).encode_to_vec());
        let moved = restamper.message(&frame, pass, offset_ns).unwrap();
        datastream::DataStream::decode(&moved[..]).unwrap().rows[0].end_timestamp
    };
    // Due after half of 400 ms.
    assert_eq!(at(&mut one, 4, 0, 400_000_000), 10_200);
    assert_eq!(at(&mut one, 5, 0, 9_000_000_000), 10_450);
    assert_eq!(at(&mut two, 5, 0, 400_000_000), 10_450);
    assert_eq!(at(&mut two, 4, 1, 20_000_000_000), 20_777);
    assert_eq!(at(&mut one, 4, 1, 30_000_000_000), 20_777);
}

#[test]
fn shifts_of_old_passes_are_forgotten() {
    let shifts = Shifts::default();
    (0..1000).for_each(|pass| assert_eq!(shifts.of(pass, || 7), 7));
    assert!(shifts.0.lock().unwrap().len() <= 65);
}

#[test]
fn what_is_no_frame_is_left_alone() {
    let mut restamper = Restamper::new(Dialect::DataStream, Arc::default(), Schedule::new(Rate::Max, 0), 10_000);
    assert_eq!(restamper.message(&Bytes::from_static(b"\xff\xff"), 0, 0), None);
}
