//! The rules, by theme: each a constant that says what must hold, and a function that judges it.

pub(super) mod amplitude;
pub(super) mod asked;
pub(super) mod delivery;
pub(super) mod drift;
pub(super) mod endings;
pub(super) mod expected;
pub(super) mod extremes;
pub(super) mod frozen;
pub(super) mod origin;
pub(super) mod payload;
pub(super) mod sensors;
pub(super) mod stamps;
pub(super) mod structure;
pub(super) mod timing;
pub(super) mod values;
