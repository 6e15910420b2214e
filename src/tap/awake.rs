//! A clock of the time in which this process was running.
//!
//! A process that is stopped (SIGSTOP), or whose machine sleeps, sees nothing, and what was sent to it waits in its
//! sockets. Limits for the silence of others count only time in which it could have heard them.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::time::{Instant, sleep};

/// Number of clock readings within one limit: so exactly is a standstill told from a limit that ran out.
const LOOKS: u32 = 8;
/// Shortest interval of clock readings. Below, a busy machine would pass for one that stands still.
const SHORTEST_TICK: Duration = Duration::from_millis(50);
/// Longest interval of clock readings.
const LONGEST_TICK: Duration = Duration::from_secs(1);
/// A reading this many intervals after the one before shows a suspension.
const MISSED_TICKS: u32 = 3;

/// A clock that stops while the process is suspended. Clones share one state; it needs a runtime.
#[derive(Debug, Clone)]
pub(crate) struct Awake {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    began: Instant,
    tick: Duration,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// The latest reading of the underlying clock.
    seen: Duration,
    /// Total time of suspensions.
    lost: Duration,
    /// Time of the last resumption, by this clock.
    resumed: Duration,
    /// Time of suspensions that has not been reported.
    untold: Duration,
}

/// A reading of the clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ClockReading {
    /// Running time since the clock was started.
    pub(crate) now: Duration,
    /// Time of the last resumption after a suspension; zero when it never stood still.
    pub(crate) resumed: Duration,
}

impl Awake {
    /// Starts a clock for limits of this length and more.
    pub(crate) fn start(limit: Duration) -> Self {
        let shared = Arc::new(Shared {
            began: Instant::now(),
            tick: (limit / LOOKS).clamp(SHORTEST_TICK, LONGEST_TICK),
            state: Mutex::default(),
        });
        let (watched, tick) = (Arc::downgrade(&shared), shared.tick);
        // Ends within a tick of the last clone.
        tokio::spawn(async move {
            loop {
                sleep(tick).await;
                let Some(shared) = watched.upgrade() else { return };
                shared.look();
            }
        });
        Self { shared }
    }

    /// Reads the clock.
    pub(crate) fn look(&self) -> ClockReading {
        self.shared.look()
    }

    /// Length of suspensions since the last query, if any.
    pub(crate) fn stood_still(&self) -> Option<Duration> {
        self.look();
        let mut state = self.shared.state.lock().unwrap_or_else(PoisonError::into_inner);
        let untold = std::mem::take(&mut state.untold);
        (!untold.is_zero()).then_some(untold)
    }

    /// Waits until this clock shows `at`.
    pub(crate) async fn sleep_until(&self, at: Duration) {
        loop {
            let left = at.saturating_sub(self.look().now);
            if left.is_zero() {
                return;
            }
            sleep(left).await;
        }
    }
}

impl Shared {
    fn look(&self) -> ClockReading {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let since = self.began.elapsed().max(state.seen);
        let gap = since.saturating_sub(state.seen);
        state.seen = since;
        if gap > self.tick * MISSED_TICKS {
            state.lost += gap;
            state.untold += gap;
            state.resumed = since.saturating_sub(state.lost);
        }
        ClockReading {
            now: since.saturating_sub(state.lost),
            resumed: state.resumed,
        }
    }
}

/// A deadline by an `Awake` clock. Clones share one state.
#[derive(Debug, Clone)]
pub(crate) struct Deadline {
    clock: Awake,
    at: Duration,
}

impl Deadline {
    /// A deadline this long from now; it needs a runtime. Time in which the process stands still does not count.
    #[must_use]
    pub(crate) fn after(limit: Duration) -> Self {
        Self {
            clock: Awake::start(limit),
            at: limit,
        }
    }

    /// Time left until the deadline.
    #[must_use]
    pub(crate) fn left(&self) -> Duration {
        self.at.saturating_sub(self.clock.look().now)
    }

    /// Waits until the deadline.
    pub(crate) async fn passed(&self) {
        self.clock.sleep_until(self.at).await;
    }

    /// Runs `work` until the deadline, but for no longer than `limit`; `None` when it was not done.
    pub(crate) async fn limit<T>(&self, limit: Duration, work: impl Future<Output = T>) -> Option<T> {
        let at = self.at.min(self.clock.look().now.saturating_add(limit));
        tokio::select! {
            biased;
            done = work => Some(done),
            () = self.clock.sleep_until(at) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::advance;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[tokio::test(start_paused = true)]
    async fn a_standstill_does_not_count_and_is_told_once() {
        let clock = Awake::start(SECOND * 30);
        sleep(SECOND * 10).await;
        let before = clock.look();
        assert_eq!((before.resumed, clock.stood_still()), (Duration::ZERO, None));
        // All timers are late by an hour: nothing ran meanwhile.
        advance(SECOND * 3600).await;
        let after = clock.look();
        assert!(after.now.saturating_sub(before.now) <= LONGEST_TICK, "{after:?}");
        assert_eq!(after.resumed, after.now);
        assert!(clock.stood_still().is_some_and(|gap| gap >= SECOND * 3600));
        assert_eq!(clock.stood_still(), None);
    }

    #[tokio::test(start_paused = true)]
    async fn a_deadline_is_exact_while_the_process_runs_and_later_by_its_standstill() {
        let began = Instant::now();
        let deadline = Deadline::after(SECOND * 30);
        deadline.passed().await;
        assert_eq!(began.elapsed(), SECOND * 30);
        assert_eq!(deadline.left(), Duration::ZERO);

        let deadline = Deadline::after(SECOND * 30);
        let waiting = tokio::spawn({
            let deadline = deadline.clone();
            async move { deadline.passed().await }
        });
        sleep(SECOND * 10).await;
        advance(SECOND * 3600).await;
        assert!(deadline.left() >= SECOND * 19, "{:?}", deadline.left());
        sleep(SECOND * 18).await;
        assert!(!waiting.is_finished());
        waiting.await.unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn work_is_given_up_at_the_nearer_of_two_limits() {
        let deadline = Deadline::after(SECOND * 30);
        let never = std::future::pending::<()>;
        let began = Instant::now();
        assert_eq!(deadline.limit(SECOND * 20, never()).await, None);
        assert_eq!(deadline.limit(SECOND * 20, never()).await, None);
        assert_eq!(began.elapsed(), SECOND * 30);
        assert_eq!(
            deadline.limit(SECOND, async { 7 }).await,
            Some(7),
            "what is done is done"
        );
    }
}
