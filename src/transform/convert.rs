//! Conversion from and to other formats.

pub(crate) mod binlog;
pub(crate) mod delimited;
pub(crate) mod import;
mod loss;
#[cfg(feature = "mcap")]
pub(crate) mod mcap;
pub(crate) mod numpy;
#[cfg(feature = "parquet")]
pub(crate) mod parquet;
pub(crate) mod rows;

pub use import::{FramesCheck, Import, ImportError, ImportOptions};
pub use loss::{Loss, Losses};
