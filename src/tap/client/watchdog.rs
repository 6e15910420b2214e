//! Limits of one call, enforced by one timer that is not re-armed for every message.
//!
//! The limits count only time in which this process was running. After a suspension, the silence of the server is
//! counted anew: what the server sent meanwhile may wait in the socket.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use super::{CallLimits, Stop, ending};
use crate::{
    model::event::{Deadline, Ending, Limit},
    tap::awake::{Awake, ClockReading},
};

/// Decides when a call must be ended. Clones share one state.
#[derive(Debug, Clone)]
pub(super) struct Watchdog {
    stop: Stop,
    first_frame: Option<Duration>,
    idle: Option<Duration>,
    duration: Option<Duration>,
    clock: Awake,
    seen: Arc<Seen>,
}

/// Times of the last events, in nanoseconds by the clock.
#[derive(Debug, Default)]
struct Seen {
    opened: AtomicU64,
    progress: AtomicU64,
    messages: AtomicBool,
}

impl Watchdog {
    pub(super) fn new(limits: &CallLimits, stop: Stop) -> Self {
        let all = [limits.first_frame_timeout, limits.idle_timeout, limits.duration];
        let shortest = all.into_iter().flatten().min();
        Self {
            stop,
            first_frame: limits.first_frame_timeout,
            idle: limits.idle_timeout,
            duration: limits.duration,
            clock: Awake::start(shortest.unwrap_or(Duration::MAX)),
            seen: Arc::default(),
        }
    }

    /// Notes that the call is opened, for the first time or again.
    pub(super) fn opened(&self) {
        self.seen.opened.store(self.now(), Ordering::Relaxed);
    }

    /// Notes received data; returns the time for which this process stood still before, if it did.
    pub(super) fn progress(&self) -> Option<Duration> {
        self.seen.progress.store(self.now(), Ordering::Relaxed);
        self.clock.stood_still()
    }

    /// Notes a recorded message; the time that took is not the server's silence.
    pub(super) fn message(&self) {
        self.seen.messages.store(true, Ordering::Relaxed);
        self.seen.progress.store(self.now(), Ordering::Relaxed);
    }

    fn now(&self) -> u64 {
        u64::try_from(self.clock.look().now.as_nanos()).unwrap_or(u64::MAX)
    }

    /// Waits until the call must end, and returns its ending.
    pub(super) async fn expired(&self) -> Ending {
        loop {
            let look = self.clock.look();
            let next = self.next(look);
            if let Some((at, ending)) = &next
                && *at <= look.now
            {
                return ending.clone();
            }
            let wake = async {
                match self.recheck(look, next.map(|(at, _)| at)) {
                    Some(at) => self.clock.sleep_until(at).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                biased;
                reason = self.stop.stopped() => return ending::by_us(reason),
                () = wake => {}
            }
        }
    }

    /// Wakes the wait, because the first message may bring an earlier deadline.
    fn recheck(&self, look: ClockReading, at: Option<Duration>) -> Option<Duration> {
        let idle = self.idle.filter(|_| !self.seen.messages.load(Ordering::Relaxed));
        let first = idle.map(|idle| look.now.saturating_add(idle));
        [at, first].into_iter().flatten().min()
    }

    /// The earliest deadline, and its ending.
    fn next(&self, look: ClockReading) -> Option<(Duration, Ending)> {
        let silence = |since: &AtomicU64, limit: Duration, kind: Limit| {
            let since = Duration::from_nanos(since.load(Ordering::Relaxed)).max(look.resumed);
            let ending = Ending::Deadline(Deadline {
                limit: kind,
                after_ns: u64::try_from(limit.as_nanos()).unwrap_or(u64::MAX),
            });
            (since.saturating_add(limit), ending)
        };
        let silent = if self.seen.messages.load(Ordering::Relaxed) {
            self.idle.map(|limit| silence(&self.seen.progress, limit, Limit::Idle))
        } else {
            let first = self.first_frame;
            first.map(|limit| silence(&self.seen.opened, limit, Limit::FirstFrame))
        };
        let total = self
            .duration
            .map(|limit| (limit, ending::by_us(format!("the time limit of {limit:?} was reached"))));
        [silent, total].into_iter().flatten().min_by_key(|(at, _)| *at)
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::{Instant, advance, sleep};

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn watchdog() -> Watchdog {
        let limits = CallLimits {
            first_frame_timeout: Some(SECOND * 30),
            idle_timeout: Some(SECOND * 60),
            duration: Some(SECOND * 600),
            ..CallLimits::default()
        };
        Watchdog::new(&limits, Stop::new())
    }

    fn limit(ending: &Ending) -> Option<Limit> {
        match ending {
            Ending::Deadline(deadline) => Some(deadline.limit),
            _ => None,
        }
    }

    #[tokio::test(start_paused = true)]
    async fn limits_are_exact_while_the_process_runs() {
        let began = Instant::now();
        let (first, idle) = (watchdog(), watchdog());
        assert_eq!(limit(&first.expired().await), Some(Limit::FirstFrame));
        assert_eq!(began.elapsed(), SECOND * 30);
        idle.message();
        assert_eq!(limit(&idle.expired().await), Some(Limit::Idle));
        assert_eq!(began.elapsed(), SECOND * 90);
        for _ in 0..60 {
            sleep(SECOND * 10).await;
            idle.message();
        }
        assert_eq!(
            limit(&idle.expired().await),
            None,
            "the duration is over, and no silence"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn after_a_standstill_no_limit_has_passed_and_silence_begins_anew() {
        for (heard, kind, span) in [(false, Limit::FirstFrame, 30), (true, Limit::Idle, 60)] {
            let watchdog = watchdog();
            if heard {
                watchdog.message();
            }
            let watching = tokio::spawn({
                let watchdog = watchdog.clone();
                async move { watchdog.expired().await }
            });
            sleep(SECOND * 20).await;
            // Every timer is late, and the body has had no chance to be polled.
            advance(SECOND * 3600).await;
            let resumed = Instant::now();
            assert_eq!(limit(&watching.await.unwrap()), Some(kind));
            assert!(resumed.elapsed() >= SECOND * (span - 1), "{:?}", resumed.elapsed());
            assert!(watchdog.progress().is_some_and(|gap| gap >= SECOND * 3600));
            assert_eq!(watchdog.progress(), None);
        }
    }
}
