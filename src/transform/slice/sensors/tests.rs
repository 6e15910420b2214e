use prost::Message as _;

use super::*;
use crate::{
    das::{
        dialect::{datastream, pandadatastream},
        proto,
    },
    grpc::protobuf::put_delimited,
    model::event::{CallStart, Direction, EventKind},
};

fn filter_of(method: &str, wanted: &str) -> SensorFilter {
    let mut filter = SensorFilter::new(wanted.parse().unwrap());
    let method = method.to_owned();
    let kind = EventKind::CallStart(CallStart {
        method,
        ..CallStart::default()
    });
    filter.see(&Event {
        call: 1,
        seq: 1,
        offset_ns: 0,
        kind,
    });
    filter
}

fn filter(method: &str, wanted: &str, bytes: Vec<u8>) -> Result<Vec<u8>, EncodeError> {
    let message = Message::plain(Direction::Received, bytes);
    match filter_of(method, wanted).filter(1, &message)? {
        Filtered::Anew(bytes) => Ok(bytes),
        other => panic!("{other:?}"),
    }
}

fn frame(sensors: &[(i32, [f32; 2])], max: f64, min: f64) -> proto::datastream::DataStream {
    let sensors = sensors.iter().map(|(id, values)| proto::datastream::SensorIntensity {
        id: *id,
        intensity: values.to_vec(),
    });
    proto::datastream::DataStream {
        rows: vec![proto::datastream::SpectrogramRow {
            canvas_id: "canvas".to_owned(),
            sensors: sensors.collect(),
            start_timestamp: 5,
            end_timestamp: 6,
        }],
        current_max_amp: max,
        current_min_amp: min,
    }
}

const SENSORS: [(i32, [f32; 2]); 3] = [(0, [1.0, 2.0]), (1, [-4.0, 8.0]), (2, [0.5, 0.25])];

#[test]
fn the_other_sensors_go_and_extremes_that_were_right_stay_right() {
    let left = filter(datastream::METHOD, "0,2", frame(&SENSORS, 8.0, -4.0).encode_to_vec()).unwrap();
    let expected = frame(&[SENSORS[0], SENSORS[2]], 2.0, 0.25);
    assert_eq!(proto::datastream::DataStream::decode(&left[..]).unwrap(), expected);
}

#[test]
fn extremes_that_were_wrong_stay_as_wrong_as_they_were() {
    let left = filter(datastream::METHOD, "0", frame(&SENSORS, 99.0, -4.0).encode_to_vec()).unwrap();
    let left = proto::datastream::DataStream::decode(&left[..]).unwrap();
    assert_eq!((left.current_max_amp, left.current_min_amp), (99.0, 1.0));
}

#[test]
fn unknown_fields_and_their_order_stay() {
    // Field 15 before everything, field 16 in the row, field 17 in the sensor.
    let mut sensor = vec![0x08, 3, 0x12, 4, 0, 0, 0x80, 0x3f];
    sensor.extend([0x88, 0x01, 9]);
    let mut row = vec![0x82, 0x01, 1, b'x'];
    put_delimited(&mut row, 2, &sensor);
    put_delimited(&mut row, 2, &[0x08, 4]);
    let mut bytes = vec![0x78, 5];
    put_delimited(&mut bytes, 1, &row);
    let mut row = vec![0x82, 0x01, 1, b'x'];
    put_delimited(&mut row, 2, &sensor);
    let mut expected = vec![0x78, 5];
    put_delimited(&mut expected, 1, &row);
    assert_eq!(filter(datastream::METHOD, "3", bytes.clone()).unwrap(), expected);
    assert_eq!(
        filter(datastream::METHOD, "3..4", bytes.clone()).unwrap(),
        bytes,
        "all of them: nothing changes"
    );
}

fn block(pieces: Vec<Vec<u8>>, x: i32) -> proto::pandadatastream::DataStream {
    proto::pandadatastream::DataStream {
        start_channel: 10,
        end_channel: 12,
        timestamp_in_milis: vec![1, 2],
        row_index: vec![7, 8],
        data_shape_x: x,
        data_shape_y: 2,
        global_maximum: 5.0,
        global_minimum: -5.0,
        main_data: pieces,
        job_id: Some(3),
        data_shape_z: None,
    }
}

#[test]
fn a_block_keeps_a_run_of_channels_in_every_row() {
    // Three channels of two bins of two bytes, two rows.
    let row = |first: u8| (first..first + 12).collect::<Vec<u8>>();
    let left = filter(
        pandadatastream::METHOD,
        "11..40",
        block(vec![row(0), row(100)], 6).encode_to_vec(),
    )
    .unwrap();
    let left = proto::pandadatastream::DataStream::decode(&left[..]).unwrap();
    let mut expected = block(vec![(4..12).collect(), (104..112).collect()], 4);
    expected.start_channel = 11;
    assert_eq!(left, expected);
    let whole = [row(0), row(100)].concat();
    let left = filter(pandadatastream::METHOD, "10", block(vec![whole], 6).encode_to_vec()).unwrap();
    let left = proto::pandadatastream::DataStream::decode(&left[..]).unwrap();
    let mut expected = block(vec![vec![0, 1, 2, 3, 100, 101, 102, 103]], 2);
    expected.end_channel = 10;
    assert_eq!(left, expected);
}

#[test]
fn a_block_cannot_be_left_in_pieces_and_a_shape_that_does_not_fit_is_damage() {
    let bytes = block(vec![vec![0; 24]], 6).encode_to_vec();
    let pieces = filter(pandadatastream::METHOD, "10,12", bytes.clone());
    assert!(matches!(pieces, Err(EncodeError::Pieces(10, 12))));
    let odd = filter(
        pandadatastream::METHOD,
        "10",
        block(vec![vec![0; 23]], 6).encode_to_vec(),
    );
    assert!(matches!(odd, Err(EncodeError::Damaged)));
    let message = Message::plain(Direction::Received, bytes);
    assert_eq!(
        filter_of(pandadatastream::METHOD, "99").filter(1, &message).unwrap(),
        Filtered::Nothing
    );
    let cut_off = Message::plain(Direction::Received, vec![0x0a, 9]);
    assert!(matches!(
        filter_of(datastream::METHOD, "1").filter(1, &cut_off),
        Err(EncodeError::Damaged)
    ));
    assert_eq!(
        filter_of("/other.Service/Method", "1").filter(1, &cut_off).unwrap(),
        Filtered::Untouched
    );
}
