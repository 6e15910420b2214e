//! The statistics of a stream, as a plain value.

use serde::Serialize;

use super::{
    amplitude::{Amplitude, SensorStats},
    calls::{CallStats, StatsTotals},
    declared::Declared,
    delivery::Timing,
    methods::{MethodStats, MethodTable},
    rows::RowTiming,
    structure::Structure,
};
use crate::{
    das::dialect::{Dialect, is_support},
    model::finding::Place,
};

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
    /// The methods by name, with what all of them have in common.
    #[serde(flatten)]
    pub(crate) methods: MethodTable,
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

impl Stats {
    /// The methods that carry no spectrogram stream and that clients call for what a service does.
    pub(crate) fn service_methods(&self) -> impl Iterator<Item = &MethodStats> {
        let is_service = |stats: &&MethodStats| {
            let method = stats.method.as_str();
            Dialect::from_method(method).is_none() && !is_support(method)
        };
        self.methods.methods.iter().filter(is_service)
    }

    /// True when nothing in the capture is about spectrogram streams.
    pub(crate) fn is_service(&self) -> bool {
        let has_spectrograms = (self.methods.methods.iter()).any(|stats| Dialect::from_method(&stats.method).is_some());
        let has_frames = self.totals.frames + self.totals.undecodable > 0;
        self.dialect.is_none() && !has_spectrograms && !has_frames
    }
}

/// A message that could not be decoded.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Undecodable {
    /// Place of the message.
    pub place: Place,
    /// Why the message could not be decoded.
    pub problem: String,
}
