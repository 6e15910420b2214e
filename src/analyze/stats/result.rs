//! The statistics of a stream, as a plain value.

use serde::Serialize;

use super::{
    amplitude::{Amplitude, SensorStats},
    calls::{CallStats, StatsTotals},
    declared::Declared,
    delivery::Timing,
    rows::RowTiming,
    structure::Structure,
};
use crate::model::finding::Place;

/// Version of the JSON schema.
pub(crate) const SCHEMA: u32 = 1;

/// The statistics of a stream.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Stats {
    /// Version of the JSON schema, `SCHEMA`.
    pub stats: u32,
    /// The dialect that the header names.
    pub dialect: Option<String>,
    /// Totals over all calls.
    pub totals: StatsTotals,
    /// The calls by number, at most `MAX_LISTED_CALLS`.
    pub calls: Vec<CallStats>,
    /// Structure of the frames.
    pub structure: Structure,
    /// The intensities of the whole capture.
    pub amplitude: Amplitude,
    /// Each sensor, by id.
    pub sensors: Vec<SensorStats>,
    /// Comparison of declared extremes with actual ones.
    pub declared: Declared,
    /// Timing of the delivery.
    pub timing: Timing,
    /// Timing of the rows, by their own timestamps.
    pub rows: RowTiming,
    /// Messages that could not be decoded, at most `MAX_LISTED_UNDECODABLE`.
    pub undecodable: Vec<Undecodable>,
}

/// A message that could not be decoded.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Undecodable {
    /// Place of the message.
    pub place: Place,
    /// Why the message could not be decoded.
    pub problem: String,
}
