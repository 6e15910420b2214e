//! Comparison of two messages of one type, field by field. Pure.

use prost_reflect::{DynamicMessage, ReflectMessage as _, Value};

use super::{
    CompareOptions,
    outcome::{FieldDifference, MAX_DIFFERENCES},
};
use crate::grpc::differ;

/// Number of characters shown of a value.
const SHOWN: usize = 60;

/// The differences between two messages.
#[derive(Debug, Default)]
pub(super) struct Fields<'a> {
    ignore: &'a [super::PathRule],
    absolute: f64,
    relative: f64,
    message: u64,
    /// The differences to show.
    pub(super) found: Vec<FieldDifference>,
    /// Number of all differences.
    pub(super) count: u64,
    /// Indexes of the rules that excused a difference.
    pub(super) used: Vec<usize>,
}

impl<'a> Fields<'a> {
    /// Compares message number `message` as it was recorded with the received one.
    pub(super) fn between(
        recorded: &DynamicMessage,
        replayed: &DynamicMessage,
        message: u64,
        options: &'a CompareOptions,
    ) -> Self {
        let mut fields = Self {
            ignore: &options.ignore,
            absolute: options.absolute,
            relative: options.relative,
            message,
            ..Self::default()
        };
        fields.messages("", recorded, replayed);
        fields
    }

    fn messages(&mut self, path: &str, recorded: &DynamicMessage, replayed: &DynamicMessage) {
        for field in recorded.descriptor().fields() {
            let at = if path.is_empty() {
                field.name().to_owned()
            } else {
                format!("{path}.{}", field.name())
            };
            match (recorded.has_field(&field), replayed.has_field(&field)) {
                (false, false) => {}
                (true, true) => self.values(&at, &recorded.get_field(&field), &replayed.get_field(&field)),
                // An absent scalar of proto3 is its default value; an absent message is not an empty one.
                (has, _) if field.supports_presence() => {
                    let (value, absent) = if has {
                        (shown(&recorded.get_field(&field)), "absent")
                    } else {
                        (shown(&replayed.get_field(&field)), "absent")
                    };
                    let (was, is) = if has {
                        (value, absent.to_owned())
                    } else {
                        (absent.to_owned(), value)
                    };
                    self.differs(&at, was, is);
                }
                _ => self.values(&at, &recorded.get_field(&field), &replayed.get_field(&field)),
            }
        }
        let unknown = |message: &DynamicMessage| {
            let mut bytes = Vec::new();
            for field in message.unknown_fields() {
                field.encode(&mut bytes);
            }
            let numbers: Vec<_> = message
                .unknown_fields()
                .map(|field| field.number().to_string())
                .collect();
            (numbers, bytes)
        };
        let (was, is) = (unknown(recorded), unknown(replayed));
        if was != is {
            let at = if path.is_empty() {
                "(unknown fields)".to_owned()
            } else {
                format!("{path}.(unknown fields)")
            };
            let tell = |numbers: &[String], bytes: String| format!("numbers {}: {bytes}", numbers.join(", "));
            let (old, new) = bytes_differ(&was.1, &is.1);
            self.differs(&at, tell(&was.0, old), tell(&is.0, new));
        }
    }

    fn values(&mut self, path: &str, recorded: &Value, replayed: &Value) {
        match (recorded, replayed) {
            (Value::Message(was), Value::Message(is)) => self.messages(path, was, is),
            (Value::List(was), Value::List(is)) => {
                if was.len() != is.len() {
                    self.differs(
                        path,
                        format!("{} elements", was.len()),
                        format!("{} elements", is.len()),
                    );
                }
                for (at, (was, is)) in was.iter().zip(is).enumerate() {
                    self.values(&format!("{path}[{at}]"), was, is);
                }
            }
            (Value::Map(was), Value::Map(is)) => {
                // In the order of their keys as text, so that a report is the same each time.
                let mut keys: Vec<_> = was
                    .keys()
                    .chain(is.keys().filter(|key| !was.contains_key(key)))
                    .collect();
                keys.sort_by_key(|key| format!("{key:?}"));
                for key in keys {
                    let at = format!("{path}[{}]", key_text(key));
                    match (was.get(key), is.get(key)) {
                        (Some(was), Some(is)) => self.values(&at, was, is),
                        (was, is) => {
                            let tell = |value: Option<&Value>| value.map_or("absent".to_owned(), shown);
                            self.differs(&at, tell(was), tell(is));
                        }
                    }
                }
            }
            (Value::F32(was), Value::F32(is)) => {
                self.floats(path, f64::from(*was), f64::from(*is), (recorded, replayed));
            }
            (Value::F64(was), Value::F64(is)) => self.floats(path, *was, *is, (recorded, replayed)),
            (was, is) if was == is => {}
            (Value::Bytes(was), Value::Bytes(is)) => {
                let (was, is) = bytes_differ(was, is);
                self.differs(path, was, is);
            }
            (was, is) => self.differs(path, shown(was), shown(is)),
        }
    }

    fn floats(&mut self, path: &str, was: f64, is: f64, shown_as: (&Value, &Value)) {
        let apart = (was - is).abs();
        let equal = was.to_bits() == is.to_bits()
            || (was.is_nan() && is.is_nan())
            // Zero of either sign.
            || (was.abs() + is.abs()).to_bits() == 0
            || (was.is_finite()
                && is.is_finite()
                && (apart <= self.absolute || apart <= self.relative * was.abs().max(is.abs())));
        if !equal {
            self.differs(path, shown(shown_as.0), shown(shown_as.1));
        }
    }

    fn differs(&mut self, path: &str, recorded: String, replayed: String) {
        if let Some(rule) = self.ignore.iter().position(|rule| rule.covers(path)) {
            if !self.used.contains(&rule) {
                self.used.push(rule);
            }
            return;
        }
        self.count += 1;
        if self.found.len() < MAX_DIFFERENCES {
            self.found.push(FieldDifference {
                message: Some(self.message),
                path: path.to_owned(),
                recorded,
                replayed,
            });
        }
    }
}

/// Describes differing bytes; lengths alone would not distinguish payloads of the same size.
fn bytes_differ(was: &[u8], is: &[u8]) -> (String, String) {
    let lengths = || (format!("{} bytes", was.len()), format!("{} bytes", is.len()));
    differ::told(was, is).unwrap_or_else(lengths)
}

fn key_text(key: &prost_reflect::MapKey) -> String {
    match key {
        prost_reflect::MapKey::Bool(key) => key.to_string(),
        prost_reflect::MapKey::I32(key) => key.to_string(),
        prost_reflect::MapKey::I64(key) => key.to_string(),
        prost_reflect::MapKey::U32(key) => key.to_string(),
        prost_reflect::MapKey::U64(key) => key.to_string(),
        prost_reflect::MapKey::String(key) => key.clone(),
    }
}

fn shown(value: &Value) -> String {
    let text = match value {
        Value::F32(value) => value.to_string(),
        Value::F64(value) => value.to_string(),
        Value::Bytes(bytes) => format!("{} bytes", bytes.len()),
        Value::List(list) => format!("{} elements", list.len()),
        Value::Message(_) => "a message".to_owned(),
        value => value.to_string(),
    };
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text,
    }
}
