//! Redaction rules: what is hidden, and how.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::Action;

/// The redaction rules of a capture. The default hides what identifies a site and what grants access; see
/// [`Rules::defaults`].
///
/// ```
/// use grpc_capture::transform::{Action, Rules};
/// let rules = Rules::parse("[fields]\n'datastream.SpectrogramRow.canvasId' = 'hash'")?;
/// assert_eq!(rules.fields["datastream.SpectrogramRow.canvasId"], Action::Hash);
/// assert!(rules.defaults, "the defaults stay unless they are switched off");
/// # Ok::<(), grpc_capture::transform::RulesError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Rules {
    /// Whether the default rules apply, too: true.
    pub defaults: bool,
    /// Actions for message fields by full name, `package.Message.field`, at any depth.
    pub fields: BTreeMap<String, Action>,
    /// Actions for metadata by name, in requests, headers and trailers.
    pub metadata: BTreeMap<String, Action>,
    /// Actions for keys of the configure request and response, at any depth: `site`, or `location.site` for a key
    /// within another.
    pub configure: BTreeMap<String, Action>,
    /// Actions for header attributes by name; `tag.*` are all tags.
    pub attributes: BTreeMap<String, Action>,
    /// Action for addresses of calls: authority and peer.
    pub addresses: Option<Action>,
    /// Action for status messages and the reasons of other endings.
    pub status: Option<Action>,
    /// Action for notes.
    pub notes: Option<Action>,
    /// Texts that are hidden in all text, and searched for in the result.
    pub values: Vec<String>,
    /// The salt that is hashed before each value, so that values cannot be guessed.
    pub salt: String,
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            defaults: true,
            fields: BTreeMap::new(),
            metadata: BTreeMap::new(),
            configure: BTreeMap::new(),
            attributes: BTreeMap::new(),
            addresses: None,
            status: None,
            notes: None,
            values: Vec::new(),
            salt: String::new(),
        }
    }
}

/// Keys of a configure exchange that identify a site, its people or an address.
const SITE_KEYS: [(&str, Action); 18] = [
    ("metadata", Action::Mask),
    ("stream_url", Action::Host),
    ("url", Action::Host),
    ("host", Action::Mask),
    ("hostname", Action::Mask),
    ("ip", Action::Mask),
    ("ip_address", Action::Mask),
    ("address", Action::Mask),
    ("site", Action::Mask),
    ("site_name", Action::Mask),
    ("customer", Action::Mask),
    ("location", Action::Mask),
    ("latitude", Action::Mask),
    ("longitude", Action::Mask),
    ("user", Action::Mask),
    ("username", Action::Mask),
    ("serial_number", Action::Mask),
    ("fiber_description", Action::Mask),
];

/// The error for invalid rules.
#[derive(Debug, thiserror::Error)]
#[error("the redaction rules cannot be read: {0}")]
pub struct RulesError(String);

impl Rules {
    /// Parses rules in TOML; a key that is not known is an error.
    pub fn parse(text: &str) -> Result<Self, RulesError> {
        toml::from_str(text).map_err(|error| RulesError(crate::model::text::toml_problem(&error, text)))
    }

    /// Adds the default rules below these, if they are wanted: the source attribute and what names a site in the
    /// configure exchange are masked, hosts go out of addresses. Metadata that grants access is masked in any case
    /// where its name tells (`super::metadata::is_secret`).
    #[must_use]
    pub fn defaults(mut self) -> Self {
        if self.defaults {
            for (key, action) in SITE_KEYS {
                self.configure.entry(key.to_owned()).or_insert(action);
            }
            self.attributes.entry("source".to_owned()).or_insert(Action::Mask);
            self.addresses.get_or_insert(Action::Host);
        }
        self
    }

    /// Merges two sets of rules; those of `over` win: a file's, and flags over it.
    #[must_use]
    pub fn merge(mut self, over: Self) -> Self {
        self.defaults &= over.defaults;
        self.fields.extend(over.fields);
        self.metadata.extend(over.metadata);
        self.configure.extend(over.configure);
        self.attributes.extend(over.attributes);
        self.addresses = over.addresses.or(self.addresses);
        self.status = over.status.or(self.status);
        self.notes = over.notes.or(self.notes);
        self.values.extend(over.values);
        if !over.salt.is_empty() {
            self.salt = over.salt;
        }
        self
    }

    /// The rules without a label in `seen`, in the notation of the command line. Values are counted and not named.
    pub(super) fn unmatched(&self, seen: &BTreeSet<String>) -> Vec<String> {
        let mut unmatched = Vec::new();
        let mut check = |what: &str, name: &str, action: &Action| {
            let label = format!("{what} {name}={action}");
            let wild = name.strip_suffix('*').map(|start| format!("{what} {start}"));
            let found = seen.iter().any(|seen| match &wild {
                Some(start) => seen.starts_with(start) && seen.ends_with(&format!("={action}")),
                None => seen.eq_ignore_ascii_case(&label),
            });
            if !found {
                unmatched.push(label);
            }
        };
        for (what, rules) in [
            ("field", &self.fields),
            ("metadata", &self.metadata),
            ("configure", &self.configure),
            ("attribute", &self.attributes),
        ] {
            for (name, action) in rules {
                check(what, name, action);
            }
        }
        for (what, labels, action) in [
            ("addresses", &["authority", "peer"][..], &self.addresses),
            ("status", &["status", "gaps"], &self.status),
            ("notes", &["notes"], &self.notes),
        ] {
            let Some(action) = action else { continue };
            if !labels.iter().any(|label| seen.contains(&format!("{label}={action}"))) {
                unmatched.push(format!("{what}={action}"));
            }
        }
        unmatched
    }
}
