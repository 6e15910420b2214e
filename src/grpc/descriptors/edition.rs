//! Conversion of files with an edition to proto3 files with the same wire format.

use prost::Message;
use prost_reflect::prost_types::{
    DescriptorProto, FieldDescriptorProto, FileDescriptorProto,
    field_descriptor_proto::{Label, Type},
};

/// The features that affect the wire format; numbers as in descriptor.proto.
#[derive(Clone, Copy, PartialEq, Eq, Message)]
struct Features {
    /// Field presence: 1 explicit, 2 implicit, 3 required.
    #[prost(int32, optional, tag = "1")]
    presence: Option<i32>,
    /// Encoding of repeated fields: 1 packed, 2 expanded.
    #[prost(int32, optional, tag = "3")]
    repeated: Option<i32>,
    /// Encoding of messages: 1 length-prefixed, 2 delimited.
    #[prost(int32, optional, tag = "5")]
    message: Option<i32>,
}

/// Overrides inherited features by those of the element.
fn within(outer: Features, inner: Option<Features>) -> Features {
    let inner = inner.unwrap_or_default();
    Features {
        presence: inner.presence.or(outer.presence),
        repeated: inner.repeated.or(outer.repeated),
        message: inner.message.or(outer.message),
    }
}

// What the library's types drop: the edition, and the features of each part.

#[derive(Clone, PartialEq, Message)]
struct File {
    #[prost(message, repeated, tag = "4")]
    messages: Vec<InMessage>,
    #[prost(message, repeated, tag = "7")]
    extensions: Vec<InField>,
    #[prost(message, optional, tag = "8")]
    options: Option<FileOptions>,
    #[prost(int32, optional, tag = "14")]
    edition: Option<i32>,
}

#[derive(Clone, PartialEq, Message)]
struct InMessage {
    #[prost(message, repeated, tag = "2")]
    fields: Vec<InField>,
    #[prost(message, repeated, tag = "3")]
    nested: Vec<InMessage>,
    #[prost(message, repeated, tag = "6")]
    extensions: Vec<InField>,
    #[prost(message, optional, tag = "7")]
    options: Option<MessageOptions>,
    #[prost(message, repeated, tag = "8")]
    oneofs: Vec<InOneof>,
}

#[derive(Clone, PartialEq, Message)]
struct InField {
    #[prost(message, optional, tag = "8")]
    options: Option<FieldOptions>,
}

#[derive(Clone, PartialEq, Message)]
struct InOneof {
    #[prost(message, optional, tag = "2")]
    options: Option<OneofOptions>,
}

#[derive(Clone, PartialEq, Message)]
struct FileOptions {
    #[prost(message, optional, tag = "50")]
    features: Option<Features>,
}

#[derive(Clone, PartialEq, Message)]
struct MessageOptions {
    #[prost(message, optional, tag = "12")]
    features: Option<Features>,
}

#[derive(Clone, PartialEq, Message)]
struct FieldOptions {
    #[prost(message, optional, tag = "21")]
    features: Option<Features>,
}

#[derive(Clone, PartialEq, Message)]
struct OneofOptions {
    #[prost(message, optional, tag = "1")]
    features: Option<Features>,
}

/// Converts a file with an edition; others stay. `stripped` holds the bytes of `file`.
pub(super) fn lower(file: &mut FileDescriptorProto, stripped: &[u8]) -> Result<(), String> {
    match file.syntax() {
        "proto2" | "proto3" => return Ok(()),
        "" => {
            // Said to be empty is as good as not said; the library takes it for a syntax that it does not know.
            file.syntax = None;
            return Ok(());
        }
        "editions" => {}
        other => return Err(format!("its syntax `{other}` is not known")),
    }
    let said = File::decode(stripped).map_err(|error| error.to_string())?;
    let features = defaults(said.edition.unwrap_or(0))?;
    let features = within(features, said.options.and_then(|options| options.features));
    for (message, said) in file.message_type.iter_mut().zip(&said.messages) {
        lower_message(message, said, features);
    }
    for (extension, said) in file.extension.iter_mut().zip(&said.extensions) {
        lower_field(extension, within(features, of_field(said)), false);
    }
    // Only proto2 knows enums that do not begin with 0; it has no implicit presence, which then is explicit.
    let odd = file.enum_type.iter().any(begins_odd) || file.message_type.iter().any(has_odd_enum);
    file.syntax = Some(if odd { "proto2" } else { "proto3" }.to_owned());
    Ok(())
}

