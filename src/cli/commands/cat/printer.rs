//! Events as text or JSON, by the schema of the capture.

use std::collections::BTreeSet;

use crate::{
    file::{Attribute, Header},
    model::event::Event,
    report::{
        event_json::EventJson,
        event_text::{EventText, Extent},
        schema::Schema,
    },
};

use super::super::{
    output,
    schema::{self, few},
};
use crate::cli::flags::{Format, cat::CatArgs};

/// Columns of a line where no terminal tells how many it has.
const COLUMNS: usize = 120;

/// Turns events into what is printed of them.
pub(super) enum Printer {
    Text(Box<EventText>),
    Json(Box<EventJson>),
    /// Nothing: messages are written as bytes.
    Raw,
}

impl Printer {
    pub(super) fn new(args: &CatArgs, header: &Header) -> Self {
        match args.format.format {
            _ if args.raw => Self::Raw,
            Format::Json => Self::Json(Box::new(EventJson::new(schema_of(header, args), header.anchor_unix_ns))),
            Format::Text => {
                let extent = if args.full {
                    Extent::Full
                } else {
                    let terminal = output::width().filter(|_| args.output.is_none());
                    terminal.map_or(Extent::Columns(COLUMNS), Extent::Terminal)
                };
                Self::Text(Box::new(EventText::new(schema_of(header, args), extent)))
            }
        }
    }

    /// Decodes subsequent messages by the schema that has become known.
    pub(super) fn renew_schema(&mut self, args: &CatArgs, header: &Header) {
        match self {
            Self::Text(text) => text.set_schema(schema_of(header, args)),
            Self::Json(json) => json.set_schema(schema_of(header, args)),
            Self::Raw => {}
        }
    }

    /// Notes an event that is not printed, and explains later ones.
    pub(super) fn pass(&mut self, event: &Event) {
        match self {
            Self::Text(text) => text.pass(event),
            Self::Json(json) => json.pass(event),
            Self::Raw => {}
        }
    }

    /// Formats an event, without the last line end.
    pub(super) fn print(&mut self, event: &Event) -> Result<String, serde_json::Error> {
        match self {
            Self::Text(text) => Ok(text.text(event)),
            Self::Json(json) => json.line(event),
            Self::Raw => Ok(String::new()),
        }
    }

    /// Says which messages were shown without a schema, and what gives one.
    pub(super) fn advise(&self, is_given: bool, has_schema: bool) {
        let Self::Text(text) = self else { return };
        let methods: &BTreeSet<String> = text.unknown_methods();
        if methods.is_empty() {
            return;
        }
        let methods: Vec<_> = methods.iter().cloned().collect();
        let remedy = if is_given {
            "another --proto, --protoset or --reflect may have it"
        } else {
            "--proto, --protoset or --reflect gives one, and `capture note --schema` embeds it"
        };
        let lacks = if has_schema || is_given {
            format!("the schema does not have {}", few(&methods))
        } else {
            format!("there is no schema of {}", few(&methods))
        };
        output::say(format!("{lacks}: fields are shown by their numbers; {remedy}"));
    }
}

/// The schema of the capture.
fn schema_of(header: &Header, args: &CatArgs) -> Schema {
    let set = header.get(Attribute::DESCRIPTOR_SET).unwrap_or_default();
    let schema = Schema::from_descriptor_set(set).unwrap_or_else(|error| {
        output::say(format!("messages are not decoded: {error}"));
        Schema::default()
    });
    // Of a given one it was said already.
    if !args.schema.is_given() {
        schema::warn(&schema);
    }
    schema
}
