//! The clock of a capture: nanoseconds since it began.

use std::time::Instant;

/// A monotonic clock. Tests pass their own.
pub trait Clock: Send + Sync {
    /// Nanoseconds since the capture began.
    fn offset_ns(&self) -> u64;
}

/// The monotonic clock of the machine, which starts at 0 when it is made.
///
/// ```
/// use grpc_capture::record::{Clock, MonotonicClock};
/// let clock = MonotonicClock::start();
/// let earlier = clock.offset_ns();
/// assert!(clock.offset_ns() >= earlier);
/// ```
#[derive(Debug, Clone, Copy)]
pub struct MonotonicClock {
    began: Instant,
}

impl MonotonicClock {
    /// Starts a clock at offset 0; take the capture's wall-clock anchor at the same moment.
    #[must_use]
    pub fn start() -> Self {
        Self { began: Instant::now() }
    }
}

impl Clock for MonotonicClock {
    fn offset_ns(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }
}
