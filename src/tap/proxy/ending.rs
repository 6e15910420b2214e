//! What the end of a proxied call means in the vocabulary.

use std::time::Duration;

use crate::{
    event::{Cancelled, Deadline, Ending, Limit, Party},
    tap::client::ending::{by_us, of_error},
};

/// A client's clock began before its request reached us, so that its reset may come a little before our clock says that
/// the deadline has passed: by an eighth of it, and never more than this.
const MOST_EARLY: Duration = Duration::from_millis(100);

/// How a side of a call ended that was not in order.
#[derive(Debug)]
pub(super) enum Cut {
    /// The client reset the stream, or went away.
    Client(Leaving),
    /// The target reset the stream, or went away.
    Target(h2::Error),
    /// We were told to stop.
    Us(String),
}

/// How a client left.
#[derive(Debug)]
pub(super) enum Leaving {
    Reset(h2::Reason),
    Gone(String),
}

impl Leaving {
    /// What an error on the client's stream says.
    pub(super) fn of(error: &h2::Error) -> Self {
        match error.reason() {
            Some(reason) if error.is_reset() && error.is_remote() => Self::Reset(reason),
            _ => Self::Gone(error.to_string()),
        }
    }

    /// The code to pass on to the target.
    pub(super) const fn reason(&self) -> h2::Reason {
        match self {
            Self::Reset(reason) => *reason,
            Self::Gone(_) => h2::Reason::CANCEL,
        }
    }
}

/// The ending to record. `elapsed` is the call's age, `timeout` the deadline the client asked for, `goaway` what the
/// target announced on its connection.
pub(super) fn of(cut: &Cut, elapsed: Duration, timeout: Option<Duration>, goaway: Option<u32>) -> Ending {
    match cut {
        Cut::Us(reason) => by_us(reason.clone()),
        Cut::Client(leaving) => match (passed(elapsed, timeout), leaving) {
            // A client whose time is up resets the call, or ends and takes its connection with it.
            (Some(timeout), Leaving::Reset(h2::Reason::CANCEL) | Leaving::Gone(_)) => deadline(timeout),
            (_, Leaving::Reset(reason)) => by_client(format!("the client reset the stream ({reason:?})")),
            (_, Leaving::Gone(error)) => by_client(format!("the client closed its connection: {error}")),
        },
        Cut::Target(error) => {
            let cancelled = error.is_reset() && error.is_remote() && error.reason() == Some(h2::Reason::CANCEL);
            match passed(elapsed, timeout) {
                Some(timeout) if cancelled => deadline(timeout),
                _ => of_error(error, goaway),
            }
        }
    }
}

const fn deadline(timeout: Duration) -> Ending {
    Ending::Deadline(Deadline {
        limit: Limit::Call,
        after_ns: timeout.as_nanos() as u64,
    })
}

const fn by_client(reason: String) -> Ending {
    Ending::Cancelled(Cancelled {
        by: Party::Client,
        reason,
    })
}

/// The deadline, once it has passed.
fn passed(elapsed: Duration, timeout: Option<Duration>) -> Option<Duration> {
    timeout.filter(|timeout| elapsed + (*timeout / 8).min(MOST_EARLY) >= *timeout)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(count: u64) -> Duration {
        Duration::from_millis(count)
    }

    #[test]
    fn a_reset_at_the_deadline_is_the_deadline_and_one_before_it_is_not() {
        let reset = Cut::Client(Leaving::Reset(h2::Reason::CANCEL));
        let at = |elapsed| of(&reset, elapsed, Some(ms(400)), None);
        assert_eq!(at(ms(400)), deadline(ms(400)));
        assert_eq!(at(ms(360)), deadline(ms(400)));
        assert!(matches!(
            at(ms(300)),
            Ending::Cancelled(Cancelled { by: Party::Client, .. })
        ));
        let none = of(&reset, ms(400), None, None);
        let Ending::Cancelled(cancelled) = none else {
            panic!("{none:?}")
        };
        assert_eq!(cancelled.reason, "the client reset the stream (CANCEL)");
    }

    #[test]
    fn a_connection_that_closes_after_the_deadline_is_the_deadline_and_one_before_it_is_not() {
        let gone = Cut::Client(Leaving::Gone("broken pipe".to_owned()));
        assert_eq!(of(&gone, ms(410), Some(ms(400)), None), deadline(ms(400)));
        let before = of(&gone, ms(300), Some(ms(400)), None);
        assert!(matches!(before, Ending::Cancelled(Cancelled { by: Party::Client, .. })));
    }

    #[test]
    fn other_codes_are_no_deadline() {
        let reset = Cut::Client(Leaving::Reset(h2::Reason::INTERNAL_ERROR));
        let ending = of(&reset, ms(500), Some(ms(400)), None);
        assert!(matches!(ending, Ending::Cancelled(_)), "{ending:?}");
    }
}
