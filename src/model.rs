//! Plain data: the events of calls, findings and their places; and how text and sizes are parsed and shown.

pub(crate) mod event;
pub(crate) mod finding;
pub(crate) mod text;
pub(crate) mod units;
pub(crate) mod varint;

pub use event::{
    Broken, CallStart, Cancelled, Deadline, Direction, Ending, Event, EventKind, Gap, GoAway, Headers, Limit, Message,
    Metadata, Note, Observer, Party, Status,
};
pub use finding::{Finding, Place, Severity, Verdict};
pub use text::printable;
