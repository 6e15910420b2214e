//! Statistics of each method: calls and their endings, latencies, traffic, concurrency, retries.
//!
//! Memory grows with the calls that are open, up to [`MAX_OPEN`], and with the methods, up to [`MAX_METHODS`]. What is
//! beyond is counted without a method.

use std::{collections::BTreeMap, sync::Arc};

use serde::{Serialize, Serializer, ser::SerializeMap};

use super::{
    attempts::previous_attempts,
    delivery::TimingSource,
    distribution::{Distribution, Quantiles},
};
use crate::{
    grpc::status,
    model::event::{CAPTURE_CALL, CallStart, Direction, Ending, Event, EventKind, Message},
};

/// Largest number of methods with statistics of their own; calls of further methods are counted together. A large
/// service has some dozens, and each takes up to half a megabyte.
pub(crate) const MAX_METHODS: usize = 256;

/// Largest number of open calls that are followed; a call beyond is counted with those of further methods. A busy server
/// has thousands.
const MAX_OPEN: usize = 100_000;

/// Number of status codes that gRPC defines.
const CODES: usize = 17;

/// Statistics of the calls of one method. Times are measured by the arrival of events at the recorder, and are `None`
/// where the capture has no delivery times.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub(crate) struct MethodStats {
    /// Full method path.
    pub(crate) method: String,
    /// Calls that were opened.
    pub(crate) calls: u64,
    /// Calls by the status with which the server ended them.
    pub(crate) statuses: StatusCounts,
    /// Calls that a side cancelled.
    pub(crate) cancelled: u64,
    /// Calls whose transport failed.
    pub(crate) broken: u64,
    /// Calls that a time limit ended.
    pub(crate) deadline: u64,
    /// Calls without an ending.
    pub(crate) unended: u64,
    /// Calls that repeat an earlier attempt (`grpc-previous-rpc-attempts`).
    pub(crate) retries: u64,
    /// True when a call has more than one message in a direction.
    pub(crate) streams: bool,
    /// Messages sent.
    pub(crate) sent_messages: u64,
    /// Their payload bytes, as on the wire.
    pub(crate) sent_bytes: u64,
    /// Messages received.
    pub(crate) messages: u64,
    /// Their payload bytes, as on the wire.
    pub(crate) message_bytes: u64,
    /// Messages known to be lost.
    pub(crate) lost_messages: u64,
    /// Time from the opening of a call to its first message received, nanoseconds.
    pub(crate) first_message_ns: Option<Quantiles>,
    /// Time from the opening of a call to its status, nanoseconds; of calls that the server ended.
    pub(crate) duration_ns: Option<Quantiles>,
    /// Time between two messages that a call receives, nanoseconds.
    pub(crate) message_gap_ns: Option<Quantiles>,
    /// Sizes of the messages sent, bytes.
    pub(crate) sent_size_bytes: Option<Quantiles>,
    /// Sizes of the messages received, bytes.
    pub(crate) message_size_bytes: Option<Quantiles>,
    /// Time from the first event of the method to its last, nanoseconds.
    pub(crate) span_ns: u64,
    /// Calls per second of this time; `None` where it is 0, and for a single call.
    pub(crate) calls_per_s: Option<f64>,
    /// Messages per second, of both directions.
    pub(crate) messages_per_s: Option<f64>,
    /// Megabytes (10⁶ bytes) of messages per second, of both directions.
    pub(crate) megabytes_per_s: Option<f64>,
    /// Largest number of calls that were open at once.
    pub(crate) most_open: u64,
    /// Mean number of calls that were open.
    pub(crate) mean_open: Option<f64>,
}

/// Number of calls by status code; a code that gRPC does not define counts for the last entry. In JSON an object from
/// names to numbers, without the statuses that did not occur.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct StatusCounts([u64; CODES], u64);

impl StatusCounts {
    fn add(&mut self, code: u32) {
        match self.0.get_mut(code as usize) {
            Some(count) => *count += 1,
            None => self.1 += 1,
        }
    }

    /// The statuses that occurred, with their numbers of calls, in the order of their codes.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (String, u64)> + '_ {
        let known = (0..).zip(self.0).map(|(code, count)| (status::name(code), count));
        let other = std::iter::once_with(|| ("other".to_owned(), self.1));
        known.chain(other).filter(|(_, count)| *count > 0)
    }
}

