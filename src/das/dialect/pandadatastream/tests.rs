use proptest::{collection::vec, prelude::*};
use prost::Message as _;

use super::*;
use crate::{
    das::{
        dialect::{DecodeErrorKind, budget::MAX_FRAME_BYTES},
        proto::pandadatastream as oracle,
        spectrogram::Values,
    },
    grpc::protobuf::put_bytes,
};

/// Two rows of three channels of four bins, value = 100 × row + 10 × channel + bin.
fn real_message() -> oracle::DataStream {
    let values = (0..2).flat_map(|row| (0..12).map(move |i| (100 * row + 10 * (i / 4) + i % 4) as f32));
    oracle::DataStream {
        start_channel: 5,
        end_channel: 7,
        timestamp_in_milis: vec![1_700_000_000_000, 1_700_000_000_040],
        row_index: vec![41, 42],
        data_shape_x: 12,
        data_shape_y: 2,
        global_maximum: 123.0,
        global_minimum: 0.0,
        main_data: vec![values.flat_map(f32::to_le_bytes).collect()],
        job_id: Some(9),
        data_shape_z: None,
    }
}

fn spectra(frame: &Frame<'_>) -> Vec<Vec<f32>> {
    let sensors = frame.rows.iter().flat_map(|row| &row.sensors);
    sensors.map(|sensor| sensor.intensity.iter().collect()).collect()
}

#[test]
fn a_block_becomes_rows_of_sensors_and_borrows_its_floats() {
    let bytes = real_message().encode_to_vec();
    let frame = decode(&bytes, Layout::default()).unwrap();
    assert_eq!(spectra(&frame)[4], [110.0, 111.0, 112.0, 113.0]);
    assert_eq!(
        frame.rows[1].sensors.iter().map(|sensor| sensor.id).collect::<Vec<_>>(),
        [5, 6, 7]
    );
    assert_eq!(
        (frame.rows[1].index, frame.rows[1].start_ms),
        (Some(42), Some(1_700_000_000_040))
    );
    assert_eq!((frame.rows[1].end_ms, frame.declared_max), (None, 123.0));
    let borrowed = |sensor: &Sensor<'_>| matches!(sensor.intensity, Values::Wire(_));
    assert!(frame.rows.iter().flat_map(|row| &row.sensors).all(borrowed));
    let block = frame.block.unwrap();
    assert_eq!((block.width, block.shape_z, block.payload_bytes), (Some(4), 1, 96));
    assert!(block.guessed && block.job_id == Some(9));
}

#[test]
fn a_known_layout_is_not_marked_as_a_guess() {
    let bytes = real_message().encode_to_vec();
    let layout = Layout::known(Element::F32, Axis::BinMajor);
    let frame = decode(&bytes, layout).unwrap();
    assert!(!frame.block.as_ref().unwrap().guessed);
    assert_eq!(spectra(&frame)[0], [0.0, 3.0, 12.0, 21.0]);
}

#[test]
fn pieces_are_joined_wherever_the_seams_are() {
    let whole = real_message();
    let payload = whole.main_data[0].clone();
    let expected = spectra(&decode(&whole.encode_to_vec(), Layout::default()).unwrap());
    for seam in 0..=payload.len() {
        let (left, right) = payload.split_at(seam);
        let pieces = vec![left.to_vec(), vec![], right.to_vec()];
        let bytes = oracle::DataStream {
            main_data: pieces,
            ..whole.clone()
        }
        .encode_to_vec();
        assert_eq!(
            spectra(&decode(&bytes, Layout::default()).unwrap()),
            expected,
            "seam at {seam}"
        );
    }
    let bytes_each = payload.iter().map(|byte| vec![*byte]).collect();
    let bytes = oracle::DataStream {
        main_data: bytes_each,
        ..whole
    }
    .encode_to_vec();
    assert_eq!(spectra(&decode(&bytes, Layout::default()).unwrap()), expected);
}

