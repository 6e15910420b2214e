//! What the messages of a call are: its method and encodings, as its events say them.

use std::{borrow::Cow, collections::BTreeMap};

use crate::{
    grpc::{self, InflateError},
    model::event::{Direction, Event, EventKind, Message, MessageNumbers, Metadata},
};

/// The calls that run at an event, with the numbers of their messages.
#[derive(Debug, Default)]
pub(super) struct CallContexts {
    numbers: MessageNumbers,
    calls: BTreeMap<u32, CallContext>,
}

/// One call.
#[derive(Debug, Default)]
pub(super) struct CallContext {
    pub(super) method: String,
    request_encoding: Option<String>,
    response_encoding: Option<String>,
}

impl CallContexts {
    /// Notes an event; returns the number of a message.
    pub(super) fn note(&mut self, event: &Event) -> Option<u64> {
        let encoding = |metadata: &Metadata| crate::grpc::protocol::message_encoding(metadata).map(str::to_owned);
        match &event.kind {
            EventKind::CallStart(start) => {
                let context = self.calls.entry(event.call).or_default();
                context.method.clone_from(&start.method);
                context.request_encoding = encoding(&start.metadata);
            }
            EventKind::Headers(headers) => {
                self.calls.entry(event.call).or_default().response_encoding = encoding(&headers.metadata);
            }
            _ => {}
        }
        self.numbers.of(event)
    }

    /// Forgets a call after its end.
    pub(super) fn forget(&mut self, event: &Event) {
        if matches!(event.kind, EventKind::End(_)) {
            self.calls.remove(&event.call);
        }
    }

    /// The call of an event.
    pub(super) fn of(&self, event: &Event) -> Option<&CallContext> {
        self.calls.get(&event.call)
    }
}

impl CallContext {
    /// The encoding of the messages in one direction.
    pub(super) fn encoding(&self, direction: Direction) -> &str {
        let encoding = match direction {
            Direction::Sent => &self.request_encoding,
            Direction::Received => &self.response_encoding,
        };
        encoding.as_deref().unwrap_or(grpc::NO_ENCODING)
    }

    /// A message without its compression.
    pub(super) fn inflated<'m>(&self, message: &'m Message) -> Result<Cow<'m, [u8]>, InflateError> {
        if !message.compressed {
            return Ok(Cow::Borrowed(&message.data));
        }
        let encoding = self.encoding(message.direction);
        grpc::inflate(encoding, &message.data, grpc::MAX_INFLATED).map(|plain| Cow::Owned(plain.into()))
    }
}
