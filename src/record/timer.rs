//! What the time of a thread goes into: work, waiting for a core, and waiting for something else.

use std::{fmt::Debug, time::Duration};

#[cfg(target_os = "linux")]
use std::fs;

use rustix::time::{ClockId, clock_gettime};

/// A moment of a thread.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Moment {
    /// Time since a fixed one.
    pub(super) at: Duration,
    /// Processor time that the thread has used.
    pub(super) cpu: Duration,
}

/// Where a thread reads its times. Tests pass their own.
pub(super) trait Timer: Debug + Send {
    /// The present moment of the calling thread.
    fn now(&self) -> Moment;
    /// For how long the calling thread was ready to run while no core was free for it; `None` where the system does not say.
    fn starved(&self) -> Option<Duration>;
}

/// The times of the system.
#[derive(Debug, Clone, Copy)]
pub(super) struct SystemTimer;

impl Timer for SystemTimer {
    fn now(&self) -> Moment {
        Moment {
            at: time(ClockId::Monotonic),
            cpu: time(ClockId::ThreadCPUTime),
        }
    }

    #[cfg(target_os = "linux")]
    fn starved(&self) -> Option<Duration> {
        let stat = fs::read_to_string("/proc/thread-self/schedstat").ok()?;
        let ns = stat.split_ascii_whitespace().nth(1)?;
        ns.parse().ok().map(Duration::from_nanos)
    }

    #[cfg(not(target_os = "linux"))]
    fn starved(&self) -> Option<Duration> {
        None
    }
}

fn time(clock: ClockId) -> Duration {
    let time = clock_gettime(clock);
    let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
    Duration::new(seconds, u32::try_from(time.tv_nsec).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_takes_processor_time_and_no_time_runs_backwards() {
        let begun = SystemTimer.now();
        let mut now = begun;
        // It never ends when the thread's own clock stands still.
        while now.cpu == begun.cpu || now.at == begun.at {
            now = SystemTimer.now();
            assert!(now.at >= begun.at && now.cpu >= begun.cpu);
        }
        let starved = SystemTimer.starved();
        assert!(SystemTimer.starved() >= starved);
    }
}
