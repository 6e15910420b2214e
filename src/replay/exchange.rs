//! The replay of one call: requests in the recorded order, answers compared as they come.

mod wire;

use std::{collections::BTreeMap, time::Duration};

use bytes::Bytes;
use http::HeaderMap;
use prost_reflect::{DescriptorPool, MessageDescriptor};
use tokio::time::{Instant, sleep_until, timeout};
use tonic::transport::Channel;

use self::wire::{Answer, Conversation};
use super::{
    CompareOptions,
    expected::{self, Call},
    fields::Fields,
    outcome::{CallComparison, FieldDifference},
};
use crate::{
    grpc::{self as grpc, MAX_INFLATED, NO_ENCODING, descriptors, status},
    model::event::{Direction, Ending, Event, EventKind, Gap, Message, Metadata, Party},
    model::text::counted,
    replay::{pace::Schedule, source::CaptureSource},
};

/// Number of additional answers after which the call is cancelled: a live stream never ends.
const MAX_EXTRA: u64 = 1000;

/// One call to replay.
pub(super) struct Exchange {
    call: Call,
    options: CompareOptions,
    answers: Option<MessageDescriptor>,
    conversation: Conversation,
    outcome: CallComparison,
    /// Values of the compared metadata, recorded and received.
    metadata: [BTreeMap<String, Vec<Vec<u8>>>; 2],
    recorded_encoding: String,
    /// True when the server has ended the call.
    over: bool,
}

impl Exchange {
    pub(super) fn new(call: Call, channel: Channel, pool: &DescriptorPool, options: CompareOptions) -> Self {
        let outcome = CallComparison {
            call: call.number,
            method: call.start.method.clone(),
            ..CallComparison::default()
        };
        Self {
            answers: answers(pool, &call.start.method),
            conversation: Conversation::new(
                channel,
                call.start.method.clone(),
                request_headers(&call.start.metadata, &options.headers),
                options.max_message_bytes,
            ),
            call,
            options,
            outcome,
            metadata: Default::default(),
            recorded_encoding: NO_ENCODING.to_owned(),
            over: false,
        }
    }

    pub(super) async fn run(mut self, source: CaptureSource) -> CallComparison {
        let mut events = expected::read(source, &self.call);
        let schedule = Schedule::new(self.options.rate, self.call.start_ns);
        let began = Instant::now();
        if let Err(problem) = self.conversation.open() {
            self.tell(None, "ending", "an answer".to_owned(), problem);
            return self.outcome.judged();
        }
        let mut ended = false;
        while let Some(event) = events.recv().await {
            match event {
                Ok(event) => {
                    ended |= matches!(event.kind, EventKind::End(_));
                    self.follow(event, &schedule, began).await;
                }
                Err(error) => {
                    let problem = "the rest was not compared".to_owned();
                    self.tell(None, "messages", error.to_string(), problem);
                    break;
                }
            }
        }
        if !ended {
            self.outcome.recorded_ending = None;
        }
        let [recorded, replayed] = std::mem::take(&mut self.metadata);
        for name in self.options.metadata.clone() {
            let (was, is) = (recorded.get(&name), replayed.get(&name));
            if was != is {
                self.tell(None, &format!("metadata {name}"), values(was), values(is));
            }
        }
        self.outcome.judged()
    }

    async fn follow(&mut self, event: Event, schedule: &Schedule, began: Instant) {
        match event.kind {
            EventKind::Message(message) if message.direction == Direction::Sent => {
                if let Some(due) = schedule.due(event.offset_ns) {
                    sleep_until(began + due).await;
                }
                let taken = !self.over && self.conversation.send(message, self.options.idle_timeout).await;
                if taken {
                    self.outcome.sent += 1;
                } else {
                    self.outcome.unsent += 1;
                }
            }
            EventKind::HalfClose => self.conversation.half_close(),
            EventKind::Headers(headers) => {
                let encoding = headers.metadata.get_text("grpc-encoding").unwrap_or(NO_ENCODING);
                encoding.clone_into(&mut self.recorded_encoding);
                self.note_recorded(&headers.metadata);
            }
            EventKind::Message(message) => self.expect(&message).await,
            EventKind::Gap(gap) if gap.direction == Direction::Received => self.skip(&gap).await,
            EventKind::End(ending) => self.end(&ending).await,
            _ => {}
        }
    }

