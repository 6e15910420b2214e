//! From and to other formats.

pub mod binlog;
pub mod delimited;
pub mod import;
mod loss;
pub mod mcap;
pub mod numpy;
pub mod parquet;
pub mod rows;

pub use import::{FramesCheck, Import, ImportError, ImportOptions};
pub use loss::{Loss, Losses};
