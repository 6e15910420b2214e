//! The domain: spectrogram streams of a Focus Server, their two dialects, the REST contract, and what is expected of a job.

pub mod dialect;
pub mod expect;
pub mod focus;
pub mod frames;
pub mod proto;
pub mod spectrogram;
