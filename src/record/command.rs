//! Commands to the writer threads, and their senders.

use std::{sync::mpsc, time::Duration};

use tokio::sync::OwnedSemaphorePermit;

use super::spool::SpooledMessage;
use crate::model::event::Event;

/// A command to the writer thread.
#[derive(Debug)]
#[expect(
    clippy::large_enum_variant,
    reason = "nearly every one is a write; a box would cost an allocation each"
)]
pub(super) enum Command {
    /// Write this event; the permit is given back once that is done.
    Write(Event, Option<Admission>),
    /// Write nothing more, and complete the sink.
    Finish,
}

/// A message's reservation in the queue, released when dropped.
#[derive(Debug)]
pub(super) enum Admission {
    /// Room in memory.
    Memory {
        _event: OwnedSemaphorePermit,
        _bytes: OwnedSemaphorePermit,
    },
    /// The payload is in the spool file; the event goes without.
    File(SpooledMessage),
}

impl Admission {
    pub(super) const fn is_file(&self) -> bool {
        matches!(self, Self::File(_))
    }
}

/// A recording whose commands a thread executes.
pub(super) trait Lane: Send {
    /// Executes a command; true when it was the last one.
    fn carry_out(&mut self, command: Command) -> bool;
    /// Notes that no command came within [`patience`](Self::patience); true when the recording is over.
    fn idle(&mut self) -> bool;
    /// Notes that the process was suspended until now.
    fn resumed(&mut self);
    /// Longest time to wait for the next command before something is due.
    fn patience(&self) -> Duration;
}

/// A message to a writer thread.
#[expect(
    clippy::large_enum_variant,
    reason = "nearly every one is a command; a box would cost an allocation each"
)]
pub(super) enum Message {
    Start(u64, Box<dyn Lane>),
    Command(u64, Command),
}

/// Sends the commands of one recording to its thread.
#[derive(Debug)]
pub(super) struct CommandSender {
    recording: u64,
    thread: mpsc::Sender<Message>,
}

impl CommandSender {
    /// A sender for one recording, by its number among those of the thread.
    pub(super) const fn new(recording: u64, thread: mpsc::Sender<Message>) -> Self {
        Self { recording, thread }
    }

    /// Registers the lane that executes the commands [sent](Self::send) from now on.
    pub(super) fn start(&self, lane: Box<dyn Lane>) {
        let _ = self.thread.send(Message::Start(self.recording, lane));
    }

    /// Sends a command; false when the thread is gone.
    pub(super) fn send(&self, command: Command) -> bool {
        self.thread.send(Message::Command(self.recording, command)).is_ok()
    }
}
