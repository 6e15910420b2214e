//! Removal of sensors from messages: everything else stays as on the wire, unknown fields and their order
//! included.

mod block;
mod outcome;
mod rows;

use std::collections::BTreeMap;

use bytes::Bytes;

pub(super) use outcome::Filtered;

use super::error::EncodeError;
use crate::{
    das::{dialect::Dialect, focus::SensorSet},
    grpc,
    model::event::{Event, EventKind, Message},
};

/// A filter that keeps some sensors.
#[derive(Debug)]
pub(super) struct SensorFilter {
    wanted: SensorSet,
    calls: BTreeMap<u32, Call>,
    met: bool,
    looked: bool,
}

#[derive(Debug)]
struct Call {
    dialect: Dialect,
    encoding: Option<String>,
}

impl SensorFilter {
    pub(super) const fn new(wanted: SensorSet) -> Self {
        Self {
            wanted,
            calls: BTreeMap::new(),
            met: false,
            looked: false,
        }
    }

    pub(super) const fn wanted(&self) -> &SensorSet {
        &self.wanted
    }

    /// True when a message contained a selected sensor.
    pub(super) const fn has_met(&self) -> bool {
        self.met
    }

    /// True when a message could be searched.
    pub(super) const fn has_looked(&self) -> bool {
        self.looked
    }

    /// Notes the dialect of a call.
    pub(super) fn see(&mut self, event: &Event) {
        match &event.kind {
            EventKind::CallStart(start) => {
                if let Some(dialect) = Dialect::from_method(&start.method) {
                    let encoding = None;
                    self.calls.insert(event.call, Call { dialect, encoding });
                }
            }
            EventKind::Headers(headers) => {
                if let Some(call) = self.calls.get_mut(&event.call) {
                    call.encoding = crate::grpc::protocol::message_encoding(&headers.metadata).map(str::to_owned);
                }
            }
            EventKind::End(_) => drop(self.calls.remove(&event.call)),
            _ => {}
        }
    }

    /// Filters a received message.
    pub(super) fn filter(&mut self, call: u32, message: &Message) -> Result<Filtered, EncodeError> {
        let Some(call) = self.calls.get(&call) else {
            return Ok(Filtered::Untouched);
        };
        let bytes: Bytes = if message.compressed {
            let encoding = call.encoding.as_deref().unwrap_or(grpc::NO_ENCODING);
            grpc::inflate(encoding, &message.data, grpc::MAX_INFLATED).map_err(|_| EncodeError::Damaged)?
        } else {
            message.data.clone()
        };
        let filtered = match call.dialect {
            Dialect::DataStream => rows::filter(&bytes, &self.wanted)?,
            Dialect::PandaDataStream => block::filter(&bytes, &self.wanted)?,
        };
        (self.met, self.looked) = (self.met || filtered.met, true);
        Ok(filtered.message)
    }
}

#[cfg(test)]
mod tests;
