//! A flight recorder for gRPC streams.

pub mod convert;
pub mod dialect;
pub mod event;
pub mod file;
pub mod finding;
pub mod focus;
pub mod proto;
pub mod redact;
pub mod replay;
pub mod report;
pub mod spectrogram;
pub mod tap;
pub mod wire;
