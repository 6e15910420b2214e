//! Rules for messages and for the presence of their fields.

use super::{Judge, MESSAGE_NO_DELETE, Rule, Subject, other, own, ranges, wire};
use crate::analyze::drift::{
    closure::Need,
    schema::{Cardinality, Field, MessageType},
};

const FIELD_NO_DELETE_UNLESS_NUMBER_RESERVED: Rule = wire("FIELD_NO_DELETE_UNLESS_NUMBER_RESERVED");
const MESSAGE_SAME_REQUIRED_FIELDS: Rule = wire("MESSAGE_SAME_REQUIRED_FIELDS");
const RESERVED_MESSAGE_NO_DELETE: Rule = wire("RESERVED_MESSAGE_NO_DELETE");
const FIELD_NO_DELETE: Rule = other("FIELD_NO_DELETE", "FILE");
const EXTENSION_NO_DELETE: Rule = other("EXTENSION_NO_DELETE", "FILE");
const ONEOF_NO_DELETE: Rule = other("ONEOF_NO_DELETE", "FILE");
const FIELD_ADDED: Rule = own("FIELD_ADDED");
const EXTENSION_ADDED: Rule = own("EXTENSION_ADDED");
const RESERVED_MESSAGE_ADDED: Rule = own("RESERVED_MESSAGE_ADDED");

/// Largest number of a field.
const LARGEST: i64 = (1 << 29) - 1;

impl Judge<'_> {
    /// Compares a message that recorded messages need with the other of that name.
    pub(super) fn message(&mut self, name: &str, need: &Need) {
        let (recorded, live) = (self.recorded, self.live);
        let Some(was) = recorded.messages.get(name) else { return };
        let Some(is) = live.messages.get(name) else {
            return;
        };
        let reserved = ranges::join(&is.reserved);
        for (number, field) in &was.fields {
            match is.fields.get(number) {
                Some(now) => self.field(name, need, (*number, field, now), was.is_map_entry && is.is_map_entry),
                None => self.gone_field(name, need, (*number, field), reserved.holds(i64::from(*number))),
            }
        }
        for (number, field) in is.fields.iter().filter(|(number, _)| !was.fields.contains_key(number)) {
            let subject = field_of(name, need, field);
            let sides = (None, Some(side(*number, field)));
            self.add(FIELD_ADDED, &subject, sides, format!("field {number} is new"));
        }
        self.required(name, need, was, is);
        self.extensions(name, need);
        let subject = Subject {
            path: name.to_owned(),
            need,
        };
        for oneof in was.oneofs.difference(&is.oneofs) {
            let text = format!("the oneof {oneof} is gone");
            self.add(ONEOF_NO_DELETE, &subject, (Some(oneof.clone()), None), text);
        }
        self.reserved(&subject, was, is);
    }

    /// Notes a message of a recorded `google.protobuf.Any` that the other schema does not have.
    pub(super) fn gone_message(&mut self, name: &str, need: &Need) {
        let subject = Subject {
            path: name.to_owned(),
            need,
        };
        let text = "it was recorded within a google.protobuf.Any, and is gone";
        self.add(MESSAGE_NO_DELETE, &subject, (Some(name.to_owned()), None), text);
    }

    fn gone_field(&mut self, name: &str, need: &Need, (number, field): (u32, &Field), is_reserved: bool) {
        let (rule, text) = if is_reserved {
            (
                FIELD_NO_DELETE,
                format!("field {number} is gone, and its number is reserved"),
            )
        } else {
            let text = format!("field {number} is gone, and its number is not reserved");
            (FIELD_NO_DELETE_UNLESS_NUMBER_RESERVED, text)
        };
        self.add(
            rule,
            &field_of(name, need, field),
            (Some(side(number, field)), None),
            text,
        );
    }

    fn required(&mut self, name: &str, need: &Need, was: &MessageType, is: &MessageType) {
        let required = |field: Option<&Field>| field.is_some_and(|field| field.cardinality == Cardinality::Required);
        for (number, field) in was.fields.iter().filter(|(_, field)| required(Some(field))) {
            if !required(is.fields.get(number)) {
                let text = format!("field {number} was required: who still requires it refuses messages without it");
                let sides = (
                    Some(side(*number, field)),
                    is.fields.get(number).map(|now| side(*number, now)),
                );
                self.add(MESSAGE_SAME_REQUIRED_FIELDS, &field_of(name, need, field), sides, text);
            }
        }
        for (number, field) in is.fields.iter().filter(|(_, field)| required(Some(field))) {
            if !required(was.fields.get(number)) {
                let text = format!("field {number} is required now: messages without it are refused");
                let sides = (
                    was.fields.get(number).map(|old| side(*number, old)),
                    Some(side(*number, field)),
                );
                self.add(MESSAGE_SAME_REQUIRED_FIELDS, &field_of(name, need, field), sides, text);
            }
        }
    }

    fn extensions(&mut self, name: &str, need: &Need) {
        let (recorded, live) = (self.recorded, self.live);
        let (was, is) = (recorded.extensions.get(name), live.extensions.get(name));
        for (number, field) in was.into_iter().flatten() {
            let Some(now) = is.and_then(|is| is.get(number)) else {
                let sides = (Some(side(*number, field)), None);
                let text = format!("the extension {number} is gone");
                self.add(EXTENSION_NO_DELETE, &field_of(name, need, field), sides, text);
                continue;
            };
            self.field(name, need, (*number, field, now), false);
        }
        for (number, field) in is.into_iter().flatten() {
            if was.is_none_or(|was| !was.contains_key(number)) {
                let sides = (None, Some(side(*number, field)));
                let text = format!("the extension {number} is new");
                self.add(EXTENSION_ADDED, &field_of(name, need, field), sides, text);
            }
        }
    }

    fn reserved(&mut self, subject: &Subject<'_>, was: &MessageType, is: &MessageType) {
        let reserved = |span| ranges::text(span, LARGEST);
        for span in ranges::not_covered(&was.reserved, &is.reserved) {
            let text = format!("the reserved range {} is not reserved any more", reserved(span));
            self.add(RESERVED_MESSAGE_NO_DELETE, subject, (Some(reserved(span)), None), text);
        }
        for name in ranges::missing(&was.reserved_names, &is.reserved_names) {
            let text = format!("the reserved name {name} is not reserved any more");
            self.add(RESERVED_MESSAGE_NO_DELETE, subject, (Some(name.to_owned()), None), text);
        }
        for span in ranges::not_covered(&is.reserved, &was.reserved) {
            let text = format!("the range {} is reserved now", reserved(span));
            self.add(RESERVED_MESSAGE_ADDED, subject, (None, Some(reserved(span))), text);
        }
        for name in ranges::missing(&is.reserved_names, &was.reserved_names) {
            let text = format!("the name {name} is reserved now");
            self.add(RESERVED_MESSAGE_ADDED, subject, (None, Some(name.to_owned())), text);
        }
    }
}

/// A field of a message as the subject of a finding.
pub(super) fn field_of<'n>(message: &str, need: &'n Need, field: &Field) -> Subject<'n> {
    let path = match &field.extension {
        Some(name) => format!("{message}.[{name}]"),
        None => format!("{message}.{}", field.name),
    };
    Subject { path, need }
}

/// A field as a .proto file writes it.
pub(super) fn side(number: u32, field: &Field) -> String {
    let label = match field.cardinality {
        Cardinality::Required => "required ",
        Cardinality::Repeated => "repeated ",
        Cardinality::Explicit | Cardinality::Implicit | Cardinality::Map => "",
    };
    format!("{label}{} {} = {number}", field.type_text(), field.name)
}
