//! Replay as a client: the recorded requests go to a server, and what it answers is compared with what was recorded.
//!
//! Calls that overlapped in the recording run together; one that began after another had ended waits for its end. Within
//! a call the recorded order is kept: a request that followed two answers is sent when two answers have come.
//!
//! Pure parts: `paths` (which fields are looked at, and how closely), `fields` (two messages, field by field) and
//! `outcome` (what came of it). Around them `expected` reads the capture ahead, and `exchange` holds one call.

mod exchange;
mod expected;
mod fields;
pub(crate) mod outcome;
pub(crate) mod pace;
mod paths;
pub(crate) mod source;

use std::time::Duration;

use http::HeaderMap;
use prost_reflect::DescriptorPool;
use tokio::task::JoinSet;
use tonic::transport::Channel;

use self::{exchange::Exchange, expected::Recorded};
use crate::{
    das::proto::FOCUS_DESCRIPTOR_SET,
    file::Attribute,
    grpc::{DEFAULT_MAX_MESSAGE_BYTES, descriptors::Descriptors},
};

pub use outcome::{CallComparison, Comparison, FieldDifference};
pub use pace::Rate;
pub use paths::{PathError, PathRule};
pub use source::{CaptureSource, SourceError};

/// Calls that run at once at most: more than any job has streams, and each holds a thread and a few messages.
const MAX_CALLS: usize = 256;

/// Wait for the server at most so long, unless told otherwise: production closes an idle job after about 30 s.
pub const IDLE_TIMEOUT: Duration = Duration::from_secs(40);

/// Options of a comparison: what is compared, how closely, and at which speed.
#[derive(Debug, Clone)]
pub struct CompareOptions {
    /// How fast requests are sent: by their recorded times, or each as soon as its turn comes (the default).
    pub rate: Rate,
    /// Fields that may differ. Any rule, and any tolerance, makes messages compared field by field instead of by bytes.
    pub ignore: Vec<PathRule>,
    /// How far floating-point values may lie apart, absolutely.
    pub absolute: f64,
    /// How far floating-point values may lie apart, as a part of the larger one.
    pub relative: f64,
    /// Names of initial or trailing metadata that must have the recorded values.
    pub metadata: Vec<String>,
    /// Only these calls of the capture; all when empty.
    pub calls: Vec<u32>,
    /// Metadata that is sent with every call, in place of what was recorded under the same names.
    pub headers: HeaderMap,
    /// How long to wait for the server at any point.
    pub idle_timeout: Duration,
    /// The largest answer, in bytes.
    pub max_message_bytes: usize,
}

impl Default for CompareOptions {
    fn default() -> Self {
        Self {
            rate: Rate::Max,
            ignore: Vec::new(),
            absolute: 0.0,
            relative: 0.0,
            metadata: Vec::new(),
            calls: Vec::new(),
            headers: HeaderMap::new(),
            idle_timeout: IDLE_TIMEOUT,
            max_message_bytes: DEFAULT_MAX_MESSAGE_BYTES,
        }
    }
}

impl CompareOptions {
    /// True when messages are compared field by field.
    #[must_use]
    pub fn by_fields(&self) -> bool {
        !self.ignore.is_empty() || self.absolute > 0.0 || self.relative > 0.0
    }
}

/// Reason why a comparison could not be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CompareError {
    /// The capture cannot be read.
    #[error("could not replay the capture: {0}")]
    CaptureSource(#[from] SourceError),
    /// Its descriptor set cannot be read.
    #[error("could not compare fields: the descriptor set of {capture} cannot be read: {cause}")]
    Descriptors {
        /// The capture.
        capture: String,
        /// What is wrong with it.
        cause: String,
    },
    /// A call that was asked for is not in the capture.
    #[error("there is no call {call} in {capture}; `capture info` lists its calls")]
    NoCall {
        /// The capture.
        capture: String,
        /// The call.
        call: u32,
    },
    /// The thread that reads the capture stopped.
    #[error("could not replay the capture: the thread that reads it stopped")]
    Stopped,
}

/// Sends the recorded requests of `source` through `channel`, and compares the answers.
///
/// A server that answers otherwise, or not at all, is a result; the errors are about the capture.
///
/// # Errors
/// When the capture or its descriptor set cannot be read, or lacks a call that was asked for.
pub async fn compare(
    source: &CaptureSource,
    channel: &Channel,
    options: &CompareOptions,
) -> Result<Comparison, CompareError> {
    let from = source.clone();
    let listed = tokio::task::spawn_blocking(move || Recorded::of(&from));
    let recorded = listed.await.map_err(|_| CompareError::Stopped)??;
    if let Some(call) = options.calls.iter().find(|call| !recorded.holds(**call)) {
        let capture = source.name().to_owned();
        return Err(CompareError::NoCall { capture, call: *call });
    }
    let (pool, state) = (pool(source, &recorded)?, recorded.state);
    let wanted = |call: &expected::Call| options.calls.is_empty() || options.calls.contains(&call.number);
    let (mut running, mut ends, mut done) = (JoinSet::new(), Vec::new(), Vec::new());
    for call in recorded.calls.into_iter().filter(wanted) {
        while running.len() >= MAX_CALLS || ends.iter().any(|(_, end_ns)| *end_ns <= call.start_ns) {
            let Some(outcome) = running.join_next().await else {
                break;
            };
            let outcome: outcome::CallComparison = outcome.map_err(|_| CompareError::Stopped)?;
            ends.retain(|(call, _)| *call != outcome.call);
            done.push(outcome);
        }
        ends.push((call.number, call.end_ns));
        let exchange = Exchange::new(call, channel.clone(), &pool, options.clone());
        let source = source.clone();
        running.spawn(async move { exchange.run(source).await });
    }
    while let Some(outcome) = running.join_next().await {
        done.push(outcome.map_err(|_| CompareError::Stopped)?);
    }
    done.sort_by_key(|outcome| outcome.call);
    Ok(Comparison::of(done, state, options))
}

/// The message types of the capture, or those of a Focus job when it embeds none.
fn pool(source: &CaptureSource, recorded: &Recorded) -> Result<DescriptorPool, CompareError> {
    let set = recorded.header.get(Attribute::DESCRIPTOR_SET);
    let read = Descriptors::read(set.unwrap_or(FOCUS_DESCRIPTOR_SET)).map_err(|error| CompareError::Descriptors {
        capture: source.name().to_owned(),
        cause: error.to_string(),
    })?;
    if let Some(warning) = read.warning() {
        tracing::warn!("{}: {warning}", source.name());
    }
    Ok(read.pool)
}

#[cfg(test)]
mod tests;
