//! A recorded message, read with both schemas at once.

use std::collections::BTreeMap;

use super::{
    counts::{Evidence, Reader},
    plan::Joined,
    values::{Reading, Readings},
};
use crate::{
    analyze::drift::{
        closure::Need,
        result::ValueCounts,
        schema::{EnumType, Field, Kind},
    },
    grpc::protobuf::{DecodeError, Fields, Value},
};

/// Largest depth of nested messages; readers of protobuf stop there too.
const MAX_DEPTH: usize = 100;
/// Longest name of a type in a `google.protobuf.Any`, in bytes.
const MAX_TYPE_URL: usize = 2048;
/// Largest number of types in such messages that are distinguished.
const MAX_ANY_TYPES: usize = 1000;

/// The outcome of one value for the other reader.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Same,
    Changed,
    Vanished,
    /// It has vanished, and was counted as a value when it was read.
    Lost,
    Unknown,
    Renamed,
    BecameKnown,
    Refused,
}

/// The state of the walk over the fields of one message.
#[derive(Default)]
struct Seen<'s> {
    /// Values of fields that only the recorder reads as repeated.
    repeated: BTreeMap<u32, u64>,
    /// The last field of each oneof.
    oneofs: BTreeMap<&'s str, (u32, Joined<'s>)>,
    /// Fields whose absence is read differently, that are not absent.
    present: Vec<u32>,
}

impl<'s> Evidence<'s> {
    /// Reads a message with a pair of types.
    pub(super) fn walk(
        &mut self,
        reader: Reader<'_>,
        at: usize,
        bytes: &[u8],
        depth: usize,
    ) -> Result<(), DecodeError> {
        let Some(pair) = self.plan.pairs.get(at) else {
            return Ok(());
        };
        if !pair.differs || depth > MAX_DEPTH {
            return Ok(());
        }
        let is_any = pair.is_any;
        let (mut fields, mut seen) = (Fields::new("message", bytes), Seen::default());
        while let Some(field) = fields.next_field()? {
            let Some(pair) = self.plan.pairs.get(at) else { break };
            let Some(joined) = pair.fields.get(&field.number).copied() else {
                continue;
            };
            if pair.absences.binary_search(&field.number).is_ok() && !seen.present.contains(&field.number) {
                seen.present.push(field.number);
            }
            if joined.differs {
                self.compare(reader, (at, field.number), joined, field.value);
                self.note_loss(reader, (at, field.number), joined, field.value, &mut seen);
            }
            if let (Some(child), Value::Bytes(inner) | Value::Group(inner)) = (joined.child, field.value) {
                self.walk(reader, child, inner, depth + 1)?;
            }
        }
        self.settle(reader, at, &seen);
        if is_any {
            self.walk_any(reader, at, bytes, depth)?;
        }
        Ok(())
    }

    /// Compares the values of one occurrence of a field.
    fn compare(&mut self, reader: Reader<'_>, key: (usize, u32), joined: Joined<'s>, value: Value<'_>) {
        let (Some(was), Some(is)) = (joined.was, joined.is) else {
            let (fate, field) = match (joined.was, joined.is) {
                (Some(was), _) => (Fate::Unknown, was),
                (None, Some(is)) => (Fate::BecameKnown, is),
                (None, None) => return,
            };
            for reading in Readings::of(field, value).into_iter().flatten().flatten() {
                let told = || match fate {
                    Fate::Unknown => (reading.to_string(), "an unknown field".to_owned()),
                    _ => ("an unknown field".to_owned(), reading.to_string()),
                };
                self.count(reader, key, fate, told);
            }
            return;
        };
        let Some(old) = Readings::of(was, value) else {
            for reading in Readings::of(is, value).into_iter().flatten().flatten() {
                let told = || ("an unknown field".to_owned(), reading.to_string());
                self.count(reader, key, Fate::BecameKnown, told);
            }
            return;
        };
        let Some(mut new) = Readings::of(is, value) else {
            for reading in old.flatten() {
                let told = || {
                    (
                        reading.to_string(),
                        format!("nothing: it is not written as {}", is.type_text()),
                    )
                };
                self.count(reader, key, Fate::Vanished, told);
            }
            return;
        };
        for reading in old.flatten() {
            match new.next() {
                Some(Ok(now)) => {
                    let fate = self.fate((was, reading), (is, now));
                    let told = || (self.told(was, true, reading), self.told(is, false, now));
                    let told = (fate != Fate::Same).then(told);
                    self.count(reader, key, fate, || told.unwrap_or_default());
                }
                Some(Err(_)) => {
                    let told = || (reading.to_string(), "an error: the values are cut off".to_owned());
                    self.count(reader, key, Fate::Refused, told);
                }
                None => self.count(reader, key, Fate::Vanished, || {
                    (reading.to_string(), "nothing".to_owned())
                }),
            }
        }
    }

