//! Rules for fields that both schemas have.

use std::collections::BTreeSet;

use super::{Judge, Rule, Subject, both, messages::field_of, other, wire};
use crate::analyze::drift::{
    closure::Need,
    schema::{Cardinality, Field, Kind},
};

const FIELD_WIRE_COMPATIBLE_TYPE: Rule = wire("FIELD_WIRE_COMPATIBLE_TYPE");
const FIELD_WIRE_COMPATIBLE_CARDINALITY: Rule = wire("FIELD_WIRE_COMPATIBLE_CARDINALITY");
const FIELD_SAME_ONEOF: Rule = wire("FIELD_SAME_ONEOF");
const FIELD_SAME_DEFAULT: Rule = wire("FIELD_SAME_DEFAULT");
const FIELD_SAME_TYPE: Rule = other("FIELD_SAME_TYPE", "FILE");
const FIELD_SAME_CARDINALITY: Rule = other("FIELD_SAME_CARDINALITY", "FILE");
const FIELD_SAME_NAME: Rule = other("FIELD_SAME_NAME", "WIRE_JSON");
const FIELD_SAME_JSON_NAME: Rule = other("FIELD_SAME_JSON_NAME", "WIRE_JSON");
const FIELD_SAME_UTF8_VALIDATION: Rule = other("FIELD_SAME_UTF8_VALIDATION", "FILE");

impl Judge<'_> {
    /// Compares the two definitions of a field; `in_map` when it is the key or the value of a map on both sides.
    pub(super) fn field(&mut self, message: &str, need: &Need, (number, was, is): (u32, &Field, &Field), in_map: bool) {
        let subject = field_of(message, need, was);
        self.field_type(&subject, number, was, is);
        for (schema, field) in [(self.recorded, was), (self.live, is)] {
            if schema.lacks_type(field) {
                self.note_undefined(&field.type_name);
            }
        }
        if !in_map && was.cardinality != is.cardinality {
            let rule = if group(was.cardinality) == group(is.cardinality) {
                FIELD_SAME_CARDINALITY
            } else {
                FIELD_WIRE_COMPATIBLE_CARDINALITY
            };
            let text = format!("field {number} was {} and is {}", was.cardinality, is.cardinality);
            self.add(
                rule,
                &subject,
                both(was.cardinality.to_string(), is.cardinality.to_string()),
                text,
            );
        }
        if was.extension.is_none() && was.oneof != is.oneof {
            let told = |oneof: &Option<String>| match oneof {
                Some(name) => format!("in oneof {name}"),
                None => "in no oneof".to_owned(),
            };
            let (was, is) = (told(&was.oneof), told(&is.oneof));
            let text = format!("field {number} was {was} and is {is}");
            self.add(FIELD_SAME_ONEOF, &subject, both(was, is), text);
        }
        if let (Some(old), Some(new)) = (&was.default, &is.default)
            && !old.is_same(new)
        {
            let text = format!("the default of field {number} was {} and is {}", old.text(), new.text());
            self.add(FIELD_SAME_DEFAULT, &subject, both(old.text(), new.text()), text);
        }
        let names = |field: &Field| field.extension.clone().unwrap_or_else(|| field.name.clone());
        let (old, new) = (names(was), names(is));
        if old != new {
            let text = format!("field {number} was named {old} and is named {new}");
            self.add(FIELD_SAME_NAME, &subject, both(old, new), text);
        } else if was.json_name != is.json_name && was.extension.is_none() {
            let (old, new) = (&was.json_name, &is.json_name);
            let text = format!("field {number} was named {old} in JSON and is named {new}");
            self.add(FIELD_SAME_JSON_NAME, &subject, both(old, new), text);
        }
        if was.kind == Kind::String && is.kind == Kind::String && was.is_utf8 != is.is_utf8 {
            let told = |checked: bool| if checked { "checked" } else { "not checked" };
            let (old, new) = (told(was.is_utf8), told(is.is_utf8));
            let text = format!("the UTF-8 of field {number} was {old} and is {new}");
            self.add(FIELD_SAME_UTF8_VALIDATION, &subject, both(old, new), text);
        }
    }

    fn field_type(&mut self, subject: &Subject<'_>, number: u32, was: &Field, is: &Field) {
        let (old, new) = (was.type_text(), is.type_text());
        if old == new {
            return;
        }
        let is_compatible = match (was.kind, is.kind) {
            (Kind::String, Kind::Bytes) => true,
            (Kind::Enum, Kind::Enum) => self.is_wider_enum(&was.type_name, &is.type_name),
            // A message with another name is another message.
            (Kind::Message, Kind::Message) | (Kind::Group, Kind::Group) => false,
            (old, new) => compatibility(old) == compatibility(new),
        };
        let rule = if is_compatible {
            FIELD_SAME_TYPE
        } else {
            FIELD_WIRE_COMPATIBLE_TYPE
        };
        let text = format!("field {number} was of type {old} and is of type {new}");
        self.add(rule, subject, both(old, new), text);
    }

    /// Whether an enum has the short name of another, and all its values.
    fn is_wider_enum(&mut self, was: &str, is: &str) -> bool {
        let key = (was.to_owned(), is.to_owned());
        if let Some(known) = self.wider.get(&key) {
            return *known;
        }
        let is_wider = self.has_all_values(was, is);
        self.wider.insert(key, is_wider);
        is_wider
    }

    fn has_all_values(&self, was: &str, is: &str) -> bool {
        let short = |name: &str| name.rsplit('.').next().map(str::to_owned);
        let (Some(old), Some(new)) = (self.recorded.enums.get(was), self.live.enums.get(is)) else {
            return false;
        };
        let has = |(number, names): (&i32, &Vec<String>)| {
            let now: BTreeSet<_> = new.values.get(number).into_iter().flatten().collect();
            names.iter().all(|name| now.contains(name))
        };
        short(was) == short(is) && old.values.iter().all(has)
    }
}

/// Cardinalities of one group are written in the same way.
const fn group(cardinality: Cardinality) -> u8 {
    match cardinality {
        Cardinality::Explicit | Cardinality::Implicit => 1,
        Cardinality::Required => 2,
        Cardinality::Repeated | Cardinality::Map => 3,
    }
}

/// Types of one group are written in the same way, and read for the same values where they fit.
const fn compatibility(kind: Kind) -> u8 {
    match kind {
        Kind::Int32 | Kind::Int64 | Kind::Uint32 | Kind::Uint64 | Kind::Bool => 1,
        Kind::Sint32 | Kind::Sint64 => 2,
        Kind::String => 3,
        Kind::Bytes => 4,
        Kind::Fixed32 | Kind::Sfixed32 => 5,
        Kind::Fixed64 | Kind::Sfixed64 => 6,
        Kind::Double => 7,
        Kind::Float => 8,
        Kind::Group => 9,
        Kind::Message => 10,
        Kind::Enum => 11,
    }
}
