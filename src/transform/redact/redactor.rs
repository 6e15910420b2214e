//! The redactor: events in, events without secrets out.

use std::collections::{BTreeMap, HashMap};

use super::{
    Action, FieldError, REDACTED, RedactionRule, Rules, SecretValues,
    fields::{FieldRules, Opaque},
    key_rule::KeyRule,
    ledger::Ledger,
    metadata::is_secret,
    rest,
    secrets::parts,
    visit,
};
use crate::{
    file::{Attribute, Header},
    grpc::{self, status::percent_encode},
    model::event::{CallStart, Direction, Ending, Event, EventKind, Gap, Message, Metadata, Status},
};

/// Removes secrets from the header and the events of one capture, in their order.
#[derive(Debug)]
pub struct Redactor {
    rules: Rules,
    keys: Vec<KeyRule>,
    fields: Option<FieldRules>,
    calls: HashMap<u32, Call>,
    pub(super) ledger: Ledger,
    withheld: BTreeMap<Opaque, u64>,
}

/// State of a call for the redaction of its messages.
#[derive(Debug, Default)]
struct Call {
    /// The message types of the call in the field rules.
    sent: Option<usize>,
    received: Option<usize>,
    request_encoding: Option<String>,
    response_encoding: Option<String>,
}

/// True for a single word: the source of a recording is an address with a port; a single word is not a site's address,
/// and would be searched in every message.
fn is_word(source: &str) -> bool {
    source.chars().all(|c| c.is_ascii_alphabetic())
}

impl Redactor {
    /// A redactor for a capture with this header, whose descriptor set resolves the fields.
    ///
    /// # Errors
    /// When a rule names a field that the descriptor set does not hold, or asks for what cannot be done to it.
    pub fn new(rules: &Rules, header: &Header) -> Result<Self, FieldError> {
        let asked = rules.attributes.contains_key(Attribute::SOURCE);
        let mut rules = rules.clone().defaults();
        if !asked && header.text(Attribute::SOURCE).is_some_and(is_word) {
            rules.attributes.remove(Attribute::SOURCE);
        }
        let fields = match (rules.fields.first_key_value(), header.get(Attribute::DESCRIPTOR_SET)) {
            (None, _) => None,
            (Some((field, _)), None) => return Err(FieldError::NoDescriptors(field.clone())),
            (Some(_), Some(descriptor_set)) => Some(FieldRules::new(descriptor_set, &rules.fields)?),
        };
        let mut ledger = Ledger {
            salt: rules.salt.clone(),
            ..Ledger::default()
        };
        for value in &rules.values {
            ledger.values.add(value.as_bytes());
        }
        Ok(Self {
            keys: rules
                .configure
                .iter()
                .map(|(path, action)| KeyRule::new(path, action))
                .collect(),
            rules,
            fields,
            calls: HashMap::new(),
            ledger,
            withheld: BTreeMap::new(),
        })
    }

    /// Searches free texts for these values, too.
    #[must_use]
    pub fn knowing(mut self, values: SecretValues) -> Self {
        self.ledger.values = values;
        self
    }

    /// The header without what the rules hide.
    #[must_use]
    pub fn header(&mut self, header: &Header) -> Header {
        super::header::redact(header, &self.rules, &self.keys, &mut self.ledger)
    }

    /// Number of applications of each rule.
    #[must_use]
    pub const fn counts(&self) -> &BTreeMap<String, u64> {
        &self.ledger.counts
    }

    /// The values that were removed so far.
    #[must_use]
    pub const fn values(&self) -> &SecretValues {
        &self.ledger.values
    }

    /// Messages that could not be decoded and so were left out: a gap is in the place of each.
    #[must_use]
    pub fn withheld(&self) -> u64 {
        self.withheld.values().sum()
    }

    /// The reasons for leaving messages out, each with the number of messages.
    pub fn withheld_for(&self) -> impl Iterator<Item = (String, u64)> {
        self.withheld.iter().map(|(why, count)| (why.to_string(), *count))
    }

    /// The caller's rules that found nothing, in the notation of the command line.
    #[must_use]
    pub fn unmatched(&self, given: &Rules) -> Vec<String> {
        given.unmatched(&self.ledger.seen)
    }