    fn enumeration(&self, field: &Field, is_recorded: bool) -> Option<&'s EnumType> {
        let schema = if is_recorded { self.recorded } else { self.live };
        (field.kind == Kind::Enum).then(|| schema.enums.get(&field.type_name))?
    }

    /// What becomes of a value.
    fn fate(&self, (was, old): (&Field, Reading<'_>), (is, new): (&Field, Reading<'_>)) -> Fate {
        if let Reading::Text(text) = new
            && is.is_utf8
            && std::str::from_utf8(text).is_err()
        {
            return Fate::Refused;
        }
        let names = |field, is_recorded, reading: Reading<'_>| {
            let of = self.enumeration(field, is_recorded)?;
            let Reading::Integer(number) = reading else { return None };
            let names = i32::try_from(number).ok().and_then(|number| of.values.get(&number));
            Some((names, of.is_closed))
        };
        let (before, after) = (names(was, true, old), names(is, false, new));
        match (before, after) {
            _ if !old.is_same(new) => Fate::Changed,
            (Some((Some(before), _)), Some((Some(after), _))) if !before.iter().any(|name| after.contains(name)) => {
                Fate::Renamed
            }
            // Of a value that the recorder did not know either, only a closed enum makes an unknown field.
            (Some((None, was_closed)), Some((None, is_closed))) if was_closed || !is_closed => Fate::Same,
            (_, Some((None, _))) => Fate::Unknown,
            _ => Fate::Same,
        }
    }

    /// A value as text, by the name of its enum if it has one.
    fn told(&self, field: &Field, is_recorded: bool, reading: Reading<'_>) -> String {
        let names = self.enumeration(field, is_recorded).and_then(|of| match reading {
            Reading::Integer(number) => of.values.get(&i32::try_from(number).ok()?)?.first(),
            _ => None,
        });
        match (names, reading) {
            (Some(name), _) => format!("{name} ({reading})"),
            (None, Reading::Integer(_)) if field.kind == Kind::Enum => format!("{reading} without a name"),
            _ => reading.to_string(),
        }
    }

    /// Notes values of which a reader keeps only the last.
    fn note_loss(
        &mut self,
        reader: Reader<'_>,
        (at, number): (usize, u32),
        joined: Joined<'s>,
        value: Value<'_>,
        seen: &mut Seen<'s>,
    ) {
        let Some(is) = joined.is else { return };
        if joined.was.is_some_and(Field::is_repeated) && !is.is_repeated() && Readings::of(is, value).is_some() {
            *seen.repeated.entry(number).or_default() += 1;
        }
        let Some(oneof) = is.oneof.as_deref() else { return };
        let before = seen.oneofs.insert(oneof, (number, joined));
        let Some((other, before)) = before.filter(|(other, _)| *other != number) else {
            return;
        };
        let oneof_of = |joined: Joined<'s>| joined.was.and_then(|was| was.oneof.as_deref());
        // The recorder kept only the last as well.
        let was_one = oneof_of(before).is_some() && oneof_of(before) == oneof_of(joined);
        if !was_one && before.was.is_some() {
            let told = || {
                let text = format!("nothing: {} of the same oneof comes after it", is.name);
                ("a value".to_owned(), text)
            };
            self.count(reader, (at, other), Fate::Lost, told);
        }
    }

    /// Counts what is decided when all fields of a message are known.
    fn settle(&mut self, reader: Reader<'_>, at: usize, seen: &Seen<'s>) {
        for (number, count) in seen.repeated.iter().filter(|(_, count)| **count > 1) {
            for _ in 1..*count {
                let told = || (format!("{count} values"), "the last of them".to_owned());
                self.count(reader, (at, *number), Fate::Lost, told);
            }
        }
        let Some(pair) = self.plan.pairs.get(at) else { return };
        let absent: Vec<_> = pair
            .absences
            .iter()
            .filter(|number| !seen.present.contains(number))
            .filter_map(|number| Some((*number, *pair.fields.get(number)?)))
            .collect();
        for (number, joined) in absent {
            let default = |field: Option<&Field>| field.and_then(|field| field.default.clone());
            match (default(joined.was), default(joined.is)) {
                (Some(was), Some(is)) if !was.is_same(&is) => {
                    let told = || {
                        (
                            format!("its default {}", was.text()),
                            format!("its default {}", is.text()),
                        )
                    };
                    self.count(reader, (at, number), Fate::Changed, told);
                }
                _ => {
                    let told = || ("nothing".to_owned(), "an error: it is required".to_owned());
                    self.count(reader, (at, number), Fate::Refused, told);
                }
            }
        }
    }

    /// Reads the message in a `google.protobuf.Any`.
    fn walk_any(&mut self, reader: Reader<'_>, at: usize, bytes: &[u8], depth: usize) -> Result<(), DecodeError> {
        let (mut url, mut value): (&[u8], &[u8]) = (&[], &[]);
        let mut fields = Fields::new("google.protobuf.Any", bytes);
        while let Some(field) = fields.next_field()? {
            match (field.number, field.value) {
                (1, Value::Bytes(bytes)) => url = bytes,
                (2, Value::Bytes(bytes)) => value = bytes,
                _ => {}
            }
        }
        let name = std::str::from_utf8(url).ok().filter(|url| url.len() <= MAX_TYPE_URL);
        let Some(name) = name.and_then(|url| url.rsplit('/').next()) else {
            return Ok(());
        };
        let Some((name, _)) = self.recorded.messages.get_key_value(name) else {
            return Ok(());
        };
        if self.in_any.len() < MAX_ANY_TYPES || self.in_any.contains_key(name) {
            let need = self.in_any.entry(name.clone()).or_insert_with(|| Need {
                method: reader.method.to_owned(),
                ..Need::default()
            });
            need.requests |= reader.is_request;
            need.answers |= !reader.is_request;
        }
        match self.plan.pair(name, name) {
            Some(child) => self.walk(reader, child, value, depth + 1),
            None if !self.live.messages.contains_key(name) => {
                let told = || {
                    (
                        format!("a message of type {name}"),
                        "bytes of an unknown type".to_owned(),
                    )
                };
                self.count(reader, (at, 2), Fate::Unknown, told);
                Ok(())
            }
            None => Ok(()),
        }
    }

    /// Counts a value, and keeps the first that changed.
    fn count(&mut self, reader: Reader<'_>, key: (usize, u32), fate: Fate, told: impl FnOnce() -> (String, String)) {
        let (mut counts, mut is_change) = (ValueCounts::default(), true);
        match fate {
            Fate::Same => (counts.values, is_change) = (1, false),
            Fate::Changed => (counts.values, counts.changed) = (1, 1),
            Fate::Vanished => (counts.values, counts.vanished) = (1, 1),
            Fate::Lost => counts.vanished = 1,
            Fate::Unknown => (counts.values, counts.unknown) = (1, 1),
            Fate::Renamed => (counts.values, counts.renamed) = (1, 1),
            Fate::BecameKnown => (counts.values, counts.became_known) = (1, 1),
            Fate::Refused => (counts.values, counts.refused) = (1, 1),
        }
        self.add(reader, key, counts, is_change.then_some(told));
    }
}
