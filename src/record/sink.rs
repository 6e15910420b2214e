//! Where the events of a recording go.

use std::{error::Error, time::Duration};

use crate::model::event::Event;

/// Whatever a sink reports; the sink's own type is kept as the source.
#[doc(hidden)]
pub type SinkError = Box<dyn Error + Send + Sync>;

/// Where events go: the capture file, or a test's memory.
#[doc(hidden)]
pub trait Sink: Send + 'static {
    /// What is known once everything is written.
    type Summary: Send + 'static;

    /// Takes the next event.
    fn write(&mut self, event: &Event) -> Result<(), SinkError>;
    /// Makes everything written so far readable.
    fn flush(&mut self) -> Result<(), SinkError>;
    /// Says whether what was written is still where it belongs; asked for when there is nothing to write.
    fn check(&mut self) -> Result<(), SinkError> {
        Ok(())
    }
    /// Told before each event how full the queue is, in percent: a sink that can hurry does so.
    fn pressure(&mut self, _percent: u8) {}
    /// Completes the capture.
    fn finish(self) -> Result<Self::Summary, SinkError>;
    /// Bytes stored so far, after compression.
    fn stored_bytes(&self) -> u64;
    /// How often to [wake](Self::wake) it when nothing comes; `None`, the default, is never.
    fn wakes(&self) -> Option<Duration> {
        None
    }
    /// The process stood still until now, at `now_ns`: that nothing came meanwhile says nothing of those who send. Does
    /// nothing by default.
    fn resumed(&mut self, now_ns: u64) {
        let _ = now_ns;
    }
    /// Nothing came for a while; `now_ns` is the present offset. Does nothing by default.
    fn wake(&mut self, now_ns: u64) -> Result<(), SinkError> {
        let _ = now_ns;
        Ok(())
    }
}
