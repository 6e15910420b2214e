//! Comparison of two captures, aligned call by call and row by row: what is missing, extra, moved, changed.
//!
//! Calls are aligned by method, requests and answers, then by method and requests, then by method; rows by row index and
//! start time within a window of [`WINDOW`] rows, so that memory does not grow with the captures. Messages of other methods
//! are aligned by their fields, or by their bytes where the schema is not known. Times of arrival, the order of concurrent
//! calls, that of a map's entries, and metadata that differs from run to run, are not differences.
//!
//! # JSON
//!
//! [`CaptureDiff`] serializes as one object; `diff` is the version of this schema, and keys may be added within a version.
//!
//! | key | holds |
//! |---|---|
//! | `diff` | 1 |
//! | `differs` | true when anything below is a difference |
//! | `window` | rows that a row may move and still be known for the same; beyond, it is missing and extra |
//! | `tolerance` | `abs`, `rel`: values differ when by more than abs + rel × the larger magnitude |
//! | `totals` | `calls_missing` `calls_extra` `calls` `rows` `rows_missing` `rows_extra` `rows_duplicated` `rows_moved` `rows_changed` `messages` `messages_missing` `messages_extra` `messages_duplicated` `messages_moved` `messages_changed` `values_changed` `other` |
//! | `max_abs`, `max_rel` | the largest differences of a value: `difference`, `a`, `b` (numbers, or `"nan"`, `"inf"`, `"-inf"`), `place` in the first capture |
//! | `calls` | for each pair: `a` and `b` (call numbers; null where there is none), `method`, `rows`, `messages` (matched), `differences`, `more` (differences that are not listed) |
//!
//! A difference has `kind` (`missing`, `extra`, `duplicated`, `moved`, `changed`), `what` (`call`, `row`, `message`,
//! `request`, `metadata`, `ending`, `gap`), `a` and `b` (places, as in findings) and `text`.

mod align;
mod calls;
mod identity;
mod items;
mod map;
mod message;
mod metadata;
mod options;
mod pair;
mod requests;
mod result;
mod row;
mod wire;

use std::io::{Read, Seek};

use crate::{
    file::{FileError, Reader},
    grpc::field_pattern::FieldPatterns,
};
use identity::Identity;

pub(crate) use map::{Column, DifferenceMap};
pub(crate) use options::WINDOW;
pub use options::{DiffOptions, MetadataMode};
pub use result::{CallDiff, CaptureDiff, DiffTolerance, Difference, DifferenceKind, DifferenceSubject};
pub(crate) use result::{DiffTotals, Extreme};

/// Compares two captures. The readers are read several times, each time from the beginning.
///
/// ```
/// use grpc_capture::{analyze::{DiffOptions, diff}, file::Reader};
///
/// let mut a = Reader::open("captures/zero-ids.gcap")?;
/// let mut b = Reader::open("captures/nan.gcap")?;
/// let same = diff(&mut a, &mut Reader::open("captures/zero-ids.gcap")?, DiffOptions::default())?;
/// assert!(!same.differs && same.totals.rows == 5);
/// assert!(diff(&mut a, &mut b, DiffOptions::default())?.differs);
/// # Ok::<(), grpc_capture::file::FileError>(())
/// ```
///
/// # Errors
/// When a capture cannot be read.
pub fn diff<A: Read + Seek, B: Read + Seek>(
    a: &mut Reader<A>,
    b: &mut Reader<B>,
    options: DiffOptions,
) -> Result<CaptureDiff, FileError> {
    Ok(diff_with_map(a, b, options, FieldPatterns::default())?.0)
}

/// Compares two captures as [`diff()`] does, without the fields and metadata that `ignore` covers, and also maps the
/// differences of the call that has most rows.
///
/// # Errors
/// When a capture cannot be read.
pub(crate) fn diff_with_map<A: Read + Seek, B: Read + Seek>(
    a: &mut Reader<A>,
    b: &mut Reader<B>,
    options: DiffOptions,
    ignore: FieldPatterns,
) -> Result<(CaptureDiff, Option<DifferenceMap>), FileError> {
    let pool = calls::descriptors(a).or_else(|| calls::descriptors(b));
    let mut identity = Identity::new(pool, ignore);
    let (of_a, of_b) = (calls::survey(a, &mut identity)?, calls::survey(b, &mut identity)?);
    let mut diff = CaptureDiff::new(options);
    let mut best: Option<DifferenceMap> = None;
    for pair in calls::pairs(&of_a, &of_b) {
        let (Some(call_a), Some(call_b)) = (pair.a, pair.b) else {
            diff.lone_call(pair.a.or(pair.b), pair.a.is_some());
            continue;
        };
        let (found, map) = pair::compare((a, call_a), (b, call_b), options, &mut identity)?;
        diff.add(found);
        if map.rows() > best.as_ref().map_or(0, DifferenceMap::rows) {
            best = Some(map);
        }
    }
    Ok((diff.finish(), best))
}

#[cfg(test)]
mod tests;
