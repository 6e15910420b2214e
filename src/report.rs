//! Reports: plain values rendered as text, JSON, HTML, Markdown or pictures. No file is opened and nothing is printed here;
//! [`input::collect`] reads from a reader that is passed in.

pub mod again;
pub mod attach;
pub mod bundle;
pub mod comparison_text;
pub mod diff_html;
pub mod diff_text;
pub mod event_json;
pub mod event_text;
pub mod finding_text;
pub mod html;
pub mod input;
pub mod junit;
pub mod markdown;
pub mod picture;
pub mod regression;
pub mod schema;
pub mod stats_text;
pub mod ticket;
mod unknown;
pub mod validation;
pub mod validation_text;
