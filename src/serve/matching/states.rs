//! How far the patterns of a rule fit on the way to a field, and what that means for the field. What was found for a
//! field of a type is kept, so that most steps cost one look however many patterns there are.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use prost_reflect::MessageDescriptor;

use crate::{
    grpc::field_pattern::{FieldPatterns, FieldStep, Reached},
    serve::plan::hash,
};

/// Largest number of steps that are kept: a schema has far fewer fields, and a hostile request has no more of our memory.
const MAX_KEPT: usize = 20_000;

/// How far the patterns fit on the way to a message.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct At {
    ignore: Reached,
    /// Where the patterns of what identifies have got to; `None` when all in the message identifies.
    identify: Option<Reached>,
}

/// The state of the patterns at a message.
#[derive(Debug)]
pub(super) struct State {
    at: At,
    /// Hash of the state, by which its steps are kept.
    key: u64,
}

/// What is done with a field.
#[derive(Debug, Clone)]
pub(super) enum Treat {
    /// It is left out, because it is ignored.
    Ignore,
    /// It is left out, because it is none of those that identify.
    Drop,
    /// It is compared, as far as the patterns for what is in it say.
    Compare(Arc<State>),
}

impl State {
    fn of(at: At) -> Arc<Self> {
        Arc::new(Self { key: hash(&at), at })
    }

    /// True when everything in the message identifies the request, but what is ignored.
    pub(super) fn identifies_all(&self) -> bool {
        self.at.identify.is_none()
    }

    /// True when everything in the message is compared.
    pub(super) fn is_settled(&self) -> bool {
        self.identifies_all() && self.at.ignore.is_dead()
    }

    /// Number of comparisons that the next part of a path costs.
    pub(super) fn cost(&self) -> usize {
        self.at.ignore.cost() + self.at.identify.as_ref().map_or(0, Reached::cost)
    }
}

/// The patterns of a rule, and the steps that were taken.
#[derive(Debug)]
pub(super) struct States {
    ignore: FieldPatterns,
    /// The only fields that are compared; `None` = all.
    identify: Option<FieldPatterns>,
    start: Arc<State>,
    /// By state, type of the message and number of the field.
    kept: Mutex<HashMap<(u64, u64, u32), Treat>>,
}

impl States {
    pub(super) fn new(ignore: FieldPatterns, identify: Option<FieldPatterns>) -> Self {
        let start = State::of(At {
            ignore: ignore.start(),
            identify: identify.as_ref().map(FieldPatterns::start),
        });
        Self {
            ignore,
            identify,
            start,
            kept: Mutex::default(),
        }
    }

    /// The state at a whole request.
    pub(super) fn start(&self) -> Arc<State> {
        Arc::clone(&self.start)
    }

    /// The patterns, as they were written.
    pub(super) fn texts(&self) -> impl Iterator<Item = &str> {
        std::iter::once(&self.ignore)
            .chain(&self.identify)
            .flat_map(FieldPatterns::texts)
    }

    /// What is done with a field of a message of this type, and what it cost to find out.
    pub(super) fn field(&self, at: &State, of: Option<&MessageDescriptor>, step: &FieldStep<'_>) -> (Treat, usize) {
        let key = (at.key, of.map_or(0, |of| hash(&of.full_name())), step.number);
        if let Some(treat) = self.kept().get(&key) {
            return (treat.clone(), 0);
        }
        let treat = self.step(at, step);
        let mut kept = self.kept();
        if kept.len() < MAX_KEPT {
            kept.insert(key, treat.clone());
        }
        (treat, at.cost())
    }

    /// What is done with the next part of a path.
    pub(super) fn step(&self, State { at, .. }: &State, step: &FieldStep<'_>) -> Treat {
        let Some(ignore) = self.ignore.enter(&at.ignore, step) else {
            return Treat::Ignore;
        };
        let identify = match (&self.identify, &at.identify) {
            (Some(patterns), Some(from)) => patterns.enter(from, step),
            _ => None,
        };
        if identify.as_ref().is_some_and(Reached::is_dead) {
            return Treat::Drop;
        }
        Treat::Compare(State::of(At { ignore, identify }))
    }

    fn kept(&self) -> std::sync::MutexGuard<'_, HashMap<(u64, u64, u32), Treat>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
