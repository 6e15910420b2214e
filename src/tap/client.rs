//! The client tap: records one call at the level of its HTTP body.
//!
//! Messages are extracted from the DATA frames and recorded unchanged: compressed messages stay compressed, and none is
//! decoded. The tonic channel only transports the request; its codec, which would refuse or change messages, is not
//! used.

pub(super) mod ending;
pub(crate) mod job;
mod limits;
mod outcome;
mod request;
mod watchdog;

use std::{pin::pin, sync::atomic::Ordering, time::Duration};

use backon::{BackoffBuilder as _, ExponentialBuilder};
use http::HeaderMap;
use http_body::Body as _;
use http_body_util::BodyExt as _;
use tokio::time::timeout;
use tonic::body::Body;

pub(crate) use limits::Shared;
pub use limits::{CallLimits, Stop};
pub(crate) use outcome::CallFault;
pub use outcome::CallOutcome;
pub(crate) use request::CallRequest;

use super::dial::{Connection, within};
use crate::{
    grpc::{
        Deframer, WireError, metadata,
        status::{self, Block},
    },
    model::event::{Broken, Direction, Ending, EventKind, Gap, Headers, Message, Party},
    model::text::counted,
    record::{CallRecorder, RecordingHandle, Refused},
};
use watchdog::Watchdog;

/// Time for a server to end the call itself after the last of the N frames that it was asked for: its own status is
/// worth a moment, and a server that ignores the number must not hold us up.
const GRACE: Duration = Duration::from_secs(1);

/// Shortest pause before a call is retried.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
/// Longest pause before a call is retried.
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// The result of one attempt at the call.
enum Attempt {
    Ended(Ending),
    /// The call was refused before any data arrived; the headers are those of an answer that is not gRPC.
    Refused(Ending, Option<HeaderMap>),
}

/// A call that is open in the recorder and ready to run.
pub(crate) struct CallTap {
    connection: Connection,
    request: CallRequest,
    limits: CallLimits,
    shared: Shared,
    recorder: RecordingHandle,
    call: CallRecorder,
    watchdog: Watchdog,
    messages: u64,
    message_bytes: u64,
    lost: u64,
    first_message_offset_ns: Option<u64>,
    last_message_offset_ns: Option<u64>,
    retries: u32,
}

impl CallTap {
    /// Records the start of the call, which assigns its number.
    pub(crate) fn open(
        connection: Connection,
        request: CallRequest,
        limits: CallLimits,
        shared: Shared,
        recorder: RecordingHandle,
    ) -> Result<Self, Refused> {
        let call = recorder.call(request.start(&connection))?;
        Ok(Self {
            watchdog: Watchdog::new(&limits, shared.stop.clone()),
            connection,
            request,
            limits,
            shared,
            recorder,
            call,
            messages: 0,
            message_bytes: 0,
            lost: 0,
            first_message_offset_ns: None,
            last_message_offset_ns: None,
            retries: 0,
        })
    }

    /// Runs the call to its end and records it in any case.
    pub(crate) async fn run(mut self) -> CallOutcome {
        let (ending, fault) = match self.attempts().await {
            Ok(ending) => (ending, None),
            Err(fault) => {
                let reason = fault.to_string();
                self.shared.stop_for(&fault);
                (ending::by_us(reason), Some(fault))
            }
        };
        let recorded = self.call.end(ending.clone());
        let fault = fault.or_else(|| recorded.err().map(CallFault::Refused));
        CallOutcome {
            call: self.call.id(),
            method: self.request.method().to_owned(),
            ending,
            messages: self.messages,
            message_bytes: self.message_bytes,
            lost: self.lost,
            blocked_ns: self.call.blocked_ns(),
            spooled: self.call.spooled(),
            first_message_offset_ns: self.first_message_offset_ns,
            last_message_offset_ns: self.last_message_offset_ns,
            end_offset_ns: recorded.unwrap_or_else(|_| self.recorder.now()),
            retries: self.retries,
            fault,
        }
    }

