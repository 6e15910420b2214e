//! Evidence besides the spectrogram streams, which may explain an empty stream: health checks, REST exchanges, what the
//! recorder could not do, and how other calls ended.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{
    finding_log::FindingLog,
    rules::{origin, service, structure::Cause},
    service::ServiceTotals,
    totals::Totals,
};
use crate::{
    das::{
        dialect::datastream::HEALTH_METHOD,
        focus::{error_text, refusal},
    },
    grpc::{protobuf::Fields, status},
    model::{
        event::{
            CAPTURE_CALL, Direction, Ending, Event, EventKind, FAILURE_AUTHOR, Message, Note, PROXY_AUTHOR,
            RECORDER_AUTHOR,
        },
        finding::Place,
        text::{counted, grouped},
    },
};

/// Methods of the standard health check: asked once, and watched.
const STANDARD: [&str; 2] = ["/grpc.health.v1.Health/Check", "/grpc.health.v1.Health/Watch"];

/// Largest number of addresses whose health is kept; for further addresses it is not known.
const MAX_ADDRESSES: usize = 4096;

/// Largest number of open health checks.
const MAX_OPEN: usize = 4096;

/// Largest number of recorder failures that are reported; more of it says no more.
const MAX_FAILURES: usize = 64;

/// Status codes of a health check that mean that the job is not ready, rather than that it has no health check:
/// cancelled, deadline exceeded, resource exhausted, aborted, unavailable.
const NOT_READY: [u32; 5] = [1, 4, 8, 10, status::UNAVAILABLE];

/// A statement, and its place.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Statement {
    pub(super) place: Place,
    pub(super) text: String,
}

/// The evidence besides the streams of a capture.
#[derive(Debug, Default)]
pub(super) struct Witness {
    /// Why jobs were not recorded.
    pub(super) failures: Vec<Statement>,
    /// Why the last configure request brought no job; `None` when it did.
    pub(super) refused: Option<Statement>,
    /// The last call of another method that failed.
    pub(super) failed_call: Option<Statement>,
    /// The recorder's last remark.
    pub(super) remark: Option<String>,
    /// True when a job was configured, or its health asked for.
    is_of_job: bool,
    /// By `:authority`, why the job there is not healthy; `None` when it is.
    health: BTreeMap<String, Option<Statement>>,
    /// Health checks that are open, by call.
    checks: BTreeMap<u32, Check>,
}

#[derive(Debug)]
struct Check {
    authority: String,
    name: &'static str,
    is_standard: bool,
}

impl Witness {
    /// Why the job at this address was not healthy at the last check.
    pub(super) fn unhealthy(&self, authority: &str) -> Option<&Statement> {
        self.health.get(authority)?.as_ref()
    }

    /// The cause for any job that was not healthy at the last check.
    pub(super) fn any_unhealthy(&self) -> Option<&Statement> {
        self.health.values().flatten().next()
    }

    /// True when something tells that the capture is about a Focus job.
    pub(super) const fn is_of_job(&self) -> bool {
        self.is_of_job
    }

    /// True when the cause of any missing stream is known.
    pub(super) const fn has_failure(&self) -> bool {
        !self.failures.is_empty() || self.refused.is_some()
    }

    /// Reads an event that belongs to no spectrogram stream.
    pub(super) fn see(&mut self, event: &Event) {
        let place = match event.call {
            CAPTURE_CALL => Place {
                offset_ns: Some(event.offset_ns),
                ..Place::default()
            },
            call => Place::call(call, event.offset_ns),
        };
        match &event.kind {
            EventKind::Note(note) if event.call == CAPTURE_CALL => self.note(place, note),
            EventKind::CallStart(start) => {
                self.is_of_job |= start.method == HEALTH_METHOD;
                let is_standard = STANDARD.contains(&start.method.as_str());
                if (is_standard || start.method == HEALTH_METHOD) && self.checks.len() < MAX_OPEN {
                    let check = Check {
                        authority: start.authority.clone(),
                        name: if is_standard { "grpc.health.v1" } else { "CheckHealth" },
                        is_standard,
                    };
                    self.checks.insert(event.call, check);
                }
            }
            EventKind::Message(message) => self.answer(event.call, place, message),
            EventKind::End(ending) => self.end(event.call, place, ending),
            _ => {}
        }
    }