    /// Returns the event without what the rules hide.
    #[must_use]
    pub fn event(&mut self, event: Event) -> Event {
        let Event { call, kind, .. } = event;
        let kind = match kind {
            EventKind::CallStart(start) => EventKind::CallStart(self.start(call, start)),
            EventKind::Headers(mut headers) => {
                if let Some(context) = self.calls.get_mut(&call) {
                    context.response_encoding = encoding(&headers.metadata);
                }
                self.metadata(&mut headers.metadata);
                EventKind::Headers(headers)
            }
            EventKind::Message(message) => self.message(call, message),
            EventKind::End(ending) => {
                self.calls.remove(&call);
                EventKind::End(self.ending(ending))
            }
            EventKind::Note(mut note) => {
                note.author = self.ledger.known(&note.author).unwrap_or(note.author);
                note.text = self.note(note.text);
                EventKind::Note(note)
            }
            EventKind::Gap(mut gap) => {
                gap.reason = free(&mut self.ledger, "gaps", self.rules.status.as_ref(), gap.reason);
                EventKind::Gap(gap)
            }
            EventKind::HalfClose => EventKind::HalfClose,
        };
        Event { kind, ..event }
    }

    fn note(&mut self, text: String) -> String {
        let action = self.rules.notes.as_ref();
        if action.is_none()
            && let Some(clean) = rest::note(&text, &self.keys, self.rules.addresses.as_ref(), &mut self.ledger)
        {
            return clean;
        }
        free(&mut self.ledger, "notes", action, text)
    }

    fn start(&mut self, call: u32, mut start: CallStart) -> CallStart {
        let described = |direction| {
            self.fields
                .as_ref()
                .and_then(|fields| fields.message(&start.method, direction))
        };
        let context = Call {
            sent: described(Direction::Sent),
            received: described(Direction::Received),
            request_encoding: encoding(&start.metadata),
            response_encoding: None,
        };
        self.calls.insert(call, context);
        if let Some(action) = &self.rules.addresses {
            for (label, address) in [("authority", &mut start.authority), ("peer", &mut start.peer)] {
                if !address.is_empty() {
                    let label = format!("{label}={action}");
                    *address = self.ledger.text(&label, action, address).unwrap_or_default();
                }
            }
        }
        self.metadata(&mut start.metadata);
        for (name, value) in &mut start.attributes {
            if let Some(clean) = self.ledger.known_in(name, value) {
                *value = clean;
            }
        }
        start
    }

    fn metadata(&mut self, metadata: &mut Metadata) {
        let entries = std::mem::take(&mut metadata.0);
        metadata.0 = entries
            .into_iter()
            .filter_map(|(name, value)| self.entry(name, value))
            .collect();
    }

    fn entry(&mut self, name: String, value: Vec<u8>) -> Option<(String, Vec<u8>)> {
        let ruled = self
            .rules
            .metadata
            .iter()
            .find(|(wanted, _)| wanted.eq_ignore_ascii_case(&name));
        let action = match ruled {
            Some((_, action)) => action.clone(),
            None if is_secret(&name) => Action::Mask,
            None => {
                let clean = self.foreign(&name, &value);
                return Some((name, clean.unwrap_or(value)));
            }
        };
        let label = format!("metadata {name}={action}");
        let text = String::from_utf8_lossy(&value).into_owned();
        let inner = visit::binary(&name, &value).unwrap_or_default();
        let masked = action == Action::Mask && (text == REDACTED || inner == REDACTED.as_bytes());
        if masked {
            // It was hidden when it was recorded.
            self.ledger.seen(&label);
            return Some((name, value));
        }
        if is_secret(&name) {
            parts(&name, &value, &mut |part| self.ledger.values.add(part));
        }
        self.ledger.values.add(&inner);
        let hidden = self.ledger.text(&label, &action, &text)?;
        let value = if name.ends_with("-bin") {
            action.base64(&inner, &self.rules.salt)?
        } else {
            hidden.into_bytes()
        };
        Some((name, value))
    }

    /// Removes known hidden values from a metadata value; `None` when it holds none.
    fn foreign(&mut self, name: &str, value: &[u8]) -> Option<Vec<u8>> {
        let clean = visit::clean(&self.ledger.values, name, value)?;
        self.ledger.count("values in other texts=mask");
        Some(clean)
    }

