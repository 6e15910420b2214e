//! Dialling of a job: TCP, TLS where it is required, and HTTP/2, with retries while the job starts.
//!
//! A connection counts as made when the server has sent its HTTP/2 SETTINGS, as in other gRPC clients: a port that a
//! cluster's proxy holds open for a job that is not there yet is not a connection. Failures that waiting may cure are
//! retried within one limit; any other failure (a certificate, plain text against TLS) ends the dial at once, with the
//! remedy.

pub(crate) mod advice;
mod connector;
mod error;
pub(crate) mod metadata;
mod options;
mod raw;
mod target;
pub(crate) mod watch;

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use backon::{BackoffBuilder as _, ExponentialBuilder};
use http::{HeaderMap, Uri};
use tokio::time::{Instant, sleep};
use tonic::transport::{Channel, Endpoint};

pub(in crate::tap) use connector::TargetPeer;
pub use error::DialError;
pub(crate) use error::chain;
pub use options::DialOptions;
pub(crate) use options::{Fallback, STREAM_WINDOW};
pub(in crate::tap) use raw::{Dialer, RawStream, Version};
pub(crate) use target::listen_address;
pub use target::{Scheme, Target, TargetError};

use super::awake::Deadline;
use crate::model::event::GoAway;
use connector::{Connector, Route};
use error::{Fault, Lack, Next};
use watch::{Opening, Watch};

/// Time limit of one attempt, so that a lost SYN does not use up the whole limit.
const ATTEMPT_LIMIT: Duration = Duration::from_secs(10);

/// Shortest pause between attempts; pauses grow from it, and an early retry costs a waiting job nothing …
const FIRST_PAUSE: Duration = Duration::from_millis(100);
/// … to this longest pause, so that a job that comes up is noticed soon. Both are jittered, for jobs are started in
/// swarms.
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// Time before the deadline at which the last attempt begins: enough for a job that is there to answer.
const LAST_ATTEMPT: Duration = Duration::from_millis(150);

/// HTTP/2 window of a connection: the largest there is. The windows of its streams are the bound, and one that stalls
/// must not hold up the others. The HTTP/2 library also bounds the small frames that wait to be read by it.
const CONNECTION_WINDOW: u32 = (1 << 31) - 1;
/// Largest list of header fields, 16 MiB: what the larger of the gRPC libraries allow.
const MAX_METADATA: u32 = 16 * 1024 * 1024;
/// Largest DATA frame that is accepted, 1 MiB: measured up to 15 % faster than the 16 KiB default.
const MAX_FRAME: u32 = 1024 * 1024;

/// HTTP/2 keepalive ping on a silent connection with open streams. gRPC servers count pings that come more often than
/// every five minutes as abuse and close the connection: a recorder that pinged sooner would itself end the quiet
/// streams it is there to watch. Sooner detection is the idle limit's business.
const KEEPALIVE: Duration = Duration::from_secs(310);
/// Time limit for the answer to a ping.
const KEEPALIVE_ANSWER: Duration = Duration::from_secs(20);

/// A connection to a job. It reconnects until [`Connection::seal`] and never after.
#[derive(Debug, Clone)]
pub struct Connection {
    /// The HTTP/2 channel for calls; a tower service for raw HTTP requests.
    pub channel: Channel,
    /// The `:authority` of its calls.
    pub authority: String,
    /// Address and port of the peer.
    pub peer: String,
    /// True when the connection is encrypted.
    pub encrypted: bool,
    /// Metadata sent with every call.
    pub metadata: HeaderMap,
    watch: Arc<Watch>,
    sealed: Arc<AtomicBool>,
}

impl Connection {
    /// Prevents reconnecting when the connection is lost. Ports are recycled, so what answers a reconnect may be the
    /// next job.
    pub fn seal(&self) {
        self.sealed.store(true, Ordering::Release);
    }

    /// SHA-256 of the server's certificate, when the connection is encrypted.
    #[must_use]
    pub fn certificate_sha256(&self) -> Option<[u8; 32]> {
        self.watch.certificate_sha256()
    }

    /// The GOAWAY that the server sent.
    #[must_use]
    pub fn announced(&self) -> Option<GoAway> {
        self.watch.announced()
    }
}

