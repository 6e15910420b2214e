//! Captures made of captures and of other files: parts, joins, redaction, import and export.

pub mod convert;
pub mod redact;
pub mod slice;
