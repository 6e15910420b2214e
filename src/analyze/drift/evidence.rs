//! What becomes of recorded messages when they are read with another schema.
//!
//! A message is walked once, with both types at the same time. What both schemas read alike is not walked at all, and
//! memory grows with the schemas only.

mod plan;
mod values;
mod walk;

use std::collections::{BTreeMap, HashMap};

use plan::Plan;
use walk::Reader;

use super::{
    closure::Need,
    result::{DriftDirection, DriftEvidence, FieldEvidence, MAX_LISTED, ValueChange, ValueCounts},
    schema::SchemaTypes,
};
use crate::model::{event::Direction, finding::Place};

/// Largest number of fields with a change that are distinguished.
const MAX_FIELDS: usize = 50_000;

/// What was found about one field.
#[derive(Debug, Default)]
struct Tally {
    counts: ValueCounts,
    first: Option<ValueChange>,
}

/// Reads recorded messages with two schemas.
#[derive(Debug)]
pub(super) struct Evidence<'s> {
    recorded: &'s SchemaTypes,
    live: &'s SchemaTypes,
    plan: Plan<'s>,
    /// By pair, number, and whether it was in a request.
    fields: HashMap<(usize, u32, bool), Tally>,
    /// Types that were found in values of `google.protobuf.Any`.
    pub(super) in_any: BTreeMap<String, Need>,
    messages: u64,
    unreadable: u64,
    refused: u64,
    /// Messages that were refused before the one that is read.
    refused_values: u64,
    is_partial: bool,
}

impl<'s> Evidence<'s> {
    pub(super) fn new(recorded: &'s SchemaTypes, live: &'s SchemaTypes) -> Self {
        Self {
            recorded,
            live,
            plan: Plan::new(recorded, live),
            fields: HashMap::new(),
            in_any: BTreeMap::new(),
            messages: 0,
            unreadable: 0,
            refused: 0,
            refused_values: 0,
            is_partial: false,
        }
    }

    /// The pair of types of a method's messages in one direction; `None` when they cannot be compared.
    pub(super) fn types(&mut self, method: &str, direction: Direction) -> Option<usize> {
        let (was, is) = (self.recorded.methods.get(method)?, self.live.methods.get(method)?);
        match direction {
            Direction::Sent => self.plan.pair(&was.request, &is.request),
            Direction::Received => self.plan.pair(&was.answer, &is.answer),
        }
    }

    /// Reads a message.
    pub(super) fn message(&mut self, method: &str, direction: Direction, place: Place, types: usize, bytes: &[u8]) {
        self.messages += 1;
        let reader = Reader {
            method,
            is_request: direction == Direction::Sent,
            place,
        };
        let before = self.refused_values;
        if self.walk(reader, types, bytes, 0).is_err() {
            self.unreadable += 1;
        } else if self.refused_values > before {
            self.refused += 1;
        }
    }

    /// Counts a message that cannot be read, because it cannot be inflated.
    pub(super) const fn unreadable(&mut self) {
        self.messages += 1;
        self.unreadable += 1;
    }

    fn add(
        &mut self,
        reader: Reader<'_>,
        (pair, number): (usize, u32),
        counts: ValueCounts,
        told: Option<impl FnOnce() -> (String, String)>,
    ) {
        self.refused_values += counts.refused;
        let key = (pair, number, reader.is_request);
        if self.fields.len() >= MAX_FIELDS && !self.fields.contains_key(&key) {
            self.is_partial = true;
            return;
        }
        let tally = self.fields.entry(key).or_default();
        tally.counts.add(&counts);
        if let (None, Some(told)) = (&tally.first, told) {
            let (recorded, live) = told();
            tally.first = Some(ValueChange {
                place: reader.place,
                method: reader.method.to_owned(),
                recorded,
                live,
            });
        }
    }

    /// The counts of all fields with a change, and the types within values of `google.protobuf.Any`.
    pub(super) fn finish(self) -> (DriftEvidence, BTreeMap<String, Need>) {
        let mut by_path = BTreeMap::<(String, u32), (bool, bool, Tally)>::new();
        let mut totals = ValueCounts::default();
        let mut keys: Vec<_> = self.fields.into_iter().collect();
        keys.sort_by_key(|(key, _)| *key);
        for ((pair, number, is_request), tally) in keys {
            if tally.counts.is_quiet() {
                continue;
            }
            totals.add(&tally.counts);
            let Some(pair) = self.plan.pairs.get(pair) else {
                continue;
            };
            let joined = pair.fields.get(&number);
            let field = joined.and_then(|joined| joined.was.or(joined.is));
            let name = field.map_or_else(
                || number.to_string(),
                |field| match &field.extension {
                    Some(extension) => format!("[{extension}]"),
                    None => field.name.clone(),
                },
            );
            let path = format!("{}.{name}", pair.was);
            let entry = by_path.entry((path, number)).or_default();
            entry.0 |= is_request;
            entry.1 |= !is_request;
            entry.2.counts.add(&tally.counts);
            let is_earlier = |first: &ValueChange, other: &Option<ValueChange>| {
                let at = |change: &ValueChange| (change.place.offset_ns, change.place.call);
                other.as_ref().is_none_or(|other| at(first) < at(other))
            };
            if let Some(first) = tally.first
                && is_earlier(&first, &entry.2.first)
            {
                entry.2.first = Some(first);
            }
        }
        let mut fields: Vec<_> = by_path
            .into_iter()
            .map(|((path, number), (requests, answers, tally))| FieldEvidence {
                path,
                number,
                direction: DriftDirection::of(requests, answers),
                counts: tally.counts,
                first: tally.first,
            })
            .collect();
        let worst = |counts: &ValueCounts| (counts.refused, counts.changed, counts.vanished, counts.unknown);
        fields.sort_by(|one, other| {
            let breaking = other.counts.is_breaking().cmp(&one.counts.is_breaking());
            breaking
                .then_with(|| worst(&other.counts).cmp(&worst(&one.counts)))
                .then_with(|| one.path.cmp(&other.path))
        });
        let more = fields.len().saturating_sub(MAX_LISTED) as u64;
        fields.truncate(MAX_LISTED);
        let evidence = DriftEvidence {
            messages: self.messages,
            unreadable: self.unreadable,
            refused: self.refused,
            totals,
            fields,
            more,
            is_partial: self.is_partial || self.plan.is_partial,
        };
        (evidence, self.in_any)
    }
}
