//! The result of a comparison. Plain data.

use serde::Serialize;

use super::CompareOptions;
use crate::file::CaptureState;

/// Number of differences shown for one call; the rest is counted.
pub(super) const MAX_DIFFERENCES: usize = 20;

/// Result of all calls.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Comparison {
    /// True when something was compared and everything agrees.
    pub matched: bool,
    /// Messages that were compared.
    pub compared: u64,
    /// Each call, by its number.
    pub calls: Vec<CallComparison>,
    /// Whether the capture is finished.
    #[serde(flatten)]
    pub source: CaptureState,
    /// Ignore rules that excused no difference: misspelt, or no longer of use.
    pub unused_ignores: Vec<String>,
}

/// Result of one call.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct CallComparison {
    /// Number of the call in the capture.
    pub call: u32,
    /// Full method path.
    pub method: String,
    /// True when the call went as recorded.
    pub matched: bool,
    /// Requests that were sent.
    pub sent: u64,
    /// Recorded requests that could not be sent.
    pub unsent: u64,
    /// Answers that were compared with a recorded one.
    pub compared: u64,
    /// Number of compared answers that differ.
    pub differing: u64,
    /// Recorded answers that did not arrive.
    pub missing: u64,
    /// Answers beyond the recorded ones.
    pub extra: u64,
    /// Recorded ending; `null` when it has no ending of the server's.
    pub recorded_ending: Option<String>,
    /// Ending of the replayed call; `null` when that was not waited for.
    pub ending: Option<String>,
    /// gRPC status of the replayed call.
    pub status: Option<u32>,
    /// The differences, the first of each kind first.
    pub differences: Vec<FieldDifference>,
    /// Number of further differences.
    pub more: u64,
    #[serde(skip)]
    pub(super) used_ignores: Vec<usize>,
}

/// One difference.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FieldDifference {
    /// Number of the received message, counted from 1; `null` when it is not about one.
    pub message: Option<u64>,
    /// Path of the field: a field (`rows[0].sensors[2].id`), `byte 17`, `length`, `ending`, `metadata NAME`,
    /// `messages`, `requests`.
    pub path: String,
    /// The recorded value.
    pub recorded: String,
    /// The received value.
    pub replayed: String,
}

impl Comparison {
    pub(super) fn of(calls: Vec<CallComparison>, source: CaptureState, options: &CompareOptions) -> Self {
        let compared = calls.iter().map(|call| call.compared).sum();
        let rules = options.ignore.iter().enumerate();
        let unused = rules.filter(|(at, _)| !calls.iter().any(|call| call.used_ignores.contains(at)));
        Self {
            matched: compared > 0 && calls.iter().all(|call| call.matched),
            compared,
            source,
            unused_ignores: unused.map(|(_, rule)| rule.to_string()).collect(),
            calls,
        }
    }

    /// The status other than OK with which the server refused every call before anything was compared.
    #[must_use]
    pub fn refused(&self) -> Option<u32> {
        let status = self.calls.first()?.status.filter(|status| *status != 0)?;
        let all = self
            .calls
            .iter()
            .all(|call| call.status == Some(status) && !call.matched);
        (self.compared == 0 && all).then_some(status)
    }
}

impl CallComparison {
    pub(super) fn differs(&mut self, difference: FieldDifference) {
        if self.differences.len() < MAX_DIFFERENCES {
            self.differences.push(difference);
        } else {
            self.more += 1;
        }
    }

    /// Decides the overall result.
    pub(super) fn judged(mut self) -> Self {
        for (path, count, is) in [
            ("messages", self.missing, "never came"),
            ("messages", self.extra, "came in addition to the recorded ones"),
            ("requests", self.unsent, "could not be sent: the call was over"),
        ] {
            if count > 0 {
                self.differs(FieldDifference {
                    message: None,
                    path: path.to_owned(),
                    recorded: String::new(),
                    replayed: format!("{count} {is}"),
                });
            }
        }
        self.matched = self.differences.is_empty();
        self
    }
}
