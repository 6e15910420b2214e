//! Validation of calls without spectrograms, of any service.

mod call;
mod limits;
mod schema;

use std::{collections::BTreeMap, sync::Arc};

use self::{
    call::{JudgedMethod, OpenCall},
    schema::MethodSchema,
};
use super::{
    context::{Context, Offsets},
    reading::ReadTo,
    rules::{
        content, delivery,
        endings::{self, Before, Subject},
        service as rules,
    },
};
use crate::{
    das::{
        dialect::is_support,
        expect::{Expectations, methods::allowed},
    },
    file::Header,
    grpc::{self, InflateError, descriptors::check},
    model::{
        event::{CallStart, Direction, Ending, Event, EventKind, Message},
        finding::Place,
    },
};
pub(super) use limits::{judge_limits, observed};

/// Largest number of methods that are remembered; a further one is looked up for each of its calls.
const MAX_METHODS: usize = 1024;

/// Largest number of open calls that are followed. Of a call beyond, only the ending is judged.
const MAX_OPEN: usize = 100_000;

/// The method of a call that is not followed.
const NOT_FOLLOWED: &str = "a call of another method";

/// The calls without spectrograms.
#[derive(Debug)]
pub(super) struct ServiceCalls {
    schema: MethodSchema,
    methods: BTreeMap<String, Arc<JudgedMethod>>,
    open: BTreeMap<u32, OpenCall>,
    /// Open calls that are not followed.
    not_followed: u64,
    max_message_bytes: u64,
    pub(super) totals: ServiceTotals,
}

/// Counts over all calls without spectrograms.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct ServiceTotals {
    /// Calls of the service.
    pub(super) calls: u64,
    /// Health checks and reflection.
    pub(super) support_calls: u64,
    /// Calls of the service that received a message, or ended with a status that an expectation allows.
    pub(super) answered: u64,
    /// Calls of the service whose ending is a finding.
    pub(super) failed: u64,
    /// Messages that all calls received.
    pub(super) messages: u64,
}

impl ServiceCalls {
    pub(super) fn new(header: &Header) -> Self {
        Self {
            schema: MethodSchema::of(header),
            methods: BTreeMap::new(),
            open: BTreeMap::new(),
            not_followed: 0,
            max_message_bytes: grpc::MAX_INFLATED,
            totals: ServiceTotals::default(),
        }
    }

    /// Accepts messages up to this many bytes.
    pub(super) const fn set_max_message_bytes(&mut self, bytes: u64) {
        self.max_message_bytes = bytes;
    }

    /// True when no call was answered, and none has failed, which would be told.
    pub(super) const fn is_silent(&self) -> bool {
        self.totals.answered == 0 && self.totals.failed == 0
    }

    /// Opens a call.
    pub(super) fn start(&mut self, context: &Context<'_>, event: &Event, start: &CallStart) {
        if self.open.len() >= MAX_OPEN {
            self.not_followed += 1;
            self.totals.calls += 1;
            return;
        }
        let method = self.method(context.expect, &start.method);
        if method.is_support {
            self.totals.support_calls += 1;
        } else {
            self.totals.calls += 1;
        }
        self.open
            .insert(event.call, OpenCall::new(method, event.offset_ns, start));
    }

    /// Judges an event of an open call that is not its start.
    pub(super) fn see(&mut self, context: &mut Context<'_>, event: &Event) {
        let at_ns = event.offset_ns;
        let max_bytes = self.max_message_bytes;
        let Some(call) = self.open.get_mut(&event.call) else {
            if let EventKind::End(ending) = &event.kind {
                self.end_not_followed(context, event, ending);
            }
            return;
        };
        match &event.kind {
            EventKind::Headers(headers) => call.answered(&headers.metadata),
            EventKind::Message(message) => {
                let number = call.count(message.direction, at_ns);
                let place = Place::call(event.call, at_ns).at_message(number);
                if message.direction == Direction::Received {
                    self.totals.messages += 1;
                    arrive(context, call, place, at_ns);
                }
                judge_content(context, call, place, message, max_bytes);
            }
            EventKind::Gap(gap) => {
                let before = match gap.direction {
                    Direction::Sent => call.sent,
                    Direction::Received => {
                        call.lost(at_ns);
                        call.received
                    }
                };
                endings::gap(context.log, Place::call(event.call, at_ns).at_message(before + 1), gap);
            }
            EventKind::End(ending) => self.end(context, event, ending),
            EventKind::CallStart(_) | EventKind::HalfClose | EventKind::Note(_) => {}
        }
    }

    fn end(&mut self, context: &mut Context<'_>, event: &Event, ending: &Ending) {
        let Some(call) = self.open.remove(&event.call) else {
            return;
        };
        let method = &call.method;
        if method.is_support {
            // What it tells of the server is judged by the witness.
            return;
        }
        let before = Before {
            messages: call.received,
            silence_ns: call.silence_ns(event.offset_ns),
        };
        let place = Place::call(event.call, event.offset_ns);
        let verdict = endings::judge(context.log, place, ending, before, subject(method));
        let is_allowed = method.allowed.is_some() && verdict == endings::Verdict::Complete;
        self.totals.answered += u64::from(call.received > 0 || is_allowed);
        self.totals.failed += u64::from(verdict == endings::Verdict::Failed);
    }

