//! Mapping of the end of a proxied call to a recorded ending.

use std::time::Duration;

use crate::{
    grpc::http2::code::{self, CANCEL},
    model::event::{Cancelled, Deadline, Ending, GoAway, Limit, Party},
    tap::client::ending::{broken, by_us, lost, reset_by_server},
};

/// Tolerance by which a client's deadline may pass before our clock says so, since its clock started earlier: by an
/// eighth of it, and never more than this.
const MOST_EARLY: Duration = Duration::from_millis(100);
/// How one side of a call broke off.
#[derive(Debug)]
pub(super) enum Cut {
    /// The client reset the stream, or disconnected.
    Client(Leaving),
    /// The target reset the stream, or disconnected.
    Target(Leaving),
    /// The proxy was stopped.
    Us(String),
    /// The ending is unknown: what the target says of it cannot be read, and why.
    Unknown(String),
}

/// How a side left the call.
#[derive(Debug)]
pub(super) enum Leaving {
    /// It reset the stream with this error code.
    Reset(u32),
    /// Its connection ended: what the socket said.
    Gone(String),
    /// It refused the stream by a GOAWAY.
    Refused,
    /// It could not be reached, for this reason.
    Unreached(String),
}

impl Cut {
    /// True when the sender of an unfinished message broke off, so that the message is lost.
    pub(super) const fn loses_answer(&self) -> bool {
        match self {
            Self::Target(Leaving::Reset(code)) => *code != CANCEL,
            Self::Target(_) | Self::Unknown(_) => true,
            Self::Client(_) | Self::Us(_) => false,
        }
    }
}

/// The ending to record. `elapsed` is the call's age, `timeout` the deadline the client asked for, `announced` what the
/// target said on its connection.
pub(super) fn of(cut: &Cut, elapsed: Duration, timeout: Option<Duration>, announced: Option<&GoAway>) -> Ending {
    let timeout = passed(elapsed, timeout);
    match (cut, timeout) {
        (Cut::Us(reason), _) => by_us(reason.clone()),
        (Cut::Unknown(why), _) => broken(format!("the ending of the call is unknown: {why}")),
        // A client whose time is up resets the call, or ends and takes its connection with it; a server may reset it, too.
        (
            Cut::Client(Leaving::Reset(CANCEL) | Leaving::Gone(_)) | Cut::Target(Leaving::Reset(CANCEL)),
            Some(timeout),
        ) => Ending::Deadline(Deadline {
            limit: Limit::Call,
            after_ns: u64::try_from(timeout.as_nanos()).unwrap_or(u64::MAX),
        }),
        (Cut::Client(Leaving::Reset(reset)), _) => Ending::Cancelled(Cancelled {
            code: Some(*reset),
            ..Cancelled::new(
                Party::Client,
                format!("the client reset the stream ({})", code::name(*reset)),
            )
        }),
        (Cut::Client(Leaving::Gone(error) | Leaving::Unreached(error)), _) => Ending::Cancelled(Cancelled::new(
            Party::Client,
            format!("the client closed its connection: {error}"),
        )),
        (Cut::Client(Leaving::Refused), _) => {
            Ending::Cancelled(Cancelled::new(Party::Client, "the client sent a GOAWAY"))
        }
        (Cut::Target(Leaving::Reset(reset)), _) => reset_by_server(*reset),
        (Cut::Target(Leaving::Gone(error)), _) => lost(format!("the connection was lost: {error}"), announced),
        (Cut::Target(Leaving::Refused), _) => lost("the server refused the stream", announced),
        (Cut::Target(Leaving::Unreached(error)), _) => broken(error.clone()),
    }
}

/// The deadline, if it has passed.
fn passed(elapsed: Duration, timeout: Option<Duration>) -> Option<Duration> {
    timeout.filter(|timeout| elapsed + (*timeout / 8).min(MOST_EARLY) >= *timeout)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(count: u64) -> Duration {
        Duration::from_millis(count)
    }

    fn deadline(after: Duration) -> Ending {
        Ending::Deadline(Deadline {
            limit: Limit::Call,
            after_ns: after.as_nanos() as u64,
        })
    }

    #[test]
    fn a_reset_at_the_deadline_is_the_deadline_and_one_before_it_is_not() {
        let reset = Cut::Client(Leaving::Reset(CANCEL));
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
        let reset = Cut::Client(Leaving::Reset(2));
        let ending = of(&reset, ms(500), Some(ms(400)), None);
        assert!(matches!(ending, Ending::Cancelled(_)), "{ending:?}");
    }
}
