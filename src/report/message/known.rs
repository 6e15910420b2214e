//! Messages of `google.protobuf` that have a notation of their own: times, wrappers, JSON values, `Any`.

use prost_reflect::{
    DescriptorPool,
    prost_types::{Duration, Timestamp},
};

use super::{
    node::{Node, Tree},
    tree::{Budget, default},
};
use crate::grpc::standard;

/// Seconds of the years 1 to 9999, the range of a `Timestamp`.
const TIMESTAMP_SECONDS: std::ops::RangeInclusive<i64> = -62_135_596_800..=253_402_300_799;
/// Seconds of 10,000 years, the range of a `Duration` in either direction.
const MAX_DURATION_SECONDS: i64 = 315_576_000_000;
const NANOS: i32 = 1_000_000_000;

/// A message in its own notation.
#[derive(Debug)]
pub(super) enum Known<'t, 'a> {
    /// A time or a field mask.
    Text(String),
    /// The value in a wrapper.
    Wrapped(Wrapped<'t, 'a>),
    /// No value, JSON's null.
    Null,
    /// The fields of a `Struct`.
    Object(Option<&'t Node<'a>>),
    /// The values of a `ListValue`.
    Values(Option<&'t Node<'a>>),
    /// The name of a type, and the message in it.
    Any(&'a str, Tree<'a>),
    /// Values that the notation does not allow, for this reason. The fields are shown as those of any message.
    Odd(String),
}

/// A value, or the default of one that is not there.
#[derive(Debug)]
pub(super) enum Wrapped<'t, 'a> {
    There(&'t Node<'a>),
    Default(Node<'a>),
}

impl<'a> Wrapped<'_, 'a> {
    pub(super) const fn node(&self) -> &Node<'a> {
        match self {
            Self::There(node) => node,
            Self::Default(node) => node,
        }
    }
}

/// The types that have a notation of their own, in `google.protobuf`. In an `Any`, they are its member `value`.
const NOTED: [&str; 17] = [
    "Any",
    "BoolValue",
    "BytesValue",
    "DoubleValue",
    "Duration",
    "Empty",
    "FieldMask",
    "FloatValue",
    "Int32Value",
    "Int64Value",
    "ListValue",
    "StringValue",
    "Struct",
    "Timestamp",
    "UInt32Value",
    "UInt64Value",
    "Value",
];

/// True for messages of a type that has a notation of its own.
pub(super) fn has_notation(tree: &Tree<'_>) -> bool {
    let name = tree.descriptor.full_name().strip_prefix("google.protobuf.");
    name.is_some_and(|name| NOTED.contains(&name))
}

/// The notation of a message; `None` when it has none of its own.
pub(super) fn known<'t, 'a>(tree: &'t Tree<'a>, pool: &DescriptorPool, budget: &mut Budget) -> Option<Known<'t, 'a>> {
    let name = tree.descriptor.full_name().strip_prefix("google.protobuf.")?;
    if tree.is_odd() {
        return None;
    }
    Some(match name {
        "Timestamp" => timestamp(tree)?,
        "Duration" => duration(tree)?,
        "FieldMask" => Known::Text(field_mask(tree)?),
        "DoubleValue" | "FloatValue" | "Int64Value" | "UInt64Value" | "Int32Value" | "UInt32Value" | "BoolValue"
        | "StringValue" | "BytesValue" => Known::Wrapped(match tree.fields.get(&1) {
            Some(node) => Wrapped::There(node),
            None => Wrapped::Default(default(&tree.descriptor.get_field(1)?, tree.depth)),
        }),
        "Struct" => Known::Object(tree.fields.get(&1)),
        "ListValue" => Known::Values(tree.fields.get(&1)),
        "Value" => match tree.fields.first_key_value() {
            None | Some((1, _)) => Known::Null,
            Some((_, node)) => Known::Wrapped(Wrapped::There(node)),
        },
        "Any" => any(tree, pool, budget)?,
        _ => return None,
    })
}

