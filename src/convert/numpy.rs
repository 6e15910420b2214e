//! NumPy arrays: `.npy` with the intensities, `.npz` with the times and sensors beside them.
//!
//! Source: NumPy, *NEP 1 — A simple file format for NumPy arrays*, version 1.0, and `numpy.savez`: an uncompressed zip of
//! `.npy` members. Numbers are little-endian.

use std::{
    collections::BTreeMap,
    io::{self, Read, Seek, Write},
};

use zip::{CompressionMethod, ZipWriter, write::SimpleFileOptions};

use super::rows::each_row;
use crate::{
    dialect::Layout,
    file::{FileError, Reader},
    frames::LeftOut,
    spectrogram::Row,
};

/// Values of the largest array that is written, 64 Gi: a wrong sensor id must not make an array that no disk holds.
const MAX_VALUES: u64 = 1 << 36;

/// The array that a call becomes: rows × sensors × bins. Shapes that change are padded with NaN.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ArrayShape {
    /// The call.
    pub call: u32,
    /// Rows.
    pub rows: u64,
    /// Ids of all sensors, in order: the second axis.
    pub sensors: Vec<i32>,
    /// Bins of the longest spectrum: the third axis.
    pub bins: usize,
    /// Places of the array that the stream has no value for.
    pub padded: u64,
    start_ms: Vec<i64>,
    end_ms: Vec<i64>,
    offset_ns: Vec<i64>,
}

/// What stands for a time that the stream does not give: `numpy.datetime64('NaT')` as an integer.
const NO_TIME: i64 = i64::MIN;

/// Why no array was written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NumpyError {
    /// The capture cannot be read.
    #[error(transparent)]
    File(#[from] FileError),
    /// The array cannot be written.
    #[error("could not write the array: {0}")]
    Io(#[from] io::Error),
    /// The archive cannot be written.
    #[error("could not write the archive: {0}")]
    Zip(#[from] zip::result::ZipError),
    /// There is nothing to write.
    #[error("the capture holds no spectrogram rows{}", call.map_or_else(String::new, |call| format!(" in call {call}")))]
    NoRows {
        /// The call that was asked for.
        call: Option<u32>,
    },
    /// One array holds one call.
    #[error(
        "the capture holds {calls} spectrogram calls and a .npy file one array; choose one with --call, or write .npz"
    )]
    SeveralCalls {
        /// How many there are.
        calls: usize,
    },
    /// No disk holds it.
    #[error("an array of {rows} rows × {sensors} sensors × {bins} bins is too large; export a slice")]
    TooLarge {
        /// First axis.
        rows: u64,
        /// Second axis.
        sensors: usize,
        /// Third axis.
        bins: usize,
    },
}

/// Reads the capture once for the shapes of its spectrogram calls, those with rows only, by call; and for what they lack.
///
/// # Errors
/// Damage of the capture, no rows at all, or an array that is too large.
pub fn shapes<R: Read + Seek>(
    reader: &mut Reader<R>,
    layout: Layout,
    call: Option<u32>,
) -> Result<(Vec<ArrayShape>, LeftOut), NumpyError> {
    let mut shapes = BTreeMap::<u32, ArrayShape>::new();
    let mut values = BTreeMap::<u32, u64>::new();
    let read = each_row(reader, layout, call, |place, row| {
        let call = place.message.call;
        let shape = shapes.entry(call).or_insert_with(|| ArrayShape {
            call,
            ..ArrayShape::default()
        });
        shape.rows += 1;
        for sensor in &row.sensors {
            shape.bins = shape.bins.max(sensor.intensity.len());
            *values.entry(call).or_default() += sensor.intensity.len() as u64;
            if let Err(at) = shape.sensors.binary_search(&sensor.id) {
                shape.sensors.insert(at, sensor.id);
            }
        }
        shape.start_ms.push(row.start_ms.unwrap_or(NO_TIME));
        shape.end_ms.push(row.end_ms.unwrap_or(NO_TIME));
        shape.offset_ns.push(place.message.offset_ns as i64);
        Ok::<_, NumpyError>(())
    })?;
    if shapes.is_empty() {
        return Err(NumpyError::NoRows { call });
    }
    for shape in shapes.values_mut() {
        let (rows, sensors, bins) = (shape.rows, shape.sensors.len(), shape.bins);
        let all = rows
            .checked_mul(sensors as u64)
            .and_then(|n| n.checked_mul(bins as u64));
        let all = all.filter(|all| *all <= MAX_VALUES);
        let all = all.ok_or(NumpyError::TooLarge { rows, sensors, bins })?;
        // A sensor that stands twice in a row fills one place.
        shape.padded = all.saturating_sub(values.get(&shape.call).copied().unwrap_or_default());
    }
    Ok((shapes.into_values().collect(), read.left_out))
}

