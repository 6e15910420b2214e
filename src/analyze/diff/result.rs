//! The result of a comparison, as plain values.

use serde::{Serialize, Serializer};

use super::{DiffOptions, WINDOW, calls::Surveyed};
use crate::model::{finding::Place, text::counted};

/// Version of the JSON schema.
pub(crate) const SCHEMA: u32 = 1;

/// Differences that are listed for each call; more are counted.
pub(super) const MAX_LISTED: usize = 50;

/// The result of a comparison.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CaptureDiff {
    /// Version of the JSON schema, `SCHEMA`.
    pub diff: u32,
    /// True when the captures differ.
    pub differs: bool,
    /// Rows that a row may move and still be matched.
    pub window: usize,
    /// The largest differences at which values still count as equal.
    pub tolerance: DiffTolerance,
    /// Counts over all calls.
    pub totals: DiffTotals,
    /// The largest absolute difference of a value, dB.
    pub max_abs: Option<Extreme>,
    /// The largest difference of a value, as a part of the larger magnitude.
    pub max_rel: Option<Extreme>,
    /// The pairs of calls.
    pub calls: Vec<CallDiff>,
}

/// The largest differences at which values still count as equal.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct DiffTolerance {
    /// Absolute, in dB.
    pub abs: f64,
    /// Relative, as a part of the larger magnitude.
    pub rel: f64,
}

/// Counts over all calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct DiffTotals {
    /// Calls that are in both.
    pub calls: u64,
    /// Calls that only the first capture holds.
    pub calls_missing: u64,
    /// Calls that only the second one holds.
    pub calls_extra: u64,
    /// Rows that are in both, changed ones included.
    pub rows: u64,
    /// Rows that only the first capture holds.
    pub rows_missing: u64,
    /// Rows that only the second one holds.
    pub rows_extra: u64,
    /// Rows that the second one holds once more.
    pub rows_duplicated: u64,
    /// Rows at another position in the order.
    pub rows_moved: u64,
    /// Rows whose content differs.
    pub rows_changed: u64,
    /// Messages without rows (of other methods, or that cannot be decoded) that are in both.
    pub messages: u64,
    /// Such messages that only the first capture holds.
    pub messages_missing: u64,
    /// Such messages that only the second one holds.
    pub messages_extra: u64,
    /// Such messages that the second one holds once more.
    pub messages_duplicated: u64,
    /// Such messages at another position in the order.
    pub messages_moved: u64,
    /// Such messages whose content differs, and messages that differ in more than their rows.
    pub messages_changed: u64,
    /// Values that differ by more than the tolerance.
    pub values_changed: u64,
    /// Differences in requests, metadata, endings and gaps.
    pub other: u64,
}

/// A pair of calls, or a call that only one capture holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Default)]
pub struct CallDiff {
    /// Number of the call in the first capture.
    pub a: Option<u32>,
    /// Number of the call in the second one.
    pub b: Option<u32>,
    /// Method of the call.
    pub method: String,
    /// Rows that are in both.
    pub rows: u64,
    /// Messages without rows that are in both.
    pub messages: u64,
    /// The first differences, at most 50 of a call.
    pub differences: Vec<Difference>,
    /// Differences beyond those.
    pub more: u64,
}

/// One difference.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// Kind of difference.
    pub kind: DifferenceKind,
    /// Kind of thing that differs.
    pub what: DifferenceSubject,
    /// Where in the first capture.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub a: Option<Place>,
    /// Where in the second one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub b: Option<Place>,
    /// The difference in words.
    pub text: String,
}

/// Kind of difference.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum DifferenceKind {
    /// Only the first capture holds it.
    Missing,
    /// Only the second one holds it.
    Extra,
    /// The second one holds it once more.
    Duplicated,
    /// It is at another position in the order.
    Moved,
    /// Its content differs.
    Changed,
}

impl DifferenceKind {
    /// The name in JSON.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::Extra => "extra",
            Self::Duplicated => "duplicated",
            Self::Moved => "moved",
            Self::Changed => "changed",
        }
    }
}

/// Kind of thing that differs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum DifferenceSubject {
    /// A whole call.
    Call,
    /// A row.
    Row,
    /// A message.
    Message,
    /// The request.
    Request,
    /// Metadata.
    Metadata,
    /// The ending of the call.
    Ending,
    /// Messages known to be lost.
    Gap,
}

impl DifferenceSubject {
    /// The name in JSON.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Call => "call",
            Self::Row => "row",
            Self::Message => "message",
            Self::Request => "request",
            Self::Metadata => "metadata",
            Self::Ending => "ending",
            Self::Gap => "gap",
        }
    }
}

/// The largest difference of a value, and its place.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Extreme {
    /// The difference; infinite where only one of the two is a number.
    #[serde(serialize_with = "number")]
    pub difference: f64,
    /// The value in the first capture.
    #[serde(serialize_with = "number")]
    pub a: f64,
    /// The value in the second one.
    #[serde(serialize_with = "number")]
    pub b: f64,
    /// The place of the value in the first capture.
    pub place: Place,
}