/// Field 1 and 2 of a time, which are missing when they are 0.
fn seconds_and_nanos(tree: &Tree<'_>) -> Option<(i64, i32)> {
    let seconds = match tree.fields.get(&1) {
        Some(Node::I64(seconds)) => *seconds,
        None => 0,
        _ => return None,
    };
    let nanos = match tree.fields.get(&2) {
        Some(Node::I32(nanos)) => *nanos,
        None => 0,
        _ => return None,
    };
    Some((seconds, nanos))
}

fn timestamp<'t, 'a>(tree: &Tree<'a>) -> Option<Known<'t, 'a>> {
    let (seconds, nanos) = seconds_and_nanos(tree)?;
    Some(if !TIMESTAMP_SECONDS.contains(&seconds) {
        Known::Odd("a time outside the years 1 to 9999".to_owned())
    } else if !(0..NANOS).contains(&nanos) {
        Known::Odd("nanos outside 0 to 999,999,999".to_owned())
    } else {
        Known::Text(Timestamp { seconds, nanos }.to_string())
    })
}

fn duration<'t, 'a>(tree: &Tree<'a>) -> Option<Known<'t, 'a>> {
    let (seconds, nanos) = seconds_and_nanos(tree)?;
    Some(if !(-MAX_DURATION_SECONDS..=MAX_DURATION_SECONDS).contains(&seconds) {
        Known::Odd("a length of more than 10,000 years".to_owned())
    } else if !(1 - NANOS..NANOS).contains(&nanos) {
        Known::Odd("nanos outside -999,999,999 to 999,999,999".to_owned())
    } else if (seconds < 0 && nanos > 0) || (seconds > 0 && nanos < 0) {
        Known::Odd("seconds and nanos of different signs".to_owned())
    } else {
        Known::Text(Duration { seconds, nanos }.to_string())
    })
}

/// The paths of a mask in JSON's notation; `None` when one of them has no such notation.
fn field_mask(tree: &Tree<'_>) -> Option<String> {
    let Some(Node::List(paths)) = tree.fields.get(&1) else {
        return tree.fields.is_empty().then(String::new);
    };
    let mut text = String::new();
    for path in paths {
        let Node::Text(path) = path else { return None };
        if !text.is_empty() {
            text.push(',');
        }
        let mut upper = false;
        for c in path.chars() {
            match c {
                '_' => upper = true,
                c if upper && c.is_ascii_lowercase() => {
                    text.push(c.to_ascii_uppercase());
                    upper = false;
                }
                c if upper || c.is_ascii_uppercase() => return None,
                c => text.push(c),
            }
        }
        if upper {
            return None;
        }
    }
    Some(text)
}

fn any<'t, 'a>(tree: &Tree<'a>, pool: &DescriptorPool, budget: &mut Budget) -> Option<Known<'t, 'a>> {
    let url = match tree.fields.get(&1) {
        Some(Node::Text(url)) => *url,
        None if tree.fields.is_empty() => return None,
        None => "",
        _ => return None,
    };
    let value: &[u8] = match tree.fields.get(&2) {
        Some(Node::Bytes(value)) => value,
        None => &[],
        _ => return None,
    };
    let name = url.rsplit_once('/').map_or(url, |(_, name)| name);
    if name.is_empty() {
        return Some(Known::Odd("it names no type".to_owned()));
    }
    let Some(descriptor) = standard::message(pool, name) else {
        return Some(Known::Odd(format!("the schema does not have the type {name}")));
    };
    if tree.depth >= MAX_ANY_DEPTH {
        return Some(Known::Odd("messages are nested too deeply".to_owned()));
    }
    Some(Known::Any(url, Tree::decode(descriptor, value, tree.depth + 1, budget)))
}

/// Largest depth of an `Any`, whose content is decoded when it is shown; messages are nested no deeper anyway.
const MAX_ANY_DEPTH: usize = 100;
