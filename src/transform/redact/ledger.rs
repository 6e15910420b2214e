//! The record of what was hidden so far.

use std::collections::{BTreeMap, BTreeSet};

use super::{Action, SecretValues, visit};

/// The record of what was hidden so far: how often, by which rule, and the values themselves, to be looked for.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    pub(crate) salt: String,
    pub(crate) counts: BTreeMap<String, u64>,
    /// Rules whose place was found, even when there was nothing to hide.
    pub(crate) seen: BTreeSet<String>,
    pub(crate) values: SecretValues,
}

impl Ledger {
    /// Applies an action to a text; `None` when it goes.
    pub(crate) fn text(&mut self, label: &str, action: &Action, text: &str) -> Option<String> {
        let hidden = action.text(text, &self.salt);
        self.seen(label);
        if hidden.as_deref() == Some(text) {
            return hidden;
        }
        self.count(label);
        match action {
            // Of an address only the host is hidden, and only that may not stand elsewhere.
            Action::Host => super::url::hosts(text).for_each(|host| self.values.add(host.as_bytes())),
            _ => self.values.add(text.as_bytes()),
        }
        hidden
    }

    /// Applies an action to bytes; `None` when they go.
    pub(crate) fn bytes(&mut self, label: &str, action: &Action, bytes: &[u8]) -> Option<Vec<u8>> {
        self.count(label);
        self.values.add(bytes);
        match action {
            Action::Drop => None,
            Action::Mask | Action::Host => Some(Vec::new()),
            Action::Hash | Action::Constant(_) => {
                let text = String::from_utf8_lossy(bytes);
                action.text(&text, &self.salt).map(String::into_bytes)
            }
        }
    }

    /// Applies an action to a number; `None` when it goes.
    pub(crate) fn number(&mut self, label: &str, action: &Action, value: u64) -> Option<u64> {
        self.count(label);
        action.number(value, &self.salt)
    }

    /// Notes that a rule has found its place.
    pub(crate) fn seen(&mut self, label: &str) {
        if !self.seen.contains(label) {
            self.seen.insert(label.to_owned());
        }
    }

    /// Notes a secret that was found and masked.
    pub(crate) fn hidden(&mut self, label: &str, secret: &str) {
        self.count(label);
        self.values.add(secret.as_bytes());
    }

    pub(crate) fn count(&mut self, label: &str) {
        self.seen(label);
        if let Some(count) = self.counts.get_mut(label) {
            *count += 1;
        } else {
            self.counts.insert(label.to_owned(), 1);
        }
    }

    /// Removes known hidden values from a free text; `None` when it holds none.
    pub(crate) fn known(&mut self, text: &str) -> Option<String> {
        let clean = self.values.replace(text)?;
        self.count("values in other texts=mask");
        Some(clean)
    }

    /// Removes known hidden values from a value under a name, which may not be text.
    pub(crate) fn known_in(&mut self, name: &str, value: &[u8]) -> Option<Vec<u8>> {
        let clean = visit::clean(&self.values, name, value)?;
        self.count("values in other texts=mask");
        Some(clean)
    }
}
