//! The recorder of one direction of a call: it extracts messages from the forwarded bytes.

use bytes::{Bytes, BytesMut};

use super::log::Log;
use crate::{
    grpc::{
        Deframer, WireError,
        deframe::{FlaggedFrame, flagged_prefix},
        protocol::{Protocol, TextDecoder},
    },
    model::event::{Direction, Gap, Message},
};

/// Largest kept size of a body, or of the end of one, that holds no message: an error with its details.
const MOST_TAIL_BYTES: usize = 1024 * 1024;

/// One direction of a call.
///
/// A message beyond the limit is a gap, and the messages after it are recorded. Whatever else goes wrong here (bytes
/// that are no messages, a recorder that takes nothing more) ends the recording of this direction, is said in the
/// capture as far as it can be, and never touches the bytes.
pub(super) struct DirectionRecorder {
    direction: Direction,
    shape: Shape,
    on: bool,
    /// True when a warning about a large message was printed.
    warned: bool,
    tail: Tail,
}

/// The bytes after the last message: they hold the status of protocols that have no trailers.
#[derive(Debug, Default)]
pub(super) struct Tail {
    pub(super) bytes: BytesMut,
    /// True when there were more of them than are kept.
    pub(super) is_cut: bool,
}

impl Tail {
    fn add(&mut self, bytes: &[u8]) {
        let room = MOST_TAIL_BYTES.saturating_sub(self.bytes.len());
        self.is_cut |= bytes.len() > room;
        self.bytes.extend_from_slice(bytes.get(..room).unwrap_or(bytes));
    }
}

/// What the bytes of a direction are.
enum Shape {
    /// Messages with prefixes.
    Frames {
        deframer: Deframer,
        /// The flag of the frame after the last message.
        end: u8,
        /// Decodes base64.
        text: Option<TextDecoder>,
        /// True after the frame with that flag.
        ended: bool,
    },
    /// One message.
    Whole(Whole),
    /// No messages.
    Tail,
}

/// A body that is one message.
struct Whole {
    limit: usize,
    compressed: bool,
    data: BytesMut,
    /// Number of its bytes so far, also of those that are not kept.
    size: u64,
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
    /// A recorder of a direction in this protocol; `compressed` says that a body which is one message is compressed.
    pub(super) fn new(direction: Direction, protocol: Protocol, compressed: bool, max_message_bytes: usize) -> Self {
        let shape = if protocol.is_unary() {
            Shape::Whole(Whole {
                limit: max_message_bytes,
                compressed,
                data: BytesMut::new(),
                size: 0,
            })
        } else {
            // The client's direction ends with its half-close.
            let end = if direction == Direction::Received {
                protocol.end_flag()
            } else {
                0
            };
            Shape::Frames {
                deframer: Deframer::with_end(max_message_bytes, end),
                end,
                text: (protocol == Protocol::WebText).then(TextDecoder::default),
                ended: false,
            }
        };
        Self::of(direction, shape)
    }

    /// A recorder of an answer without messages: its bytes are the tail.
    pub(super) fn of_error() -> Self {
        Self::of(Direction::Received, Shape::Tail)
    }

    fn of(direction: Direction, shape: Shape) -> Self {
        Self {
            direction,
            shape,
            on: true,
            warned: false,
            tail: Tail::default(),
        }
    }

    /// Records the messages that end in `chunk`. It waits only for room in the recorder's queue.
    pub(super) async fn look(&mut self, log: &Log, chunk: &Bytes) {
        if !self.on {
            return;
        }
        match &mut self.shape {
            Shape::Tail => self.tail.add(chunk),
            Shape::Whole(whole) => {
                whole.size += chunk.len() as u64;
                if whole.size <= whole.limit as u64 {
                    whole.data.extend_from_slice(chunk);
                } else {
                    whole.data = BytesMut::new();
                }
            }
            Shape::Frames { text: None, .. } => self.frames(log, chunk.clone()).await,
            Shape::Frames { text: Some(text), .. } => match text.push(chunk) {
                Ok(bytes) => self.frames(log, bytes.into()).await,
                Err(error) => self.stop(log, &error),
            },
        }
    }

