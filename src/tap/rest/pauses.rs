//! Pauses between attempts.

use std::time::Duration;

use backon::{BackoffBuilder as _, ExponentialBuilder};

/// Shortest and longest pause between attempts: a server that starts is met soon, one that is down is not hammered.
const FIRST_PAUSE: Duration = Duration::from_millis(200);
const LONGEST_PAUSE: Duration = Duration::from_secs(3);

/// Iterates over the pauses between attempts; they never end, the caller's limit does.
pub(super) fn pauses() -> impl Iterator<Item = Duration> {
    let backoff = ExponentialBuilder::new()
        .with_min_delay(FIRST_PAUSE)
        .with_max_delay(LONGEST_PAUSE);
    backoff.without_max_times().with_jitter().build()
}
