//! Detection of an idle close, the end of production streams: not with OK, but by silence and a closed connection.

use std::time::Duration;

use super::status::UNAVAILABLE;
use crate::model::event::Ending;

/// Silence before an orderly GOAWAY: a server that is cut off in mid-stream announces nothing, so a moment is enough to
/// tell a finished job from one that was sent away while it streamed.
pub(crate) const SILENCE_BEFORE_GOAWAY: Duration = Duration::from_secs(1);

/// Silence before UNAVAILABLE: seen at about 30 seconds; frames come in bursts far closer than this, so a job that dies
/// at work is not taken for an idle one.
pub(crate) const SILENCE_BEFORE_CLOSE: Duration = Duration::from_secs(5);

/// True when a server closed an idle job; not a failure.
///
/// `messages` had come, and `silence_ns` nanoseconds passed between the last of them and the ending.
#[must_use]
pub(crate) fn is_idle_close(ending: &Ending, messages: u64, silence_ns: u64) -> bool {
    let silence = Duration::from_nanos(silence_ns);
    messages > 0
        && match ending {
            Ending::Broken(broken) if broken.goaway => silence >= SILENCE_BEFORE_GOAWAY,
            Ending::Status(status) => status.code == UNAVAILABLE && silence >= SILENCE_BEFORE_CLOSE,
            // A connection that breaks without a goodbye is a failure, however long the silence: the server died.
            Ending::Broken(_) | Ending::Cancelled(_) | Ending::Deadline(_) => false,
        }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::event::{Broken, Cancelled, Deadline, Limit, Party, Status};

    const SECOND: u64 = 1_000_000_000;

    #[test]
    fn silence_and_the_kind_of_ending_decide() {
        let broken = |goaway| {
            Ending::Broken(Broken {
                error: String::new(),
                goaway,
                ..Broken::default()
            })
        };
        let status = |code| {
            Ending::Status(Status {
                code,
                ..Status::default()
            })
        };
        for (ending, silence_ns, idle) in [
            (broken(true), SECOND, true),
            (broken(true), SECOND - 1, false),
            (broken(false), 60 * SECOND, false),
            (status(UNAVAILABLE), 5 * SECOND, true),
            (status(UNAVAILABLE), SECOND, false),
            (status(2), 60 * SECOND, false),
            (status(0), 60 * SECOND, false),
        ] {
            assert_eq!(
                is_idle_close(&ending, 1, silence_ns),
                idle,
                "{ending:?} after {silence_ns}"
            );
            assert!(!is_idle_close(&ending, 0, silence_ns), "{ending:?} without a message");
        }
    }

    #[test]
    fn an_ending_of_ours_is_never_the_servers_idle_close() {
        let ours = [
            Ending::Cancelled(Cancelled {
                by: Party::Us,
                reason: String::new(),
                code: None,
                cut: false,
            }),
            Ending::Deadline(Deadline {
                limit: Limit::Idle,
                after_ns: 0,
            }),
        ];
        for ending in ours {
            assert!(!is_idle_close(&ending, 9, 60 * SECOND));
        }
    }
}

#[cfg(test)]
mod examples {
    #[test]
    fn example_of_is_idle_close() {
        use crate::{
            grpc::idle::is_idle_close,
            model::{Broken, Ending},
        };
        let goodbye = Ending::Broken(Broken {
            goaway: true,
            ..Broken::new("connection closed")
        });
        assert!(is_idle_close(&goodbye, 8, 30_000_000_000));
        assert!(
            !is_idle_close(&goodbye, 0, 30_000_000_000),
            "a stream that gave nothing is a failure"
        );
    }
}
