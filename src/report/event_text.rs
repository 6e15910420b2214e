//! Events as lines of text for people.

use crate::{
    grpc,
    model::{
        event::{Direction, Ending, Event, EventKind, Metadata, Party},
        text::{counted, printable},
    },
};

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
            let compressed = if message.compressed { ", compressed" } else { "" };
            let number = number.map_or_else(String::new, |number| format!(" {number}"));
            format!("{arrow} message{number} of {} bytes{compressed}", message.data.len())
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
