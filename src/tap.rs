//! What watches a stream: the client tap, and the recorder behind it.

pub mod rest;
pub mod tls;
