//! Export to NumPy arrays: `.npy` with the intensities, `.npz` with the times and sensors beside them.
//!
//! Source: NumPy, *NEP 1 — A simple file format for NumPy arrays*, version 1.0, and `numpy.savez`: an uncompressed zip of
//! `.npy` members. Numbers are little-endian.

use std::{
    collections::{BTreeMap, BTreeSet},
    io::{self, BufWriter, Read, Seek, Write},
};

use zip::{CompressionMethod, ZipWriter, write::SimpleFileOptions};

use super::rows::{RowPlace, each_row};
use crate::{
    das::{
        dialect::Layout,
        frames::LeftOut,
        spectrogram::{Row, Sensor, Values},
    },
    file::{FileError, Reader},
};

/// Largest number of values of an array, 64 Gi: a wrong sensor id must not make an array that no disk holds.
const MAX_VALUES: u64 = 1 << 36;

/// Largest number of sensors of an array: ten times the channels of the longest fibre.
const MAX_SENSORS: usize = 1 << 20;

/// Size up to which arrays may be padded without limit, 64 MB: beyond that, places may outnumber values only by
/// [`MOST_PLACES_PER_VALUE`].
const FREE_PLACES: u64 = 1 << 24;

/// Largest ratio of places to values: a stream whose shape changes once or twice fills more than every fourth place.
const MOST_PLACES_PER_VALUE: u64 = 4;

/// Largest size of the canvas names of a call, in bytes: they are held in memory.
const MOST_CANVAS_BYTES: usize = 1 << 20;

/// Number of values padded at once.
const NANS: usize = 1 << 10;

/// The shape of a call's array: rows × sensors × bins. Shapes that change are padded with NaN.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ArrayShape {
    /// Number of the call.
    pub call: u32,
    /// Number of rows.
    pub rows: u64,
    /// Ids of all sensors, in order: the second axis.
    pub sensors: Vec<i32>,
    /// Number of bins of the longest spectrum: the third axis.
    pub bins: usize,
    /// Number of places without a value in the stream.
    pub padded: u64,
    /// Number of spectra that are left out, because their sensor occurs twice in the row.
    pub repeated: u64,
    /// Names of all canvases, in the order of appearance.
    pub canvases: Vec<String>,
}

/// The value for a time that the stream does not contain: `numpy.datetime64('NaT')` as an integer.
const NO_TIME: i64 = i64::MIN;

/// The value for the canvas of a row without one.
const NO_CANVAS: i64 = -1;

/// Errors of writing arrays.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NumpyError {
    /// The capture cannot be read.
    #[error("{0}")]
    File(#[from] FileError),
    /// The array cannot be written.
    #[error("could not write the array: {0}")]
    Io(#[from] io::Error),
    /// The archive cannot be written.
    #[error("could not write the archive: {0}")]
    Zip(#[from] zip::result::ZipError),
    /// There are no rows.
    #[error("the capture holds no spectrogram rows{}", call.map_or_else(String::new, |call| format!(" in call {call}")))]
    NoRows {
        /// The requested call.
        call: Option<u32>,
    },
    /// The rows contain no values.
    #[error("the rows of the capture hold no values")]
    NoValues,
    /// There are several calls, and one array holds one call.
    #[error("the capture holds {calls} spectrogram calls and a .npy file one array")]
    SeveralCalls {
        /// Number of calls.
        calls: usize,
    },
    /// The array is too large for any disk.
    #[error(
        "an array of {rows} rows × {sensors} sensors × {bins} bins is too large; export a slice, or a Parquet table"
    )]
    TooLarge {
        /// Length of the first axis.
        rows: u64,
        /// Length of the second axis.
        sensors: usize,
        /// Length of the third axis.
        bins: usize,
    },
    /// Most of the array would be padding.
    #[error(
        "the shape of the rows changes so much that the array of {rows} rows × {sensors} sensors × {bins} bins would \
         have {places} places for {values} values; export a slice with rows of one shape, or a Parquet table, which \
         needs no padding"
    )]
    Padding {
        /// First axis of the array with the most padding.
        rows: u64,
        /// Its second axis.
        sensors: usize,
        /// Its third axis.
        bins: usize,
        /// Number of places of all arrays.
        places: u64,
        /// Number of values in the capture for them.
        values: u64,
    },
    /// The canvas names do not fit into memory.
    #[error("call {call} uses more than {canvases} canvases; export a Parquet table, which has the name in each line")]
    TooManyCanvases {
        /// Number of the call.
        call: u32,
        /// Number of canvases before the limit.
        canvases: usize,
    },
}

