//! Replay as a client: the recorded requests are sent to a server, and its answers are compared with the recorded ones.
//!
//! Calls that overlapped in the recording run together; one that began after another had ended waits for its end.
//! Within a call the recorded order is kept: a request that followed two answers is sent when two answers have come.
//!
//! Pure parts: `paths` (rules about fields), `fields` (comparison of two messages, field by field) and `outcome` (the
//! result). Around them, `expected` reads the capture ahead, and `exchange` makes one call.

mod error;
mod exchange;
mod expected;
mod fields;
mod options;
pub(crate) mod outcome;
pub(crate) mod pace;
mod paths;
pub(crate) mod source;

use prost_reflect::DescriptorPool;
use tokio::task::JoinSet;
use tonic::transport::Channel;

use self::{exchange::Exchange, expected::Recorded};
use crate::{
    das::proto::FOCUS_DESCRIPTOR_SET,
    file::Attribute,
    grpc::{
        descriptors::{DescriptorError, Descriptors},
        overlay::overlay,
    },
};

pub use error::CompareError;
pub use options::CompareOptions;
pub use outcome::{CallComparison, Comparison, FieldDifference};
pub use pace::Rate;
pub use paths::{PathError, PathRule};
pub use source::{CaptureSource, SourceError};

/// Largest number of concurrent calls: more than any job has streams, and each holds a thread and a few messages.
const MAX_CALLS: usize = 256;

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
    compare_by(source, None, channel, options).await
}

/// Compares as [`compare`] does, by a schema that is put over the capture's own.
///
/// # Errors
/// As those of [`compare`].
pub(crate) async fn compare_by(
    source: &CaptureSource,
    schema: Option<&[u8]>,
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
    let (pool, state) = (pool(source, &recorded, schema)?, recorded.state);
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

/// The message types of the capture, or those of a Focus job when it embeds none; over them, those of a given schema.
fn pool(source: &CaptureSource, recorded: &Recorded, schema: Option<&[u8]>) -> Result<DescriptorPool, CompareError> {
    let unusable = |error: DescriptorError| CompareError::Descriptors {
        capture: source.name().to_owned(),
        cause: error.to_string(),
    };
    let set = recorded.header.get(Attribute::DESCRIPTOR_SET);
    let set = set.unwrap_or(FOCUS_DESCRIPTOR_SET);
    let read = match schema {
        Some(given) => overlay(given, set).and_then(|both| Descriptors::read(&both.set)),
        None => Descriptors::read(set),
    };
    let read = read.map_err(unusable)?;
    if let Some(warning) = read.warning() {
        tracing::warn!("{}: {warning}", source.name());
    }
    Ok(read.pool)
}

#[cfg(test)]
mod tests;
