//! Matching of requests that vary: which of their fields identify a recorded call, and which fields of its answers take
//! the values of the request that came. Pure.

mod fields;
mod reducer;
mod rules;
mod stand_in;
mod states;
#[cfg(test)]
mod testing;

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

pub(super) use reducer::Reducer;
pub(super) use rules::MatchRules;
pub(super) use stand_in::{RequestValues, StandIns};

use super::schemas::Schemas;

/// The reducers of all methods: the rules, and the schemas of the captures.
#[derive(Debug, Default)]
pub(super) struct Reducers {
    rules: MatchRules,
    schemas: Arc<Schemas>,
    /// The reducer of each method that was looked up; `None` where requests match only exactly.
    known: Mutex<HashMap<String, Option<Arc<Reducer>>>>,
}

impl Reducers {
    /// Reducers by these rules and schemas.
    pub(super) fn new(rules: MatchRules, schemas: &Arc<Schemas>) -> Self {
        Self {
            schemas: Arc::clone(schemas),
            rules,
            known: Mutex::default(),
        }
    }

    /// The reducer of a method's requests; `None` when they match only exactly.
    pub(super) fn of(&self, method: &str) -> Option<Arc<Reducer>> {
        if self.rules.is_empty() {
            return None;
        }
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(found) = known.get(method) {
            return found.clone();
        }
        let rule = self.rules.of(method);
        let reducer = rule.map(|rule| Arc::new(Reducer::new(rule, self.schemas.method(method).as_ref())));
        known.insert(method.to_owned(), reducer.clone());
        reducer
    }

    /// Says which rules fit none of the recorded methods, and which methods have no schema.
    pub(super) fn warn_of(&self, methods: &[&str]) {
        for pattern in self.rules.unused(methods) {
            tracing::warn!("the match rules name {pattern}, and no call of such a method was recorded");
        }
        let blind: Vec<&str> = methods
            .iter()
            .copied()
            .filter(|method| self.of(method).is_some_and(|reducer| reducer.needs_schema()))
            .collect();
        if !blind.is_empty() {
            tracing::warn!(
                "the captures hold no schema of {}; fields of these requests are known by number alone, as in 4.2",
                blind.join(", ")
            );
        }
    }
}
