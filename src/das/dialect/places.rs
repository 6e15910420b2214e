//! Positions of a frame's values in its bytes, for code that changes only values.

use std::ops::Range;

use super::{Dialect, budget::Budget};
use crate::grpc::protobuf::{DecodeError, Field, Fields, Value};

/// The runs of bytes that hold a frame's values, in wire order; together they are all of its values.
///
/// Intensities of `datastream` are little-endian `f32`; what `main_data` of `pandadatastream` holds, a
/// [`Layout`](super::Layout) says.
///
/// # Errors
/// When the message is malformed, or has more runs than [`MAX_FRAME_BYTES`](super::MAX_FRAME_BYTES) holds.
pub(crate) fn value_places(dialect: Dialect, frame: &[u8]) -> Result<Vec<Range<usize>>, DecodeError> {
    let (mut places, mut budget) = (Vec::new(), Budget::default());
    let mut fields = Fields::new("DataStream", frame);
    while let Some(field) = fields.next_field()? {
        match (dialect, field.number) {
            (Dialect::DataStream, 1) => row(&field, &mut places, &mut budget)?,
            (Dialect::PandaDataStream, 9) => {
                budget.take(1, size_of::<Range<usize>>(), field.value_at())?;
                places.extend(run(&field));
            }
            _ => {}
        }
    }
    Ok(places)
}

pub(crate) fn row(field: &Field<'_>, places: &mut Vec<Range<usize>>, budget: &mut Budget) -> Result<(), DecodeError> {
    let mut sensors = field.message("SpectrogramRow")?;
    while let Some(sensor) = sensors.next_field()? {
        if sensor.number != 2 {
            continue;
        }
        let mut fields = sensor.message("SensorIntensity")?;
        while let Some(field) = fields.next_field()? {
            if field.number == 2 {
                budget.take(1, size_of::<Range<usize>>(), field.value_at())?;
                places.extend(run(&field));
            }
        }
    }
    Ok(())
}

pub(crate) fn run(field: &Field<'_>) -> Option<Range<usize>> {
    let length = match field.value {
        Value::Bytes(run) => run.len(),
        Value::Fixed32(four) => four.len(),
        _ => return None,
    };
    let begins = field.value_at();
    Some(begins..begins + length)
}

#[cfg(test)]
mod tests {
    use prost::Message as _;

    use super::*;
    use crate::das::proto::{datastream, pandadatastream};

    #[test]
    fn all_values_of_a_frame_are_found_and_nothing_else() {
        let sensor = |id| datastream::SensorIntensity {
            id,
            intensity: vec![1.0, 2.0, 3.0],
        };
        let row = |start_timestamp| datastream::SpectrogramRow {
            canvas_id: "canvas".to_owned(),
            sensors: vec![sensor(0), sensor(300)],
            start_timestamp,
            end_timestamp: start_timestamp + 1,
        };
        let frame = datastream::DataStream {
            rows: vec![row(0), row(1)],
            current_max_amp: 3.0,
            current_min_amp: 1.0,
        };
        let mut bytes = frame.encode_to_vec();
        let places = value_places(Dialect::DataStream, &bytes).unwrap();
        assert_eq!(places.len(), 4);
        for place in places {
            bytes[place].fill(0);
        }
        let mut expected = frame;
        let rows = expected.rows.iter_mut().flat_map(|row| &mut row.sensors);
        rows.for_each(|sensor| sensor.intensity.fill(0.0));
        assert_eq!(datastream::DataStream::decode(&bytes[..]).unwrap(), expected);
    }

    #[test]
    fn every_block_of_production_counts() {
        let frame = pandadatastream::DataStream {
            data_shape_x: 2,
            main_data: vec![vec![7; 4], vec![7; 8]],
            ..Default::default()
        };
        let bytes = frame.encode_to_vec();
        let places = value_places(Dialect::PandaDataStream, &bytes).unwrap();
        let lengths: Vec<_> = places.iter().map(ExactSizeIterator::len).collect();
        assert_eq!(lengths, [4, 8]);
        assert!(
            places
                .into_iter()
                .all(|place| bytes[place].iter().all(|byte| *byte == 7))
        );
    }

    #[test]
    fn a_malformed_frame_is_refused() {
        assert!(value_places(Dialect::DataStream, &[0x0a, 9, 1]).is_err());
    }
}

#[cfg(test)]
mod examples {
    #[test]
    fn example_of_value_places() -> Result<(), crate::das::dialect::DecodeError> {
        use crate::das::{Dialect, dialect::value_places};
        // One row (1) of one sensor (2) with two packed floats (2).
        let frame = [0x0a, 12, 0x12, 10, 0x12, 8, 0, 0, 0, 0, 0, 0, 128, 63];
        assert_eq!(value_places(Dialect::DataStream, &frame)?, vec![6..14]);
        Ok(())
    }
}
