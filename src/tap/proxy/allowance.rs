//! A memory limit for header fields that cost their sender almost nothing: all connections of a proxy share it.
//!
//! A field of the table is one byte on the wire and up to 4 kB in memory and in the capture. Ordinary calls repeat few of them
//! ([`fields`](super::fields) says how many each may have in any case); a client that repeats one a thousand times must not fill
//! our memory, nor that of a reader of the capture.

use std::sync::{Mutex, PoisonError};

/// Largest amount of memory, 16 MiB: eight blocks of the largest kind.
const MOST_BYTES: u64 = 16 * 1024 * 1024;
/// Amount that is released per second, 8 MiB: 2,000 calls with a token of 8 kB each, or 5,000 with the largest that a
/// table of the usual size holds.
const BYTES_PER_SECOND: u64 = 8 * 1024 * 1024;
const SECOND_NS: u128 = 1_000_000_000;

/// The remaining allowance.
#[derive(Debug)]
pub(super) struct Allowance(Mutex<State>);

#[derive(Debug)]
struct State {
    left: u64,
    /// Time of the last release, in nanoseconds since the capture began.
    at_ns: u64,
}

impl Default for Allowance {
    fn default() -> Self {
        Self(Mutex::new(State {
            left: MOST_BYTES,
            at_ns: 0,
        }))
    }
}

impl Allowance {
    /// Takes `bytes` from the allowance; false, and nothing taken, when there are not as many left.
    pub(super) fn take(&self, bytes: usize, now_ns: u64) -> bool {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let passed = now_ns.saturating_sub(state.at_ns);
        let more = u128::from(passed) * u128::from(BYTES_PER_SECOND) / SECOND_NS;
        if more > 0 {
            state.left = MOST_BYTES.min(state.left.saturating_add(u64::try_from(more).unwrap_or(u64::MAX)));
            state.at_ns = now_ns;
        }
        let left = state.left.checked_sub(bytes as u64);
        state.left = left.unwrap_or(state.left);
        left.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_used_up_and_comes_back_with_time() {
        let (allowance, second) = (Allowance::default(), 1_000_000_000);
        let all = MOST_BYTES as usize;
        assert!(allowance.take(all - 10, 0) && !allowance.take(11, 0) && allowance.take(10, 0));
        // However often it is asked for, a part of a second brings that part.
        let part = BYTES_PER_SECOND as usize / 4;
        for at in 0..250 {
            assert!(!allowance.take(part + 1, at * second / 1000));
        }
        assert!(allowance.take(part * 9 / 10, second / 4) && !allowance.take(part, second / 4));
        assert!(allowance.take(all, 1000 * second) && !allowance.take(1, 1000 * second));
    }
}
