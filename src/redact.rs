//! Redaction: rules that turn an event into an event without its secrets.
//!
//! A rule is applied before an event is first written, so that a secret never reaches a disk. Today there is one, for
//! metadata; [`Rule`] is where others (fields of messages) join.

pub mod metadata;
pub mod url;

pub use metadata::{MetadataPolicy, REDACTED};
pub use url::strip_userinfo;

use crate::event::Event;

/// Something that takes secrets out of an event. Applying a rule twice is the same as applying it once.
pub trait Rule: Send {
    /// The event without what the rule hides.
    fn apply(&self, event: Event) -> Event;
}

impl Rule for MetadataPolicy {
    fn apply(&self, mut event: Event) -> Event {
        self.redact(&mut event.kind);
        event
    }
}