    fn note(&mut self, place: Place, note: &Note) {
        match note.author.as_str() {
            FAILURE_AUTHOR if self.failures.len() < MAX_FAILURES => {
                let text = note.text.clone();
                self.failures.push(Statement { place, text });
            }
            RECORDER_AUTHOR => self.remark = Some(note.text.clone()),
            PROXY_AUTHOR => {
                let exchange = exchange(&note.text);
                self.is_of_job |= exchange.is_some();
                match exchange {
                    Some(Exchange::Job) => self.refused = None,
                    Some(Exchange::Refused(text)) => self.refused = Some(Statement { place, text }),
                    None => {}
                }
            }
            _ => {}
        }
    }

    fn answer(&mut self, call: u32, place: Place, message: &Message) {
        let Some(check) = self.checks.get(&call) else { return };
        if message.direction == Direction::Sent || message.compressed {
            return;
        }
        let healthy = if check.is_standard {
            serving(&message.data)
        } else {
            healthy(&message.data)
        };
        let Some(healthy) = healthy else { return };
        let text = match check.name {
            name if check.is_standard => format!("{name} answers that it does not serve"),
            name => format!("{name} answers healthy = false"),
        };
        let authority = check.authority.clone();
        self.know(authority, (!healthy).then_some(Statement { place, text }));
    }

    fn end(&mut self, call: u32, place: Place, ending: &Ending) {
        let how = match ending {
            Ending::Status(status) if status.code == 0 => None,
            Ending::Status(status) => {
                let name = status::name(status.code);
                let text = if status.message.is_empty() {
                    name
                } else {
                    format!("{name}: {}", status.message)
                };
                Some((text, NOT_READY.contains(&status.code)))
            }
            Ending::Broken(broken) => {
                let text = broken.announced.as_ref().map(crate::model::event::GoAway::told);
                Some((text.unwrap_or_else(|| broken.error.clone()), true))
            }
            Ending::Deadline(_) => Some(("no answer in time".to_owned(), true)),
            Ending::Cancelled(_) => None,
        };
        let check = self.checks.remove(&call);
        let Some((how, is_not_ready)) = how else { return };
        match check {
            Some(check) if is_not_ready => {
                let text = format!("{} was answered with {how}", check.name);
                self.know(check.authority, Some(Statement { place, text }));
            }
            Some(_) => {}
            None => {
                let text = format!("call {call} ended with {how}");
                self.failed_call = Some(Statement { place, text });
            }
        }
    }

    fn know(&mut self, authority: String, unhealthy: Option<Statement>) {
        if self.health.len() < MAX_ADDRESSES || self.health.contains_key(&authority) {
            self.health.insert(authority, unhealthy);
        }
    }
}

/// What a capture is about, which decides how the health of a server is reported.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Audience {
    /// A Focus job.
    Job,
    /// Another service, with this many answered calls.
    Service(u64),
}

/// Reports the causes of missing streams and answers; whether anything does.
pub(super) fn causes(log: &mut FindingLog, witness: &Witness, totals: &Totals, audience: Audience) -> Cause {
    let has_frames = totals.messages > 0;
    for said in &witness.failures {
        origin::not_recorded(log, said.place, &said.text);
    }
    if let Some(said) = &witness.refused {
        origin::configure_refused(log, said.place, &said.text, has_frames);
    }
    // Of a stream without frames its own job's health has been told.
    let unhealthy = witness.any_unhealthy();
    if let (Audience::Service(answered), Some(said)) = (audience, unhealthy) {
        service::not_serving(log, said.place, &said.text, answered > 0);
    } else if let Some(said) = unhealthy.filter(|_| !totals.unhealthy && (totals.calls == 0 || has_frames)) {
        origin::unhealthy_job(log, said.place, &said.text, has_frames);
    }
    if witness.has_failure() || unhealthy.is_some() {
        Cause::Told
    } else {
        Cause::Unknown
    }
}

/// Describes why a capture of a service holds nothing that is judged.
pub(super) fn no_answer(totals: &ServiceTotals) -> String {
    match (totals.calls, totals.support_calls) {
        (0, 0) => "there is no call".to_owned(),
        (0, support) => format!(
            "there is no call but {} of health and reflection",
            counted(support, "call")
        ),
        (1, _) => "the only call received no message".to_owned(),
        (calls, _) => format!("none of the {} calls received a message", grouped(calls)),
    }
}