impl Extreme {
    /// Returns the larger of two differences.
    pub(super) fn larger(one: Option<Self>, other: Option<Self>) -> Option<Self> {
        match (one, other) {
            (Some(one), Some(other)) if other.difference > one.difference => Some(other),
            (one, other) => one.or(other),
        }
    }
}

/// Serializes a number, since JSON has no infinities.
#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands a reference")]
fn number<S: Serializer>(value: &f64, serializer: S) -> Result<S::Ok, S::Error> {
    match *value {
        value if value.is_nan() => serializer.serialize_str("nan"),
        f64::INFINITY => serializer.serialize_str("inf"),
        f64::NEG_INFINITY => serializer.serialize_str("-inf"),
        value => serializer.serialize_f64(value),
    }
}

/// The differences found in one pair of calls.
#[derive(Debug, Default)]
pub(super) struct Found {
    pub(super) call: CallDiff,
    pub(super) totals: DiffTotals,
    pub(super) max_abs: Option<Extreme>,
    pub(super) max_rel: Option<Extreme>,
    /// Differences besides rows and messages; they stand first.
    others: usize,
}

impl Found {
    pub(super) fn note(&mut self, difference: Difference) {
        if self.call.differences.len() < MAX_LISTED {
            self.call.differences.push(difference);
        } else {
            self.call.more += 1;
        }
    }

    /// Adds a difference that is neither a row nor a message.
    pub(super) fn other(&mut self, what: DifferenceSubject, text: String) {
        self.placed(what, (None, None), text);
    }

    /// Does the same for a difference at a place of each capture.
    pub(super) fn placed(&mut self, what: DifferenceSubject, (a, b): (Option<Place>, Option<Place>), text: String) {
        self.totals.other += 1;
        let kind = DifferenceKind::Changed;
        let difference = Difference { kind, what, a, b, text };
        self.call.differences.insert(self.others, difference);
        self.others += 1;
    }
}

impl CaptureDiff {
    pub(super) fn new(options: DiffOptions) -> Self {
        Self {
            diff: SCHEMA,
            differs: false,
            window: WINDOW,
            tolerance: DiffTolerance {
                abs: options.abs,
                rel: options.rel,
            },
            totals: DiffTotals::default(),
            max_abs: None,
            max_rel: None,
            calls: Vec::new(),
        }
    }

    /// A call that only one capture holds.
    pub(super) fn lone_call(&mut self, call: Option<&Surveyed>, in_first: bool) {
        let Some(call) = call else { return };
        let (kind, count, which) = if in_first {
            (DifferenceKind::Missing, &mut self.totals.calls_missing, "first")
        } else {
            (DifferenceKind::Extra, &mut self.totals.calls_extra, "second")
        };
        *count += 1;
        let place = Some(Place::call(call.number, call.start_ns));
        let text = format!(
            "only the {which} capture holds this call, with {}",
            counted(call.received, "message")
        );
        let (a, b) = if in_first { (place, None) } else { (None, place) };
        let what = DifferenceSubject::Call;
        let number = Some(call.number);
        self.calls.push(CallDiff {
            a: number.filter(|_| in_first),
            b: number.filter(|_| !in_first),
            method: call.method.clone(),
            differences: vec![Difference { kind, what, a, b, text }],
            ..CallDiff::default()
        });
    }

    pub(super) fn add(&mut self, found: Found) {
        let (sum, more) = (&mut self.totals, found.totals);
        sum.calls += 1;
        for (sum, more) in [
            (&mut sum.rows, more.rows),
            (&mut sum.rows_missing, more.rows_missing),
            (&mut sum.rows_extra, more.rows_extra),
            (&mut sum.rows_duplicated, more.rows_duplicated),
            (&mut sum.rows_moved, more.rows_moved),
            (&mut sum.rows_changed, more.rows_changed),
            (&mut sum.messages, more.messages),
            (&mut sum.messages_missing, more.messages_missing),
            (&mut sum.messages_extra, more.messages_extra),
            (&mut sum.messages_duplicated, more.messages_duplicated),
            (&mut sum.messages_moved, more.messages_moved),
            (&mut sum.messages_changed, more.messages_changed),
            (&mut sum.values_changed, more.values_changed),
            (&mut sum.other, more.other),
        ] {
            *sum += more;
        }
        self.max_abs = Extreme::larger(self.max_abs, found.max_abs);
        self.max_rel = Extreme::larger(self.max_rel, found.max_rel);
        let mut call = found.call;
        (call.rows, call.messages) = (more.rows, more.messages);
        self.calls.push(call);
    }

    pub(super) fn finish(mut self) -> Self {
        self.calls.sort_by_key(|call| (call.a.is_none(), call.a, call.b));
        self.differs = self.calls.iter().any(|call| !call.differences.is_empty());
        self
    }
}