    /// Handles the next answer; when the call is over, its ending is noted.
    async fn answer(&mut self) -> Option<Message> {
        if self.over {
            return None;
        }
        let limit = self.options.idle_timeout;
        let (ending, code, trailers) = match timeout(limit, self.conversation.next()).await {
            Ok(Answer::Message(message)) => return Some(message),
            Ok(Answer::Status(status)) => (told(status.code, &status.message), Some(status.code), status.trailers),
            Ok(Answer::Broken(text)) => (format!("broken: {text}"), None, Metadata::default()),
            Err(_) => (silent(limit), None, Metadata::default()),
        };
        self.over = true;
        self.note_replayed(&self.conversation.head());
        self.note_replayed(&trailers);
        (self.outcome.ending, self.outcome.status) = (Some(ending), code);
        None
    }

    async fn expect(&mut self, recorded: &Message) {
        let Some(answer) = self.answer().await else {
            self.outcome.missing += 1;
            return;
        };
        self.outcome.compared += 1;
        let was = content(&self.recorded_encoding, recorded);
        let is = content(&self.conversation.encoding(), &answer);
        let (was, is) = match (was, is) {
            (Ok(was), Ok(is)) => (was, is),
            (was, is) => {
                let tell = |side: Result<Bytes, String>| side.map_or_else(|error| error, |_| "readable".to_owned());
                self.outcome.differing += 1;
                self.tell(Some(self.outcome.compared), "content", tell(was), tell(is));
                return;
            }
        };
        if was != is {
            self.explain(&was, &is);
        }
    }

    /// Explains the difference of two messages: says where, and whether that counts.
    fn explain(&mut self, was: &Bytes, is: &Bytes) {
        let number = self.outcome.compared;
        let decode = |bytes: &Bytes| descriptors::decode(self.answers.clone()?, bytes).ok();
        let (mut differences, mut more) = (vec![bytes_differ(number, was, is)], 0);
        if let (Some(was), Some(is)) = (decode(was), decode(is)) {
            let options = self.options.clone();
            let fields = Fields::between(&was, &is, number, &options);
            self.outcome.used_ignores.extend(&fields.used);
            if fields.count == 0 && options.by_fields() {
                return;
            }
            if fields.count > 0 {
                more = fields.count - fields.found.len() as u64;
                differences = fields.found;
            }
        }
        self.outcome.differing += 1;
        self.outcome.more += more;
        for difference in differences {
            self.outcome.differs(difference);
        }
    }

    /// Skips messages that the recording lost, which cannot be compared.
    async fn skip(&mut self, gap: &Gap) {
        let lost = format!("{} lost here: {}", counted(gap.messages, "message"), gap.reason);
        self.tell(None, "messages", lost, "cannot be compared".to_owned());
        for _ in 0..gap.messages {
            if self.answer().await.is_none() {
                return;
            }
        }
    }

