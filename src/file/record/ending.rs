//! How a call ended, as it stands in a record.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::{Entries, entries, metadata_of};
use crate::model::event::{Broken, Cancelled, Deadline, Ending, GoAway, Limit as CallLimit, Party, Status};

/// The order of the variants is part of the format.
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
        reason: &'a str,
    },
    Broken {
        error: &'a str,
        goaway: bool,
    },
    Deadline {
        limit: LimitHead,
        after_ns: u64,
    },
    /// Since 1.3: cancelled by a reset.
    Reset {
        by: PartyHead,
        code: u32,
        reason: &'a str,
    },
    /// Since 1.3: broken, with what HTTP/2 said.
    Lost {
        error: &'a str,
        goaway: bool,
        reset: Option<u32>,
        #[serde(borrow)]
        announced: Option<(u32, u32, &'a [u8])>,
    },
    /// Since 1.3: ended by the server in order, without a status.
    NoStatus {
        error: &'a str,
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
        Ending::Cancelled(cancelled) => {
            let by = match cancelled.by {
                Party::Us => PartyHead::Us,
                Party::Client => PartyHead::Client,
                Party::Server => PartyHead::Server,
            };
            let reason = &cancelled.reason;
            match cancelled.code {
                None => EndHead::Cancelled { by, reason },
                Some(code) => EndHead::Reset { by, code, reason },
            }
        }
        Ending::Broken(broken) if broken.reset.is_none() && broken.announced.is_none() => {
            let (error, goaway) = (&broken.error, broken.goaway);
            if broken.ended {
                EndHead::NoStatus { error }
            } else {
                EndHead::Broken { error, goaway }
            }
        }
        Ending::Broken(broken) => EndHead::Lost {
            error: &broken.error,
            goaway: broken.goaway,
            reset: broken.reset,
            announced: broken
                .announced
                .as_ref()
                .map(|goaway| (goaway.last_stream, goaway.code, &goaway.data[..])),
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
        EndHead::Cancelled { by, reason } => Ending::Cancelled(Cancelled {
            by: party_of(&by),
            code: None,
            reason: reason.to_owned(),
        }),
        EndHead::Reset { by, code, reason } => Ending::Cancelled(Cancelled {
            by: party_of(&by),
            code: Some(code),
            reason: reason.to_owned(),
        }),
        EndHead::Broken { error, goaway } => Ending::Broken(Broken {
            goaway,
            ..Broken::new(error)
        }),
        EndHead::Lost {
            error,
            goaway,
            reset,
            announced,
        } => Ending::Broken(Broken {
            error: error.to_owned(),
            goaway,
            reset,
            announced: announced.map(|(last_stream, code, data)| GoAway {
                last_stream,
                code,
                data: Bytes::copy_from_slice(data),
            }),
            ended: false,
        }),
        EndHead::NoStatus { error } => Ending::Broken(Broken {
            ended: true,
            ..Broken::new(error)
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
        let cancelled = Ending::Cancelled(Cancelled {
            code: Some(8),
            ..Cancelled::new(Party::Server, "enough")
        });
        assert_eq!(ending_of(end_head(&cancelled)), cancelled);
    }
}
