//! The types that recorded methods need.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::{
    result::DriftDirection,
    schema::{Kind, SchemaTypes},
};

/// A type that is needed, and by whom.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Need {
    pub(super) requests: bool,
    pub(super) answers: bool,
    /// The first method that needs it.
    pub(super) method: String,
}

impl Need {
    pub(super) const fn direction(&self) -> DriftDirection {
        DriftDirection::of(self.requests, self.answers)
    }
}

/// The messages and enums that the requests and answers of methods reach.
#[derive(Debug, Default)]
pub(super) struct Closure {
    pub(super) messages: BTreeMap<String, Need>,
    pub(super) enums: BTreeMap<String, Need>,
    /// Files that define them or the methods.
    pub(super) files: BTreeSet<String>,
}

/// Gathers what these methods of a schema need, and what these messages need beside them, that were found in values of
/// type `google.protobuf.Any`.
pub(super) fn closure(schema: &SchemaTypes, methods: &BTreeSet<String>, found: &BTreeMap<String, Need>) -> Closure {
    let mut closure = Closure::default();
    for requests in [true, false] {
        let mut open = VecDeque::new();
        for path in methods {
            if let Some(method) = schema.methods.get(path) {
                closure.files.insert(method.file.clone());
                let name = if requests { &method.request } else { &method.answer };
                open.push_back((name.as_str(), path.as_str()));
            }
        }
        for (name, need) in found {
            if if requests { need.requests } else { need.answers } {
                open.push_back((name, &need.method));
            }
        }
        while let Some((name, method)) = open.pop_front() {
            if !closure.mark_message(schema, name, requests, method) {
                continue;
            }
            for (_, field) in schema.fields(name) {
                match field.kind {
                    Kind::Message | Kind::Group => open.push_back((&field.type_name, method)),
                    Kind::Enum => closure.mark_enum(schema, &field.type_name, requests, method),
                    _ => {}
                }
            }
        }
    }
    closure
}

impl Closure {
    /// Notes that a message is needed; false when that was known, or it is not defined.
    fn mark_message(&mut self, schema: &SchemaTypes, name: &str, requests: bool, method: &str) -> bool {
        let Some(of) = schema.messages.get(name) else {
            return false;
        };
        self.files.insert(of.file.clone());
        mark(&mut self.messages, name, requests, method)
    }

    fn mark_enum(&mut self, schema: &SchemaTypes, name: &str, requests: bool, method: &str) {
        if let Some(of) = schema.enums.get(name) {
            self.files.insert(of.file.clone());
            mark(&mut self.enums, name, requests, method);
        }
    }
}

fn mark(needs: &mut BTreeMap<String, Need>, name: &str, requests: bool, method: &str) -> bool {
    if !needs.contains_key(name) {
        let method = method.to_owned();
        let need = Need {
            method,
            ..Need::default()
        };
        needs.insert(name.to_owned(), need);
    }
    let Some(need) = needs.get_mut(name) else { return false };
    let known = if requests {
        &mut need.requests
    } else {
        &mut need.answers
    };
    !std::mem::replace(known, true)
}