    async fn end(&mut self, ending: &Ending) {
        let recorded = match ending {
            Ending::Status(status) => {
                self.note_recorded(&status.trailers);
                told(status.code, &status.message)
            }
            Ending::Broken(broken) => format!("broken: {}", broken.error),
            Ending::Cancelled(cancelled) if cancelled.by == Party::Server => format!("broken: {}", cancelled.reason),
            // The client had enough: so have we, and what the server had still to say is not known.
            Ending::Cancelled(_) | Ending::Deadline(_) => {
                self.note_replayed(&self.conversation.head());
                return;
            }
        };
        while self.outcome.extra < MAX_EXTRA && self.answer().await.is_some() {
            self.outcome.extra += 1;
        }
        let replayed = self.outcome.ending.clone().unwrap_or_else(|| "it goes on".to_owned());
        let kind = |text: &str| text.starts_with("broken: ");
        if recorded != replayed && !(kind(&recorded) && kind(&replayed)) {
            self.tell(None, "ending", recorded.clone(), replayed);
        }
        self.outcome.recorded_ending = Some(recorded);
    }

    fn tell(&mut self, message: Option<u64>, path: &str, recorded: String, replayed: String) {
        self.outcome.differs(FieldDifference {
            message,
            path: path.to_owned(),
            recorded,
            replayed,
        });
    }

    fn note_recorded(&mut self, metadata: &Metadata) {
        note(&mut self.metadata[0], &self.options.metadata, metadata);
    }

    fn note_replayed(&mut self, metadata: &Metadata) {
        note(&mut self.metadata[1], &self.options.metadata, metadata);
    }
}

fn note(into: &mut BTreeMap<String, Vec<Vec<u8>>>, names: &[String], metadata: &Metadata) {
    for (name, value) in metadata
        .iter()
        .filter(|(name, _)| names.iter().any(|wanted| wanted == name))
    {
        into.entry(name.to_owned()).or_default().push(value.to_vec());
    }
}

fn values(values: Option<&Vec<Vec<u8>>>) -> String {
    let Some(values) = values else {
        return "absent".to_owned();
    };
    let text: Vec<_> = values.iter().map(|value| String::from_utf8_lossy(value)).collect();
    text.join(", ")
}

fn told(code: u32, message: &str) -> String {
    if message.is_empty() {
        status::name(code)
    } else {
        format!("{}: {message}", status::name(code))
    }
}

fn silent(limit: Duration) -> String {
    format!("nothing for {} s", limit.as_secs_f64())
}

fn content(encoding: &str, message: &Message) -> Result<Bytes, String> {
    if !message.compressed {
        return Ok(message.data.clone());
    }
    grpc::inflate(encoding, &message.data, MAX_INFLATED).map_err(|error| error.to_string())
}

fn bytes_differ(message: u64, was: &[u8], is: &[u8]) -> FieldDifference {
    let at = grpc::differ::first(was, is).unwrap_or_default();
    let (recorded, replayed) = grpc::differ::told(was, is).unwrap_or_default();
    let path = if at < was.len().min(is.len()) {
        format!("byte {at}")
    } else {
        "length".to_owned()
    };
    FieldDifference {
        message: Some(message),
        path,
        recorded,
        replayed,
    }
}

/// The message type of a method's answers.
fn answers(pool: &DescriptorPool, method: &str) -> Option<MessageDescriptor> {
    Some(grpc::standard::method(pool, method)?.output())
}

/// The headers of a request: what was recorded, and over it what the user gives. Secrets that were redacted are not
/// sent.
fn request_headers(recorded: &Metadata, user: &HeaderMap) -> HeaderMap {
    /// Headers that belong to the connection, to the recorded client or to this one.
    const OURS: [&str; 10] = [
        "content-type",
        "te",
        "user-agent",
        "grpc-accept-encoding",
        "grpc-timeout",
        "host",
        "connection",
        "content-length",
        "date",
        "accept-encoding",
    ];
    let kept = recorded.0.iter().filter(|(name, value)| {
        let redacted = value.starts_with(crate::transform::redact::REDACTED.as_bytes());
        !name.starts_with(':') && !OURS.contains(&name.as_str()) && !redacted
    });
    let mut headers = grpc::header_map(&Metadata(kept.cloned().collect()));
    for name in user.keys() {
        headers.remove(name);
    }
    for (name, value) in user {
        headers.append(name, value.clone());
    }
    headers
}
