//! Reports: plain values rendered as text, JSON, HTML, Markdown or pictures. Nothing here opens a file or prints;
//! [`input::collect`] reads from a reader that is passed in.

pub(crate) mod again;
pub(crate) mod attach;
pub(crate) mod bundle;
mod call_context;
mod call_messages;
mod commands;
pub(crate) mod comparison_text;
pub(crate) mod diff_html;
pub(crate) mod diff_text;
pub(crate) mod drift_text;
pub(crate) mod event_json;
pub(crate) mod event_text;
pub(crate) mod finding_text;
pub(crate) mod html;
pub(crate) mod input;
pub(crate) mod junit;
pub(crate) mod markdown;
mod message;
pub(crate) mod picture;
pub(crate) mod regression;
pub(crate) mod schema;
pub(crate) mod stats_text;
mod status_details;
pub(crate) mod ticket;
pub(crate) mod validation;
pub(crate) mod validation_text;

pub use attach::{AttachError, Attachment, Credentials, Jira};
pub use bundle::{BundleError, Opened};
pub use commands::ReportCommands;
pub use event_json::EventJson;

pub use html::render as html;
pub use input::{CollectOptions, ReportInput, collect};
pub use markdown::render as markdown;
pub use picture::{
    Cell,
    png::{Sheet, encode as encode_png, spectrogram as spectrogram_png, waterfall as waterfall_png},
};
pub use schema::{Schema, SchemaError};
pub use stats_text::render as stats_text;
pub use ticket::{BundledCapture, Ticket, TicketError, TicketOptions, bundle as bundle_ticket};
pub use validation_text::render as validation_text;