/// Describes what the capture holds instead of a stream.
pub(super) fn no_stream(other_calls: u32, witness: &Witness, cause: Cause) -> String {
    let mut what = match other_calls {
        0 => "there is no call".to_owned(),
        1 => "the only call carries no spectrogram stream".to_owned(),
        others => format!("none of the {others} calls carries a spectrogram stream"),
    };
    if let Some(failed) = &witness.failed_call {
        what.push_str(&format!("; {}", failed.text));
    } else if let Some(remark) = witness.remark.as_ref().filter(|_| cause == Cause::Unknown) {
        what.push_str(&format!("; the recorder remarks: {remark}"));
    }
    what
}

/// The result of a configure exchange.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Exchange {
    /// The server answered with a job.
    Job,
    /// The server refused, with the reason.
    Refused(String),
}

/// Reads the result of a configure exchange from a note of the proxy; `None` when the note is about something else.
fn exchange(note: &str) -> Option<Exchange> {
    let note: Value = serde_json::from_str(note).ok()?;
    let rest = note.get("rest")?.as_object()?;
    let text = |name: &str| rest.get(name).and_then(Value::as_str);
    let what = format!("{} {}", text("method")?, text("path")?);
    if let Some(error) = text("error") {
        return Some(Exchange::Refused(format!("{what} had no answer: {error}")));
    }
    let status = rest.get("status")?.as_u64()?;
    let body: Value = text("response")
        .and_then(|body| serde_json::from_str(body).ok())
        .unwrap_or_default();
    let says = if status < 400 {
        refusal(&body)
    } else {
        error_text(&body)
    };
    Some(match says {
        Some(says) => Exchange::Refused(format!("{what} was answered with {status}: {says}")),
        None if status >= 400 => Exchange::Refused(format!("{what} was answered with {status}")),
        None => Exchange::Job,
    })
}

/// Whether a `HealthResponse` reports a healthy job; `None` when it cannot be read.
fn healthy(message: &[u8]) -> Option<bool> {
    let mut healthy = false;
    let mut fields = Fields::new("HealthResponse", message);
    while let Some(field) = fields.next_field().ok()? {
        if field.number == 1 {
            healthy = field.bool().ok()?;
        }
    }
    Some(healthy)
}

/// Whether a `grpc.health.v1.HealthCheckResponse` reports SERVING; `None` when it cannot be read, or does not know the
/// service.
fn serving(message: &[u8]) -> Option<bool> {
    const SERVING: i32 = 1;
    const SERVICE_UNKNOWN: i32 = 3;
    let mut status = 0;
    let mut fields = Fields::new("HealthCheckResponse", message);
    while let Some(field) = fields.next_field().ok()? {
        if field.number == 1 {
            status = field.int32().ok()?;
        }
    }
    (status != SERVICE_UNKNOWN).then_some(status == SERVING)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_exchange_brings_a_job_or_tells_why_not() {
        let note = |rest: &str| {
            exchange(&format!(
                r#"{{"rest": {{"method": "POST", "path": "/configure", {rest}}}}}"#
            ))
        };
        assert_eq!(
            note(r#""status": 200, "response": "{\"job_id\": \"1-1\"}""#),
            Some(Exchange::Job)
        );
        for (rest, said) in [
            (
                r#""status": 503, "response": "{\"error\": \"waiting for fiber\"}""#,
                "503: waiting for fiber",
            ),
            (
                r#""status": 200, "response": "{\"error\": \"no recording\"}""#,
                "200: no recording",
            ),
            (
                r#""status": 500, "response": "oops""#,
                "POST /configure was answered with 500",
            ),
            (r#""error": "connection refused""#, "had no answer: connection refused"),
        ] {
            let Some(Exchange::Refused(told)) = note(rest) else {
                panic!("{rest} is no refusal")
            };
            assert!(told.ends_with(said), "{told}");
        }
        for other in ["", "{}", "{\"rest\": 1}", "a remark", "null"] {
            assert_eq!(exchange(other), None, "{other}");
        }
    }

    #[test]
    fn health_is_read_from_the_wire() {
        for (message, is_healthy) in [
            (&b""[..], Some(false)),
            (b"\x08\x01", Some(true)),
            (b"\x12\x011", Some(false)),
            (b"\x08", None),
        ] {
            assert_eq!(healthy(message), is_healthy, "{message:?}");
        }
        for (message, is_serving) in [
            (&b""[..], Some(false)),
            (b"\x08\x01", Some(true)),
            (b"\x08\x02", Some(false)),
            (b"\x08\x03", None),
            (b"\xff", None),
        ] {
            assert_eq!(serving(message), is_serving, "{message:?}");
        }
    }
}