/// Connects to `target`, with retries while the job starts.
///
/// # Errors
/// [`DialError::Limit`] when the limit ran out; any other kind is final and comes at once.
pub async fn dial(target: &Target, options: &DialOptions) -> Result<Connection, DialError> {
    let deadline = Deadline::after(options.connect_timeout);
    let mut route = Route::plan(target, options)?;
    let mut pauses = ExponentialBuilder::default()
        .with_min_delay(FIRST_PAUSE)
        .with_max_delay(LONGEST_PAUSE)
        .with_jitter()
        .without_max_times()
        .build();
    let mut attempts = 0_u32;
    loop {
        attempts += 1;
        let now = Instant::now();
        let attempt = attempt(&route, target, options);
        let fault = match deadline.limit(ATTEMPT_LIMIT, attempt).await {
            Some(Ok(connection)) => {
                tracing::info!(
                    "connected to {target} at {} ({}, attempt {attempts})",
                    connection.peer,
                    if connection.encrypted { "TLS" } else { "plain text" }
                );
                return Ok(connection);
            }
            Some(Err(Fault::PlainText)) if route.may_fall_back(target, options) => {
                tracing::warn!("{target} speaks plain text; going on without encryption");
                route = Route::Plain;
                continue;
            }
            Some(Err(fault)) => fault,
            None => Fault::Again(format!("no answer within {:.1?}", now.elapsed()), Lack::Server),
        };
        let (last, remedy) = match fault.judge(target, options, route.is_tls()) {
            Next::Again(last, remedy) => (last, remedy),
            Next::Over(error) => return Err(error),
        };
        tracing::debug!("attempt {attempts} at {target}: {last}");
        if attempts == 1 {
            tracing::info!(
                "{target} cannot be reached yet ({last}); trying for {:?}",
                options.connect_timeout
            );
        }
        let pause = pauses.next().unwrap_or(LONGEST_PAUSE);
        let Some(pause) = within(pause, &deadline) else {
            return Err(DialError::Limit {
                target: target.clone(),
                limit: options.connect_timeout,
                attempts,
                last,
                remedy,
            });
        };
        sleep(pause).await;
    }
}

/// The pause before the next attempt, shortened so that a last one is made just before `deadline`; `None` after it.
pub(super) fn within(pause: Duration, deadline: &Deadline) -> Option<Duration> {
    let pause = pause.min(deadline.left().saturating_sub(LAST_ATTEMPT));
    (!pause.is_zero()).then_some(pause)
}

/// One attempt: stream, HTTP/2 preface, and the server's SETTINGS.
async fn attempt(route: &Route, target: &Target, options: &DialOptions) -> Result<Connection, Fault> {
    let (stream, peer) = connector::open(route, target).await?;
    let watch = Watch::new();
    watch.showed(peer.certificate_sha256);
    let sealed = Arc::new(AtomicBool::new(false));
    let authority = options.authority.clone().unwrap_or_else(|| target.authority());
    let connector = Connector::new(
        stream,
        route.clone(),
        target.clone(),
        Arc::clone(&watch),
        Arc::clone(&sealed),
    );
    let channel = endpoint(route, &authority, options.stream_window)?
        .connect_with_connector(connector)
        .await
        .map_err(|error| Fault::Again(error::chain(&error), Lack::Server))?;
    judge(watch.opened().await)?;
    Ok(Connection {
        channel,
        authority,
        peer: peer.address,
        encrypted: route.is_tls(),
        metadata: options.metadata.clone(),
        watch,
        sealed,
    })
}

/// Decides by the server's first bytes whether it speaks HTTP/2.
fn judge(opening: Opening) -> Result<(), Fault> {
    match opening {
        Opening::Http2 => Ok(()),
        Opening::Failed(text, tls) => Err(match tls {
            Some(tls) => error::fault(&tls),
            None => Fault::Closed(text),
        }),
        Opening::Tls => Err(Fault::Tls),
        Opening::Http1 => Err(Fault::NotHttp2("HTTP/1")),
        Opening::Foreign => Err(Fault::NotHttp2(error::FOREIGN)),
        Opening::Closed | Opening::Waiting => {
            let text = "the connection was accepted and closed again without data";
            Err(Fault::Closed(text.to_owned()))
        }
    }
}

fn endpoint(route: &Route, authority: &str, window: u32) -> Result<Endpoint, Fault> {
    let scheme = if route.is_tls() { "https" } else { "http" };
    let uri: Uri = format!("{scheme}://{authority}").parse().map_err(|_| {
        Fault::Final(DialError::Authority {
            authority: authority.to_owned(),
        })
    })?;
    Endpoint::from(uri)
        .initial_stream_window_size(window)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .http2_max_header_list_size(MAX_METADATA)
        .max_frame_size(MAX_FRAME)
        .http2_keep_alive_interval(KEEPALIVE)
        .keep_alive_timeout(KEEPALIVE_ANSWER)
        .keep_alive_while_idle(false)
        .user_agent(concat!("grpc-capture/", env!("CARGO_PKG_VERSION")))
        .map_err(|error| Fault::Again(error::chain(&error), Lack::Server))
}

#[cfg(test)]
mod tests;