impl Serialize for StatusCounts {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        for (name, count) in self.iter() {
            map.serialize_entry(&name, &count)?;
        }
        map.end()
    }
}

/// The statistics of all methods.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub(crate) struct MethodTable {
    /// The methods by name, at most [`MAX_METHODS`].
    pub(crate) methods: Vec<MethodStats>,
    /// Calls that are in no entry: of further methods, or opened while very many others were open.
    pub(crate) calls_of_unlisted_methods: u64,
    /// Retries of all methods.
    pub(crate) retries: u64,
    /// Largest number of calls of listed methods that were open at once.
    pub(crate) most_open_calls: u64,
}

/// Collects the statistics of methods.
#[derive(Debug, Clone)]
pub(crate) struct Methods {
    source: TimingSource,
    /// True when calls at offset 0 were opened before it: a slice begins in their middle.
    cut: bool,
    by_name: BTreeMap<Arc<str>, Method>,
    open: BTreeMap<u32, OpenCall>,
    calls_not_listed: u64,
    retries: u64,
    most_open: u64,
}

/// A method under construction.
#[derive(Debug, Clone, Default)]
struct Method {
    stats: MethodStats,
    first: Distribution,
    duration: Distribution,
    gap: Distribution,
    sent_size: Distribution,
    size: Distribution,
    /// Offsets of the first and the last event.
    span: Option<(u64, u64)>,
    open: u64,
    open_ns: u128,
}

/// An open call of a listed method.
#[derive(Debug, Clone)]
struct OpenCall {
    method: Arc<str>,
    /// `None` when it is not known.
    start_ns: Option<u64>,
    sent: u64,
    received: u64,
    last_received_ns: u64,
}

impl Methods {
    /// Makes a collector for offsets of this source; `cut` when a slice begins in the middle of calls.
    pub(crate) fn new(source: TimingSource, cut: bool) -> Self {
        Self {
            source,
            cut,
            by_name: BTreeMap::new(),
            open: BTreeMap::new(),
            calls_not_listed: 0,
            retries: 0,
            most_open: 0,
        }
    }

    /// Counts any event.
    pub(crate) fn event(&mut self, event: &Event) {
        if event.call == CAPTURE_CALL {
            return;
        }
        let at_ns = event.offset_ns;
        match &event.kind {
            EventKind::CallStart(start) => self.start(event.call, at_ns, start),
            EventKind::Message(message) => self.message(event.call, at_ns, message),
            EventKind::Gap(gap) => {
                if let Some((_, method)) = self.of(event.call) {
                    method.stats.lost_messages = method.stats.lost_messages.saturating_add(gap.messages);
                }
            }
            EventKind::End(ending) => self.end(event.call, at_ns, ending),
            EventKind::Headers(_) | EventKind::HalfClose | EventKind::Note(_) => {}
        }
    }

    /// The statistics of all events so far.
    pub(crate) fn finish(&self) -> MethodTable {
        let mut methods: BTreeMap<_, _> = self
            .by_name
            .iter()
            .map(|(name, method)| (name, method.finish()))
            .collect();
        for call in self.open.values() {
            if let Some(stats) = methods.get_mut(&call.method) {
                stats.unended += 1;
            }
        }
        MethodTable {
            methods: methods.into_values().collect(),
            calls_of_unlisted_methods: self.calls_not_listed,
            retries: self.retries,
            most_open_calls: self.most_open,
        }
    }

    fn of(&mut self, call: u32) -> Option<(&mut OpenCall, &mut Method)> {
        let call = self.open.get_mut(&call)?;
        let method = self.by_name.get_mut(&call.method)?;
        Some((call, method))
    }