/// The shape of a call under construction.
#[derive(Debug, Default)]
struct Measured {
    shape: ArrayShape,
    sensors: BTreeSet<i32>,
    values: u64,
    canvases: BTreeMap<String, usize>,
    canvas_bytes: usize,
}

/// Reads the capture once for the shapes of its spectrogram calls that have rows, by call; and for what they lack.
///
/// # Errors
/// Damage of the capture, no rows at all, an array that is too large, or arrays that would be padding for the most part.
pub fn shapes<R: Read + Seek>(
    reader: &mut Reader<R>,
    layout: Layout,
    call: Option<u32>,
) -> Result<(Vec<ArrayShape>, LeftOut), NumpyError> {
    let mut calls = BTreeMap::<u32, Measured>::new();
    let mut ids = Vec::new();
    let read = each_row(reader, layout, call, |place, row| {
        let call = calls.entry(place.message.call).or_default();
        call.shape.call = place.message.call;
        call.row(row, &mut ids)
    })?;
    if calls.is_empty() {
        return Err(NumpyError::NoRows { call });
    }
    let mut measured = Vec::new();
    let (mut places, mut values) = (0_u64, 0_u64);
    for mut call in calls.into_values() {
        call.shape.sensors = call.sensors.into_iter().collect();
        let of_call = call.shape.places().ok_or_else(|| call.shape.too_large())?;
        call.shape.padded = of_call.saturating_sub(call.values);
        places = places.saturating_add(of_call);
        values = values.saturating_add(call.values);
        measured.push(call.shape);
    }
    if values == 0 {
        return Err(NumpyError::NoValues);
    }
    if places > FREE_PLACES && places / MOST_PLACES_PER_VALUE > values {
        let worst = measured.iter().max_by_key(|shape| shape.padded);
        let (rows, sensors, bins) = worst.map_or((0, 0, 0), ArrayShape::axes);
        return Err(NumpyError::Padding {
            rows,
            sensors,
            bins,
            places,
            values,
        });
    }
    Ok((measured, read.left_out))
}

impl Measured {
    fn row(&mut self, row: &Row<'_>, ids: &mut Vec<i32>) -> Result<(), NumpyError> {
        let shape = &mut self.shape;
        shape.rows += 1;
        ids.clear();
        for (_, sensor) in in_order(row) {
            if ids.last() == Some(&sensor.id) {
                shape.repeated += 1;
                continue;
            }
            ids.push(sensor.id);
            shape.bins = shape.bins.max(sensor.intensity.len());
            self.values += sensor.intensity.len() as u64;
        }
        self.sensors.extend(ids.iter());
        if self.sensors.len() > MAX_SENSORS {
            shape.sensors = self.sensors.iter().copied().collect();
            return Err(shape.too_large());
        }
        let name = row.canvas.as_deref().unwrap_or_default();
        if !name.is_empty() && !self.canvases.contains_key(name) {
            self.canvas_bytes += name.len();
            if self.canvas_bytes > MOST_CANVAS_BYTES {
                return Err(NumpyError::TooManyCanvases {
                    call: shape.call,
                    canvases: shape.canvases.len(),
                });
            }
            self.canvases.insert(name.to_owned(), shape.canvases.len());
            shape.canvases.push(name.to_owned());
        }
        Ok(())
    }
}

impl ArrayShape {
    const fn axes(&self) -> (u64, usize, usize) {
        (self.rows, self.sensors.len(), self.bins)
    }

    /// Number of places of the array; `None` when no disk holds them.
    fn places(&self) -> Option<u64> {
        let (rows, sensors, bins) = self.axes();
        let places = rows.checked_mul(sensors as u64)?.checked_mul(bins as u64)?;
        (places <= MAX_VALUES).then_some(places)
    }

    const fn too_large(&self) -> NumpyError {
        let (rows, sensors, bins) = self.axes();
        NumpyError::TooLarge { rows, sensors, bins }
    }
}