#[test]
fn every_element_type_is_read() {
    let cases: [(Element, Vec<u8>); 8] = [
        (Element::F32, [1.0_f32, 2.0, 3.0].map(f32::to_le_bytes).concat()),
        (Element::F64, [1.0_f64, 2.0, 3.0].map(f64::to_le_bytes).concat()),
        (Element::U8, vec![1, 2, 3]),
        (Element::I8, vec![1, 2, 3]),
        (Element::U16, [1_u16, 2, 3].map(u16::to_le_bytes).concat()),
        (Element::I16, [1_i16, 2, 3].map(i16::to_le_bytes).concat()),
        (Element::U32, [1_u32, 2, 3].map(u32::to_le_bytes).concat()),
        (Element::I32, [1_i32, 2, 3].map(i32::to_le_bytes).concat()),
    ];
    for (element, payload) in cases {
        let message = oracle::DataStream {
            data_shape_x: 3,
            data_shape_y: 1,
            main_data: vec![payload],
            ..oracle::DataStream::default()
        };
        for axis in Axis::ALL {
            let bytes = message.encode_to_vec();
            let frame = decode(&bytes, Layout::known(element, axis)).unwrap();
            assert_eq!(spectra(&frame), [[1.0, 2.0, 3.0]], "{element} {axis}");
            assert_eq!(frame.block.unwrap().width, Some(element.width()));
        }
        assert_eq!(element.to_string().parse(), Ok(element));
    }
    assert!("f16".parse::<Element>().unwrap_err().to_string().contains("f32"));
    assert!("rows".parse::<Axis>().unwrap_err().to_string().contains("bin-major"));
}

#[test]
fn values_are_left_out_when_shape_and_payload_disagree() {
    let whole = real_message();
    let cases = [
        (
            "x does not divide by the channels",
            oracle::DataStream {
                end_channel: 9,
                ..whole.clone()
            },
            Some(4),
        ),
        (
            "the payload does not divide",
            oracle::DataStream {
                data_shape_x: 13,
                ..whole.clone()
            },
            None,
        ),
        (
            "another width",
            oracle::DataStream {
                data_shape_x: 6,
                end_channel: 6,
                ..whole.clone()
            },
            Some(8),
        ),
        (
            "a third dimension",
            oracle::DataStream {
                data_shape_x: 6,
                data_shape_z: Some(2),
                ..whole.clone()
            },
            Some(4),
        ),
        (
            "no payload",
            oracle::DataStream {
                main_data: vec![],
                ..whole.clone()
            },
            None,
        ),
        (
            "a negative shape",
            oracle::DataStream {
                data_shape_x: -12,
                ..whole.clone()
            },
            None,
        ),
        (
            "end before start",
            oracle::DataStream {
                start_channel: 8,
                ..whole.clone()
            },
            Some(4),
        ),
        (
            "a zero dimension",
            oracle::DataStream {
                data_shape_z: Some(0),
                ..whole
            },
            None,
        ),
    ];
    for (case, message, width) in cases {
        let bytes = message.encode_to_vec();
        let frame = decode(&bytes, Layout::default()).unwrap();
        assert_eq!(frame.rows.len(), 2, "{case}");
        assert_eq!(frame.rows[1].start_ms, Some(1_700_000_000_040), "{case}");
        assert_eq!(spectra(&frame).len(), 0, "{case}");
        let block = frame.block.unwrap();
        assert_eq!((block.width, block.guessed), (width, false), "{case}");
    }
}

#[test]
fn hostile_shapes_allocate_nothing() {
    let hostile = oracle::DataStream {
        start_channel: i32::MIN,
        end_channel: i32::MAX,
        data_shape_x: i32::MAX,
        data_shape_y: i32::MAX,
        data_shape_z: Some(i32::MAX),
        main_data: vec![vec![0; 4]],
        ..oracle::DataStream::default()
    };
    let bytes = hostile.encode_to_vec();
    let frame = decode(&bytes, Layout::default()).unwrap();
    assert_eq!((frame.rows.len(), frame.block.unwrap().width), (1, None));
}

#[test]
fn a_message_cut_at_any_byte_never_panics() {
    let bytes = real_message().encode_to_vec();
    for end in 0..bytes.len() {
        let theirs = oracle::DataStream::decode(&bytes[..end]);
        assert_eq!(
            decode(&bytes[..end], Layout::default()).is_ok(),
            theirs.is_ok(),
            "cut at byte {end}"
        );
    }
}