/// Writes the intensities of the only call as one `.npy` array of 32-bit floats, rows × sensors × bins.
///
/// # Errors
/// When the capture holds several calls, cannot be read, or the array cannot be written.
pub fn write_npy<R: Read + Seek>(
    reader: &mut Reader<R>,
    layout: Layout,
    shapes: &[ArrayShape],
    out: &mut impl Write,
) -> Result<(), NumpyError> {
    let [shape] = shapes else {
        return Err(NumpyError::SeveralCalls { calls: shapes.len() });
    };
    intensity(reader, layout, shape, out)
}

/// Writes for each call an archive's arrays `intensity` (rows × sensors × bins), `sensors`, `start_ms` and `end_ms` (epoch
/// milliseconds of each row, the least integer where the stream gives none) and `offset_ns` (when the row's message came,
/// nanoseconds since the capture began). With several calls each name ends in `_call` and the call's number.
///
/// # Errors
/// When the capture cannot be read, or the archive cannot be written.
pub fn write_npz<R: Read + Seek>(
    reader: &mut Reader<R>,
    layout: Layout,
    shapes: &[ArrayShape],
    out: impl Write + Seek,
) -> Result<(), NumpyError> {
    let mut zip = ZipWriter::new(out);
    for shape in shapes {
        let tail = match shapes {
            [_] => String::new(),
            _ => format!("_call{}", shape.call),
        };
        let options = SimpleFileOptions::default()
            .compression_method(CompressionMethod::Stored)
            .last_modified_time(zip::DateTime::default())
            .large_file(true);
        zip.start_file(format!("intensity{tail}.npy"), options)?;
        intensity(reader, layout, shape, &mut zip)?;
        zip.start_file(format!("sensors{tail}.npy"), options)?;
        zip.write_all(&header("<i4", &[shape.sensors.len() as u64]))?;
        for id in &shape.sensors {
            zip.write_all(&id.to_le_bytes())?;
        }
        for (name, times) in [
            ("start_ms", &shape.start_ms),
            ("end_ms", &shape.end_ms),
            ("offset_ns", &shape.offset_ns),
        ] {
            zip.start_file(format!("{name}{tail}.npy"), options)?;
            zip.write_all(&header("<i8", &[times.len() as u64]))?;
            for time in times {
                zip.write_all(&time.to_le_bytes())?;
            }
        }
    }
    zip.finish()?;
    Ok(())
}

/// One array, row by row; memory holds one row.
fn intensity<R: Read + Seek>(
    reader: &mut Reader<R>,
    layout: Layout,
    shape: &ArrayShape,
    out: &mut impl Write,
) -> Result<(), NumpyError> {
    out.write_all(&header(
        "<f4",
        &[shape.rows, shape.sensors.len() as u64, shape.bins as u64],
    ))?;
    let mut line = vec![0; shape.sensors.len() * shape.bins * 4];
    each_row(reader, layout, Some(shape.call), |_, row| {
        fill(&mut line, shape, row);
        out.write_all(&line).map_err(NumpyError::from)
    })?;
    Ok(())
}

fn fill(line: &mut [u8], shape: &ArrayShape, row: &Row<'_>) {
    for four in line.chunks_exact_mut(4) {
        four.copy_from_slice(&f32::NAN.to_le_bytes());
    }
    for sensor in &row.sensors {
        let Ok(at) = shape.sensors.binary_search(&sensor.id) else {
            continue;
        };
        let start = at * shape.bins * 4;
        let Some(place) = line.get_mut(start..start + shape.bins * 4) else {
            continue;
        };
        for (four, value) in place.chunks_exact_mut(4).zip(sensor.intensity.iter()) {
            four.copy_from_slice(&value.to_le_bytes());
        }
    }
}

/// The beginning of an array file; its length is a multiple of 64.
fn header(kind: &str, shape: &[u64]) -> Vec<u8> {
    let axes: Vec<_> = shape.iter().map(u64::to_string).collect();
    let shape = axes.join(", ") + ",";
    let mut text = format!("{{'descr': '{kind}', 'fortran_order': False, 'shape': ({shape}), }}");
    let before = 10;
    while (before + text.len() + 1) % 64 != 0 {
        text.push(' ');
    }
    text.push('\n');
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    // The text is about a hundred bytes long.
    bytes.extend((text.len() as u16).to_le_bytes());
    bytes.extend(text.as_bytes());
    bytes
}

#[cfg(test)]
mod tests;
