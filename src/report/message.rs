//! A message for its reader: as text on one line or on many, or as JSON.
//!
//! A message is decoded as far as it goes ([`tree`]); one field that cannot be shown hides only itself.

mod json;
mod known;
mod line;
mod node;
mod raw;
mod scalar;
mod text;
mod tree;
mod unknown;

use prost_reflect::{DescriptorPool, MessageDescriptor};
use serde::{Serialize, Serializer};

use self::{
    json::{Json, Shared},
    node::Tree,
    text::Writer,
    tree::Budget,
};

/// A message of a known type, decoded as far as it goes.
pub(super) struct Decoded<'a, 's> {
    tree: Tree<'a>,
    shared: Shared<'s>,
}

impl<'a, 's> Decoded<'a, 's> {
    /// Decodes `bytes` as a message of this type of the schema.
    pub(super) fn new(pool: &'s DescriptorPool, descriptor: MessageDescriptor, bytes: &'a [u8]) -> Self {
        let mut budget = Budget::default();
        let tree = Tree::decode(descriptor, bytes, 0, &mut budget);
        let shared = Shared::new(pool, budget);
        Self { tree, shared }
    }

    /// Full name of the type.
    pub(super) fn type_name(&self) -> &str {
        self.tree.descriptor.full_name()
    }

    /// The fields that the type lacks.
    pub(super) fn unknown_fields(&self) -> Vec<serde_json::Value> {
        unknown::unknown_fields(&self.tree)
    }

    /// What could not be decoded, after the message was serialized.
    pub(super) fn problem(&self) -> Option<String> {
        self.shared.problem()
    }
}

impl Serialize for Decoded<'_, '_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Json(&self.tree, &self.shared).serialize(serializer)
    }
}

/// A message on one line of at most so many columns. Without a type, fields are shown by their numbers.
pub(super) fn on_one_line(
    pool: &DescriptorPool,
    descriptor: Option<MessageDescriptor>,
    bytes: &[u8],
    columns: usize,
) -> String {
    let mut budget = Budget::default();
    let Some(tree) = decode(descriptor, bytes, &mut budget) else {
        return bare(bytes, Some(columns));
    };
    let mut writer = Writer::cut(pool, budget, columns);
    // What is left out is shown by the `…` at the end.
    let _ = writer.message(&tree);
    writer.line.text
}

/// A text of at most so many columns.
pub(super) fn cut(text: &str, columns: usize) -> String {
    let mut line = line::Line::new(Some(columns));
    let _ = line.put(text);
    line.text
}

/// A message as lines of text, each with so many levels of two blanks before it; empty for a message without fields.
pub(super) fn in_full(
    pool: &DescriptorPool,
    descriptor: Option<MessageDescriptor>,
    bytes: &[u8],
    indent: usize,
) -> String {
    let mut budget = Budget::default();
    let Some(tree) = decode(descriptor, bytes, &mut budget) else {
        return format!("{}{}", "  ".repeat(indent), bare(bytes, None));
    };
    let mut writer = Writer::full(pool, budget, indent);
    // It has no limit.
    let _ = writer.message(&tree);
    writer.line.text
}

/// The message; `None` when its type is not known and its bytes are no protobuf.
fn decode<'a>(descriptor: Option<MessageDescriptor>, bytes: &'a [u8], budget: &mut Budget) -> Option<Tree<'a>> {
    if let Some(descriptor) = descriptor {
        return Some(Tree::decode(descriptor, bytes, 0, budget));
    }
    // All of its fields are unknown.
    let none = DescriptorPool::global().get_message_by_name("google.protobuf.Empty")?;
    Some(Tree::decode(none, bytes, 0, budget)).filter(|tree| tree.broken.is_none())
}

/// Bytes that are no protobuf.
fn bare(bytes: &[u8], columns: Option<usize>) -> String {
    let mut line = line::Line::new(columns);
    let _ = raw::bytes(&mut line, bytes, columns.unwrap_or(usize::MAX));
    line.text
}

#[cfg(test)]
mod tests;
