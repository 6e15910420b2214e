//! The capture file as a recorder's sink.

use super::{Sink, SinkError};
use crate::{
    file::{Storage, Summary, Writer},
    model::event::Event,
};

impl<S: Storage + Send + 'static> Sink for Writer<S> {
    type Summary = Summary;

    fn write(&mut self, event: &Event) -> Result<(), SinkError> {
        Ok(Self::write(self, event)?)
    }

    fn flush(&mut self) -> Result<(), SinkError> {
        Ok(Self::flush(self)?)
    }

    fn check(&mut self) -> Result<(), SinkError> {
        Ok(Self::check(self)?)
    }

    fn finish(self) -> Result<Summary, SinkError> {
        Ok(Self::finish(self)?)
    }

    fn stored_bytes(&self) -> u64 {
        Self::stored_bytes(self)
    }
}
