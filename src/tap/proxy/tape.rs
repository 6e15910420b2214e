//! The recorder of one direction of a call: it extracts messages from the forwarded bytes.

use bytes::Bytes;

use super::log::Log;
use crate::{
    grpc::{Deframer, WireError},
    model::event::{Direction, Gap, Message},
};

/// One direction of a call.
///
/// A message beyond the limit is a gap, and the messages after it are recorded. Whatever else goes wrong here (bytes
/// that are no messages, a recorder that takes nothing more) ends the recording of this direction, is said in the
/// capture as far as it can be, and never touches the bytes.
pub(super) struct DirectionRecorder {
    direction: Direction,
    deframer: Deframer,
    on: bool,
    /// True when a warning about a large message was printed.
    warned: bool,
}

/// The meaning of an unfinished message at the end of a direction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unfinished {
    /// Its sender broke off: the message is lost.
    Lost,
    /// The call was cancelled: the message never came to be.
    GivenUp,
}

impl DirectionRecorder {
    pub(super) fn new(direction: Direction, max_message_bytes: usize) -> Self {
        Self {
            direction,
            deframer: Deframer::new(max_message_bytes),
            on: true,
            warned: false,
        }
    }

    /// Records the messages that end in `chunk`. It waits only for room in the recorder's queue.
    pub(super) async fn look(&mut self, log: &Log, chunk: &Bytes) {
        if !self.on {
            return;
        }
        self.deframer.push(chunk.clone());
        loop {
            let frame = match self.deframer.next_frame() {
                Ok(Some(frame)) => frame,
                Ok(None) => return,
                Err(error) => {
                    self.lose(log, &error);
                    self.on = self.deframer.skip_refused();
                    if self.on {
                        continue;
                    }
                    return;
                }
            };
            let message = Message {
                direction: self.direction,
                compressed: frame.compressed,
                data: frame.data,
            };
            if log.message(message).await.is_err() {
                self.on = false;
                return;
            }
        }
    }

    /// Ends the direction.
    pub(super) fn end(&mut self, log: &Log, unfinished: Unfinished) {
        if !self.on {
            return;
        }
        if let Err(cut) = self.deframer.finish() {
            match unfinished {
                Unfinished::Lost => self.lose(log, &cut),
                Unfinished::GivenUp => {
                    let _ = log.recorder.note("recorder", format!("{}: {cut}", self.side_name()));
                }
            }
        }
        self.on = false;
    }

    /// Counts a message that cannot be recorded.
    fn lose(&mut self, log: &Log, error: &WireError) {
        let more = match error {
            WireError::Truncated { .. } => "",
            WireError::TooLarge { .. } => "; it was passed on, and is not recorded",
            // What follows it cannot be distinguished any more.
            WireError::Flag { .. } => "; it was passed on, and nothing after it in this direction is recorded",
        };
        if let WireError::TooLarge { size, .. } = error {
            log.too_large(*size);
        }
        if !std::mem::replace(&mut self.warned, true) {
            tracing::warn!("call {}, {}: {error}{more}", log.recorder.id(), self.side_name());
        }
        log.gap(Gap {
            direction: self.direction,
            messages: 1,
            reason: format!("{error}{more}"),
        });
    }

    const fn side_name(&self) -> &'static str {
        match self.direction {
            Direction::Sent => "from the client",
            Direction::Received => "from the server",
        }
    }
}
