//! HTTP/2 for observers of a connection: frames, header fields, and a reader that merges small frames.

pub(crate) mod code;
pub(crate) mod frame;
pub(crate) mod hpack;
pub(crate) mod merge;
