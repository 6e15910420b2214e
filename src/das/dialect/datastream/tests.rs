use proptest::{collection::vec, prelude::*};
use prost::Message as _;

use super::*;
use crate::{
    das::{
        dialect::{DecodeErrorKind, budget::MAX_FRAME_BYTES},
        proto::datastream as oracle,
        spectrogram::Values,
    },
    grpc::protobuf::{put_delimited, put_varint},
};

const TOO_MANY: DecodeErrorKind = DecodeErrorKind::TooManyParts { limit_mib: 64 };

/// A frame of realistic shape, as the generated code writes it.
fn real_frame() -> Vec<u8> {
    let sensors = (0..5).map(|id| oracle::SensorIntensity {
        id: 32_500 + id * 50,
        intensity: (0..16).map(|bin| -120.5 + bin as f32).collect(),
    });
    let row = |start| oracle::SpectrogramRow {
        canvas_id: "canvas-1".into(),
        sensors: sensors.clone().collect(),
        start_timestamp: start,
        end_timestamp: start + 1000,
    };
    let rows = vec![row(1_700_000_000_000), row(1_700_000_001_000)];
    oracle::DataStream {
        rows,
        current_max_amp: -105.5,
        current_min_amp: f64::NEG_INFINITY,
    }
    .encode_to_vec()
}

/// The generated type as our vocabulary says it.
fn as_frame(message: &oracle::DataStream) -> Frame<'_> {
    let sensor = |sensor: &oracle::SensorIntensity| Sensor {
        id: sensor.id,
        intensity: Values::Owned(sensor.intensity.clone()),
    };
    let rows = message.rows.iter().map(|row| Row {
        index: None,
        canvas: Some(row.canvas_id.as_str().into()),
        start_ms: Some(row.start_timestamp),
        end_ms: Some(row.end_timestamp),
        sensors: row.sensors.iter().map(sensor).collect(),
    });
    Frame {
        rows: rows.collect(),
        declared_max: message.current_max_amp,
        declared_min: message.current_min_amp,
        block: None,
        unknown: vec![],
    }
}

/// Both decoders must agree: on acceptance, and on the content bit for bit.
fn agrees_with_prost(bytes: &[u8]) -> Result<(), TestCaseError> {
    match (decode(bytes), oracle::DataStream::decode(bytes)) {
        (Ok(mut ours), Ok(theirs)) => {
            let theirs = as_frame(&theirs);
            ours.unknown.clear();
            let extremes = |frame: &Frame<'_>| [frame.declared_max.to_bits(), frame.declared_min.to_bits()];
            prop_assert_eq!(extremes(&ours), extremes(&theirs));
            prop_assert_eq!(ours.rows, theirs.rows);
        }
        (Err(_), Err(_)) => {}
        (ours, theirs) => prop_assert!(false, "we say {ours:?}, prost says {theirs:?}"),
    }
    Ok(())
}

#[test]
fn a_real_frame_is_decoded_without_copying_a_float() {
    let bytes = real_frame();
    let frame = decode(&bytes).unwrap();
    assert_eq!(frame, as_frame(&oracle::DataStream::decode(bytes.as_slice()).unwrap()));
    assert_eq!((frame.rows.len(), frame.rows[0].sensors.len()), (2, 5));
    let borrowed = |sensor: &Sensor<'_>| matches!(sensor.intensity, Values::Wire(run) if run.len() == 64);
    assert!(frame.rows.iter().flat_map(|row| &row.sensors).all(borrowed));
}

#[test]
fn absent_fields_have_their_proto3_defaults() {
    let frame = decode(&[0x0a, 2, 0x12, 0]).unwrap();
    let row = &frame.rows[0];
    assert_eq!(
        (row.start_ms, row.end_ms, row.canvas.as_deref()),
        (Some(0), Some(0), Some(""))
    );
    assert_eq!((row.sensors[0].id, row.sensors[0].intensity.len()), (0, 0));
    assert_eq!(decode(&[]).unwrap(), Frame::default());
}

#[test]
fn unknown_fields_are_reported_with_message_number_and_wire_type() {
    let bytes = [0x0a, 9, 0x12, 3, 0x98, 0x06, 7, 0x3a, 0, 0x38, 1, 0x7a, 1, 0xff];
    let unknown = decode(&bytes).unwrap().unknown;
    let expected = [
        ("SensorIntensity", 99, 0),
        ("SpectrogramRow", 7, 2),
        ("SpectrogramRow", 7, 0),
        ("DataStream", 15, 2),
    ];
    assert_eq!(
        unknown,
        expected.map(|(message, number, wire_type)| UnknownField {
            message,
            number,
            wire_type
        })
    );
}

#[test]
fn a_frame_cut_at_any_byte_is_an_error_or_a_shorter_frame_and_never_a_panic() {
    let bytes = real_frame();
    let whole = decode(&bytes).unwrap();
    for end in 0..bytes.len() {
        if let Ok(frame) = decode(&bytes[..end]) {
            assert!(whole.rows.starts_with(&frame.rows), "cut at byte {end}");
        }
        agrees_with_prost(&bytes[..end]).unwrap();
    }
}

#[test]
fn an_error_within_a_sensor_names_the_byte_of_the_whole_message() {
    let mut bytes = real_frame();
    let at = bytes
        .windows(4)
        .position(|window| window == (-120.5_f32).to_le_bytes())
        .unwrap();
    bytes[at - 1] = 63;
    let error = decode(&bytes).unwrap_err();
    assert_eq!((error.message, error.byte), ("SensorIntensity", at));
}