    fn end_not_followed(&mut self, context: &mut Context<'_>, event: &Event, ending: &Ending) {
        self.not_followed = self.not_followed.saturating_sub(1);
        let subject = Subject {
            method: Some(NOT_FOLLOWED),
            allowed: None,
        };
        let before = Before {
            messages: 0,
            silence_ns: 0,
        };
        let place = Place::call(event.call, event.offset_ns);
        let verdict = endings::judge(context.log, place, ending, before, subject);
        self.totals.failed += u64::from(verdict == endings::Verdict::Failed);
    }

    /// Judges the calls that are open where the capture could not be read further.
    pub(super) fn finish(&mut self, context: &mut Context<'_>, last_ns: u64, read_to: &ReadTo) {
        if self.not_followed > 0 && !matches!(read_to, ReadTo::Damage(_)) {
            let place = Place {
                offset_ns: Some(last_ns),
                ..Place::default()
            };
            let subject = Subject {
                method: Some(NOT_FOLLOWED),
                allowed: None,
            };
            endings::unended(context.log, place, 0, read_to.is_growing(), subject);
        }
        for (number, call) in std::mem::take(&mut self.open) {
            if call.method.is_support {
                continue;
            }
            self.totals.answered += u64::from(call.received > 0);
            if !matches!(read_to, ReadTo::Damage(_)) {
                let place = Place::call(number, last_ns.max(call.started_ns));
                let is_recorded = read_to.is_growing();
                endings::unended(context.log, place, call.received, is_recorded, subject(&call.method));
            }
        }
    }

    fn method(&mut self, expect: &Expectations, name: &str) -> Arc<JudgedMethod> {
        if let Some(known) = self.methods.get(name) {
            return Arc::clone(known);
        }
        let allowed = allowed(&expect.methods, name).map(<[u32]>::to_vec);
        let method = Arc::new(JudgedMethod {
            name: Arc::from(name),
            is_support: allowed.is_none() && is_support(name),
            allowed,
            types: self.schema.types(name),
        });
        if self.methods.len() < MAX_METHODS {
            self.methods.insert(name.to_owned(), Arc::clone(&method));
        }
        method
    }
}

fn subject(method: &JudgedMethod) -> Subject<'_> {
    Subject {
        method: Some(&method.name),
        allowed: method.allowed.as_deref(),
    }
}

/// Judges the wait before a received message.
fn arrive(context: &mut Context<'_>, call: &mut OpenCall, place: Place, at_ns: u64) {
    let limit_ns = context
        .expect
        .largest_gap_s
        .as_ref()
        .map(|limit| (limit.value * 1e9) as u64);
    let Some(wait) = call.arrived(at_ns, limit_ns) else {
        return;
    };
    if context.offsets == Offsets::Delivery && wait.silence_ns > wait.limit_ns {
        delivery::silent_stream(context.log, place, &call.method.name, (wait.silence_ns, wait.limit_ns));
    }
}

/// Judges the content of a message by the capture's schema.
fn judge_content(context: &mut Context<'_>, call: &OpenCall, place: Place, message: &Message, max_bytes: u64) {
    let method = &call.method;
    let (encoding, is_sent) = match message.direction {
        Direction::Sent => (call.request_encoding.as_deref(), true),
        Direction::Received => (call.answer_encoding.as_deref(), false),
    };
    let at = content::At {
        method: &method.name,
        place,
        is_sent,
    };
    if message.compressed && encoding.is_none() {
        let error = InflateError::UnknownEncoding(grpc::NO_ENCODING.to_owned());
        return content::not_inflated(context.log, at, &error);
    }
    let types = match &method.types {
        Ok(types) => types,
        Err(_) if method.is_support => return,
        Err(why) => return rules::not_decoded(context.log, place, &method.name, why),
    };
    if call.is_json {
        let why = "they are JSON, which is not compared with the schema";
        return rules::not_decoded(context.log, place, &method.name, why);
    }
    let inflated;
    let bytes = if message.compressed {
        match grpc::inflate(encoding.unwrap_or_default(), &message.data, max_bytes) {
            Ok(content) => {
                inflated = content;
                &inflated[..]
            }
            Err(InflateError::UnknownEncoding(name)) => {
                let why = format!("their encoding `{name}` is not supported");
                return rules::not_decoded(context.log, place, &method.name, &why);
            }
            Err(error) => return content::not_inflated(context.log, at, &error),
        }
    } else {
        &message.data[..]
    };
    let descriptor = if is_sent { &types.request } else { &types.answer };
    match check(descriptor, bytes) {
        Ok(foreign) => content::unknown_fields(context.log, at, &foreign),
        Err(misfit) => content::malformed(context.log, at, &misfit),
    }
}
