//! The numbers of a stream, as a plain value.

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

/// The numbers of a stream.
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
    /// What the frames are made of.
    pub structure: Structure,
    /// The intensities of the whole capture.
    pub amplitude: Amplitude,
    /// Each sensor, by id.
    pub sensors: Vec<SensorStats>,
    /// Declared extremes against actual ones.
    pub declared: Declared,
    /// How the stream arrived.
    pub timing: Timing,
    /// What the rows' timestamps tell.
    pub rows: RowTiming,
    /// Messages that could not be decoded, at most `MAX_LISTED_UNDECODABLE`.
    pub undecodable: Vec<Undecodable>,
}

/// A message that could not be decoded.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Undecodable {
    /// Where it is.
    pub place: Place,
    /// What is wrong with it.
    pub problem: String,
}
