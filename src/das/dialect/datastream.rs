//! The specification's dialect: rows of sensors of floats, the job named in the request.

use std::borrow::Cow;

use super::{
    budget::Budget,
    values::{add_floats, unknown_field},
};
use crate::{
    das::spectrogram::{Frame, Row, Sensor, UnknownField},
    grpc::protobuf::{DecodeError, Field, Fields, put_bytes, put_int32},
};

/// The streaming method.
pub(crate) const METHOD: &str = "/datastream.DataStreamService/StreamSpectrograms";

/// The health check.
pub(crate) const HEALTH_METHOD: &str = "/datastream.DataStreamService/CheckHealth";

/// Sensors that a row reserves room for at most before it has seen them; a longer row grows as it is read.
const MAX_RESERVED_SENSORS: usize = 4096;

/// Request of a client to a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct StreamRequest<'a> {
    /// The job, as `POST /configure` named it.
    pub job_id: &'a str,
    /// The stream ends after this many frames; 0 = no limit.
    pub max_frames: i32,
}

impl<'a> StreamRequest<'a> {
    /// Reads a request message; unknown fields are passed over.
    pub(crate) fn decode(bytes: &'a [u8]) -> Result<Self, DecodeError> {
        let mut request = Self::default();
        let mut fields = Fields::new("StreamRequest", bytes);
        while let Some(field) = fields.next_field()? {
            match field.number {
                1 => request.job_id = field.string()?,
                2 => request.max_frames = field.int32()?,
                _ => {}
            }
        }
        Ok(request)
    }
}

/// The message of a `StreamRequest`.
#[must_use]
pub fn stream_request(job_id: &str, max_frames: i32) -> Vec<u8> {
    let mut out = Vec::with_capacity(job_id.len() + 16);
    put_bytes(&mut out, 1, job_id.as_bytes());
    put_int32(&mut out, 2, max_frames);
    out
}

/// Decodes one `DataStream` message; floats that the wire holds in one run stay borrowed.
///
/// # Errors
/// When it is malformed, or its rows and sensors would take more than [`MAX_FRAME_BYTES`](super::MAX_FRAME_BYTES).
pub(crate) fn decode(bytes: &[u8]) -> Result<Frame<'_>, DecodeError> {
    let mut frame = Frame::default();
    let mut budget = Budget::default();
    let mut fields = Fields::new("DataStream", bytes);
    while let Some(field) = fields.next_field()? {
        match field.number {
            1 => {
                budget.row(field.value_at())?;
                frame.rows.push(row(&field, &mut frame.unknown, &mut budget)?);
            }
            2 => frame.declared_max = field.double()?,
            3 => frame.declared_min = field.double()?,
            _ => {
                budget.unknown(field.value_at())?;
                frame.unknown.push(unknown_field(&field));
            }
        }
    }
    Ok(frame)
}

fn row<'a>(field: &Field<'a>, unknown: &mut Vec<UnknownField>, budget: &mut Budget) -> Result<Row<'a>, DecodeError> {
    let mut row = Row {
        canvas: Some(Cow::Borrowed("")),
        start_ms: Some(0),
        end_ms: Some(0),
        ..Row::default()
    };
    let mut fields = field.message("SpectrogramRow")?;
    while let Some(field) = fields.next_field()? {
        match field.number {
            1 => row.canvas = Some(Cow::Borrowed(field.string()?)),
            2 => {
                budget.sensor(field.value_at())?;
                if row.sensors.capacity() == 0 {
                    // Sensors of a row are alike in length: the first one tells how many there are room for, but no more
                    // room is taken than the row itself takes.
                    let alike = fields.remaining() / (field.bytes()?.len() + 2).max(size_of::<Sensor<'_>>());
                    row.sensors.reserve_exact(alike.min(MAX_RESERVED_SENSORS) + 1);
                }
                row.sensors.push(sensor(&field, unknown, budget)?);
            }
            3 => row.start_ms = Some(field.int64()?),
            4 => row.end_ms = Some(field.int64()?),
            _ => {
                budget.unknown(field.value_at())?;
                unknown.push(unknown_field(&field));
            }
        }
    }
    Ok(row)
}

#[inline]
fn sensor<'a>(
    field: &Field<'a>,
    unknown: &mut Vec<UnknownField>,
    budget: &mut Budget,
) -> Result<Sensor<'a>, DecodeError> {
    let mut sensor = Sensor {
        id: 0,
        intensity: crate::das::spectrogram::Values::default(),
    };
    let mut fields = field.message("SensorIntensity")?;
    while let Some(field) = fields.next_field()? {
        match field.number {
            1 => sensor.id = field.int32()?,
            2 => add_floats(&field, &mut sensor.intensity)?,
            _ => {
                budget.unknown(field.value_at())?;
                unknown.push(unknown_field(&field));
            }
        }
    }
    Ok(sensor)
}

#[cfg(test)]
mod tests;

#[cfg(test)]
mod examples {
    #[test]
    fn example_of_stream_request() -> Result<(), crate::das::dialect::DecodeError> {
        use crate::das::{datastream_request, dialect::datastream::StreamRequest};
        let bytes = datastream_request("12-70788", 5);
        assert_eq!(
            StreamRequest::decode(&bytes)?,
            StreamRequest {
                job_id: "12-70788",
                max_frames: 5
            }
        );
        Ok(())
    }
}
