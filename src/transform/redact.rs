//! Redaction: rules that turn an event into an event without its secrets.
//!
//! A [`Redactor`] applies [`Rules`] event by event: metadata and addresses, fields of messages (guided by the capture's
//! descriptor set, on the wire bytes, so that everything else stays as it is), the configure exchange, status messages
//! and notes. It works before the first write ([`RedactionRule`] is what a recorder takes) and on a capture that exists
//! ([`rewrite()`]), which then ends with a search of the new file for every value that was taken out.

pub(crate) mod action;
mod encodings;
mod fields;
mod form;
mod header;
mod json;
mod key_rule;
mod ledger;
pub(crate) mod metadata;
mod names;
mod redactor;
mod rest;
mod rewrite;
mod rules;
mod scan;
mod scrub;
mod secrets;
pub(crate) mod url;
mod values;
mod visit;

pub use action::Action;
pub(crate) use fields::FieldError;
pub use metadata::MetadataPolicy;
pub(crate) use metadata::REDACTED;
pub use redactor::Redactor;
pub use rewrite::{RedactError, Redacted, rewrite};
pub(crate) use rewrite::{preview, rewrite_by};
pub use rules::{Rules, RulesError};
pub(crate) use scan::{SecretScan, scan};
pub use secrets::Secrets;
pub(crate) use url::strip_userinfo;
pub use values::SecretValues;

use crate::model::event::Event;

/// The author of the notes that a redaction adds.
pub(crate) const AUTHOR: &str = "redact";

/// A rule that removes secrets from events, in their order.
pub trait RedactionRule: Send {
    /// Returns the event without what the rule hides.
    fn apply(&mut self, event: Event) -> Event;
}

impl RedactionRule for MetadataPolicy {
    fn apply(&mut self, mut event: Event) -> Event {
        self.redact(&mut event.kind);
        event
    }
}

#[cfg(test)]
mod tests;
