//! Judgement of the content of messages of any service: the same rules as for spectrogram streams.

use std::collections::BTreeMap;

use crate::{
    analyze::validate::{
        finding_log::{FindingLog, Note, Text},
        rules::{drift::UNKNOWN_FIELDS, service::named, structure::MALFORMED_MESSAGE},
    },
    grpc::{
        InflateError,
        descriptors::{ForeignField, Misfit},
    },
    model::finding::Place,
};

/// The message that is judged.
#[derive(Debug, Clone, Copy)]
pub(crate) struct At<'a> {
    pub(crate) method: &'a str,
    pub(crate) place: Place,
    /// True for a message of the client.
    pub(crate) is_sent: bool,
}

impl At<'_> {
    /// The message in words.
    fn text(&self) -> String {
        let what = if self.is_sent {
            "the client's message"
        } else {
            "the server's message"
        };
        format!("{}: {what} at {}", self.method, self.place)
    }

    fn hint(&self) -> &'static str {
        if self.is_sent {
            "the client uses a newer schema than the capture holds: get its .proto files"
        } else {
            "the server uses a newer schema than the capture holds: get its .proto files"
        }
    }
}

pub(crate) fn not_inflated(log: &mut FindingLog, at: At<'_>, error: &InflateError) {
    log.note(Note::new(&MALFORMED_MESSAGE, at.place).kind(named(at.method)), || {
        Text::new(format!("{}: could not inflate it: {error}", at.text()))
    });
}

pub(crate) fn malformed(log: &mut FindingLog, at: At<'_>, misfit: &Misfit) {
    let place = at.place.at_byte(misfit.byte as u64);
    log.note(Note::new(&MALFORMED_MESSAGE, place).kind(named(at.method)), || {
        let (message, byte, what) = (&misfit.message, misfit.byte, &misfit.what);
        let text = Text::new(format!("{}: could not decode {message} at byte {byte}: {what}", at.text()));
        text.hint(
            "sender and capture have different schemas, or the bytes were damaged before they were recorded: verify the \
             capture to rule out damage to the file",
        )
    });
}

pub(crate) fn unknown_fields(log: &mut FindingLog, at: At<'_>, foreign: &BTreeMap<ForeignField, u64>) {
    for (field, count) in foreign {
        let note = Note::new(&UNKNOWN_FIELDS, at.place)
            .times(*count)
            .kind(named(&field.to_string()));
        log.note(note, || {
            let text = Text::new(format!(
                "{}: it has fields that the schema does not know, such as {field}",
                at.text()
            ));
            text.seen(field).hint(at.hint())
        });
    }
}
