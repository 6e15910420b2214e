//! Statistics of a stream: structure, amplitude and timing, in one pass, live or from a capture.
//!
//! [`StatsCollector`] reads events and returns a [`Stats`], a plain value. Memory is bounded: values are kept for exact
//! percentiles up to [`EXACT_VALUES`] and counted beyond; sensors, calls, shapes and canvases are distinguished up to
//! named limits. Sums are compensated and added in stream order, so that every machine prints the same digits.
//!
//! # JSON
//!
//! [`Stats`] serializes as one object. Names carry their units (`_ns`, `_ms`, `_s`, `_db`, `_bytes`); what was not
//! measured is `null`; a number that is not finite is one of the strings `"inf"`, `"-inf"` and `"nan"`. `stats` is the
//! version of this schema; keys may be added within a version.
//!
//! | key | holds |
//! |---|---|
//! | `stats` | 1 |
//! | `dialect` | what the header says, or `null` |
//! | `totals` | `events` `calls` `messages` `message_bytes` `sent_messages` `lost_messages` `frames` `rows` `undecodable` `last_offset_ns` |
//! | `calls` | for each call: `call` `method` `dialect` `request` (`job_id` `max_frames`, or `stream_id`) `sent_messages` `messages` `message_bytes` `lost_messages` `frames` `rows` `undecodable` `first_frame_ns` `duration_ns` `silence_before_end_ns` `ending` (`kind` `code` `status` `trailers_only` `by` `limit` `goaway` `text`) `start_ns` `end_ns` `digest` `retry_of` (the failed call that this one repeats) |
//! | `methods` | for each method, at most 256: `method` `calls` `statuses` (calls by status name) `cancelled` `broken` `deadline` `unended` `retries` `streams` `sent_messages` `sent_bytes` `messages` `message_bytes` `lost_messages` `first_message_ns` `duration_ns` `message_gap_ns` `sent_size_bytes` `message_size_bytes` (each `count` `min` `p50` `p95` `p99` `max` `mean`) `span_ns` `calls_per_s` `messages_per_s` `megabytes_per_s` `most_open` `mean_open` |
//! | `calls_of_unlisted_methods` `retries` `most_open_calls` | of the whole capture |
//! | `structure` | `empty_frames` `rows_per_frame_min` `rows_per_frame_max` `sensors` (`count` `first` `last` `step` `ids` `bins_min` `bins_max`) `shapes` (each `sensors` `first_sensor` `last_sensor` `bins_min` `bins_max` `rows` `first`) `shape_changes` `rows_of_other_shapes` `canvases` (each `id` `rows` `first`) `canvas_changes` `rows_of_other_canvases` `unknown_fields` (each `message` `number` `wire_type` `count` `first`) `other_unknown_fields` `guessed_layout` `frames_without_values` |
//! | `amplitude` | `values` `finite` `negative_infinite` `positive_infinite` `nan` `zeros`, over the finite values `min_db` `max_db` `mean_db` `std_db` (population), and `percentiles_db` (`p01` `p05` `p25` `p50` `p75` `p95` `p99` `approximate` `relative_error`) |
//! | `sensors` | for each sensor, by id: `id` `spectra` `bins_min` `bins_max` `amplitude` |
//! | `declared` | `frames` `frames_that_differ` `frames_beyond` `largest_max_difference_db` `largest_min_difference_db` `first` `max_db` `min_db` |
//! | `timing` | `source` (`delivery`, or `rows` for an import: no delivery was timed) `first_frame_ns` `silent_calls` `duration_ns` `frames_per_s` `rows_per_s` `megabytes_per_s` `inter_arrival` (`count` `min_ns` `p50_ns` `p95_ns` `p99_ns` `max_ns` `mean_ns` `jitter_ns`) `stalls` `stalled_ns` |
//! | `rows` | `timed` `untimed` `first_start_ms` `last_end_ms` `span_ms` `lines_dt_ms` `lines_dt_from` (`configure`, `duration`, `step`) `duration_ms` and `step_ms` (each `min` `median` `max`) `durations` (each `ms` `rows`) `gaps` and `overlaps` (each `count` `total_ms` `longest_ms`) `duplicates` `late` `clock_steps` `dropped` `completeness` (`asked_start_s` `asked_end_s` `asked_ms` `covered_ms` `fraction`) |
//! | `undecodable` | the first 16 messages that could not be decoded: `place` `problem` |
//!
//! A place (`first`, `place`) holds those of `call`, `message`, `row` and `offset_ns` that apply.

mod amplitude;
mod attempts;
pub(crate) mod baseline;
mod calls;
mod collector;
mod counts;
mod declared;
mod delivery;
mod digests;
mod distribution;
mod methods;
mod moments;
mod number;
mod options;
mod percentiles;
mod result;
mod rows;
mod spectrum;
mod structure;

use std::io::{Read, Seek};

use crate::{
    file::{FileError, Reader},
    model::event::Observer,
};
pub(crate) use amplitude::Amplitude;
pub use amplitude::SensorStats;
pub use calls::{CallStats, StatsTotals};
pub(crate) use calls::{EndingStats, RequestStats};
pub use collector::StatsCollector;
pub use delivery::Timing;
pub(crate) use delivery::{STALL_NS, TimingSource};
pub(crate) use distribution::Quantiles;
pub(crate) use methods::{MAX_METHODS, MethodStats, MethodTable, Methods};
pub(crate) use options::Digests;
pub use options::StatsOptions;
pub use percentiles::Percentiles;
pub use result::Stats;
pub(crate) use result::Undecodable;
pub(crate) use rows::{Breaks, LinesDt, RowTiming, Spread};
pub(crate) use structure::{Sensors, Structure};

impl Stats {
    /// Computes the statistics of the events from the reader's position to the end of its capture.
    ///
    /// # Errors
    /// As [`Reader::next_event`].
    pub fn of<R: Read + Seek>(reader: &mut Reader<R>) -> Result<Self, FileError> {
        Self::with(reader, StatsOptions::default())
    }

    /// Does the same as [`Self::of`], with options.
    ///
    /// # Errors
    /// As [`Reader::next_event`].
    pub fn with<R: Read + Seek>(reader: &mut Reader<R>, options: StatsOptions) -> Result<Self, FileError> {
        let mut collector = StatsCollector::new(reader.header(), options);
        while let Some(event) = reader.next_event()? {
            collector.observe(&event);
        }
        Ok(collector.finish())
    }
}

#[cfg(test)]
mod tests;
