//! A bundle: one zip archive with everything that a defect ticket needs.
//!
//! [`archive`] writes the members and a manifest with the SHA-256 of each; [`Opened`] verifies a bundle and unpacks it
//! without trusting it.

pub(crate) mod archive;
mod error;
mod open;

pub use error::BundleError;
pub(crate) use open::MAX_UNPACKED_BYTES;
pub use open::Opened;

/// Name of the summary, a few lines of Markdown.
pub(crate) const SUMMARY: &str = "summary.md";

#[cfg(test)]
mod tests;
