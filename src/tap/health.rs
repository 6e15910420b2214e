//! The health check of a job: first `CheckHealth`, then `grpc.health.v1`, then the connection itself.

use std::time::Duration;

use backon::{BackoffBuilder as _, ExponentialBuilder};
use thiserror::Error;
use tokio::time::sleep;
use tonic::{
    Code, Request, Status, client::Grpc, codec::CompressionEncoding, codegen::http::uri::PathAndQuery,
    metadata::MetadataMap,
};
use tonic_health::pb::{HealthCheckRequest, HealthCheckResponse, health_check_response::ServingStatus};
use tonic_prost::ProstCodec;

use super::{awake::Deadline, dial::Connection};
use crate::das::proto::datastream::{HealthRequest, data_stream_service_client::DataStreamServiceClient};

/// Time limit of one request: health is answered from memory, so a longer silence is itself an answer.
const ANSWER_LIMIT: Duration = Duration::from_secs(5);
/// Shortest pause between requests; pauses grow from it …
const FIRST_PAUSE: Duration = Duration::from_millis(200);
/// … to this longest pause, so that a ready job is noticed soon.
const LONGEST_PAUSE: Duration = Duration::from_secs(1);
/// The path of the standard health check.
const STANDARD: &str = "/grpc.health.v1.Health/Check";

/// Which health checks to make.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum HealthProbe {
    /// The dialect's own `CheckHealth`, then the standard one.
    #[default]
    CheckHealthFirst,
    /// Only `grpc.health.v1`: the production dialect has no health method of its own.
    StandardOnly,
    /// No health check: a connection is enough.
    Skip,
}

/// How a job showed that it was ready.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Readiness {
    /// `CheckHealth` answered healthy.
    CheckHealth {
        /// The server's version, free text.
        version: String,
    },
    /// `grpc.health.v1` answered SERVING.
    Standard,
    /// No health check answered; the connection stands.
    Connected,
}

/// The error for a job that did not become ready.
#[derive(Debug, Error)]
#[error(
    "{target} did not become ready within {limit:?} ({asked} health checks): {said}; wait longer, or look at the \
     job's log"
)]
pub struct HealthError {
    /// The target.
    pub target: String,
    /// The time limit.
    pub limit: Duration,
    /// Number of health checks.
    pub asked: u32,
    /// Result of the last one.
    pub said: String,
}

/// The result of one health check.
enum Answer {
    Ready(Readiness),
    /// The method does not exist, or is of no use.
    None,
    /// The job is not ready, for this reason.
    NotYet(String),
}

/// Repeats the health check until the job is ready or `limit` has expired.
pub(crate) async fn wait_ready(
    connection: &Connection,
    probe: HealthProbe,
    limit: Duration,
) -> Result<Readiness, HealthError> {
    let deadline = Deadline::after(limit);
    let mut pauses = ExponentialBuilder::default()
        .with_min_delay(FIRST_PAUSE)
        .with_max_delay(LONGEST_PAUSE)
        .with_jitter()
        .without_max_times()
        .build();
    let mut asked = 0;
    loop {
        asked += 1;
        let said = match deadline.limit(ANSWER_LIMIT, ask(connection, probe)).await {
            Some(Ok(readiness)) => {
                match &readiness {
                    Readiness::CheckHealth { version } => tracing::info!("CheckHealth: healthy, version {version:?}"),
                    Readiness::Standard => tracing::info!("grpc.health.v1: SERVING"),
                    Readiness::Connected => {
                        tracing::info!("no health check was made or answered; the stream will show");
                    }
                }
                return Ok(readiness);
            }
            Some(Err(said)) => said,
            None => "it did not answer the health check".to_owned(),
        };
        let pause = pauses.next().unwrap_or(LONGEST_PAUSE);
        let Some(pause) = super::dial::within(pause, &deadline) else {
            return Err(HealthError {
                target: connection.authority.clone(),
                limit,
                asked,
                said,
            });
        };
        tracing::debug!("{} is not ready: {said}", connection.authority);
        sleep(pause).await;
    }
}

/// Makes one round of checks; `Err` is what the server said when it is not ready yet.
async fn ask(connection: &Connection, probe: HealthProbe) -> Result<Readiness, String> {
    if probe == HealthProbe::CheckHealthFirst {
        match check_health(connection).await {
            Answer::Ready(readiness) => return Ok(readiness),
            Answer::NotYet(said) => return Err(said),
            Answer::None => {}
        }
    }
    if probe != HealthProbe::Skip {
        match standard(connection).await {
            Answer::Ready(readiness) => return Ok(readiness),
            Answer::NotYet(said) => return Err(said),
            Answer::None => {}
        }
    }
    Ok(Readiness::Connected)
}

async fn check_health(connection: &Connection) -> Answer {
    let mut client = DataStreamServiceClient::new(connection.channel.clone());
    match client.check_health(request(connection, HealthRequest {})).await {
        Ok(response) => {
            let health = response.into_inner();
            if health.healthy {
                Answer::Ready(Readiness::CheckHealth {
                    version: health.version,
                })
            } else {
                Answer::NotYet("CheckHealth answers healthy = false".to_owned())
            }
        }
        Err(status) => judge("CheckHealth", &status),
    }
}

async fn standard(connection: &Connection) -> Answer {
    let mut grpc = Grpc::new(connection.channel.clone())
        .accept_compressed(CompressionEncoding::Gzip)
        .accept_compressed(CompressionEncoding::Deflate);
    if let Err(error) = grpc.ready().await {
        return Answer::NotYet(super::dial::chain(&error));
    }
    let question = request(connection, HealthCheckRequest::default());
    let codec: ProstCodec<HealthCheckRequest, HealthCheckResponse> = ProstCodec::default();
    match grpc.unary(question, PathAndQuery::from_static(STANDARD), codec).await {
        Ok(response) => match response.into_inner().status() {
            ServingStatus::Serving => Answer::Ready(Readiness::Standard),
            ServingStatus::NotServing | ServingStatus::Unknown => {
                Answer::NotYet("grpc.health.v1 answers NOT_SERVING".to_owned())
            }
            ServingStatus::ServiceUnknown => Answer::None,
        },
        // NOT_FOUND: a health service that was never told about "".
        Err(status) if status.code() == Code::NotFound => Answer::None,
        Err(status) => judge("grpc.health.v1", &status),
    }
}

/// Maps a refusal: one that waiting may help is `NotYet`; any other means that the method is of no use here, and the
/// stream itself will tell.
fn judge(method: &str, status: &Status) -> Answer {
    match status.code() {
        Code::Unimplemented => Answer::None,
        Code::Unavailable | Code::DeadlineExceeded | Code::ResourceExhausted | Code::Aborted | Code::Cancelled => {
            Answer::NotYet(format!(
                "{method} answers {}: {}",
                crate::grpc::status::name(status.code() as u32),
                super::dial::chain(status)
            ))
        }
        code => {
            tracing::warn!("{method} answers {code:?} ({}); going on without it", status.message());
            Answer::None
        }
    }
}

fn request<T>(connection: &Connection, message: T) -> Request<T> {
    let mut request = Request::new(message);
    *request.metadata_mut() = MetadataMap::from_headers(connection.metadata.clone());
    request
}

#[cfg(test)]
mod tests;
