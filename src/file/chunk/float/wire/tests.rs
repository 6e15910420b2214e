use prost::Message as _;

use super::*;
use crate::das::proto::{
    datastream::{DataStream, SensorIntensity, SpectrogramRow},
    pandadatastream,
};

fn found(message: &[u8]) -> Vec<Found> {
    let mut found = Vec::new();
    scan(message, &mut Hints::default(), &mut found);
    found
}

fn noise(seed: usize, len: usize) -> Vec<f32> {
    let value = |n: usize| -60.0 - ((n * 7919 + seed * 104_729) % 1021) as f32 / 37.0;
    (0..len).map(value).collect()
}

#[test]
fn the_intensities_of_every_sensor_are_found_with_their_row() {
    for bins in [5, 25, 64, 100] {
        let row = |seed: usize| SpectrogramRow {
            canvas_id: "canvas".to_owned(),
            sensors: (0..200)
                .map(|id| SensorIntensity {
                    id,
                    intensity: noise(seed + id as usize, bins),
                })
                .collect(),
            start_timestamp: 1_600_000_000_000,
            end_timestamp: 1_600_000_000_100,
        };
        let frame = DataStream {
            rows: vec![row(1), row(900)],
            current_max_amp: -1.0,
            current_min_amp: -99.0,
        };
        let bytes = frame.encode_to_vec();
        let found = found(&bytes);
        let sensors = || frame.rows.iter().flat_map(|row| &row.sensors);
        assert_eq!(found.len(), 400, "{bins} bins");
        for (found, sensor) in found.iter().zip(sensors()) {
            let expected: Vec<u8> = sensor.intensity.iter().flat_map(|value| value.to_le_bytes()).collect();
            assert_eq!(
                (&bytes[found.start..found.end], found.kind),
                (&expected[..], Kind::Single)
            );
        }
        assert!(found.windows(2).all(|pair| pair[0].end <= pair[1].start));
        let mut groups: Vec<_> = found.iter().map(|found| found.group).collect();
        groups.dedup();
        assert_eq!(groups.len(), 2, "one group for each row");
    }
}

#[test]
fn production_payloads_and_packed_doubles_are_found() {
    let payload: Vec<u8> = noise(3, 4352).iter().flat_map(|value| value.to_le_bytes()).collect();
    let block = pandadatastream::DataStream {
        main_data: vec![payload.clone(), payload.clone()],
        data_shape_x: 4352,
        ..Default::default()
    };
    let lens: Vec<_> = found(&block.encode_to_vec())
        .iter()
        .map(|found| found.end - found.start)
        .collect();
    assert_eq!(lens, [payload.len(); 2]);

    let doubles: Vec<u8> = noise(5, 100)
        .iter()
        .flat_map(|value| (f64::from(*value) / 3.0).to_le_bytes())
        .collect();
    let mut message = vec![0x0a, 0xa0, 0x06];
    message.extend(&doubles);
    let found = found(&message);
    assert_eq!((found.len(), found[0].kind, found[0].start), (1, Kind::Double, 3));
}

#[test]
fn what_is_no_message_or_holds_no_floats_is_left_alone() {
    for message in [
        &b""[..],
        b"\x00\x00\x00\x00",
        b"plain text that is no message at all, and long enough to be one",
        b"\x0a\x7fcut off",
        &[0xff; 64],
    ] {
        assert_eq!(found(message), []);
    }
    let text = "a name, a station, a remark: nothing that is a number".repeat(4);
    let mut message = vec![0x0a, (text.len() | 0x80) as u8, (text.len() >> 7) as u8];
    message.extend(text.bytes());
    assert_eq!(found(&message), []);
}
