//! The requests of one client's call as far as they vary from the recorded ones: which fields were left out when they
//! were compared, and which of their values stand in the answers.

use std::sync::Arc;

use super::{
    matching::{Reducer, RequestValues, StandIns},
    plan::Place,
    player::{Act, Step},
    read_request::ReadRequest,
    script::Call,
};
use crate::grpc::{self, MAX_INFLATED};

/// Largest size of the values that are kept of one client's call: of some ten thousand requests with a few ids.
const MAX_VALUES_BYTES: usize = 4 << 20;
/// Largest number of names of left-out fields that are kept.
const MAX_NAMES: usize = 16;

/// How the requests of one client's call vary.
#[derive(Debug)]
pub(super) struct Variation {
    reducer: Option<Arc<Reducer>>,
    ignored: Vec<String>,
    values: Vec<RequestValues>,
    values_bytes: usize,
    /// What stands in the answers of a recorded call, and the number of requests whose values it has.
    stand_ins: Option<(Place, usize, StandIns)>,
    /// True when the next answer was returned after its values had been exchanged.
    is_done: bool,
}

impl Variation {
    /// Nothing has come yet; `reducer` is that of the method, where there are rules.
    pub(super) const fn new(reducer: Option<Arc<Reducer>>) -> Self {
        Self {
            reducer,
            ignored: Vec::new(),
            values: Vec::new(),
            values_bytes: 0,
            stand_ins: None,
            is_done: false,
        }
    }

    /// Adds the next request.
    pub(super) fn request(&mut self, request: ReadRequest) {
        let Some(reducer) = &self.reducer else { return };
        for name in request.ignored {
            if self.ignored.len() < MAX_NAMES && !self.ignored.contains(&name) {
                self.ignored.push(name);
            }
        }
        if !reducer.stands_in() || self.values_bytes > MAX_VALUES_BYTES {
            return;
        }
        self.values_bytes += request.values.bytes();
        if self.values_bytes > MAX_VALUES_BYTES {
            tracing::warn!("a call has so many requests that answers to the later ones keep the recorded values");
            return;
        }
        self.values.push(request.values);
    }

    /// Names of the fields that were left out.
    pub(super) fn ignored(&self) -> &[String] {
        &self.ignored
    }

    /// Notes that an answer was returned: it comes again.
    pub(super) const fn put_back(&mut self) {
        self.is_done = true;
    }

    /// A step with the values of the live requests in the place of those of the recorded ones.
    pub(super) fn answer(&mut self, step: Step, place: Place, recorded: Option<&Call>) -> Step {
        let is_done = std::mem::take(&mut self.is_done);
        let (Some(reducer), Some(recorded)) = (&self.reducer, recorded) else {
            return step;
        };
        let Act::Message { compressed, data } = &step.act else {
            return step;
        };
        if is_done || !reducer.stands_in() {
            return step;
        }
        let known = self.stand_ins.take().filter(|(of, _, _)| *of == place);
        let (_, taken, stand_ins) = self
            .stand_ins
            .insert(known.unwrap_or_else(|| (place, 0, StandIns::default())));
        let pairs = recorded.values.iter().zip(&self.values).skip(*taken);
        for (recorded, live) in pairs {
            stand_ins.add(recorded, live);
            *taken += 1;
        }
        let inflated = compressed.then(|| {
            // As it was recorded, or as it was compressed for this client.
            let encodings = [recorded.answer_encoding.as_deref().unwrap_or("gzip"), "gzip"];
            encodings
                .iter()
                .find_map(|name| grpc::inflate(name, data, MAX_INFLATED).ok())
        });
        let plain = match &inflated {
            None => data,
            Some(Some(inflated)) => inflated,
            Some(None) => return step,
        };
        match reducer.answer(plain, stand_ins) {
            Some(changed) => Step {
                act: Act::Message {
                    compressed: false,
                    data: changed.into(),
                },
                ..step
            },
            None => step,
        }
    }
}
