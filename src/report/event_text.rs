//! Events as text for people: one line each, or messages with all their fields.

use std::collections::BTreeSet;

use super::{call_context::CallContexts, message, schema::Schema, status_details};
use crate::{
    grpc,
    model::{
        event::{Direction, Ending, Event, EventKind, Message, Metadata, Party},
        text::{counted, grouped, printable},
    },
};

/// Columns that the content of a message gets on a line however long the rest is.
const LEAST_COLUMNS: usize = 12;
/// Largest number of methods of which it is kept that the schema lacks them.
const MAX_UNKNOWN: usize = 100;
/// Levels of two blanks before the fields of a message in full.
const INDENT: usize = 3;

/// How much of a message is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Extent {
    /// What fits one line of so many columns. Metadata are shown as a whole.
    Columns(usize),
    /// What fits one line of a terminal with so many columns, of metadata too.
    Terminal(usize),
    /// All of it.
    Full,
}

/// Turns the events of a capture into text, in their order. Messages are decoded by a schema.
#[derive(Debug)]
pub(crate) struct EventText {
    schema: Schema,
    extent: Extent,
    calls: CallContexts,
    unknown: BTreeSet<String>,
}

impl EventText {
    pub(crate) fn new(schema: Schema, extent: Extent) -> Self {
        Self {
            schema,
            extent,
            calls: CallContexts::default(),
            unknown: BTreeSet::new(),
        }
    }

    /// Decodes subsequent messages by another schema.
    pub(crate) fn set_schema(&mut self, schema: Schema) {
        self.schema = schema;
    }

    /// The methods of shown messages that the schema does not have.
    pub(crate) const fn unknown_methods(&self) -> &BTreeSet<String> {
        &self.unknown
    }

    /// Notes an event that is not shown.
    pub(crate) fn pass(&mut self, event: &Event) {
        self.calls.note(event);
        self.calls.forget(event);
    }

    /// Formats one event, without the last line end. What is not shown must be [passed over](Self::pass).
    pub(crate) fn text(&mut self, event: &Event) -> String {
        let number = self.calls.note(event);
        let mut text = line(event, number);
        match (&event.kind, self.extent) {
            (EventKind::CallStart(start), Extent::Terminal(columns)) => cut_pairs(&mut text, &start.metadata, columns),
            (EventKind::Headers(headers), Extent::Terminal(columns)) => {
                cut_pairs(&mut text, &headers.metadata, columns);
            }
            _ => {}
        }
        match &event.kind {
            EventKind::Message(message) => self.message(&mut text, event, message),
            EventKind::End(Ending::Status(status)) => {
                let details = status_details::decode(&status.trailers).map(|details| status_details::alone(&details));
                if let Some(details) = details.filter(|details| !details.is_empty()) {
                    self.add(&mut text, status_details::descriptor(), &details);
                }
            }
            _ => {}
        }
        self.calls.forget(event);
        text
    }

    fn message(&mut self, text: &mut String, event: &Event, message: &Message) {
        let context = self.calls.of(event);
        let method = context.map(|context| context.method.as_str());
        let descriptor = method.and_then(|method| self.schema.descriptor(method, message.direction));
        if let (None, Some(method)) = (&descriptor, method)
            && !message.data.is_empty()
            && self.unknown.len() < MAX_UNKNOWN
            && !self.unknown.contains(method)
        {
            self.unknown.insert(method.to_owned());
        }
        match self
            .calls
            .of(event)
            .map_or(Ok(message.data[..].into()), |call| call.inflated(message))
        {
            Ok(plain) => {
                if message.compressed {
                    let encoding = self.calls.of(event).map_or("", |call| call.encoding(message.direction));
                    let inflated = grouped(plain.len() as u64);
                    text.push_str(&format!(" {} of {inflated} B", printable(encoding)));
                }
                self.add(text, descriptor, &plain);
            }
            Err(error) => text.push_str(&format!(", compressed: {error}")),
        }
    }

    /// Adds the fields of a message to the line of its event.
    fn add(&self, text: &mut String, descriptor: Option<prost_reflect::MessageDescriptor>, bytes: &[u8]) {
        let pool = self.schema.pool();
        match self.extent {
            Extent::Columns(columns) | Extent::Terminal(columns) => {
                let left = columns.saturating_sub(text.chars().count() + 2).max(LEAST_COLUMNS);
                let fields = message::on_one_line(pool, descriptor, bytes, left);
                if !fields.is_empty() {
                    text.push_str(": ");
                    text.push_str(&fields);
                }
            }
            Extent::Full => {
                let name = descriptor.as_ref().map(|found| found.full_name().to_owned());
                let fields = message::in_full(pool, descriptor, bytes, INDENT);
                if let Some(name) = name {
                    text.push_str(&format!(", {name}"));
                }
                if !fields.is_empty() {
                    text.push('\n');
                    text.push_str(&fields);
                }
            }
        }
    }
}

