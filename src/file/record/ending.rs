//! The encoding of a call's ending.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::entries::{Entries, entries, metadata_of};
use crate::model::event::{Broken, Cancelled, Deadline, Ending, GoAway, Limit as CallLimit, Party, Status};

/// The ending as stored; the order of the variants is part of the format.
#[derive(Serialize, Deserialize)]
pub(super) enum EndHead<'a> {
    Status {
        code: u32,
        message: &'a str,
        #[serde(borrow)]
        trailers: Entries<'a>,
        trailers_only: bool,
    },
    Cancelled {
        by: PartyHead,
        code: Option<u32>,
        reason: &'a str,
        cut: bool,
    },
    Broken {
        error: &'a str,
        goaway: bool,
        reset: Option<u32>,
        #[serde(borrow)]
        announced: Option<(u32, u32, &'a [u8])>,
        ended: bool,
    },
    Deadline {
        limit: LimitHead,
        after_ns: u64,
    },
}

#[derive(Serialize, Deserialize)]
pub(super) enum PartyHead {
    Us,
    Client,
    Server,
}

#[derive(Serialize, Deserialize)]
pub(super) enum LimitHead {
    Connect,
    FirstFrame,
    Idle,
    Call,
}

const fn party_of(head: &PartyHead) -> Party {
    match head {
        PartyHead::Us => Party::Us,
        PartyHead::Client => Party::Client,
        PartyHead::Server => Party::Server,
    }
}

pub(super) fn end_head(ending: &Ending) -> EndHead<'_> {
    match ending {
        Ending::Status(status) => EndHead::Status {
            code: status.code,
            message: &status.message,
            trailers: entries(&status.trailers),
            trailers_only: status.trailers_only,
        },
        Ending::Cancelled(cancelled) => EndHead::Cancelled {
            by: match cancelled.by {
                Party::Us => PartyHead::Us,
                Party::Client => PartyHead::Client,
                Party::Server => PartyHead::Server,
            },
            code: cancelled.code,
            reason: &cancelled.reason,
            cut: cancelled.cut,
        },
        Ending::Broken(broken) => EndHead::Broken {
            error: &broken.error,
            goaway: broken.goaway,
            reset: broken.reset,
            announced: broken
                .announced
                .as_ref()
                .map(|goaway| (goaway.last_stream, goaway.code, &goaway.data[..])),
            ended: broken.ended,
        },
        Ending::Deadline(deadline) => EndHead::Deadline {
            limit: match deadline.limit {
                CallLimit::Connect => LimitHead::Connect,
                CallLimit::FirstFrame => LimitHead::FirstFrame,
                CallLimit::Idle => LimitHead::Idle,
                CallLimit::Call => LimitHead::Call,
            },
            after_ns: deadline.after_ns,
        },
    }
}

pub(super) fn ending_of(end: EndHead<'_>) -> Ending {
    match end {
        EndHead::Status {
            code,
            message,
            trailers,
            trailers_only,
        } => Ending::Status(Status {
            code,
            message: message.to_owned(),
            trailers: metadata_of(trailers),
            trailers_only,
        }),
        EndHead::Cancelled { by, code, reason, cut } => Ending::Cancelled(Cancelled {
            by: party_of(&by),
            code,
            reason: reason.to_owned(),
            cut,
        }),
        EndHead::Broken {
            error,
            goaway,
            reset,
            announced,
            ended,
        } => Ending::Broken(Broken {
            error: error.to_owned(),
            goaway,
            reset,
            announced: announced.map(|(last_stream, code, data)| GoAway {
                last_stream,
                code,
                data: Bytes::copy_from_slice(data),
            }),
            ended,
        }),
        EndHead::Deadline { limit, after_ns } => Ending::Deadline(Deadline {
            limit: match limit {
                LimitHead::Connect => CallLimit::Connect,
                LimitHead::FirstFrame => CallLimit::FirstFrame,
                LimitHead::Idle => CallLimit::Idle,
                LimitHead::Call => CallLimit::Call,
            },
            after_ns,
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_http2_said_at_the_end_comes_back_as_it_went_in() {
        let goaway = GoAway {
            last_stream: 5,
            code: 11,
            data: Bytes::from_static(b"too_many_pings"),
        };
        let broken = Broken::new("as it was told");
        for broken in [
            broken.clone(),
            Broken {
                ended: true,
                ..broken.clone()
            },
            Broken {
                reset: Some(8),
                ..broken.clone()
            },
            Broken {
                goaway: true,
                announced: Some(goaway),
                ..broken
            },
        ] {
            let ending = Ending::Broken(broken);
            assert_eq!(ending_of(end_head(&ending)), ending);
        }
        for cancelled in [
            Cancelled {
                code: Some(8),
                ..Cancelled::new(Party::Server, "enough")
            },
            Cancelled::by_slice(3.25),
        ] {
            let cancelled = Ending::Cancelled(cancelled);
            assert_eq!(ending_of(end_head(&cancelled)), cancelled);
        }
    }
}
