//! A message as text for people: fields as in protobuf's text format, with times, wrappers and JSON values in their own
//! notation, and without defaults.

use prost_reflect::{DescriptorPool, Kind};

use super::{
    json::shown_key,
    known::{Known, known},
    line::{Full, Line},
    node::{Entries, Node, Odd, Tree},
    raw,
    scalar::{packed_len, unpacked},
    tree::Budget,
};

/// Characters that one line shows of a text, and so leaves room for other fields.
const MAX_LINE_CHARS: usize = 60;
/// Bytes that one line shows of a field of bytes.
const MAX_LINE_BYTES: usize = 12;
/// Values that one line shows of a list.
const MAX_LINE_VALUES: usize = 8;

/// Writes one message.
pub(super) struct Writer<'s> {
    pub(super) line: Line,
    pool: &'s DescriptorPool,
    budget: Budget,
    /// Depth of the lines of a text in full; `None` for one line.
    indent: Option<usize>,
}

type Done = Result<(), Full>;

impl<'s> Writer<'s> {
    /// For one line of so many columns.
    pub(super) fn cut(pool: &'s DescriptorPool, budget: Budget, columns: usize) -> Self {
        Self {
            line: Line::new(Some(columns)),
            pool,
            budget,
            indent: None,
        }
    }

    /// For a text of as many lines as it takes, of which each begins with so many levels of two blanks.
    pub(super) fn full(pool: &'s DescriptorPool, budget: Budget, indent: usize) -> Self {
        Self {
            line: Line::new(None),
            pool,
            budget,
            indent: Some(indent),
        }
    }

    /// Writes a whole message.
    pub(super) fn message(&mut self, tree: &Tree<'_>) -> Done {
        match known(tree, self.pool, &mut self.budget) {
            None => self.fields(tree),
            Some(found) => {
                self.begin(true)?;
                self.known(tree, &found)
            }
        }
    }

    /// Begins a field: on a line of its own, or after a blank.
    fn begin(&mut self, first: bool) -> Done {
        match self.indent {
            Some(indent) => {
                if !self.line.text.is_empty() {
                    self.line.put_char('\n')?;
                }
                (0..indent).try_for_each(|_| self.line.put("  "))
            }
            None if first => Ok(()),
            None => self.line.put(" "),
        }
    }

    fn fields(&mut self, tree: &Tree<'_>) -> Done {
        let mut first = true;
        for (number, node) in &tree.fields {
            let (name, kind) = if let Some(field) = tree.descriptor.get_field(*number) {
                if !field.supports_presence() && is_default(node) {
                    continue;
                }
                (field.name().to_owned(), field.kind())
            } else if let Some(field) = tree.descriptor.get_extension(*number) {
                (field.json_name().to_owned(), field.kind())
            } else {
                continue;
            };
            self.begin(std::mem::take(&mut first))?;
            self.line.put(&name)?;
            self.member(node, &kind)?;
        }
        let mut unknown: Vec<_> = tree.unknown.iter().collect();
        unknown.sort_by_key(|field| field.number);
        for field in unknown {
            self.begin(std::mem::take(&mut first))?;
            self.line.put(&field.number.to_string())?;
            raw::field(&mut self.line, field.value, self.indent.is_none(), 0)?;
        }
        if let Some(odd) = &tree.broken {
            self.begin(first)?;
            self.odd(odd)?;
        }
        Ok(())
    }

    /// Writes what follows the name of a field.
    fn member(&mut self, node: &Node<'_>, kind: &Kind) -> Done {
        match node {
            Node::Message(tree) => match known(tree, self.pool, &mut self.budget) {
                None => self.block(" {", tree, "}"),
                Some(found) => {
                    self.line.put(": ")?;
                    self.known(tree, &found)
                }
            },
            node => {
                self.line.put(": ")?;
                self.value(node, kind)
            }
        }
    }

    /// Writes the fields of a message between braces.
    fn block(&mut self, open: &str, tree: &Tree<'_>, close: &str) -> Done {
        self.line.put(open)?;
        let before = self.line.text.len();
        if let Some(indent) = &mut self.indent {
            *indent += 1;
            self.fields(tree)?;
            let is_empty = self.line.text.len() == before;
            self.close(is_empty)?;
        } else {
            self.line.put(" ")?;
            let before = self.line.text.len();
            self.fields(tree)?;
            if self.line.text.len() != before {
                self.line.put(" ")?;
            }
        }
        self.line.put(close)
    }

    /// Ends an indented block.
    fn close(&mut self, is_empty: bool) -> Done {
        if let Some(indent) = &mut self.indent {
            *indent -= 1;
            if !is_empty {
                return self.begin(false);
            }
        }
        Ok(())
    }

    fn known(&mut self, tree: &Tree<'_>, found: &Known<'_, '_>) -> Done {
        let kind = |number| tree.descriptor.get_field(number).map(|field| field.kind());
        match found {
            Known::Text(text) => self.line.put(text),
            Known::Null => self.line.put("null"),
            Known::Wrapped(wrapped) => {
                let number = tree.fields.first_key_value().map_or(1, |(number, _)| *number);
                kind(number).map_or(Ok(()), |kind| self.value(wrapped.node(), &kind))
            }
            Known::Object(node) => match (node, kind(1)) {
                (Some(node), Some(kind)) => self.value(node, &kind),
                _ => self.line.put("{}"),
            },
            Known::Values(node) => match (node, kind(1)) {
                (Some(node), Some(kind)) => self.value(node, &kind),
                _ => self.line.put("[]"),
            },
            Known::Any(url, inside) => {
                self.line.put("[")?;
                self.line.put(url)?;
                self.line.put("]")?;
                match known(inside, self.pool, &mut self.budget) {
                    None => self.block(" {", inside, "}"),
                    Some(found) => {
                        self.line.put(" ")?;
                        self.known(inside, &found)
                    }
                }
            }
            Known::Odd(why) => {
                self.line.put(&format!("({why})"))?;
                self.block(" {", tree, "}")
            }
        }
    }

