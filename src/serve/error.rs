//! Errors of starting a replay server.

use std::{io, net::SocketAddr};

use crate::grpc::server_tls::ServerTlsError;
use crate::replay::source::SourceError;

/// Errors of starting a replay server.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReplayError {
    /// No capture was given.
    #[error("could not start the replay server: no capture was given; name at least one")]
    NoCapture,
    /// A capture cannot be read.
    #[error("could not start the replay server: {0}")]
    Source(#[from] SourceError),
    /// A capture has no call to replay.
    #[error("could not start the replay server: {capture} holds no call to replay; record again")]
    NoCall {
        /// The capture.
        capture: String,
    },
    /// Two captures have the same job.
    #[error(
        "could not start the replay server: {first} and {second} both hold the job {job_id:?}; serve them from two \
         servers"
    )]
    SameJob {
        /// The job's name.
        job_id: String,
        /// The capture given first.
        first: String,
        /// The capture given later.
        second: String,
    },
    /// The server cannot listen on an address.
    #[error("could not listen on {addr}: {source}; choose another address, or port 0 for any free one")]
    Listen {
        /// The address.
        addr: SocketAddr,
        /// The error of the operating system.
        source: io::Error,
    },
    /// A descriptor set cannot be served by reflection.
    #[error("could not start the replay server: the descriptor set in {capture} cannot be read: {cause}")]
    Descriptors {
        /// The capture that embeds it.
        capture: String,
        /// The problem.
        cause: String,
    },
    /// The rules by which requests match cannot be used.
    #[error("the match rules cannot be used: {0}")]
    MatchRules(String),
    /// TLS cannot be set up.
    #[error("could not start the replay server: {0}")]
    Tls(#[from] ServerTlsError),
    /// The thread that reads the captures stopped.
    #[error("could not start the replay server: the thread that reads the captures stopped")]
    Scan,
}
