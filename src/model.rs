//! Plain data: what happened on a call, what was found in it, and where. How text and sizes are read and shown.

pub mod event;
pub mod finding;
pub mod text;
pub mod units;
pub(crate) mod varint;
