//! Learns metadata values that grant access, and masks them in texts.

mod parts;

use std::{
    collections::VecDeque,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use super::{
    MetadataPolicy, SecretValues, header::OPEN, json, ledger::Ledger, metadata::hide_secrets, names::is_secret, rest,
    scrub::scrub, visit,
};
use crate::{
    file::{Attribute, Header},
    grpc::status::percent_encode,
    model::event::{Ending, EventKind, Metadata},
};
pub(super) use parts::parts;

/// Largest number of kept values; the latest ones are kept. A proxy whose clients each have their own token sees an
/// unlimited number.
const MAX_VALUES: usize = 1 << 14;

/// Largest total size of kept values in bytes.
const MAX_BYTES: usize = 8 << 20;

/// Knows the secrets seen so far, and masks them in texts: the value of `authorization` must not appear in a status
/// message either. Clones share what they know.
///
/// Learnt are the values of metadata whose names tell of a secret (`is_secret`), as a whole and in their parts (a
/// bearer token without its scheme, the password of Basic, a cookie's value), and of configure and REST exchanges what
/// exists under such names. Values of less than 6 bytes are not learnt: they stand in many a text by chance. The latest
/// 16,384 are kept.
///
/// ```
/// use grpc_capture::transform::Secrets;
/// let secrets = Secrets::default();
/// secrets.learn("authorization", b"Bearer abc-123-xyz");
/// assert_eq!(secrets.text("no such token: abc-123-xyz"), "no such token: [redacted]");
/// ```
#[derive(Clone, Default)]
pub struct Secrets {
    known: Arc<Mutex<KnownField>>,
}

#[derive(Default)]
struct KnownField {
    policy: MetadataPolicy,
    values: SecretValues,
    order: VecDeque<Vec<u8>>,
    bytes: usize,
}

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Secrets")
            .field("policy", &self.known().policy)
            .finish_non_exhaustive()
    }
}

impl KnownField {
    fn add(&mut self, value: &[u8]) {
        let before = self.values.len();
        self.values.add(value);
        if self.values.len() == before {
            return;
        }
        self.bytes += value.len();
        self.order.push_back(value.to_vec());
        while self.order.len() > MAX_VALUES || self.bytes > MAX_BYTES {
            let Some(oldest) = self.order.pop_front() else { return };
            self.bytes -= oldest.len();
            self.values.remove(&oldest);
        }
    }
}

impl Secrets {
    /// Stops learning and masking, here and in all clones: `MetadataPolicy::Keep`.
    pub fn keep(&self) {
        self.known().policy = MetadataPolicy::Keep;
    }