    /// Records the messages that end in `bytes`.
    async fn frames(&mut self, log: &Log, bytes: Bytes) {
        let Shape::Frames { deframer, ended, .. } = &mut self.shape else {
            return;
        };
        if *ended {
            self.tail.add(&bytes);
            return;
        }
        deframer.push(bytes);
        while let Shape::Frames {
            deframer, end, ended, ..
        } = &mut self.shape
        {
            let FlaggedFrame { flags, data } = match deframer.next_flagged() {
                Ok(Some(frame)) => frame,
                Ok(None) => return,
                Err(error) => {
                    self.on = deframer.skip_refused();
                    self.lose(log, &error);
                    if self.on {
                        continue;
                    }
                    return;
                }
            };
            if flags & *end != 0 {
                *ended = true;
                self.tail.add(&flagged_prefix(flags, data.len()));
                self.tail.add(&data);
                for rest in deframer.take_rest() {
                    self.tail.add(&rest);
                }
                return;
            }
            let message = Message {
                direction: self.direction,
                compressed: flags & 1 != 0,
                data,
            };
            if log.message(message).await.is_err() {
                self.on = false;
                return;
            }
        }
    }

    /// Handles the orderly end of the direction: what is a message as a whole is recorded now.
    pub(super) async fn complete(&mut self, log: &Log) {
        match &mut self.shape {
            Shape::Whole(_) if !self.on => {}
            Shape::Whole(whole) if whole.size > whole.limit as u64 => {
                let error = WireError::TooLarge {
                    index: 1,
                    offset: 0,
                    size: whole.size,
                    limit: whole.limit as u64,
                };
                self.on = false;
                self.lose(log, &error);
            }
            Shape::Whole(whole) => {
                let message = Message {
                    direction: self.direction,
                    compressed: whole.compressed,
                    data: whole.data.split().freeze(),
                };
                self.on = false;
                let _ = log.message(message).await;
            }
            Shape::Frames { text: Some(text), .. } => match text.finish() {
                Ok(bytes) if bytes.is_empty() => {}
                Ok(bytes) => self.frames(log, bytes.into()).await,
                Err(error) => self.stop(log, &error),
            },
            Shape::Frames { .. } | Shape::Tail => {}
        }
    }

    /// Ends the direction.
    pub(super) fn end(&mut self, log: &Log, unfinished: Unfinished) {
        if !self.on {
            return;
        }
        self.on = false;
        let cut = match &self.shape {
            Shape::Frames { ended: true, .. } | Shape::Tail | Shape::Whole(Whole { size: 0, .. }) => return,
            Shape::Frames { deframer, .. } => match deframer.finish() {
                Ok(()) => return,
                Err(cut) => cut,
            },
            Shape::Whole(whole) => WireError::Truncated {
                index: 1,
                offset: 0,
                have: whole.size,
                need: whole.size + 1,
            },
        };
        match unfinished {
            Unfinished::Lost => self.lose(log, &cut),
            Unfinished::GivenUp => {
                let _ = log.recorder.note("recorder", format!("{}: {cut}", self.side_name()));
            }
        }
    }

    /// Takes the bytes after the last message.
    pub(super) fn take_tail(&mut self) -> Tail {
        std::mem::take(&mut self.tail)
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
        self.gap(log, &format!("{error}{more}"));
    }

    /// Stops recording the direction, because its bytes cannot be read.
    fn stop(&mut self, log: &Log, error: &dyn std::error::Error) {
        self.on = false;
        self.gap(
            log,
            &format!(
                "could not read the body: {error}; it was passed on, and nothing after it in this direction is recorded"
            ),
        );
    }

    fn gap(&mut self, log: &Log, reason: &str) {
        if !std::mem::replace(&mut self.warned, true) {
            tracing::warn!("call {}, {}: {reason}", log.recorder.id(), self.side_name());
        }
        log.gap(Gap {
            direction: self.direction,
            messages: 1,
            reason: reason.to_owned(),
        });
    }

    const fn side_name(&self) -> &'static str {
        match self.direction {
            Direction::Sent => "from the client",
            Direction::Received => "from the server",
        }
    }
}
