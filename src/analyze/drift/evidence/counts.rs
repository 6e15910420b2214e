//! What is counted about the values of each field.

use std::collections::{BTreeMap, HashMap};

use super::plan::Plan;
use crate::{
    analyze::drift::{
        closure::Need,
        result::{DriftDirection, DriftEvidence, FieldEvidence, MAX_LISTED, ValueChange, ValueCounts},
        schema::SchemaTypes,
    },
    model::finding::Place,
};

/// Largest number of fields with a change that are distinguished.
const MAX_FIELDS: usize = 50_000;

/// The message that is read.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reader<'m> {
    pub(super) method: &'m str,
    pub(super) is_request: bool,
    pub(super) place: Place,
}

/// The counts of one field.
#[derive(Debug, Default)]
struct Tally {
    counts: ValueCounts,
    first: Option<ValueChange>,
}

/// Reads recorded messages with two schemas.
#[derive(Debug)]
pub(in crate::analyze::drift) struct Evidence<'s> {
    pub(super) recorded: &'s SchemaTypes,
    pub(super) live: &'s SchemaTypes,
    pub(super) plan: Plan<'s>,
    /// By pair, number, and whether it was in a request.
    fields: HashMap<(usize, u32, bool), Tally>,
    /// Types that were found in values of `google.protobuf.Any`.
    pub(super) in_any: BTreeMap<String, Need>,
    pub(super) messages: u64,
    pub(super) unreadable: u64,
    pub(super) json: u64,
    pub(super) refused: u64,
    /// Messages that were refused before the one that is read.
    pub(super) refused_values: u64,
    pub(super) is_partial: bool,
}

impl<'s> Evidence<'s> {
    pub(in crate::analyze::drift) fn new(recorded: &'s SchemaTypes, live: &'s SchemaTypes) -> Self {
        Self {
            recorded,
            live,
            plan: Plan::new(recorded, live),
            fields: HashMap::new(),
            in_any: BTreeMap::new(),
            messages: 0,
            unreadable: 0,
            json: 0,
            refused: 0,
            refused_values: 0,
            is_partial: false,
        }
    }

    pub(super) fn add(
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
    pub(in crate::analyze::drift) fn finish(self) -> (DriftEvidence, BTreeMap<String, Need>) {
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
            json: self.json,
            refused: self.refused,
            totals,
            fields,
            more,
            is_partial: self.is_partial || self.plan.is_partial,
        };
        (evidence, self.in_any)
    }
}
