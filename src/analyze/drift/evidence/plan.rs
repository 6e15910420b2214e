//! Pairs of messages, and which of their fields the two schemas read differently.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::analyze::drift::schema::{Cardinality, EnumType, Field, Kind, SchemaTypes};

/// Largest number of pairs that are followed. Two schemas usually have as many as messages; the largest public ones have
/// some thousand.
const MAX_PAIRS: usize = 20_000;
/// Largest number of fields in all pairs, each some hundred bytes.
const MAX_FIELDS: usize = 400_000;

/// The message that holds any other.
pub(super) const ANY: &str = "google.protobuf.Any";

/// A recorded message, and the one as which it is read.
#[derive(Debug)]
pub(super) struct Pair<'s> {
    pub(super) was: &'s str,
    pub(super) is: &'s str,
    pub(super) fields: HashMap<u32, Joined<'s>>,
    /// Fields whose absence is read differently.
    pub(super) absences: Vec<u32>,
    /// True when something in it is read differently.
    pub(super) differs: bool,
    /// True for messages that may hold any other.
    pub(super) is_any: bool,
}

/// The field of a number in both messages.
#[derive(Debug, Clone, Copy)]
pub(super) struct Joined<'s> {
    pub(super) was: Option<&'s Field>,
    pub(super) is: Option<&'s Field>,
    /// The pair of the messages in it.
    pub(super) child: Option<usize>,
    /// True when the field itself is read differently.
    pub(super) differs: bool,
}

#[derive(Debug)]
pub(super) struct Plan<'s> {
    recorded: &'s SchemaTypes,
    live: &'s SchemaTypes,
    pub(super) pairs: Vec<Pair<'s>>,
    index: HashMap<(&'s str, &'s str), usize>,
    enums: BTreeMap<(&'s str, &'s str), bool>,
    fields: usize,
    /// True when there are more pairs than are followed.
    pub(super) is_partial: bool,
}

impl<'s> Plan<'s> {
    pub(super) fn new(recorded: &'s SchemaTypes, live: &'s SchemaTypes) -> Self {
        Self {
            recorded,
            live,
            pairs: Vec::new(),
            index: HashMap::new(),
            enums: BTreeMap::new(),
            fields: 0,
            is_partial: false,
        }
    }

    /// The pair of two messages, with all that they reach; `None` when one is not defined, or there are too many.
    pub(super) fn pair(&mut self, was: &str, is: &str) -> Option<usize> {
        let (recorded, live) = (self.recorded, self.live);
        let (was, _) = recorded.messages.get_key_value(was)?;
        let (is, _) = live.messages.get_key_value(is)?;
        let first = self.pairs.len();
        let root = self.place(was, is)?;
        let mut at = first;
        while at < self.pairs.len() {
            self.join(at);
            at += 1;
        }
        self.spread(first);
        Some(root)
    }

    /// The position of a pair, whose fields are joined later.
    fn place(&mut self, was: &'s str, is: &'s str) -> Option<usize> {
        if let Some(at) = self.index.get(&(was, is)) {
            return Some(*at);
        }
        if self.pairs.len() >= MAX_PAIRS || self.fields >= MAX_FIELDS {
            self.is_partial = true;
            return None;
        }
        let at = self.pairs.len();
        self.index.insert((was, is), at);
        let is_any = was == ANY;
        self.pairs.push(Pair {
            was,
            is,
            fields: HashMap::new(),
            absences: Vec::new(),
            differs: is_any,
            is_any,
        });
        Some(at)
    }

    fn join(&mut self, at: usize) {
        let Some((was, is)) = self.pairs.get(at).map(|pair| (pair.was, pair.is)) else {
            return;
        };
        let (recorded, live) = (self.recorded, self.live);
        let mut fields: HashMap<u32, Joined<'s>> = HashMap::new();
        let alone = |was, is| Joined {
            was,
            is,
            child: None,
            differs: true,
        };
        for (number, field) in recorded.fields(was) {
            fields.insert(number, alone(Some(field), None));
        }
        for (number, field) in live.fields(is) {
            let joined = fields.entry(number).or_insert_with(|| alone(None, None));
            joined.is = Some(field);
        }
        let (mut absences, mut moved) = (Vec::new(), BTreeSet::new());
        for (number, joined) in &mut fields {
            let (old, new) = (joined.was, joined.is);
            if let (Some(old), Some(new)) = (old, new) {
                joined.differs = self.differs(old, new);
                if old.oneof != new.oneof {
                    moved.extend(new.oneof.as_deref());
                }
                if old.kind.is_message() && new.kind == old.kind {
                    joined.child = self.child(&old.type_name, &new.type_name);
                }
            }
            let is_required =
                |field: Option<&Field>| field.is_some_and(|field| field.cardinality == Cardinality::Required);
            let defaults = old
                .and_then(|old| old.default.as_ref())
                .zip(new.and_then(|new| new.default.as_ref()));
            if is_required(new) && !is_required(old) || defaults.is_some_and(|(old, new)| !old.is_same(new)) {
                absences.push(*number);
            }
        }
        for joined in fields.values_mut() {
            let oneof = joined.is.and_then(|is| is.oneof.as_deref());
            joined.differs |= oneof.is_some_and(|oneof| moved.contains(oneof));
        }
        self.fields += fields.len();
        if let Some(pair) = self.pairs.get_mut(at) {
            absences.sort_unstable();
            pair.differs |= !absences.is_empty() || fields.values().any(|joined| joined.differs);
            (pair.fields, pair.absences) = (fields, absences);
        }
    }

    fn child(&mut self, was: &str, is: &str) -> Option<usize> {
        let (recorded, live) = (self.recorded, self.live);
        let (was, _) = recorded.messages.get_key_value(was)?;
        let (is, _) = live.messages.get_key_value(is)?;
        self.place(was, is)
    }

    /// True when two fields decode the same bytes to different values, apart from the messages in them.
    fn differs(&mut self, was: &'s Field, is: &'s Field) -> bool {
        was.kind != is.kind
            || was.is_repeated() != is.is_repeated()
            || was.oneof != is.oneof
            || (is.is_utf8 && !was.is_utf8)
            || (was.kind == Kind::Enum && self.enums_differ(&was.type_name, &is.type_name))
    }

    fn enums_differ(&mut self, was: &'s str, is: &'s str) -> bool {
        let (recorded, live) = (self.recorded, self.live);
        *self.enums.entry((was, is)).or_insert_with(|| {
            let same = |old: &EnumType, new: &EnumType| old.values == new.values && old.is_closed == new.is_closed;
            match (recorded.enums.get(was), live.enums.get(is)) {
                (Some(old), Some(new)) => !same(old, new),
                (None, None) => false,
                _ => true,
            }
        })
    }

    /// Marks the pairs from `first` on that hold a pair which differs.
    fn spread(&mut self, first: usize) {
        let mut holders: HashMap<usize, Vec<usize>> = HashMap::new();
        let mut open = Vec::new();
        for (at, pair) in self.pairs.iter().enumerate().skip(first) {
            for child in pair.fields.values().filter_map(|joined| joined.child) {
                holders.entry(child).or_default().push(at);
                if child < first && self.pairs.get(child).is_some_and(|pair| pair.differs) {
                    open.push(child);
                }
            }
            if pair.differs {
                open.push(at);
            }
        }
        while let Some(at) = open.pop() {
            for holder in holders.remove(&at).unwrap_or_default() {
                if let Some(pair) = self.pairs.get_mut(holder)
                    && !std::mem::replace(&mut pair.differs, true)
                {
                    open.push(holder);
                }
            }
        }
    }
}
