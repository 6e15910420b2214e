//! The log of requests as JSON: requests are decoded where the captures hold their schema.

use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use serde_json::{Map, Value, json};

use super::{ItemKind, KeptCall, RequestLog};
use crate::{
    grpc::{self, MAX_INFLATED, MethodPattern, status},
    model::event::{Cancelled, Ending, EventKind, Message, Metadata},
    serve::schemas::Schemas,
    transform::MetadataPolicy,
};

impl RequestLog {
    /// What the clients sent, as JSON: the calls after number `after` whose method fits the pattern.
    pub(in crate::serve) fn json(&self, schemas: &Schemas, after: u64, methods: Option<&MethodPattern>) -> Value {
        let (before, calls) = {
            let state = self.lock();
            let skipped = usize::try_from(after.saturating_sub(state.before)).unwrap_or(usize::MAX);
            let before = state.before + skipped.min(state.calls.len()) as u64;
            // Decoded without the lock: clients go on meanwhile.
            (before, state.calls.iter().skip(skipped).cloned().collect::<Vec<_>>())
        };
        let forgotten = self.lock().before;
        let numbered = (before + 1..).zip(&calls);
        let wanted = numbered.filter(|(_, call)| methods.is_none_or(|methods| methods.matches(&call.start.method)));
        let calls: Vec<Value> = wanted.map(|(number, call)| call.json(number, schemas)).collect();
        json!({"calls": calls, "forgotten": forgotten})
    }
}

impl KeptCall {
    fn json(&self, number: u64, schemas: &Schemas) -> Value {
        let mut start = EventKind::CallStart(self.start.clone());
        MetadataPolicy::Redact.redact(&mut start);
        let metadata = match &start {
            EventKind::CallStart(start) => pairs(&start.metadata),
            _ => Value::Null,
        };
        let requests = self.items.iter().filter_map(|item| match &item.kind {
            ItemKind::Request(message) => Some((item.offset_ns, self.request(message, schemas))),
            ItemKind::Large(bytes) => Some((item.offset_ns, json!({"size": bytes, "kept": false}))),
            ItemKind::HalfClose => None,
        });
        let requests: Vec<Value> = requests
            .map(|(offset_ns, mut request)| {
                request["offset_ns"] = offset_ns.into();
                request
            })
            .collect();
        let half_closed = self.items.iter().any(|item| matches!(item.kind, ItemKind::HalfClose));
        let matched = self.matched.as_ref().map(|matched| {
            json!({
                "how": matched.how.name(),
                "capture": matched.capture,
                "call": matched.call,
                "ignored": matched.ignored,
            })
        });
        json!({
            "call": number,
            "offset_ns": self.start_ns,
            "method": self.start.method,
            "authority": self.start.authority,
            "metadata": metadata,
            "requests": requests,
            "half_closed": half_closed,
            "match": matched,
            "ending": self.ending.as_ref().map(|(_, ending)| ended(ending)),
        })
    }

    fn request(&self, message: &Message, schemas: &Schemas) -> Value {
        let mut request = Map::new();
        request.insert("size".to_owned(), message.data.len().into());
        let encoding = self
            .start
            .metadata
            .get_text("grpc-encoding")
            .unwrap_or(grpc::NO_ENCODING);
        let plain = if message.compressed {
            grpc::inflate(encoding, &message.data, MAX_INFLATED).ok()
        } else {
            Some(message.data.clone())
        };
        let input = schemas.method(&self.start.method).map(|method| method.input());
        let decoded = plain.as_ref().zip(input).map(|(plain, input)| {
            let decoded = grpc::decode_message(input, plain)?;
            serde_json::to_value(decoded).map_err(|error| error.to_string())
        });
        match decoded {
            Some(Ok(decoded)) => {
                request.insert("message".to_owned(), decoded);
            }
            Some(Err(error)) => {
                request.insert("decode_error".to_owned(), error.into());
            }
            None => {}
        }
        let bytes = BASE64.encode(plain.as_deref().unwrap_or(&message.data));
        request.insert("data".to_owned(), bytes.into());
        Value::Object(request)
    }
}

/// Metadata as a list of pairs. A value that is not text is `{"base64": …}`.
fn pairs(metadata: &Metadata) -> Value {
    let pair = |(name, value): (&str, &[u8])| match std::str::from_utf8(value) {
        Ok(text) => json!([name, text]),
        Err(_) => json!([name, {"base64": BASE64.encode(value)}]),
    };
    metadata.iter().map(pair).collect()
}

fn ended(ending: &Ending) -> Value {
    match ending {
        Ending::Status(ended) => {
            json!({"kind": "status", "code": ended.code, "name": status::name(ended.code), "message": ended.message})
        }
        Ending::Cancelled(Cancelled { by, reason, .. }) => {
            json!({"kind": "cancelled", "by": format!("{by:?}").to_lowercase(), "reason": reason})
        }
        Ending::Broken(broken) => json!({"kind": "broken", "error": broken.error}),
        Ending::Deadline(_) => json!({"kind": "deadline"}),
    }
}