    fn start(&mut self, call: u32, at_ns: u64, start: &CallStart) {
        let is_retry = previous_attempts(start) > 0;
        self.retries += u64::from(is_retry);
        let known = self
            .by_name
            .get_key_value(start.method.as_str())
            .map(|(name, _)| Arc::clone(name));
        if self.open.len() >= MAX_OPEN || (known.is_none() && self.by_name.len() >= MAX_METHODS) {
            self.calls_not_listed += 1;
            return;
        }
        let name = known.unwrap_or_else(|| Arc::from(start.method.as_str()));
        let method = self.by_name.entry(Arc::clone(&name)).or_default();
        if method.stats.calls == 0 {
            method.stats.method.clone_from(&start.method);
        }
        method.see(at_ns);
        method.stats.calls += 1;
        method.stats.retries += u64::from(is_retry);
        method.open += 1;
        method.stats.most_open = method.stats.most_open.max(method.open);
        self.open.insert(
            call,
            OpenCall {
                method: name,
                start_ns: (!self.cut || at_ns > 0).then_some(at_ns),
                sent: 0,
                received: 0,
                last_received_ns: at_ns,
            },
        );
        self.most_open = self.most_open.max(self.open.len() as u64);
    }

    fn message(&mut self, call: u32, at_ns: u64, message: &Message) {
        let is_delivery = self.source == TimingSource::Delivery;
        let Some((call, method)) = self.of(call) else { return };
        method.see(at_ns);
        let bytes = message.data.len() as u64;
        if message.direction == Direction::Sent {
            call.sent += 1;
            method.stats.streams |= call.sent > 1;
            method.stats.sent_messages += 1;
            method.stats.sent_bytes += bytes;
            method.sent_size.add(bytes);
            return;
        }
        call.received += 1;
        method.stats.streams |= call.received > 1;
        method.stats.messages += 1;
        method.stats.message_bytes += bytes;
        method.size.add(bytes);
        let last_ns = std::mem::replace(&mut call.last_received_ns, at_ns);
        if !is_delivery {
            return;
        }
        match (call.received, call.start_ns) {
            (1, Some(start_ns)) => method.first.add(at_ns.saturating_sub(start_ns)),
            (1, None) => {}
            _ => method.gap.add(at_ns.saturating_sub(last_ns)),
        }
    }

    fn end(&mut self, call: u32, at_ns: u64, ending: &Ending) {
        let is_delivery = self.source == TimingSource::Delivery;
        let Some(call) = self.open.remove(&call) else { return };
        let Some(method) = self.by_name.get_mut(&call.method) else {
            return;
        };
        method.see(at_ns);
        method.open = method.open.saturating_sub(1);
        let lasted_ns = call.start_ns.map(|start_ns| at_ns.saturating_sub(start_ns));
        method.open_ns += u128::from(lasted_ns.unwrap_or(at_ns));
        match ending {
            Ending::Status(status) => {
                method.stats.statuses.add(status.code);
                if let Some(lasted_ns) = lasted_ns.filter(|_| is_delivery) {
                    method.duration.add(lasted_ns);
                }
            }
            Ending::Cancelled(_) => method.stats.cancelled += 1,
            Ending::Broken(_) => method.stats.broken += 1,
            Ending::Deadline(_) => method.stats.deadline += 1,
        }
    }
}

impl Method {
    fn see(&mut self, at_ns: u64) {
        let (first, last) = self.span.unwrap_or((at_ns, at_ns));
        self.span = Some((first, last.max(at_ns)));
    }

    fn finish(&self) -> MethodStats {
        let (first, last) = self.span.unwrap_or_default();
        let span_ns = last.saturating_sub(first);
        let stats = &self.stats;
        let seconds = span_ns as f64 / 1e9;
        let rate = |count: f64| (span_ns > 0).then(|| count / seconds);
        MethodStats {
            first_message_ns: self.first.quantiles(),
            duration_ns: self.duration.quantiles(),
            message_gap_ns: self.gap.quantiles(),
            sent_size_bytes: self.sent_size.quantiles(),
            message_size_bytes: self.size.quantiles(),
            span_ns,
            // A single call has a length and no rate.
            calls_per_s: rate(stats.calls as f64).filter(|_| stats.calls > 1),
            messages_per_s: rate((stats.sent_messages + stats.messages) as f64),
            megabytes_per_s: rate((stats.sent_bytes + stats.message_bytes) as f64 / 1e6),
            mean_open: rate(self.open_ns as f64 / 1e9).filter(|_| self.open == 0),
            ..stats.clone()
        }
    }
}

#[cfg(test)]
mod tests;