#[test]
fn a_stream_request_is_what_prost_writes_and_is_read_back() {
    for (job_id, max_frames) in [("12-70788", 5), ("", 0), ("job", -1), ("x", i32::MAX)] {
        let bytes = stream_request(job_id, max_frames);
        let theirs = oracle::StreamRequest {
            job_id: job_id.into(),
            max_frames,
        };
        assert_eq!(bytes, theirs.encode_to_vec());
        assert_eq!(StreamRequest::decode(&bytes), Ok(StreamRequest { job_id, max_frames }));
    }
    assert!(StreamRequest::decode(&[0x0a, 1, 0xff]).is_err());
}

/// Fields of a message in any order, repeated, packed, unpacked and split, with unknown ones between.
fn any_sensor() -> impl Strategy<Value = Vec<u8>> {
    let floats = prop_oneof![any::<f32>(), Just(f32::NAN), Just(f32::NEG_INFINITY)];
    let field = prop_oneof![
        any::<i32>().prop_map(|id| int_field(1, i64::from(id))),
        vec(floats.clone(), 0..6)
            .prop_map(|run| bytes_field(2, &run.iter().flat_map(|v| v.to_le_bytes()).collect::<Vec<_>>())),
        floats.prop_map(|one| [&[0x15], one.to_le_bytes().as_slice()].concat()),
        any_unknown(),
    ];
    vec(field, 0..6).prop_map(|fields| fields.concat())
}

fn any_row() -> impl Strategy<Value = Vec<u8>> {
    let field = prop_oneof![
        "[a-zé]{0,4}".prop_map(|canvas| bytes_field(1, canvas.as_bytes())),
        any_sensor().prop_map(|sensor| bytes_field(2, &sensor)),
        any::<i64>().prop_map(|ms| int_field(3, ms)),
        any::<i64>().prop_map(|ms| int_field(4, ms)),
        any_unknown(),
    ];
    vec(field, 0..8).prop_map(|fields| fields.concat())
}

fn any_message() -> impl Strategy<Value = Vec<u8>> {
    let field = prop_oneof![
        any_row().prop_map(|row| bytes_field(1, &row)),
        (2_u32..4, any::<f64>()).prop_map(|(number, amp)| {
            let mut out = vec![(number << 3 | 1) as u8];
            out.extend_from_slice(&amp.to_le_bytes());
            out
        }),
        any_unknown(),
    ];
    vec(field, 0..6).prop_map(|fields| fields.concat())
}

fn any_unknown() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        (9_u32..5000, any::<i64>()).prop_map(|(number, value)| int_field(number, value)),
        (9_u32..5000, vec(any::<u8>(), 0..5)).prop_map(|(number, bytes)| bytes_field(number, &bytes)),
        Just(vec![0x53, 0x08, 1, 0x54]),
    ]
}

fn int_field(number: u32, value: i64) -> Vec<u8> {
    let mut out = Vec::new();
    put_varint(&mut out, number, value as u64);
    out
}

fn bytes_field(number: u32, value: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    put_delimited(&mut out, number, value);
    out
}

proptest! {
    #[test]
    fn whatever_protobuf_allows_is_read_as_prost_reads_it(bytes in any_message()) {
        prop_assert!(decode(&bytes).is_ok());
        agrees_with_prost(&bytes)?;
    }

    #[test]
    fn damaged_messages_are_judged_as_prost_judges_them(
        bytes in any_message(), at in any::<prop::sample::Index>(), with in any::<u8>(), cut in any::<prop::sample::Index>()
    ) {
        let mut bytes = bytes;
        if !bytes.is_empty() {
            let at = at.index(bytes.len());
            bytes[at] = with;
        }
        agrees_with_prost(&bytes)?;
        agrees_with_prost(&bytes[..cut.index(bytes.len() + 1)])?;
    }

    #[test]
    fn random_bytes_are_judged_as_prost_judges_them(bytes in vec(any::<u8>(), 0..64)) {
        agrees_with_prost(&bytes)?;
    }
}

#[test]
fn rows_and_sensors_beyond_the_limit_are_refused_with_their_place() {
    // Two bytes each on the wire.
    let rows = MAX_FRAME_BYTES / size_of::<Row<'_>>();
    assert_eq!(decode(&b"\x0a\x00".repeat(rows)).unwrap().rows.len(), rows);
    let error = decode(&b"\x0a\x00".repeat(rows + 1)).unwrap_err();
    assert_eq!(error.kind, TOO_MANY);
    assert_eq!(error.byte, 2 * rows + 2);
    let sensors = MAX_FRAME_BYTES / size_of::<Sensor<'_>>();
    for part in [&b"\x12\x00"[..], b"\x28\x00"] {
        let mut row = Vec::new();
        put_bytes(&mut row, 1, &part.repeat(sensors * 2));
        assert_eq!(decode(&row).unwrap_err().kind, TOO_MANY);
    }
    // A short sensor before a long canvas does not reserve room for thousands.
    let mut row = b"\x12\x00".to_vec();
    put_bytes(&mut row, 1, &[b'x'; 8000]);
    let mut message = Vec::new();
    put_bytes(&mut message, 1, &row);
    assert!(decode(&message).unwrap().rows[0].sensors.capacity() < 300);
}
