//! Rules for enums.

use std::collections::BTreeSet;

use super::{Judge, Rule, Subject, both, other, own, ranges, wire};
use crate::analyze::drift::{closure::Need, schema::EnumType};

const ENUM_VALUE_NO_DELETE_UNLESS_NUMBER_RESERVED: Rule = wire("ENUM_VALUE_NO_DELETE_UNLESS_NUMBER_RESERVED");
const RESERVED_ENUM_NO_DELETE: Rule = wire("RESERVED_ENUM_NO_DELETE");
const ENUM_VALUE_NO_DELETE: Rule = other("ENUM_VALUE_NO_DELETE", "FILE");
const ENUM_VALUE_SAME_NAME: Rule = other("ENUM_VALUE_SAME_NAME", "WIRE_JSON");
const ENUM_SAME_TYPE: Rule = other("ENUM_SAME_TYPE", "FILE");
const ENUM_VALUE_ADDED: Rule = own("ENUM_VALUE_ADDED");
const RESERVED_ENUM_ADDED: Rule = own("RESERVED_ENUM_ADDED");

impl Judge<'_> {
    /// Compares an enum that recorded messages need with the other of that name.
    pub(super) fn enumeration(&mut self, name: &str, need: &Need) {
        let (recorded, live) = (self.recorded, self.live);
        let (Some(was), Some(is)) = (recorded.enums.get(name), live.enums.get(name)) else {
            return;
        };
        self.values(name, need, was, is);
        let subject = Subject {
            path: name.to_owned(),
            need,
        };
        if was.is_closed != is.is_closed {
            let kind = |closed: bool| if closed { "closed" } else { "open" };
            let (was, is) = (kind(was.is_closed), kind(is.is_closed));
            let text = format!("it was {was} and is {is}: readers treat numbers without a name differently");
            self.add(ENUM_SAME_TYPE, &subject, both(was, is), text);
        }
        let largest = i64::from(i32::MAX);
        let reserved = |span| ranges::text(span, largest);
        for span in ranges::not_covered(&was.reserved, &is.reserved) {
            let text = format!("the reserved range {} is not reserved any more", reserved(span));
            self.add(RESERVED_ENUM_NO_DELETE, &subject, (Some(reserved(span)), None), text);
        }
        for name in ranges::missing(&was.reserved_names, &is.reserved_names) {
            let text = format!("the reserved name {name} is not reserved any more");
            self.add(RESERVED_ENUM_NO_DELETE, &subject, (Some(name.to_owned()), None), text);
        }
        for span in ranges::not_covered(&is.reserved, &was.reserved) {
            let text = format!("the range {} is reserved now", reserved(span));
            self.add(RESERVED_ENUM_ADDED, &subject, (None, Some(reserved(span))), text);
        }
        for name in ranges::missing(&is.reserved_names, &was.reserved_names) {
            let text = format!("the name {name} is reserved now");
            self.add(RESERVED_ENUM_ADDED, &subject, (None, Some(name.to_owned())), text);
        }
    }

    fn values(&mut self, name: &str, need: &Need, was: &EnumType, is: &EnumType) {
        let subject = |names: &[String]| Subject {
            path: format!("{name}.{}", names.first().map_or("", String::as_str)),
            need,
        };
        let reserved = ranges::join(&is.reserved);
        for (number, names) in &was.values {
            let side = || format!("{} = {number}", names.join(", "));
            let Some(now) = is.values.get(number) else {
                let (rule, text) = if reserved.holds(i64::from(*number)) {
                    (
                        ENUM_VALUE_NO_DELETE,
                        format!("the value {number} is gone, and its number is reserved"),
                    )
                } else {
                    let text = format!("the value {number} is gone, and its number is not reserved");
                    (ENUM_VALUE_NO_DELETE_UNLESS_NUMBER_RESERVED, text)
                };
                self.add(rule, &subject(names), (Some(side()), None), text);
                continue;
            };
            let (old, new): (BTreeSet<_>, BTreeSet<_>) = (names.iter().collect(), now.iter().collect());
            if old != new {
                let text = format!("the value {number} was {} and is {}", names.join(", "), now.join(", "));
                let rule = if old.is_subset(&new) {
                    ENUM_VALUE_ADDED
                } else {
                    ENUM_VALUE_SAME_NAME
                };
                self.add(rule, &subject(names), both(names.join(", "), now.join(", ")), text);
            }
        }
        for (number, names) in is.values.iter().filter(|(number, _)| !was.values.contains_key(number)) {
            let sides = (None, Some(format!("{} = {number}", names.join(", "))));
            self.add(
                ENUM_VALUE_ADDED,
                &subject(names),
                sides,
                format!("the value {number} is new"),
            );
        }
    }
}
