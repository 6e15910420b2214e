//! Export to a Parquet table: one line for each sensor of each row.
//!
//! | column | type | |
//! |---|---|---|
//! | `call` | int32 | the call, counted from 1 |
//! | `message` | int64 | received message of the call, counted from 1 |
//! | `row` | int64 | row of the call, counted from 0 |
//! | `offset_ns` | int64 | when the message came, nanoseconds since the capture began |
//! | `start_ms`, `end_ms` | int64, may be null | the row's own times, epoch milliseconds |
//! | `sensor` | int32 | sensor id |
//! | `intensity` | list of float | dB, by frequency bin |
//! | `canvas` | text, may be null | the canvas that the row is drawn on |
//!
//! Rows without sensors have no line, and are counted.

use std::{
    io::{Read, Seek, Write},
    sync::Arc,
};

use parquet::{
    basic::{Compression, ZstdLevel},
    data_type::{ByteArray, ByteArrayType, FloatType, Int32Type, Int64Type},
    errors::ParquetError,
    file::{
        properties::WriterProperties,
        writer::{SerializedFileWriter, SerializedRowGroupWriter},
    },
    schema::parser::parse_message_type,
};

use super::rows::each_row;
use crate::{
    das::{dialect::Layout, frames::LeftOut},
    file::{FileError, Reader},
};

/// Number of values of a row group: 16 MB of them, so that a table of any length is written in little memory.
const GROUP_VALUES: usize = 4 << 20;

/// Largest number of lines of a row group, for lines with few values or none.
const GROUP_LINES: usize = 1 << 17;

const SCHEMA: &str = "message spectrogram {
    required int32 call;
    required int64 message;
    required int64 row;
    required int64 offset_ns;
    optional int64 start_ms;
    optional int64 end_ms;
    required int32 sensor;
    required group intensity (LIST) { repeated group list { required float element; } }
    optional binary canvas (STRING);
}";

/// Errors of writing a Parquet table.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ParquetExportError {
    /// The capture cannot be read.
    #[error("{0}")]
    File(#[from] FileError),
    /// The table cannot be written.
    #[error("could not write the table: {0}")]
    Parquet(#[from] ParquetError),
}

/// The written table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Table {
    /// Number of spectrogram rows.
    pub rows: u64,
    /// Number of lines of the table: spectra.
    pub lines: u64,
    /// What the table lacks of the capture.
    pub left_out: LeftOut,
    /// Number of rows without sensors, which have no line.
    pub rows_without_sensors: u64,
}

/// The columns of a row group under construction.
#[derive(Debug, Default)]
struct Group {
    call: Vec<i32>,
    message: Vec<i64>,
    row: Vec<i64>,
    offset_ns: Vec<i64>,
    start_ms: Vec<Option<i64>>,
    end_ms: Vec<Option<i64>>,
    sensor: Vec<i32>,
    intensity: Vec<f32>,
    /// 1 = a value, 0 = an empty list.
    defined: Vec<i16>,
    /// 0 = a new list, 1 = the list goes on.
    repeated: Vec<i16>,
    canvas: Vec<Option<ByteArray>>,
}

/// Writes the rows of a capture, or of one call, as a Parquet table, zstd-compressed.
///
/// # Errors
/// When the capture cannot be read, or the table cannot be written.
pub fn write<R: Read + Seek>(
    reader: &mut Reader<R>,
    layout: Layout,
    call: Option<u32>,
    out: impl Write + Send,
) -> Result<Table, ParquetExportError> {
    let schema = Arc::new(parse_message_type(SCHEMA)?);
    let properties = WriterProperties::builder()
        .set_compression(Compression::ZSTD(ZstdLevel::try_new(3)?))
        .set_created_by(concat!("grpc-capture ", env!("CARGO_PKG_VERSION")).to_owned())
        .build();
    let mut table = SerializedFileWriter::new(out, schema, Arc::new(properties))?;
    let mut group = Group::default();
    let (mut lines, mut rows_without_sensors) = (0, 0);
    let read = each_row(reader, layout, call, |place, row| {
        rows_without_sensors += u64::from(row.sensors.is_empty());
        let canvas = row.canvas.as_deref().map(ByteArray::from);
        for sensor in &row.sensors {
            lines += 1;
            group.call.push(place.message.call as i32);
            group.message.push(place.message.message as i64);
            group.row.push(place.row as i64);
            group.offset_ns.push(place.message.offset_ns as i64);
            group.start_ms.push(row.start_ms);
            group.end_ms.push(row.end_ms);
            group.sensor.push(sensor.id);
            group.intensity.extend(sensor.intensity.iter());
            let bins = sensor.intensity.len();
            group.defined.extend(std::iter::repeat_n(1, bins));
            group.repeated.extend((0..bins).map(|bin| i16::from(bin > 0)));
            if bins == 0 {
                group.defined.push(0);
                group.repeated.push(0);
            }
            group.canvas.push(canvas.clone());
            if group.intensity.len() >= GROUP_VALUES || group.call.len() >= GROUP_LINES {
                std::mem::take(&mut group).write(&mut table)?;
            }
        }
        Ok::<_, ParquetExportError>(())
    })?;
    if !group.call.is_empty() {
        group.write(&mut table)?;
    }
    table.close()?;
    Ok(Table {
        rows: read.rows,
        lines,
        left_out: read.left_out,
        rows_without_sensors,
    })
}

