//! From and to other formats.

pub mod binlog;
pub mod delimited;
pub mod import;
pub mod mcap;
pub mod numpy;
pub mod parquet;
pub mod rows;

pub use import::{Import, ImportError, ImportOptions};