/// The default features of an edition.
fn defaults(edition: i32) -> Result<Features, String> {
    let of = |presence, repeated| Features {
        presence: Some(presence),
        repeated: Some(repeated),
        message: Some(1),
    };
    match edition {
        // EDITION_PROTO2, EDITION_PROTO3, EDITION_2023, EDITION_2024
        998 => Ok(of(1, 2)),
        999 => Ok(of(2, 1)),
        1000 | 1001 => Ok(of(1, 1)),
        0 => Err("it names no edition".to_owned()),
        other => Err(format!(
            "edition {other} of descriptor.proto is not known; 2023 and 2024 are"
        )),
    }
}

fn of_field(said: &InField) -> Option<Features> {
    said.options.as_ref().and_then(|options| options.features)
}

fn lower_message(message: &mut DescriptorProto, said: &InMessage, outer: Features) {
    let own = said.options.as_ref().and_then(|options| options.features);
    let features = within(outer, own);
    let is_map_entry = message
        .options
        .as_ref()
        .is_some_and(prost_reflect::prost_types::MessageOptions::map_entry);
    let maps: Vec<_> = message
        .nested_type
        .iter()
        .filter(|nested| {
            nested
                .options
                .as_ref()
                .is_some_and(prost_reflect::prost_types::MessageOptions::map_entry)
        })
        .map(|nested| nested.name().to_owned())
        .collect();
    for (field, said_of_field) in message.field.iter_mut().zip(&said.fields) {
        let oneof = field
            .oneof_index
            .and_then(|at| said.oneofs.get(usize::try_from(at).ok()?));
        let of_oneof = oneof.and_then(|oneof| oneof.options.as_ref()?.features);
        let features = within(within(features, of_oneof), of_field(said_of_field));
        let name = field.type_name().rsplit('.').next().unwrap_or_default();
        // Maps and what is in them are always length-prefixed.
        let is_map = is_map_entry || (field.label() == Label::Repeated && maps.iter().any(|map| map == name));
        lower_field(field, features, is_map);
    }
    for (extension, said) in message.extension.iter_mut().zip(&said.extensions) {
        lower_field(extension, within(features, of_field(said)), false);
    }
    for (nested, said) in message.nested_type.iter_mut().zip(&said.nested) {
        lower_message(nested, said, features);
    }
}

fn lower_field(field: &mut FieldDescriptorProto, features: Features, is_map: bool) {
    if field.r#type() == Type::Message && features.message == Some(2) && !is_map {
        field.set_type(Type::Group);
    }
    match (field.label(), features.presence) {
        (Label::Repeated, _) => {
            let options = field.options.get_or_insert_default();
            options.packed = Some(features.repeated == Some(1));
        }
        (_, Some(3)) => field.set_label(Label::Required),
        (_, Some(1)) if field.oneof_index.is_none() && field.extendee.is_none() && !is_map => {
            field.proto3_optional = Some(true);
        }
        _ => {}
    }
    if field.label() == Label::Required {
        field.proto3_optional = Some(true);
    }
}

fn begins_odd(of: &prost_reflect::prost_types::EnumDescriptorProto) -> bool {
    of.value.first().is_some_and(|first| first.number() != 0)
}

fn has_odd_enum(message: &DescriptorProto) -> bool {
    message.enum_type.iter().any(begins_odd) || message.nested_type.iter().any(has_odd_enum)
}
