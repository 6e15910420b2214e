//! One recorded call as the steps of its replay. Pure: events in, steps out.

use std::time::Duration;

use bytes::Bytes;

use super::plan::Cause;
use crate::{
    grpc::status::DATA_LOSS,
    model::event::{Broken, Cancelled, Direction, Ending, Event, EventKind, Metadata, Party, Status},
};

/// Something to send, and the recorded offset at which it was received.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Step {
    pub(super) offset_ns: u64,
    pub(super) act: Act,
    pub(super) hold: Hold,
    /// What must have come from the client.
    pub(super) after: Cause,
}

/// What holds a step back, at any rate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Hold {
    /// So long after it is due.
    pub(super) late: Duration,
    /// Not before so long after the step before it.
    pub(super) silence: Duration,
    /// Not before so long after the opening of the call.
    pub(super) opening: Duration,
}

impl Hold {
    /// When a step is due with it; `due` without it, and `last` = when the step before was taken.
    pub(super) fn due(self, due: Option<Duration>, last: Option<Duration>) -> Option<Duration> {
        if self == Self::default() {
            return due;
        }
        let last = last.unwrap_or_default();
        let due = (due.unwrap_or(last) + self.late).max(last + self.silence);
        Some(due.max(self.opening))
    }
}

impl Step {
    /// A step that nothing holds back.
    pub(super) fn new(offset_ns: u64, act: Act) -> Self {
        Self {
            offset_ns,
            act,
            hold: Hold::default(),
            after: Cause::default(),
        }
    }
}

/// What to send.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Act {
    /// Initial metadata.
    Headers(Metadata),
    /// One message, as it was recorded.
    Message { compressed: bool, data: Bytes },
    /// The ending; nothing follows.
    End(PlayedEnding),
}

/// How a replayed call ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum PlayedEnding {
    /// A status, in trailers or in a trailers-only answer.
    Status(Status),
    /// The stream ends in order, without a status.
    NoStatus,
    /// The stream is reset with CANCEL.
    Cancel,
    /// The connection breaks, announced by a GOAWAY or not.
    Break { goaway: bool },
    /// The stream is reset with this HTTP/2 error code.
    Reset { code: u32 },
    /// The connection breaks at once, whatever else runs on it.
    Sever { goaway: bool },
    /// The call stays open and silent, until somebody gives it up.
    Hold,
}

impl PlayedEnding {
    /// The call is complete for this caller, although the recording says nothing of an ending.
    pub(super) fn complete() -> Self {
        Self::Status(Status::default())
    }

    /// The capture does not hold what should come next.
    pub(super) fn lost(message: String) -> Self {
        Self::Status(Status {
            code: DATA_LOSS,
            message,
            ..Status::default()
        })
    }

    /// True for a status that is not OK.
    pub(super) fn is_error(&self) -> bool {
        matches!(self, Self::Status(status) if status.code != 0)
    }

    /// How a recorded ending is replayed. `job` says that the call is a spectrogram job's.
    pub(super) fn of(ending: Ending, job: bool) -> Self {
        match ending {
            Ending::Status(status) => Self::Status(status),
            Ending::Cancelled(Cancelled {
                by: Party::Server,
                code,
                ..
            }) => code.map_or(Self::Cancel, |code| Self::Reset { code }),
            Ending::Broken(Broken { reset: Some(code), .. }) => Self::Reset { code },
            Ending::Broken(Broken { ended: true, .. }) => Self::NoStatus,
            Ending::Broken(broken) => Self::Break { goaway: broken.goaway },
            // The recorder, or the client that it watched, had enough: the job itself did not end.
            Ending::Cancelled(_) | Ending::Deadline(_) if job => Self::complete(),
            // Nobody knows how the server would have ended: this client gives up, too, or waits.
            Ending::Cancelled(_) | Ending::Deadline(_) => Self::Hold,
        }
    }
}

/// After how many messages the caller has had enough.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum MaxFrames {
    /// Never.
    Unlimited,
    /// After so many the call ends with OK.
    First(u64),
    /// After so many, as the recorded call was asked to: the recorded ending follows.
    AsRecorded(u64),
}

/// Turns a capture's events into the steps of one call.
#[derive(Debug)]
pub(super) struct Player {
    call: u32,
    max_frames: MaxFrames,
    messages: u64,
    ended: bool,
    last_ns: u64,
    /// The call is a spectrogram job's.
    job: bool,
    /// What the recorded client had sent so far.
    came: Cause,
}

impl Player {
    pub(super) const fn new(call: u32, max_frames: MaxFrames, job: bool) -> Self {
        Self {
            job,
            came: Cause {
                requests: 0,
                half_close: false,
            },
            call,
            max_frames,
            messages: 0,
            ended: false,
            last_ns: 0,
        }
    }

    /// The number of the call that is played.
    pub(super) const fn call(&self) -> u32 {
        self.call
    }

    /// Counts messages that the caller has had before.
    pub(super) fn count(&mut self, messages: u64) {
        self.messages += messages;
    }

    /// The call is to be played once more; what the caller has had stays counted.
    pub(super) fn rewind(&mut self) {
        self.ended = false;
    }

    /// Takes the next event of the capture and adds what it means for the call to `out`.
    pub(super) fn take(&mut self, event: Event, out: &mut Vec<Step>) {
        if self.ended || event.call != self.call {
            return;
        }
        self.last_ns = event.offset_ns;
        match event.kind {
            EventKind::Headers(headers) => out.push(self.step(Act::Headers(headers.metadata))),
            EventKind::Message(message) if message.direction == Direction::Received => {
                self.message(message.compressed, message.data, out);
            }
            EventKind::End(ending) => out.push(self.end(PlayedEnding::of(ending, self.job))),
            EventKind::Message(_) => self.came.requests += 1,
            EventKind::HalfClose => self.came.half_close = true,
            EventKind::Gap(gap) if gap.direction == Direction::Sent => self.came.requests += 1,
            EventKind::Gap(gap) if gap.direction == Direction::Received => {
                tracing::warn!(
                    call = self.call,
                    lost = gap.messages,
                    reason = gap.reason,
                    "the recording has a gap here"
                );
            }
            _ => {}
        }
    }

    /// The capture has no more events: the ending, if there has been none.
    pub(super) fn finish(&mut self, out: &mut Vec<Step>) {
        if !self.ended {
            let message = "the capture ends before this call does: its recorder was stopped without closing the file";
            out.push(self.end(PlayedEnding::lost(message.to_owned())));
        }
    }

    /// The capture cannot be read any further.
    pub(super) fn fail(&mut self, error: &dyn std::error::Error, out: &mut Vec<Step>) {
        if !self.ended {
            out.push(self.end(PlayedEnding::lost(error.to_string())));
        }
    }

    fn message(&mut self, compressed: bool, data: Bytes, out: &mut Vec<Step>) {
        if let MaxFrames::AsRecorded(max) = self.max_frames
            && self.messages >= max
        {
            out.push(self.end(PlayedEnding::complete()));
            return;
        }
        self.messages += 1;
        out.push(self.step(Act::Message { compressed, data }));
        if let MaxFrames::First(max) = self.max_frames
            && self.messages >= max
        {
            out.push(self.end(PlayedEnding::complete()));
        }
    }

    /// What the recorded client had sent before what was taken last.
    pub(super) const fn came(&self) -> Cause {
        self.came
    }

    fn step(&self, act: Act) -> Step {
        Step::new(self.last_ns, act)
    }

    fn end(&mut self, ending: PlayedEnding) -> Step {
        self.ended = true;
        self.step(Act::End(ending))
    }
}

#[cfg(test)]
mod tests;
