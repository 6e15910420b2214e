//! The sink of a recording's events.

use std::{error::Error, time::Duration};

use crate::model::event::Event;

/// The error of a sink; the sink's own type is kept as the source.
#[doc(hidden)]
pub type SinkError = Box<dyn Error + Send + Sync>;

/// A sink of events: the capture file, or a test's memory.
#[doc(hidden)]
pub trait Sink: Send + 'static {
    /// The result of a completed sink.
    type Summary: Send + 'static;

    /// Writes the next event.
    fn write(&mut self, event: &Event) -> Result<(), SinkError>;
    /// Makes everything written so far readable.
    fn flush(&mut self) -> Result<(), SinkError>;
    /// Checks that everything written is intact; asked for when there is nothing to write.
    fn check(&mut self) -> Result<(), SinkError> {
        Ok(())
    }
    /// Tells the sink the fill level of the queue before each event, in percent: a sink that can hurry does so.
    fn pressure(&mut self, _percent: u8) {}
    /// Completes the capture.
    fn finish(self) -> Result<Self::Summary, SinkError>;
    /// Number of stored bytes so far, after compression.
    fn stored_bytes(&self) -> u64;
    /// Interval at which the sink is [woken](Self::wake) while no event comes; `None`, the default, is never.
    fn wakes(&self) -> Option<Duration> {
        None
    }
    /// Notes that the process was suspended until `now_ns`: that nothing came meanwhile says nothing of those who send.
    /// Does nothing by default.
    fn resumed(&mut self, now_ns: u64) {
        let _ = now_ns;
    }
    /// Called at that interval while no event comes; `now_ns` is the present offset. Does nothing by default.
    fn wake(&mut self, now_ns: u64) -> Result<(), SinkError> {
        let _ = now_ns;
        Ok(())
    }
}
