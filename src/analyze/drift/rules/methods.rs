//! Rules for methods.

use super::{Judge, Rule, both, gone, wire};
use crate::analyze::drift::result::DriftDirection;

const RPC_NO_DELETE: Rule = gone("RPC_NO_DELETE");
const SERVICE_NO_DELETE: Rule = gone("SERVICE_NO_DELETE");
const RPC_SAME_REQUEST_TYPE: Rule = wire("RPC_SAME_REQUEST_TYPE");
const RPC_SAME_RESPONSE_TYPE: Rule = wire("RPC_SAME_RESPONSE_TYPE");
const RPC_SAME_CLIENT_STREAMING: Rule = wire("RPC_SAME_CLIENT_STREAMING");
const RPC_SAME_SERVER_STREAMING: Rule = wire("RPC_SAME_SERVER_STREAMING");
const RPC_SAME_IDEMPOTENCY_LEVEL: Rule = wire("RPC_SAME_IDEMPOTENCY_LEVEL");

impl Judge<'_> {
    /// Compares a recorded method.
    pub(super) fn method(&mut self, path: &str) {
        let (recorded, live) = (self.recorded, self.live);
        let Some(was) = recorded.methods.get(path) else { return };
        let service = path.trim_start_matches('/').split('/').next().unwrap_or_default();
        let Some(is) = live.methods.get(path) else {
            let direction = DriftDirection::Both;
            if live.services.contains(service) {
                let text = "the method was called, and the service no longer has it";
                self.push(
                    RPC_NO_DELETE,
                    path,
                    direction,
                    Some(path),
                    (Some(path.to_owned()), None),
                    text,
                );
            } else {
                let text = "the method was called, and its service is gone";
                let sides = (Some(service.to_owned()), None);
                self.push(SERVICE_NO_DELETE, path, direction, Some(path), sides, text);
            }
            return;
        };
        for (schema, method) in [(recorded, was), (live, is)] {
            for name in [&method.request, &method.answer] {
                if !schema.messages.contains_key(name) {
                    self.note_undefined(name);
                }
            }
        }
        let (requests, answers) = (DriftDirection::Requests, DriftDirection::Answers);
        let streaming = |streams: bool| if streams { "streaming" } else { "unary" };
        let idempotency = |level: i32| match level {
            1 => "NO_SIDE_EFFECTS".to_owned(),
            2 => "IDEMPOTENT".to_owned(),
            0 => "IDEMPOTENCY_UNKNOWN".to_owned(),
            other => other.to_string(),
        };
        for (rule, direction, what, was, is) in [
            (
                RPC_SAME_REQUEST_TYPE,
                requests,
                "request type",
                was.request.clone(),
                is.request.clone(),
            ),
            (
                RPC_SAME_RESPONSE_TYPE,
                answers,
                "answer type",
                was.answer.clone(),
                is.answer.clone(),
            ),
            (
                RPC_SAME_CLIENT_STREAMING,
                requests,
                "client side",
                streaming(was.client_streaming).to_owned(),
                streaming(is.client_streaming).to_owned(),
            ),
            (
                RPC_SAME_SERVER_STREAMING,
                answers,
                "server side",
                streaming(was.server_streaming).to_owned(),
                streaming(is.server_streaming).to_owned(),
            ),
            (
                RPC_SAME_IDEMPOTENCY_LEVEL,
                requests,
                "idempotency level",
                idempotency(was.idempotency),
                idempotency(is.idempotency),
            ),
        ] {
            if was != is {
                let text = format!("its {what} was {was} and is {is}");
                self.push(rule, path, direction, Some(path), both(was, is), text);
            }
        }
    }
}
