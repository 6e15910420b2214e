//! From and to other formats.

pub mod delimited;
pub mod import;

pub use import::{Import, ImportError, ImportOptions};
