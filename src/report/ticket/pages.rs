//! Input of the texts of a bundle.

use super::part::BundledCapture;
use crate::{
    file::{CaptureState, Digest, Header},
    report::{again::Again, validation::Report},
};

/// Input of the texts of a bundle.
#[derive(Debug)]
pub(super) struct Pages<'a> {
    pub(super) whole: &'a Report,
    pub(super) part: &'a Report,
    pub(super) kept: &'a BundledCapture,
    pub(super) header: &'a Header,
    pub(super) source: &'a str,
    pub(super) digest: Option<Digest>,
    pub(super) start: &'a str,
    pub(super) length_s: f64,
    pub(super) withheld: u64,
    pub(super) source_state: CaptureState,
    pub(super) max_bytes: u64,
    pub(super) names: Vec<String>,
    pub(super) again: &'a Again,
}
