//! Reports: plain values rendered as text or JSON. No input or output happens here.

pub mod diff_html;
pub mod diff_text;
pub mod event_json;
pub mod event_text;
pub mod finding_text;
pub mod junit;
pub mod regression;
pub mod schema;
pub mod stats_text;
pub mod validation;
pub mod validation_text;
