//! Recording of a whole job: dial once, wait until it is ready, open all its streams together, wait for them all.

use bytes::Bytes;
use thiserror::Error;
use tokio::task::JoinSet;

use super::{
    CallLimits, CallOutcome, CallTap, Shared, Stop,
    request::{CallRequest, MethodError},
};
use crate::das::dialect::{Dialect, datastream};
use crate::record::{RecordingHandle, Refused};
use crate::tap::{
    awake::Deadline,
    dial::{Connection, DialError, DialOptions, Target, TargetError, dial},
    health::{HealthError, HealthProbe, Readiness, wait_ready},
};

/// One stream of a job.
#[derive(Debug, Clone)]
pub struct StreamSpec {
    /// Method path, `/package.Service/Method`.
    pub method: String,
    /// The encoded request message.
    pub request: Bytes,
    /// True when the request tells the server how many frames to send.
    pub server_limited: bool,
}

/// A job to record.
#[derive(Debug, Clone)]
pub struct Job {
    /// Address of the job.
    pub target: Target,
    /// Streams of the job; they become calls 1, 2, … in this order.
    pub streams: Vec<StreamSpec>,
}

impl Job {
    /// The only stream of a `datastream` job.
    ///
    /// ```
    /// let job = grpc_capture::tap::Job::datastream("http://127.0.0.1:12301", "12-70788")?;
    /// assert_eq!(job.streams.len(), 1);
    /// # Ok::<(), grpc_capture::tap::TargetError>(())
    /// ```
    ///
    /// # Errors
    /// When the target is not an address.
    pub fn datastream(target: &str, job_id: &str) -> Result<Self, TargetError> {
        Self::call(
            target,
            Dialect::DataStream.method(),
            datastream::stream_request(job_id, 0),
        )
    }

    /// A job of one call to any method, with its encoded request message.
    ///
    /// # Errors
    /// When the target is not an address.
    pub fn call(target: &str, method: &str, request: impl Into<Bytes>) -> Result<Self, TargetError> {
        let stream = StreamSpec {
            method: method.to_owned(),
            request: request.into(),
            server_limited: false,
        };
        Ok(Self {
            target: target.parse()?,
            streams: vec![stream],
        })
    }
}

/// Options of recording a job.
#[derive(Debug, Clone, Default)]
pub struct JobOptions {
    /// Options of dialling; its limit also covers waiting for readiness and trying refused calls again.
    pub dial: DialOptions,
    /// How the readiness is checked.
    pub health: HealthProbe,
    /// Limits of each call.
    pub limits: CallLimits,
    /// Ends the job early and in order; keep a clone to give the signal.
    pub stop: Stop,
}

/// The result of a recorded job.
#[derive(Debug, Clone)]
pub struct JobOutcome {
    /// How the job showed that it was ready.
    pub readiness: Readiness,
    /// Address and port of the peer.
    pub peer: String,
    /// True when the connection was encrypted.
    pub encrypted: bool,
    /// Its calls, in the order of their numbers.
    pub calls: Vec<CallOutcome>,
}

/// Errors of a job that was not recorded, because no call was opened.
#[derive(Debug, Error)]
pub enum TapError {
    /// No connection was made.
    #[error(transparent)]
    Dial(#[from] DialError),
    /// The job did not become ready.
    #[error(transparent)]
    Health(#[from] HealthError),
    /// A method path is invalid.
    #[error(transparent)]
    Method(#[from] MethodError),
    /// The recorder accepts no calls.
    #[error("could not record the job: {0}")]
    Recorder(#[from] Refused),
    /// The job was stopped before a call was opened.
    #[error("stopped before a call was opened: {reason}")]
    Stopped {
        /// The given reason.
        reason: String,
    },
}

/// Records all streams of a job, and returns when all of them have ended.
///
/// Failures of single calls are in their outcomes; an error means that no call was opened.
pub async fn record_job(job: &Job, options: &JobOptions, recorder: &RecordingHandle) -> Result<JobOutcome, TapError> {
    let requests = requests(job)?;
    let deadline = Deadline::after(options.dial.connect_timeout);
    let (connection, readiness) = tokio::select! {
        biased;
        reason = options.stop.stopped() => return Err(TapError::Stopped { reason }),
        ready = reach(job, options, &deadline) => ready?,
    };
    let shared = Shared {
        stop: options.stop.clone(),
        retry_until: Some(deadline),
        ..Shared::default()
    };
    let (peer, encrypted) = (connection.peer.clone(), connection.encrypted);
    let mut taps = Vec::with_capacity(requests.len());
    for request in requests {
        taps.push(CallTap::open(
            connection.clone(),
            request,
            options.limits.clone(),
            shared.clone(),
            recorder.clone(),
        )?);
    }
    drop(connection);
    let mut running: JoinSet<CallOutcome> = taps.into_iter().map(CallTap::run).collect();
    let mut calls = Vec::new();
    loop {
        let ended = tokio::select! {
            ended = running.join_next() => ended,
            // Nothing more can be kept: the streams are given up at once, not when they speak again.
            () = recorder.failed(), if options.stop.reason().is_none() => {
                options.stop.stop(Refused::SinkFailed.to_string());
                continue;
            }
        };
        match ended {
            None => break,
            Some(ended) => calls.extend(outcome(ended)),
        }
    }
    calls.sort_by_key(|outcome| outcome.call);
    for call in &mut calls {
        recorder.secrets().ending(&mut call.ending);
    }
    Ok(JobOutcome {
        readiness,
        peer,
        encrypted,
        calls,
    })
}

fn outcome(ended: Result<CallOutcome, tokio::task::JoinError>) -> Option<CallOutcome> {
    ended
        .inspect_err(|error| tracing::error!("a call's task failed; the recorder ended the call: {error}"))
        .ok()
}

fn requests(job: &Job) -> Result<Vec<CallRequest>, MethodError> {
    job.streams
        .iter()
        .map(|stream| {
            let request = CallRequest::new(&stream.method, stream.request.clone())?;
            Ok(if stream.server_limited {
                request.limited_by_server()
            } else {
                request
            })
        })
        .collect()
}

async fn reach(job: &Job, options: &JobOptions, deadline: &Deadline) -> Result<(Connection, Readiness), TapError> {
    let connection = dial(&job.target, &options.dial).await?;
    let readiness = wait_ready(&connection, options.health, deadline.left()).await?;
    Ok((connection, readiness))
}
