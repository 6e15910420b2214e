//! What a capture holds and what is wrong with it: findings, statistics, golden text, the difference of two captures.

pub mod diff;
pub mod snapshot;
pub mod stats;
pub mod validate;