    fn value(&mut self, node: &Node<'_>, kind: &Kind) -> Done {
        let (chars, bytes_shown) = (self.most(MAX_LINE_CHARS), self.most(MAX_LINE_BYTES));
        match node {
            Node::Bool(value) => self.line.put(&value.to_string()),
            Node::I32(value) => self.line.put(&value.to_string()),
            Node::I64(value) => self.line.put(&value.to_string()),
            Node::U32(value) => self.line.put(&value.to_string()),
            Node::U64(value) => self.line.put(&value.to_string()),
            Node::F32(value) => self.line.put(&value.to_string()),
            Node::F64(value) => self.line.put(&value.to_string()),
            Node::Enum(number) => {
                let name = match kind {
                    Kind::Enum(known) => known.get_value(*number).map(|value| value.name().to_owned()),
                    _ => None,
                };
                self.line.put(&name.unwrap_or_else(|| number.to_string()))
            }
            Node::Text(text) => raw::quoted(&mut self.line, text, chars),
            Node::Bytes(bytes) => raw::bytes(&mut self.line, bytes, bytes_shown),
            Node::Message(tree) => match known(tree, self.pool, &mut self.budget) {
                None => self.block("{", tree, "}"),
                Some(found) => self.known(tree, &found),
            },
            Node::List(items) => self.list(items, kind),
            Node::Packed(bytes) => unpacked(kind, bytes).try_for_each(|node| self.value(&node, kind)),
            Node::Map(entries) => self.entries(entries, kind),
            Node::Odd(odd) => self.odd(odd),
        }
    }

    /// A limit that holds for one line only.
    fn most(&self, limit: usize) -> usize {
        if self.indent.is_some() { usize::MAX } else { limit }
    }

    fn list(&mut self, items: &[Node<'_>], kind: &Kind) -> Done {
        self.line.put("[")?;
        let (mut shown, most) = (0, self.most(MAX_LINE_VALUES));
        let lines = self.indent.filter(|_| matches!(kind, Kind::Message(_)));
        if let Some(indent) = &mut self.indent {
            *indent += 1;
        }
        for item in items {
            let mut one = |writer: &mut Self, node: &Node<'_>| {
                if lines.is_some() {
                    writer.begin(false)?;
                } else if shown > 0 {
                    writer.line.put(", ")?;
                }
                shown += 1;
                writer.value(node, kind)
            };
            match item {
                Node::Packed(bytes) => {
                    let some = unpacked(kind, bytes).take(most);
                    some.into_iter().try_for_each(|node| one(self, &node))?;
                }
                item => one(self, item)?,
            }
            if shown >= most {
                break;
            }
        }
        let all = items.iter().map(|item| match item {
            Node::Packed(bytes) => packed_len(kind, bytes),
            _ => 1,
        });
        let all: u64 = all.sum();
        if all > shown as u64 {
            self.line
                .put(&format!(", … {} in all", crate::model::text::grouped(all)))?;
        }
        if let Some(indent) = &mut self.indent {
            *indent -= 1;
        }
        if lines.is_some() && shown > 0 {
            self.begin(false)?;
        }
        self.line.put("]")
    }

    fn entries(&mut self, entries: &Entries<'_>, kind: &Kind) -> Done {
        let value = match kind {
            Kind::Message(entry) => entry.get_field(2).map(|field| field.kind()),
            _ => None,
        };
        self.line.put("{")?;
        if let Some(indent) = &mut self.indent {
            *indent += 1;
        }
        let mut first = true;
        for (key, node) in &entries.by_key {
            self.next_entry(&mut first)?;
            self.line.put(&shown_key(key))?;
            self.line.put(": ")?;
            self.value(node, value.as_ref().unwrap_or(kind))?;
        }
        for odd in &entries.odd {
            self.next_entry(&mut first)?;
            self.odd(odd)?;
        }
        if self.indent.is_some() {
            self.close(first)?;
        }
        self.line.put("}")
    }

    fn next_entry(&mut self, first: &mut bool) -> Done {
        let first = std::mem::take(first);
        if self.indent.is_some() {
            return self.begin(false);
        }
        if first { Ok(()) } else { self.line.put(", ") }
    }

    /// Writes bytes that cannot be shown as what they should be.
    fn odd(&mut self, odd: &Odd<'_>) -> Done {
        let most = self.most(MAX_LINE_BYTES);
        self.line.put(&format!("({}) ", odd.why))?;
        raw::bytes(&mut self.line, odd.bytes, most)
    }
}

/// True for the value that a field without presence has when it is not there.
fn is_default(node: &Node<'_>) -> bool {
    match node {
        Node::Bool(value) => !value,
        Node::I32(value) | Node::Enum(value) => *value == 0,
        Node::I64(value) => *value == 0,
        Node::U32(value) => *value == 0,
        Node::U64(value) => *value == 0,
        Node::F32(value) => value.to_bits() == 0,
        Node::F64(value) => value.to_bits() == 0,
        Node::Text(text) => text.is_empty(),
        Node::Bytes(bytes) | Node::Packed(bytes) => bytes.is_empty(),
        Node::List(items) => items.iter().all(|item| matches!(item, Node::Packed([]))),
        Node::Map(entries) => entries.by_key.is_empty() && entries.odd.is_empty(),
        Node::Message(_) | Node::Odd(_) => false,
    }
}