/// The spectra of a row in the order of sensors; of several of one sensor, the first on the wire comes first.
fn in_order<'r, 'a>(row: &'r Row<'a>) -> Vec<(i32, &'r Sensor<'a>)> {
    let mut sensors: Vec<_> = row.sensors.iter().map(|sensor| (sensor.id, sensor)).collect();
    sensors.sort_by_key(|(id, _)| *id);
    sensors
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

/// Writes an archive for each call, with the arrays `intensity` (rows × sensors × bins), `sensors`, `start_ms` and
/// `end_ms` (epoch milliseconds of each row, the least integer where the stream has no time), and others.
///
/// The capture is read once for each array, so that memory does not grow with its rows.
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
        let begin = |zip: &mut ZipWriter<_>, name: &str| zip.start_file(format!("{name}{tail}.npy"), options);
        begin(&mut zip, "intensity")?;
        intensity(reader, layout, shape, &mut zip)?;
        begin(&mut zip, "sensors")?;
        zip.write_all(&header("<i4", &[shape.sensors.len() as u64]))?;
        for id in &shape.sensors {
            zip.write_all(&id.to_le_bytes())?;
        }
        let canvases = shape.canvases.iter().enumerate();
        let canvases: BTreeMap<_, _> = canvases.map(|(at, name)| (name.as_str(), at as i64)).collect();
        let canvas = |row: &Row<'_>| canvases.get(row.canvas.as_deref()?).copied();
        let columns: [(&str, &Column<'_>); 4] = [
            ("start_ms", &|_, row| row.start_ms.unwrap_or(NO_TIME)),
            ("end_ms", &|_, row| row.end_ms.unwrap_or(NO_TIME)),
            ("offset_ns", &|place, _| place.message.offset_ns as i64),
            ("canvas", &|_, row| canvas(row).unwrap_or(NO_CANVAS)),
        ];
        for (name, column) in columns {
            begin(&mut zip, name)?;
            zip.write_all(&header("<i8", &[shape.rows]))?;
            let mut out = BufWriter::new(&mut zip);
            each_row(reader, layout, Some(shape.call), |place, row| {
                out.write_all(&column(place, row).to_le_bytes())
                    .map_err(NumpyError::from)
            })?;
            out.flush()?;
            drop(out);
        }
        begin(&mut zip, "canvases")?;
        texts(&mut zip, &shape.canvases)?;
    }
    zip.finish()?;
    Ok(())
}

/// A column with one number per row.
type Column<'a> = dyn Fn(RowPlace, &Row<'_>) -> i64 + 'a;

/// Writes an array of texts in UTF-32, each as long as the longest.
fn texts(out: &mut impl Write, texts: &[String]) -> io::Result<()> {
    let longest = texts.iter().map(|text| text.chars().count()).max().unwrap_or_default();
    // NumPy has no texts of no length.
    let longest = longest.max(1);
    out.write_all(&header(&format!("<U{longest}"), &[texts.len() as u64]))?;
    for text in texts {
        let letters = text.chars().map(u32::from).chain(std::iter::repeat(0));
        for letter in letters.take(longest) {
            out.write_all(&letter.to_le_bytes())?;
        }
    }
    Ok(())
}

/// Writes one array of intensities, row by row and spectrum by spectrum; memory holds one message.
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
    let mut out = BufWriter::new(out);
    each_row(reader, layout, Some(shape.call), |_, row| {
        line(shape, row, &mut out).map_err(NumpyError::from)
    })?;
    out.flush()?;
    Ok(())
}

fn line(shape: &ArrayShape, row: &Row<'_>, out: &mut impl Write) -> io::Result<()> {
    let sensors = in_order(row);
    let mut rest = sensors.as_slice();
    for id in &shape.sensors {
        let mut there = 0;
        if let Some((_, sensor)) = rest.first().filter(|(next, _)| next == id) {
            match &sensor.intensity {
                Values::Wire(bytes) => out.write_all(bytes)?,
                Values::Owned(values) => {
                    for value in values {
                        out.write_all(&value.to_le_bytes())?;
                    }
                }
            }
            there = sensor.intensity.len();
            let same = rest.iter().take_while(|(next, _)| next == id).count();
            rest = &rest[same..];
        }
        nans(shape.bins.saturating_sub(there), out)?;
    }
    Ok(())
}

fn nans(mut count: usize, out: &mut impl Write) -> io::Result<()> {
    if count == 0 {
        return Ok(());
    }
    let mut some = [0; NANS * 4];
    for four in some.chunks_exact_mut(4) {
        four.copy_from_slice(&f32::NAN.to_le_bytes());
    }
    while count > 0 {
        let now = count.min(NANS);
        out.write_all(&some[..now * 4])?;
        count -= now;
    }
    Ok(())
}

/// The header of an array file; its length is a multiple of 64.
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
