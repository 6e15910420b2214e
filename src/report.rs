//! Reports: plain values rendered as text or JSON. No input or output happens here.

pub mod event_json;
pub mod event_text;
pub mod finding_text;
pub mod junit;
pub mod schema;
pub mod stats_text;
