//! What the threads that write are told, and by whom.

use std::{sync::mpsc, time::Duration};

use tokio::sync::OwnedSemaphorePermit;

use super::spool::SpooledMessage;
use crate::model::event::Event;

/// What the writer thread is told.
#[derive(Debug)]
#[expect(
    clippy::large_enum_variant,
    reason = "nearly every one is a write; a box would cost an allocation each"
)]
pub(super) enum Command {
    /// Write this; the permit is given back once that is done.
    Write(Event, Option<Admission>),
    /// Write nothing more and complete the sink.
    Finish,
}

/// A message's place in the queue, given back when dropped.
#[derive(Debug)]
pub(super) enum Admission {
    /// In memory.
    Memory {
        _event: OwnedSemaphorePermit,
        _bytes: OwnedSemaphorePermit,
    },
    /// Its payload is in a file; the event goes without.
    File(SpooledMessage),
}

impl Admission {
    pub(super) const fn is_file(&self) -> bool {
        matches!(self, Self::File(_))
    }
}

/// A recording whose commands a thread carries out.
pub(super) trait Lane: Send {
    /// Carries out a command; true when it was the last one.
    fn carry_out(&mut self, command: Command) -> bool;
    /// Nothing came for as long as [`patience`](Self::patience) said; true when the recording is over.
    fn idle(&mut self) -> bool;
    /// The process stood still until now.
    fn resumed(&mut self);
    /// How long to wait for the next command before something is due.
    fn patience(&self) -> Duration;
}

/// What a thread is told.
#[expect(
    clippy::large_enum_variant,
    reason = "nearly every one is a command; a box would cost an allocation each"
)]
pub(super) enum Message {
    Start(u64, Box<dyn Lane>),
    Command(u64, Command),
}

/// Where the commands of one recording go.
#[derive(Debug)]
pub(super) struct CommandSender {
    recording: u64,
    thread: mpsc::Sender<Message>,
}

impl CommandSender {
    /// For one recording, by its number among those of the thread.
    pub(super) const fn new(recording: u64, thread: mpsc::Sender<Message>) -> Self {
        Self { recording, thread }
    }

    /// Tells the thread who carries out what is [sent](Self::send) from now on.
    pub(super) fn start(&self, lane: Box<dyn Lane>) {
        let _ = self.thread.send(Message::Start(self.recording, lane));
    }

    /// False when nobody takes commands any more.
    pub(super) fn send(&self, command: Command) -> bool {
        self.thread.send(Message::Command(self.recording, command)).is_ok()
    }
}
