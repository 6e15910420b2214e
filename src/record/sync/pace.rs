//! Decides when to write past the page cache.

use std::time::{Duration, Instant};

/// Bytes per second from which direct writes are considered.
pub(super) const MUCH: u64 = 16 << 20;
const SECOND: Duration = Duration::from_secs(1);
/// Limit on the wait for a disk that keeps up: a quarter of the time, or the time to write at this rate in bytes per
/// second: so fast do chunks come when a recorder makes up for what has waited.
const FAST: u64 = 750_000_000;
/// Largest accumulated wait beyond that: a stall of about 25 ms, or 30 ms of a stream of 800 MB/s into a disk of 300.
/// The queue of a recorder bridges more.
const TOO_LATE: Duration = Duration::from_millis(15);
/// Longest pause before direct writes are tried again; after this at most, when they never last longer than they
/// rested.
const LONGEST_REST: Duration = Duration::from_secs(64);

/// Chooses between direct and cached writes, by the amount of data and the time that writing takes.
#[derive(Debug)]
pub(super) struct Pace {
    direct: bool,
    /// Start of the current measurement, and the bytes since then.
    since: Instant,
    bytes: u64,
    /// Time of the last call.
    now: Instant,
    /// Accumulated wait beyond the limit.
    late: Duration,
    /// Time of the last change.
    changed: Instant,
    rest: Duration,
    /// Earliest time of the next change.
    earliest: Instant,
}

impl Pace {
    pub(super) const fn new(now: Instant) -> Self {
        Self {
            direct: false,
            since: now,
            bytes: 0,
            now,
            late: Duration::ZERO,
            changed: now,
            rest: SECOND,
            earliest: now,
        }
    }

    /// Decides at `now`, after this many more bytes and this long a wait for the disk. Answers whether the next go past
    /// the page cache.
    pub(super) fn is_direct(&mut self, now: Instant, bytes: u64, waited: Duration) -> bool {
        let fast = Duration::from_nanos(bytes.saturating_mul(1_000_000_000) / FAST);
        let fair = fast.max(now.saturating_duration_since(self.now) / 4);
        self.now = now;
        self.bytes += bytes;
        if self.direct {
            self.late = (self.late + waited).saturating_sub(fair);
            if self.late > TOO_LATE {
                let lasted = now.saturating_duration_since(self.changed);
                self.rest = if lasted > self.rest {
                    SECOND
                } else {
                    (self.rest * 2).min(LONGEST_REST)
                };
                self.earliest = now + self.rest;
                self.change(now);
            }
        }
        let over = now.saturating_duration_since(self.since) >= SECOND;
        if over || self.bytes >= MUCH {
            let much = self.bytes >= MUCH && !over;
            if much != self.direct && (self.direct || now >= self.earliest) {
                self.change(now);
            }
            (self.since, self.bytes) = (now, 0);
        }
        self.direct
    }

    fn change(&mut self, now: Instant) {
        self.direct = !self.direct;
        self.changed = now;
        self.late = Duration::ZERO;
        (self.since, self.bytes) = (now, 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    /// Simulates `times` writes of 1 MiB, one every `every`, each with a wait of `waited`.
    fn run(pace: &mut Pace, times: u32, every: Duration, waited: Duration) -> Vec<bool> {
        let from = pace.now;
        let tell = |at| pace.is_direct(from + every * at, 1 << 20, waited);
        (1..=times).map(tell).collect()
    }

    #[test]
    fn much_in_a_short_time_goes_past_the_page_cache_and_little_does_not() {
        let mut pace = Pace::new(Instant::now());
        assert!(!run(&mut pace, 300, MS * 100, MS).contains(&true), "10 MiB/s is little");
        let fast = run(&mut pace, 40, MS * 10, MS);
        assert!(fast.ends_with(&[true; 16]), "{fast:?}");
        let slow = run(&mut pace, 40, MS * 200, MS);
        assert!(slow.ends_with(&[false; 16]), "{slow:?}");
    }

    #[test]
    fn a_disk_that_does_not_keep_up_gets_the_page_cache_back_at_once_and_is_tried_again_later_and_later() {
        let mut pace = Pace::new(Instant::now());
        assert!(run(&mut pace, 16, MS, MS / 2).ends_with(&[true]));
        // It does nothing but write.
        let slow = run(&mut pace, 4096, MS * 4, MS * 4);
        let tries: Vec<_> = slow.chunk_by(|a, b| a == b).map(|same| (same[0], same.len())).collect();
        let direct = tries.iter().filter(|(direct, _)| *direct);
        assert!(
            direct.clone().count() > 2 && direct.clone().all(|(_, writes)| *writes <= 8),
            "{tries:?}"
        );
        let rests: Vec<_> = tries
            .iter()
            .filter(|(direct, _)| !direct)
            .map(|(_, writes)| *writes)
            .collect();
        let whole = &rests[..rests.len() - 1];
        assert!(whole.windows(2).all(|pair| pair[1] > pair[0] * 3 / 2), "{tries:?}");
    }

    #[test]
    fn a_fast_disk_is_written_to_directly_while_the_recorder_catches_up() {
        let mut pace = Pace::new(Instant::now());
        let busy = run(&mut pace, 1000, MS, MS);
        assert!(busy[16..].iter().all(|direct| *direct), "{busy:?}");
    }

    #[test]
    fn one_slow_write_is_forgiven_and_a_stall_is_not() {
        let mut pace = Pace::new(Instant::now());
        run(&mut pace, 16, MS, MS / 2);
        let now = pace.now + MS * 16;
        assert!(pace.is_direct(now, 1, MS * 16));
        assert!(run(&mut pace, 100, MS, MS / 2).iter().all(|direct| *direct));
        let now = pace.now + MS * 30;
        assert!(!pace.is_direct(now, 1, MS * 30));
    }
}
