//! One recorded call as the steps of its replay. Pure: events in, steps out.

use bytes::Bytes;

use crate::event::{Cancelled, Direction, Ending, Event, EventKind, Metadata, Party, Status};

/// gRPC status code `DATA_LOSS`: the capture ends or is damaged before the call's ending.
pub(super) const DATA_LOSS: u32 = 15;

/// Something to send, and the recorded offset at which it was received.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Step {
    pub(super) offset_ns: u64,
    pub(super) act: Act,
}

/// What to send.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Act {
    /// Initial metadata.
    Headers(Metadata),
    /// One message, as it was recorded.
    Message { compressed: bool, data: Bytes },
    /// The ending; nothing follows.
    End(Finale),
}

/// How a replayed call ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Finale {
    /// A status, in trailers or in a trailers-only answer.
    Status(Status),
    /// The stream is reset with CANCEL.
    Cancel,
    /// The connection breaks, announced by a GOAWAY or not.
    Break { goaway: bool },
    /// The call stays open and silent, until somebody gives it up.
    Hold,
}

impl Finale {
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

    /// How a recorded ending is replayed.
    pub(super) fn of(ending: Ending) -> Self {
        match ending {
            Ending::Status(status) => Self::Status(status),
            Ending::Cancelled(Cancelled { by: Party::Server, .. }) => Self::Cancel,
            Ending::Broken(broken) => Self::Break { goaway: broken.goaway },
            // The recorder, or the client that it watched, had enough: the job itself did not end.
            Ending::Cancelled(_) | Ending::Deadline(_) => Self::complete(),
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
}

impl Player {
    pub(super) const fn new(call: u32, max_frames: MaxFrames) -> Self {
        Self {
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
            EventKind::End(ending) => out.push(self.end(Finale::of(ending))),
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
            out.push(self.end(Finale::lost(message.to_owned())));
        }
    }

    /// The capture cannot be read any further.
    pub(super) fn fail(&mut self, error: &dyn std::error::Error, out: &mut Vec<Step>) {
        if !self.ended {
            out.push(self.end(Finale::lost(error.to_string())));
        }
    }

    fn message(&mut self, compressed: bool, data: Bytes, out: &mut Vec<Step>) {
        if let MaxFrames::AsRecorded(max) = self.max_frames
            && self.messages >= max
        {
            out.push(self.end(Finale::complete()));
            return;
        }
        self.messages += 1;
        out.push(self.step(Act::Message { compressed, data }));
        if let MaxFrames::First(max) = self.max_frames
            && self.messages >= max
        {
            out.push(self.end(Finale::complete()));
        }
    }

    fn step(&self, act: Act) -> Step {
        Step {
            offset_ns: self.last_ns,
            act,
        }
    }

    fn end(&mut self, finale: Finale) -> Step {
        self.ended = true;
        self.step(Act::End(finale))
    }
}

#[cfg(test)]
mod tests;
