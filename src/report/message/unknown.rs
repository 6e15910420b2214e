//! Unknown fields of a message, which its schema does not define.

use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use serde_json::json;

use super::{
    json::shown_key,
    node::{Node, Tree, Unknown},
};

/// All unknown fields of a message and its nested messages: where it is (`a.b[2]`, empty for the message itself), its
/// number, and its bytes as on the wire, tag included, in base64.
pub(super) fn unknown_fields(tree: &Tree<'_>) -> Vec<serde_json::Value> {
    let mut found = Vec::new();
    look(tree, "", &mut found);
    found
}

fn look(tree: &Tree<'_>, path: &str, found: &mut Vec<serde_json::Value>) {
    let mut unknown: Vec<_> = tree.unknown.iter().collect();
    unknown.sort_by_key(|field| field.number);
    found.extend(unknown.into_iter().map(|field| describe(path, field)));
    for (number, node) in &tree.fields {
        let Some(field) = tree.descriptor.get_field(*number) else {
            continue;
        };
        let path = || {
            let name = field.name();
            if path.is_empty() {
                name.to_owned()
            } else {
                format!("{path}.{name}")
            }
        };
        match node {
            Node::Message(tree) => look(tree, &path(), found),
            Node::List(items) => {
                // A list of messages holds nothing else that would count, but what does not fit.
                let path = path();
                for (at, item) in items.iter().enumerate() {
                    if let Node::Message(tree) = item {
                        look(tree, &format!("{path}[{at}]"), found);
                    }
                }
            }
            Node::Map(entries) => {
                let path = path();
                for (key, node) in &entries.by_key {
                    if let Node::Message(tree) = node {
                        look(tree, &format!("{path}[{}]", shown_key(key)), found);
                    }
                }
            }
            _ => {}
        }
    }
}

fn describe(path: &str, field: &Unknown<'_>) -> serde_json::Value {
    json!({ "in": path, "number": field.number, "data": BASE64.encode(field.bytes) })
}
