//! Pictures of a capture: waterfall, spectrogram of a sensor, frame arrivals, amplitude histogram.
//!
//! Two passes over the events, in memory that does not grow with them. [`Survey`] learns what there is: the time that the
//! rows span, the sensors, how high each bin of each sensor usually stands. [`Painter`] then fills rasters of a known
//! size, by the largest of the values that share a cell, so that an event of a single row stays visible. What comes out
//! ([`Pictures`]) is plain data; [`png`] draws it, and so does the HTML report.
//!
//! # Colour
//!
//! A waterfall shows the *level*: how far each value stands over the median of its sensor and bin, averaged over the
//! liveliest quarter of the bins. Medians take away what is always there (a loud sensor, the mains, the slope of the
//! spectrum); the liveliest bins are those whose values spread most in time, the 10th to the 90th percentile, averaged over
//! the sensors. The rest of the bins holds noise, which would pale what happens. Limits are percentiles, so that one wild
//! value does not darken the rest.

pub(crate) mod canvas;
pub(crate) mod colour;
mod cube;
pub(crate) mod draw;
mod font;
mod histogram;
mod painter;
pub(crate) mod png;
mod raster;
mod sample;
pub(crate) mod scale;
mod survey;
mod timebase;
pub(crate) mod timeline;

pub(crate) use painter::{Painter, PainterOptions, Pictures};
pub use raster::Cell;
pub(crate) use raster::Limits;
pub(crate) use survey::{SensorState, Survey};

use crate::das::{frames::MessagePlace, spectrogram::Row};

/// The time of a row, microseconds since the Unix epoch: by its own timestamp, or by its arrival when it has none.
fn row_time_us(row: &Row<'_>, place: &MessagePlace, anchor_unix_ns: u64) -> i64 {
    match (row.start_ms, row.end_ms) {
        (None, _) | (Some(0), Some(0)) => {
            i64::try_from(anchor_unix_ns.saturating_add(place.offset_ns) / 1000).unwrap_or(i64::MAX)
        }
        (Some(start), _) => start.saturating_mul(1000),
    }
}

#[cfg(test)]
mod tests;