    fn known(&self) -> MutexGuard<'_, KnownField> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn keeps_all(&self) -> bool {
        self.known().policy == MetadataPolicy::Keep
    }

    /// Learns a metadata value, if its name is that of a secret.
    pub fn learn(&self, name: &str, value: &[u8]) {
        if self.keeps_all() || !is_secret(name) {
            return;
        }
        let mut known = self.known();
        parts(name, value, &mut |part| known.add(part));
    }

    fn learn_all(&self, metadata: &Metadata) {
        metadata.iter().for_each(|(name, value)| self.learn(name, value));
    }

    /// Masks known secrets in a text.
    #[must_use]
    pub fn text(&self, text: &str) -> String {
        self.masked(text).unwrap_or_else(|| text.to_owned())
    }

    fn masked(&self, text: &str) -> Option<String> {
        if self.keeps_all() {
            return None;
        }
        self.known().values.replace(text)
    }

    /// Masks known secrets, and what looks like one, in a line for people.
    #[must_use]
    pub fn line(&self, text: &str) -> String {
        if self.keeps_all() {
            return text.to_owned();
        }
        let scrubbed = scrub(text, &mut |_| {});
        self.text(scrubbed.as_deref().unwrap_or(text))
    }

    fn mask(&self, text: &mut String) {
        if let Some(masked) = self.masked(text) {
            *text = masked;
        }
    }

    /// Learns the secrets of an event, and masks these and all known ones in it. Payloads of messages stay as they are.
    pub fn event(&self, kind: &mut EventKind) {
        if self.keeps_all() {
            return;
        }
        match kind {
            EventKind::CallStart(start) => {
                self.learn_all(&start.metadata);
                self.mask(&mut start.authority);
                self.mask(&mut start.peer);
                self.metadata(&mut start.metadata);
            }
            EventKind::Headers(headers) => {
                self.learn_all(&headers.metadata);
                self.metadata(&mut headers.metadata);
            }
            EventKind::End(ending) => {
                self.ending(ending);
                return;
            }
            EventKind::Gap(gap) => self.mask(&mut gap.reason),
            EventKind::Note(note) => {
                self.mask(&mut note.author);
                self.mask(&mut note.text);
            }
            EventKind::Message(_) | EventKind::HalfClose => return,
        }
        MetadataPolicy::Redact.redact(kind);
    }

    /// Masks known secrets in an ending.
    pub fn ending(&self, ending: &mut Ending) {
        if self.keeps_all() {
            return;
        }
        match ending {
            Ending::Status(status) => {
                self.learn_all(&status.trailers);
                if let Some(message) = self.masked(&status.message) {
                    for (_, value) in status.trailers.0.iter_mut().filter(|(name, _)| name == "grpc-message") {
                        *value = percent_encode(&message).into_bytes();
                    }
                    status.message = message;
                }
                self.metadata(&mut status.trailers);
                hide_secrets(&mut status.trailers);
            }
            Ending::Cancelled(end) => self.mask(&mut end.reason),
            Ending::Broken(end) => {
                self.mask(&mut end.error);
                if let Some(announced) = &mut end.announced
                    && let Some(masked) = self.masked(&String::from_utf8_lossy(&announced.data))
                {
                    announced.data = masked.into();
                }
            }
            Ending::Deadline(_) => {}
        }
    }

    /// Masks known secrets in metadata, since other names can repeat a secret.
    fn metadata(&self, metadata: &mut Metadata) {
        let known = self.known();
        for (name, value) in metadata.0.iter_mut().filter(|(name, _)| !is_secret(name)) {
            if let Some(clean) = visit::clean(&known.values, name, value) {
                *value = clean;
            }
        }
    }

    /// Masks secrets in the header: those that are known, and in the configure exchange what exists under names that
    /// tell of one. The latter are learnt.
    #[must_use]
    pub fn header(&self, header: &Header) -> Header {
        let mut clean = header.clone();
        if self.keeps_all() {
            return clean;
        }
        for (name, value) in &mut clean.attributes {
            let Ok(text) = std::str::from_utf8(value) else { continue };
            let text = match name.as_str() {
                open if OPEN.contains(&open) => None,
                Attribute::CONFIGURE_REQUEST | Attribute::CONFIGURE_RESPONSE => {
                    self.with_ledger(|ledger| json::body(text, &[], ledger))
                }
                _ => self.masked(text),
            };
            if let Some(text) = text {
                *value = text.into_bytes();
            }
        }
        clean
    }

    /// Masks secrets in the note of a REST exchange, `{"rest": …}`: those that are known, what exists
    /// under names that tell of one in its bodies and its path, and what looks like one. They are learnt.
    #[must_use]
    pub fn exchange(&self, note: &str) -> String {
        if self.keeps_all() {
            return note.to_owned();
        }
        let clean = self.with_ledger(|ledger| rest::note(note, &[], None, ledger));
        clean.unwrap_or_else(|| note.to_owned())
    }

    fn with_ledger<T>(&self, work: impl FnOnce(&mut Ledger) -> T) -> T {
        let mut ledger = Ledger {
            values: self.known().values.clone(),
            ..Ledger::default()
        };
        let done = work(&mut ledger);
        let mut known = self.known();
        ledger.values.iter().for_each(|value| known.add(value));
        done
    }
}

#[cfg(test)]
mod tests;
