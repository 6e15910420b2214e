//! Rules for the keys of a JSON document.

use super::{Action, ledger::Ledger};

/// A rule for a key, or for a nested key.
#[derive(Debug, Clone)]
pub(crate) struct KeyRule {
    /// The keys, outermost first.
    path: Vec<String>,
    pub(super) action: Action,
    pub(super) label: String,
}

impl KeyRule {
    pub(crate) fn new(path: &str, action: &Action) -> Self {
        Self {
            path: path.split('.').map(str::to_owned).collect(),
            action: action.clone(),
            label: format!("configure {path}={action}"),
        }
    }

    /// The rule for a nested key: the one that names the most of them.
    pub(crate) fn of<'a>(rules: &'a [Self], keys: &[String]) -> Option<&'a Self> {
        let fit = rules.iter().filter(|rule| rule.fits(keys));
        fit.max_by_key(|rule| rule.path.len())
    }

    /// Applies the rule to a text; `None` when it goes.
    pub(crate) fn apply(&self, text: &str, ledger: &mut Ledger) -> Option<String> {
        ledger.text(&self.label, &self.action, text)
    }

    fn fits(&self, keys: &[String]) -> bool {
        let tail = keys.len().checked_sub(self.path.len()).and_then(|at| keys.get(at..));
        tail.is_some_and(|tail| {
            tail.iter()
                .zip(&self.path)
                .all(|(key, wanted)| key.eq_ignore_ascii_case(wanted))
        })
    }
}