    async fn attempts(&mut self) -> Result<Ending, CallFault> {
        for message in self.request.messages() {
            let message = Message::plain(Direction::Sent, message.clone());
            self.call.message(message).await?;
        }
        self.call.half_close()?;
        let mut pauses = ExponentialBuilder::default()
            .with_min_delay(FIRST_PAUSE)
            .with_max_delay(LONGEST_PAUSE)
            .with_jitter()
            .without_max_times()
            .build();
        loop {
            self.watchdog.opened();
            let (ending, headers) = match self.attempt().await? {
                Attempt::Ended(ending) => return Ok(ending),
                Attempt::Refused(ending, headers) => (ending, headers),
            };
            let pause = pauses.next().unwrap_or(LONGEST_PAUSE);
            let Some(pause) = self.shared.retry_until.as_ref().and_then(|until| within(pause, until)) else {
                if let Some(headers) = headers {
                    self.headers(&headers).await?;
                }
                return Ok(ending);
            };
            self.retries += 1;
            self.recorder.note(
                "recorder",
                format!(
                    "call {} was refused before any data arrived ({}); trying it again",
                    self.call.id(),
                    ending::describe(&ending)
                ),
            )?;
            if let Ok(ending) = timeout(pause, self.watchdog.expired()).await {
                return Ok(ending);
            }
        }
    }

    async fn attempt(&mut self) -> Result<Attempt, CallFault> {
        let response = tokio::select! {
            biased;
            ending = self.watchdog.expired() => return Ok(Attempt::Ended(ending)),
            response = self.request.send(&self.connection) => response,
        };
        let response = match response {
            Ok(response) => response,
            Err(error) => {
                let ending = ending::of_error(&error, self.connection.announced().as_ref());
                return Ok(if ending::may_try_again(&error, &ending) {
                    Attempt::Refused(ending, None)
                } else {
                    Attempt::Ended(ending)
                });
            }
        };
        let (parts, body) = response.into_parts();
        let headers = parts.headers;
        if body.is_end_stream()
            && let Some(status) = status::status(&headers, Block::TrailersOnly)
        {
            let unavailable = status.code == status::UNAVAILABLE;
            let ending = Ending::Status(status);
            return Ok(if unavailable {
                Attempt::Refused(ending, None)
            } else {
                Attempt::Ended(ending)
            });
        }
        if let Some(status) = status::not_grpc(parts.status, &headers) {
            let unavailable = status.code == status::UNAVAILABLE;
            let ending = Ending::Status(status);
            if unavailable {
                return Ok(Attempt::Refused(ending, Some(headers)));
            }
            self.headers(&headers).await?;
            return Ok(Attempt::Ended(ending));
        }
        self.connection.seal();
        self.headers(&headers).await?;
        self.read(body, &headers).await.map(Attempt::Ended)
    }

    async fn headers(&self, headers: &HeaderMap) -> Result<(), CallFault> {
        let metadata = metadata(headers);
        self.call.record(EventKind::Headers(Headers { metadata })).await?;
        Ok(())
    }

    /// Reads the response to its end.
    async fn read(&mut self, body: Body, headers: &HeaderMap) -> Result<Ending, CallFault> {
        let mut body = pin!(body);
        let mut deframer = Deframer::new(self.limits.max_message_bytes);
        let watchdog = self.watchdog.clone();
        let mut expired = pin!(watchdog.expired());
        loop {
            let frame = tokio::select! {
                biased;
                ending = &mut expired => return Ok(self.cut_off(ending, &deframer)),
                frame = body.frame() => frame,
            };
            let frame = match frame {
                Some(Ok(frame)) => frame,
                Some(Err(error)) => {
                    let ending = ending::of_error(&error, self.connection.announced().as_ref());
                    return Ok(self.cut_off(ending, &deframer));
                }
                None => return Ok(self.ended(None, headers, &deframer)),
            };
            let data = match frame.into_data() {
                Ok(data) => data,
                Err(frame) => {
                    let trailers = frame.into_trailers().unwrap_or_default();
                    return Ok(self.ended(Some(&trailers), headers, &deframer));
                }
            };
            if let Some(gap) = watchdog.progress() {
                self.call.note("recorder", stood_still(gap))?;
            }
            deframer.push(data);
            while let Some(frame) = self.next_frame(&mut deframer)? {
                let message = Message {
                    direction: Direction::Received,
                    compressed: frame.compressed,
                    data: frame.data,
                };
                if let Some(ending) = self.message(message).await? {
                    return Ok(ending);
                }
                if self.limits.max_frames.is_some_and(|max| self.messages >= max) {
                    return Ok(self.enough(body, headers, &deframer).await);
                }
            }
        }
    }

