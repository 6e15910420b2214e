//! Conversion of one recorded call to the steps of its replay. Pure: events in, steps out.

use std::time::Duration;

use bytes::Bytes;

use super::plan::Cause;
use crate::{
    grpc::status::DATA_LOSS,
    model::event::{Broken, Cancelled, Direction, Ending, Event, EventKind, Metadata, Party, Status},
};

/// A step to play, with the recorded offset at which it was received.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Step {
    pub(super) offset_ns: u64,
    pub(super) act: Act,
    pub(super) hold: Hold,
    /// What must have arrived from the client before.
    pub(super) after: Cause,
}

/// A minimum delay of a step, at any rate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Hold {
    /// This long after its due time.
    pub(super) late: Duration,
    /// At least this long after the previous step.
    pub(super) silence: Duration,
    /// At least this long after the opening of the call.
    pub(super) opening: Duration,
}

impl Hold {
    /// The due time of a step with this delay; `due` without it, and `last` = when the step before was taken.
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
    /// A step without a minimum delay.
    pub(super) fn new(offset_ns: u64, act: Act) -> Self {
        Self {
            offset_ns,
            act,
            hold: Hold::default(),
            after: Cause::default(),
        }
    }
}

/// The content of a step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Act {
    /// Initial metadata.
    Headers(Metadata),
    /// One message, as it was recorded.
    Message { compressed: bool, data: Bytes },
    /// The ending of the call; nothing follows.
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
    /// The call stays open and silent until the client or the server cancels it.
    Hold,
}

impl PlayedEnding {
    /// The ending of a complete call whose recording contains none.
    pub(super) fn complete() -> Self {
        Self::Status(Status::default())
    }

    /// The ending when the capture lacks the next message.
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

    /// Converts a recorded ending. `job` says that the call is a spectrogram job's.
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

/// Number of messages after which the call ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum MaxFrames {
    /// No limit.
    Unlimited,
    /// The call ends with OK after this many.
    First(u64),
    /// The call ends after this many, as the recorded request asked: the recorded ending follows.
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
    /// True for a call of a spectrogram job.
    job: bool,
    /// Requests of the recorded client so far.
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

    /// Number of the played call.
    pub(super) const fn call(&self) -> u32 {
        self.call
    }

    /// Counts messages that the client received earlier.
    pub(super) fn count(&mut self, messages: u64) {
        self.messages += messages;
    }

    /// Prepares to play the call once more: what the caller has had stays counted.
    pub(super) fn rewind(&mut self) {
        self.ended = false;
    }

    /// Converts the next event of the capture and adds the resulting steps to `out`.
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

    /// Notes the end of the capture: the ending, if there has been none.
    pub(super) fn finish(&mut self, out: &mut Vec<Step>) {
        if !self.ended {
            let message = "the capture ends before this call does: its recorder was stopped without closing the file";
            out.push(self.end(PlayedEnding::lost(message.to_owned())));
        }
    }

    /// Handles a capture that cannot be read further.
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

    /// Requests of the recorded client before the last event.
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
