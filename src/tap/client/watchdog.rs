//! The limits of one call, watched by one timer that is not re-armed for every message.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::time::{Instant, sleep_until};

use super::{CallLimits, Stop, ending};
use crate::event::{Deadline, Ending, Limit};

/// Knows when a call must end by our own decision. Clones are one and the same.
#[derive(Debug, Clone)]
pub(super) struct Watchdog {
    stop: Stop,
    first_frame: Option<Duration>,
    idle: Option<Duration>,
    duration: Option<Duration>,
    began: Instant,
    seen: Arc<Seen>,
}

/// Times in nanoseconds since the watchdog began.
#[derive(Debug, Default)]
struct Seen {
    opened: AtomicU64,
    progress: AtomicU64,
    messages: AtomicBool,
}

impl Watchdog {
    pub(super) fn new(limits: &CallLimits, stop: Stop) -> Self {
        Self {
            stop,
            first_frame: limits.first_frame_timeout,
            idle: limits.idle_timeout,
            duration: limits.duration,
            began: Instant::now(),
            seen: Arc::default(),
        }
    }

    /// The call is opened, for the first time or again.
    pub(super) fn opened(&self) {
        self.seen.opened.store(self.now(), Ordering::Relaxed);
    }

    /// Bytes came.
    pub(super) fn progress(&self) {
        self.seen.progress.store(self.now(), Ordering::Relaxed);
    }

    /// A message is recorded; the time that took is not the server's silence.
    pub(super) fn message(&self) {
        self.seen.messages.store(true, Ordering::Relaxed);
        self.progress();
    }

    fn now(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }

    /// Waits until the call must end, and says how it ends.
    pub(super) async fn bark(&self) -> Ending {
        loop {
            let next = self.next();
            if let Some((at, ending)) = &next
                && *at <= Instant::now()
            {
                return ending.clone();
            }
            let wake = async {
                match self.recheck(next.map(|(at, _)| at)) {
                    Some(at) => sleep_until(at).await,
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

    /// The first message may bring a nearer deadline than the one being waited for.
    fn recheck(&self, at: Option<Instant>) -> Option<Instant> {
        let idle = self.idle.filter(|_| !self.seen.messages.load(Ordering::Relaxed));
        let first = idle.and_then(|idle| Instant::now().checked_add(idle));
        [at, first].into_iter().flatten().min()
    }

    /// The deadline that comes first, and the ending that it brings.
    fn next(&self) -> Option<(Instant, Ending)> {
        let deadline = |since: u64, limit: Duration, kind: Limit| {
            let ending = Ending::Deadline(Deadline {
                limit: kind,
                after_ns: u64::try_from(limit.as_nanos()).unwrap_or(u64::MAX),
            });
            Some((
                self.began
                    .checked_add(Duration::from_nanos(since).checked_add(limit)?)?,
                ending,
            ))
        };
        let silent = if self.seen.messages.load(Ordering::Relaxed) {
            let since = self.seen.progress.load(Ordering::Relaxed);
            self.idle.and_then(|limit| deadline(since, limit, Limit::Idle))
        } else {
            let since = self.seen.opened.load(Ordering::Relaxed);
            self.first_frame
                .and_then(|limit| deadline(since, limit, Limit::FirstFrame))
        };
        let total = self.duration.and_then(|limit| {
            let ending = ending::by_us(format!("--duration {limit:?} reached"));
            Some((self.began.checked_add(limit)?, ending))
        });
        [silent, total].into_iter().flatten().min_by_key(|(at, _)| *at)
    }
}
