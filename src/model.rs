//! Plain data: what happened on a call, what was found in it, and where. How text and sizes are read and shown.

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