/// Formats one event as one line: offset in seconds, call and place within it, and what happened.
///
/// `number` is that of a message in its call and direction ([`MessageNumbers`](crate::model::event::MessageNumbers)).
#[must_use]
pub(crate) fn line(event: &Event, number: Option<u64>) -> String {
    let micros = event.offset_ns / 1000;
    let place = format!("{}.{}", event.call, event.seq);
    let (seconds, micros) = (micros / 1_000_000, micros % 1_000_000);
    format!("{seconds:>5}.{micros:06} s  {place:<6}  {}", kind(&event.kind, number))
}

fn kind(kind: &EventKind, number: Option<u64>) -> String {
    match kind {
        EventKind::CallStart(start) => {
            format!(
                "call {} on {}{}",
                printable(&start.method),
                printable(&start.authority),
                pairs(&start.metadata)
            )
        }
        EventKind::Headers(headers) => format!("headers{}", pairs(&headers.metadata)),
        EventKind::Message(message) => {
            let arrow = match message.direction {
                Direction::Sent => "->",
                Direction::Received => "<-",
            };
            let number = number.map_or_else(String::new, |number| format!(" {number}"));
            format!("{arrow} message{number}, {} B", grouped(message.data.len() as u64))
        }
        EventKind::HalfClose => "half close".to_owned(),
        EventKind::End(end) => format!("end: {}", ending(end)),
        EventKind::Gap(gap) => format!(
            "GAP: {} lost: {}",
            counted(gap.messages, "message"),
            printable(&gap.reason)
        ),
        EventKind::Note(note) => format!("note by {}: {}", printable(&note.author), printable(&note.text)),
    }
}

/// Describes the ending of a call in one phrase.
#[must_use]
pub(crate) fn ending(ending: &Ending) -> String {
    match ending {
        Ending::Status(status) if status.message.is_empty() => grpc::status::name(status.code),
        Ending::Status(status) => format!("{}: {}", grpc::status::name(status.code), printable(&status.message)),
        Ending::Cancelled(cancelled) => {
            let by = match cancelled.by {
                Party::Us => "us",
                Party::Client => "the client",
                Party::Server => "the server",
            };
            format!("cancelled by {by}: {}", printable(&cancelled.reason))
        }
        Ending::Broken(broken) if broken.goaway => {
            format!("connection closed by the server (GOAWAY): {}", printable(&broken.error))
        }
        Ending::Broken(broken) => format!("broken: {}", printable(&broken.error)),
        Ending::Deadline(deadline) => {
            let limit = match deadline.limit {
                crate::model::event::Limit::Connect => "connect",
                crate::model::event::Limit::FirstFrame => "first-frame",
                crate::model::event::Limit::Idle => "idle",
                crate::model::event::Limit::Call => "call",
            };
            format!("the {limit} limit of {} ms ran out", deadline.after_ns / 1_000_000)
        }
    }
}

/// Cuts a line within the metadata at its end.
fn cut_pairs(text: &mut String, metadata: &Metadata, columns: usize) {
    let rest = text.len() - pairs(metadata).len();
    let columns = columns.saturating_sub(text[..rest].chars().count());
    let pairs = text.split_off(rest);
    text.push_str(&message::cut(&pairs, columns));
}

fn pairs(metadata: &Metadata) -> String {
    if metadata.is_empty() {
        return String::new();
    }
    let pairs = metadata
        .iter()
        .map(|(name, value)| format!("{}={}", printable(name), value.escape_ascii()));
    format!(" [{}]", pairs.collect::<Vec<_>>().join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::event::{CallStart, Note};

    #[test]
    fn a_line_shows_time_place_and_metadata() {
        let mut metadata = Metadata::default();
        metadata.push("user-agent", "grpc-python/1.85");
        let start = CallStart {
            method: "/a.B/C".to_owned(),
            authority: "h:1".to_owned(),
            metadata,
            ..CallStart::default()
        };
        let kind = EventKind::CallStart(start);
        let event = Event {
            call: 2,
            seq: 1,
            offset_ns: 12_000_345_678,
            kind,
        };
        assert_eq!(
            line(&event, None),
            "   12.000345 s  2.1     call /a.B/C on h:1 [user-agent=grpc-python/1.85]"
        );
    }

    #[test]
    fn control_characters_from_the_wire_do_not_reach_the_terminal() {
        let kind = EventKind::Note(Note {
            author: "x".to_owned(),
            text: "a\u{1b}[2Jb".to_owned(),
        });
        let event = Event {
            call: 0,
            seq: 1,
            offset_ns: 0,
            kind,
        };
        assert!(!line(&event, None).contains('\u{1b}'));
    }
}

#[cfg(test)]
mod examples {
    #[test]
    fn example_of_line() {
        use crate::{
            model::{Event, EventKind},
            report::event_text,
        };
        let event = Event {
            call: 1,
            seq: 3,
            offset_ns: 1_500_000,
            kind: EventKind::HalfClose,
        };
        assert_eq!(event_text::line(&event, None), "    0.001500 s  1.3     half close");
    }
}