    fn ending(&mut self, ending: Ending) -> Ending {
        let action = self.rules.status.clone();
        match ending {
            Ending::Status(status) => Ending::Status(self.status(status, action.as_ref())),
            Ending::Cancelled(mut end) => {
                end.reason = free(&mut self.ledger, "status", action.as_ref(), end.reason);
                Ending::Cancelled(end)
            }
            Ending::Broken(mut end) => {
                end.error = free(&mut self.ledger, "status", action.as_ref(), end.error);
                if let Some(announced) = &mut end.announced {
                    let data = String::from_utf8_lossy(&announced.data).into_owned();
                    let hidden = free(&mut self.ledger, "status", action.as_ref(), data.clone());
                    if hidden != data {
                        announced.data = hidden.into();
                    }
                }
                Ending::Broken(end)
            }
            Ending::Deadline(deadline) => Ending::Deadline(deadline),
        }
    }

    fn status(&mut self, mut status: Status, action: Option<&Action>) -> Status {
        let message = free(&mut self.ledger, "status", action, status.message.clone());
        if message != status.message {
            for (name, value) in &mut status.trailers.0 {
                if name == "grpc-message" {
                    *value = percent_encode(&message).into_bytes();
                }
            }
            status.message = message;
        }
        if action.is_some() {
            // The details repeat the message, and more.
            status.trailers.0.retain(|(name, _)| name != "grpc-status-details-bin");
        }
        // The bytes of the answer repeat the status, and may be compressed: no rule finds what they hide.
        status.trailers.0.retain(|(name, _)| name != grpc::protocol::BODY);
        self.metadata(&mut status.trailers);
        status
    }

    fn message(&mut self, call: u32, message: Message) -> EventKind {
        let Some(fields) = &self.fields else {
            return EventKind::Message(message);
        };
        match look_into(fields, self.calls.get(&call), &message, &mut self.ledger) {
            Ok(None) => EventKind::Message(message),
            Ok(Some(data)) => EventKind::Message(Message {
                data: data.into(),
                ..message
            }),
            Err(why) => {
                *self.withheld.entry(why).or_default() += 1;
                EventKind::Gap(Gap {
                    direction: message.direction,
                    messages: 1,
                    reason: format!("left out by redact: {why}"),
                })
            }
        }
    }
}

/// Redacts a payload; `None` when it stays as it is.
fn look_into(
    fields: &FieldRules,
    call: Option<&Call>,
    message: &Message,
    ledger: &mut Ledger,
) -> Result<Option<Vec<u8>>, Opaque> {
    if message.data.is_empty() {
        return Ok(None);
    }
    let call = call.ok_or(Opaque::NoStart)?;
    let (kind, encoding) = match message.direction {
        Direction::Sent => (call.sent, &call.request_encoding),
        Direction::Received => (call.received, &call.response_encoding),
    };
    let kind = kind.ok_or(Opaque::NoMethod)?;
    if !message.compressed {
        return fields.redact(kind, &message.data, ledger);
    }
    let encoding = encoding.as_deref().unwrap_or(grpc::NO_ENCODING);
    let inflated = grpc::inflate(encoding, &message.data, grpc::MAX_INFLATED).map_err(|_| Opaque::Compressed)?;
    let clean = fields.redact(kind, &inflated, ledger)?;
    let packed = clean.map(|clean| grpc::deflate(encoding, &clean).map_err(|_| Opaque::Compressed));
    packed.transpose()
}

impl RedactionRule for Redactor {
    fn apply(&mut self, event: Event) -> Event {
        self.event(event)
    }
}

/// Redacts a free text: hidden as a whole, or without the values that are hidden elsewhere.
fn free(ledger: &mut Ledger, what: &str, action: Option<&Action>, text: String) -> String {
    match action {
        Some(action) if !text.is_empty() => {
            let label = format!("{what}={action}");
            ledger.text(&label, action, &text).unwrap_or_default()
        }
        _ => ledger.known(&text).unwrap_or(text),
    }
}

fn encoding(metadata: &Metadata) -> Option<String> {
    crate::grpc::protocol::message_encoding(metadata).map(str::to_owned)
}