impl Group {
    fn write<W: Write + Send>(self, table: &mut SerializedFileWriter<W>) -> Result<(), ParquetError> {
        let mut group = table.next_row_group()?;
        int32(&mut group, &self.call)?;
        int64(&mut group, &self.message)?;
        int64(&mut group, &self.row)?;
        int64(&mut group, &self.offset_ns)?;
        optional(&mut group, &self.start_ms)?;
        optional(&mut group, &self.end_ms)?;
        int32(&mut group, &self.sensor)?;
        if let Some(mut column) = group.next_column()? {
            let typed = column.typed::<FloatType>();
            typed.write_batch(&self.intensity, Some(&self.defined), Some(&self.repeated))?;
            column.close()?;
        }
        texts(&mut group, &self.canvas)?;
        group.close()?;
        Ok(())
    }
}

fn int32<W: Write + Send>(group: &mut SerializedRowGroupWriter<'_, W>, values: &[i32]) -> Result<(), ParquetError> {
    if let Some(mut column) = group.next_column()? {
        column.typed::<Int32Type>().write_batch(values, None, None)?;
        column.close()?;
    }
    Ok(())
}

fn int64<W: Write + Send>(group: &mut SerializedRowGroupWriter<'_, W>, values: &[i64]) -> Result<(), ParquetError> {
    if let Some(mut column) = group.next_column()? {
        column.typed::<Int64Type>().write_batch(values, None, None)?;
        column.close()?;
    }
    Ok(())
}

fn optional<W: Write + Send>(
    group: &mut SerializedRowGroupWriter<'_, W>,
    values: &[Option<i64>],
) -> Result<(), ParquetError> {
    let there: Vec<_> = values.iter().flatten().copied().collect();
    let defined: Vec<_> = values.iter().map(|value| i16::from(value.is_some())).collect();
    if let Some(mut column) = group.next_column()? {
        column.typed::<Int64Type>().write_batch(&there, Some(&defined), None)?;
        column.close()?;
    }
    Ok(())
}

fn texts<W: Write + Send>(
    group: &mut SerializedRowGroupWriter<'_, W>,
    values: &[Option<ByteArray>],
) -> Result<(), ParquetError> {
    let there: Vec<_> = values.iter().flatten().cloned().collect();
    let defined: Vec<_> = values.iter().map(|value| i16::from(value.is_some())).collect();
    if let Some(mut column) = group.next_column()? {
        column
            .typed::<ByteArrayType>()
            .write_batch(&there, Some(&defined), None)?;
        column.close()?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use parquet::{
        file::{reader::FileReader as _, serialized_reader::SerializedFileReader},
        record::RowAccessor as _,
    };

    use super::*;

    #[test]
    fn the_table_reads_back_as_it_was_recorded() {
        let mut reader = Reader::open("captures/febus-jitter.gcap").unwrap();
        let mut out = Vec::new();
        let table = write(&mut reader, Layout::default(), None, &mut out).unwrap();
        assert_eq!((table.rows, table.left_out.is_nothing()), (50, true));
        let file = SerializedFileReader::new(bytes::Bytes::from(out)).unwrap();
        assert_eq!(file.metadata().file_metadata().num_rows() as u64, table.lines);
        let mut lines = file.get_row_iter(None).unwrap();
        each_row(&mut reader, Layout::default(), None, |place, row| {
            for sensor in &row.sensors {
                let line = lines.next().unwrap().unwrap();
                assert_eq!(line.get_int(0).unwrap(), place.message.call as i32);
                assert_eq!(line.get_long(2).unwrap(), place.row as i64);
                assert_eq!(line.get_long(4).ok(), row.start_ms);
                assert_eq!(line.get_int(6).unwrap(), sensor.id);
                let list = line.get_list(7).unwrap();
                let bits = |value: &parquet::record::Field| match value {
                    parquet::record::Field::Float(value) => value.to_bits(),
                    other => panic!("{other:?}"),
                };
                let there: Vec<_> = list.elements().iter().map(bits).collect();
                let recorded: Vec<_> = sensor.intensity.iter().map(f32::to_bits).collect();
                assert_eq!(there, recorded);
            }
            Ok::<_, ParquetExportError>(())
        })
        .unwrap();
        assert!(lines.next().is_none());
    }

    #[test]
    fn canvases_are_told_apart_and_rows_without_sensors_are_counted() {
        use prost::Message as _;

        use crate::{
            das::proto::datastream as spec,
            file::{Header, Writer, WriterOptions},
            transform::convert::{Import, ImportOptions, delimited::write_message},
        };
        let row = |canvas: &str, sensors: &[i32]| spec::SpectrogramRow {
            canvas_id: canvas.to_owned(),
            sensors: sensors
                .iter()
                .map(|id| spec::SensorIntensity {
                    id: *id,
                    intensity: Vec::new(),
                })
                .collect(),
            ..spec::SpectrogramRow::default()
        };
        let frame = spec::DataStream {
            rows: vec![row("a", &[1, 1]), row("b", &[2]), row("a", &[])],
            ..spec::DataStream::default()
        };
        let mut frames = Vec::new();
        write_message(&mut frames, &frame.encode_to_vec()).unwrap();
        let mut writer = Writer::new(Vec::new(), &Header::new(0), WriterOptions::default()).unwrap();
        for event in Import::new(frames.as_slice(), ImportOptions::default()) {
            writer.write(&event.unwrap()).unwrap();
        }
        let mut reader = Reader::new(std::io::Cursor::new(writer.finish_into().unwrap().0)).unwrap();
        let mut out = Vec::new();
        let table = write(&mut reader, Layout::default(), None, &mut out).unwrap();
        assert_eq!((table.rows, table.lines, table.rows_without_sensors), (3, 3, 1));
        let file = SerializedFileReader::new(bytes::Bytes::from(out)).unwrap();
        let lines = file.get_row_iter(None).unwrap().map(Result::unwrap);
        let canvases: Vec<_> = lines.map(|line| line.get_string(8).unwrap().clone()).collect();
        assert_eq!(canvases, ["a", "a", "b"]);
    }
}