#[test]
fn a_stream_request_is_what_prost_writes_and_is_read_back() {
    for stream_id in [0, 2, -1, i32::MAX] {
        let bytes = stream_request(stream_id);
        assert_eq!(bytes, oracle::StreamDataRequest { stream_id }.encode_to_vec());
        assert_eq!(requested_stream(&bytes), Ok(stream_id));
    }
    assert!(requested_stream(&[0x08]).is_err());
}

#[test]
fn unpacked_timestamps_unknown_fields_and_last_scalars_are_taken() {
    let bytes = [
        0x18, 5, 0x1a, 2, 6, 7, 0x18, 8, 0x30, 1, 0x30, 9, 0xa0, 0x06, 1, 0x20, 3,
    ];
    let frame = decode(&bytes, Layout::default()).unwrap();
    assert_eq!(
        frame.rows.iter().map(|row| row.start_ms).collect::<Vec<_>>(),
        [5, 6, 7, 8].map(Some)
    );
    assert_eq!((frame.rows[0].index, frame.rows[1].index), (Some(3), None));
    assert_eq!(frame.block.unwrap().shape_y, 9);
    assert_eq!(
        frame.unknown,
        [UnknownField {
            message: "DataStream",
            number: 100,
            wire_type: 0
        }]
    );
}

proptest! {
    #[test]
    fn acceptance_and_numbers_agree_with_prost(
        at in any::<prop::sample::Index>(), with in any::<u8>(), noise in vec(any::<u8>(), 0..48)
    ) {
        let mut damaged = real_message().encode_to_vec();
        let at = at.index(damaged.len());
        damaged[at] = with;
        for bytes in [damaged, noise] {
            match (decode(&bytes, Layout::default()), oracle::DataStream::decode(bytes.as_slice())) {
                (Ok(ours), Ok(theirs)) => {
                    let block = ours.block.unwrap();
                    prop_assert_eq!(block.shape_x, theirs.data_shape_x);
                    prop_assert_eq!(block.start_channel, theirs.start_channel);
                    prop_assert_eq!(block.job_id, theirs.job_id);
                    prop_assert_eq!(block.payload_bytes, theirs.main_data.concat().len() as u64);
                    let times = ours.rows.iter().map_while(|row| row.start_ms).collect::<Vec<_>>();
                    prop_assert!(theirs.timestamp_in_milis.starts_with(&times));
                }
                (Err(_), Err(_)) => {}
                (ours, theirs) => prop_assert!(false, "we say {ours:?}, prost says {theirs:?}"),
            }
        }
    }
}

#[test]
fn numbers_and_sensors_beyond_the_limit_are_refused() {
    let too_many = |bytes: &[u8], layout: Layout| {
        let error = decode(bytes, layout).unwrap_err();
        assert!(
            matches!(error.kind, DecodeErrorKind::TooManyParts { limit_mib: 64 }),
            "{error}"
        );
    };
    // Timestamps and indexes of one byte each; pieces of payload.
    let most = MAX_FRAME_BYTES / size_of::<i64>();
    for number in [3, 4] {
        let mut bytes = Vec::new();
        put_bytes(&mut bytes, number, &vec![1; most + 1]);
        too_many(&bytes, Layout::default());
    }
    too_many(
        &b"\x4a\x01x".repeat(MAX_FRAME_BYTES / Payload::PIECE + 1),
        Layout::default(),
    );
    // Rows of one channel of one byte: a sensor for each.
    let mut bytes = Vec::new();
    put_int32(&mut bytes, 5, 1);
    put_int32(&mut bytes, 6, 4 << 20);
    put_bytes(&mut bytes, 9, &vec![0; 4 << 20]);
    too_many(&bytes, Layout::known(Element::U8, Axis::ChannelMajor));
    // A shape that no payload can have.
    let mut bytes = Vec::new();
    for side in [5, 6, 11] {
        put_int32(&mut bytes, side, i32::MAX);
    }
    put_bytes(&mut bytes, 9, b"xxxx");
    assert_eq!(decode(&bytes, Layout::default()).unwrap().block.unwrap().width, None);
}