    fn next_frame(&mut self, deframer: &mut Deframer) -> Result<Option<crate::grpc::PrefixedMessage>, CallFault> {
        deframer.next_frame().map_err(|error| {
            self.lose(&error);
            CallFault::Wire(error)
        })
    }

    /// Counts a message that arrived only in part or was refused.
    fn lose(&mut self, error: &WireError) {
        self.lost += 1;
        // A recorder that takes no more events says so when the call ends.
        let _ = self.call.gap(Gap {
            direction: Direction::Received,
            messages: 1,
            reason: error.to_string(),
        });
    }

    /// Counts the message that the ending cut off. What we chose not to wait for is not lost.
    fn cut_off(&mut self, ending: Ending, deframer: &Deframer) -> Ending {
        let ours = matches!(&ending, Ending::Cancelled(cancelled) if cancelled.by == Party::Us);
        if let Err(cut) = deframer.finish()
            && !ours
        {
            self.lose(&cut);
        }
        ending
    }

    /// Records a message; returns the ending when it was the last one wanted.
    async fn message(&mut self, message: Message) -> Result<Option<Ending>, CallFault> {
        let bytes = message.data.len() as u64;
        let offset = tokio::select! {
            // Most of the time there is room at once, and the signal need not be listened to.
            biased;
            offset = self.call.message(message) => offset?,
            reason = self.shared.stop.stopped() => return Ok(Some(ending::by_us(reason))),
        };
        self.messages += 1;
        self.message_bytes += bytes;
        self.first_message_offset_ns.get_or_insert(offset);
        self.last_message_offset_ns = Some(offset);
        self.watchdog.message();
        let total = self.shared.bytes.fetch_add(bytes, Ordering::Relaxed) + bytes;
        Ok(self.limits.max_bytes.filter(|max| total >= *max).map(|max| {
            let reason = format!("the limit of {max} bytes was reached");
            self.shared.stop.stop(reason.clone());
            ending::by_us(reason)
        }))
    }

    /// Ends the call after the last wanted frame. A server that knows the number ends the call itself.
    async fn enough(&mut self, mut body: std::pin::Pin<&mut Body>, headers: &HeaderMap, deframer: &Deframer) -> Ending {
        let ours = ending::by_us(format!("the limit of {} was reached", counted(self.messages, "frame")));
        if !self.request.server_limited() || deframer.inside_message() {
            return ours;
        }
        let last = async {
            loop {
                match body.frame().await {
                    Some(Ok(frame)) => match frame.into_data() {
                        Ok(data) if data.is_empty() => {}
                        Ok(_) => return None,
                        Err(frame) => return frame.into_trailers().ok(),
                    },
                    Some(Err(_)) | None => return None,
                }
            }
        };
        match timeout(GRACE, last).await {
            Ok(Some(trailers)) => self.ended(Some(&trailers), headers, deframer),
            Ok(None) | Err(_) => ours,
        }
    }

    /// The ending for a stream that the server closed.
    fn ended(&mut self, trailers: Option<&HeaderMap>, headers: &HeaderMap, deframer: &Deframer) -> Ending {
        let ending = ending::of_trailers(trailers, headers, self.connection.announced().as_ref());
        let Err(cut) = deframer.finish() else { return ending };
        self.lose(&cut);
        match ending {
            Ending::Status(status) if status.code == status::OK => {
                ending::broken(format!("{cut}, though its status is OK"))
            }
            Ending::Broken(broken) => Ending::Broken(Broken {
                error: format!("{}; {cut}", broken.error),
                ..broken
            }),
            other => other,
        }
    }
}

impl std::fmt::Debug for CallTap {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CallTap")
            .field("call", &self.call.id())
            .field("method", &self.request.method())
            .field("messages", &self.messages)
            .finish_non_exhaustive()
    }
}

/// Notes in the capture that times are affected by a suspension of this process.
fn stood_still(gap: Duration) -> String {
    format!(
        "this recorder stood still for {:.3} s (it was stopped, or its machine slept): messages of that time arrived late",
        gap.as_secs_f64()
    )
}

#[cfg(test)]
mod tests;
