//! A request as it is compared with recorded ones, and the values of recorded requests that stand in answers.

use bytes::Bytes;

use super::{
    matching::{Reducer, RequestValues},
    plan::{Asked, content},
};
use crate::grpc;

/// Largest size of the values that are kept of the requests of a capture, to stand in answers: of a hundred thousand
/// requests with a few ids.
const MAX_VALUES_BYTES: usize = 48 << 20;
/// A request as it is compared with others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ReadRequest {
    pub(super) asked: Asked,
    /// Names of fields that do not identify it.
    pub(super) ignored: Vec<String>,
    /// Values that stand in answers.
    pub(super) values: RequestValues,
}

impl ReadRequest {
    /// Reads a request; `reducer` is that of its method, where there are rules.
    pub(super) fn of(encoding: &str, compressed: bool, data: &Bytes, limit: usize, reducer: Option<&Reducer>) -> Self {
        let exact = content(encoding, compressed, data, limit);
        let Some(reducer) = reducer else {
            return Self {
                asked: Asked {
                    exact,
                    by_fields: exact,
                },
                ignored: Vec::new(),
                values: RequestValues::default(),
            };
        };
        let inflated = compressed.then(|| grpc::inflate(encoding, data, limit as u64).ok());
        let plain = match &inflated {
            Some(Some(inflated)) => inflated,
            // What cannot be inflated is compared as it is.
            Some(None) | None => data,
        };
        let reduced = reducer.reduce(plain);
        Self {
            asked: Asked {
                exact,
                by_fields: reduced.hash,
            },
            ignored: reduced.ignored,
            values: reducer.values(plain),
        }
    }
}

/// The room for values of requests.
#[derive(Debug, Default)]
pub(super) struct ValueRoom {
    taken: usize,
}

impl ValueRoom {
    /// Adds the values of the latest request of a call, which has this many, to those of the earlier ones, as far as
    /// there is room.
    pub(super) fn keep(&mut self, kept: &mut Vec<RequestValues>, requests: u64, values: RequestValues) {
        // Where one was left out, all later ones are: each stands in the place of its request.
        if self.taken > MAX_VALUES_BYTES || kept.len() as u64 + 1 != requests {
            return;
        }
        self.taken += values.bytes();
        if self.taken > MAX_VALUES_BYTES {
            tracing::warn!("there are so many requests that the answers to later ones keep the recorded values");
            return;
        }
        kept.push(values);
    }
}
