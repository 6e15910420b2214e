//! The parts of `descriptor.proto` that a comparison of schemas reads, with the features of editions.

use prost::Message;

/// Features that decide how a message is read; numbers as in descriptor.proto.
#[derive(Clone, Copy, PartialEq, Eq, Message)]
pub(super) struct Features {
    /// Presence of fields: 1 explicit, 2 implicit, 3 required.
    #[prost(int32, optional, tag = "1")]
    pub(super) presence: Option<i32>,
    /// Enums: 1 open, 2 closed.
    #[prost(int32, optional, tag = "2")]
    pub(super) enums: Option<i32>,
    /// Validation of UTF-8: 2 verify, 3 none.
    #[prost(int32, optional, tag = "4")]
    pub(super) utf8: Option<i32>,
    /// Encoding of messages: 1 with a length, 2 delimited.
    #[prost(int32, optional, tag = "5")]
    pub(super) message: Option<i32>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct File {
    #[prost(string, tag = "1")]
    pub(super) name: String,
    #[prost(string, tag = "2")]
    pub(super) package: String,
    #[prost(message, repeated, tag = "4")]
    pub(super) messages: Vec<MessageType>,
    #[prost(message, repeated, tag = "5")]
    pub(super) enums: Vec<EnumType>,
    #[prost(message, repeated, tag = "6")]
    pub(super) services: Vec<Service>,
    #[prost(message, repeated, tag = "7")]
    pub(super) extensions: Vec<Field>,
    #[prost(message, optional, tag = "8")]
    pub(super) options: Option<FileOptions>,
    #[prost(string, tag = "12")]
    pub(super) syntax: String,
    #[prost(int32, tag = "14")]
    pub(super) edition: i32,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct FileOptions {
    #[prost(message, optional, tag = "50")]
    pub(super) features: Option<Features>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct MessageType {
    #[prost(string, tag = "1")]
    pub(super) name: String,
    #[prost(message, repeated, tag = "2")]
    pub(super) fields: Vec<Field>,
    #[prost(message, repeated, tag = "3")]
    pub(super) nested: Vec<Self>,
    #[prost(message, repeated, tag = "4")]
    pub(super) enums: Vec<EnumType>,
    #[prost(message, repeated, tag = "6")]
    pub(super) extensions: Vec<Field>,
    #[prost(message, optional, tag = "7")]
    pub(super) options: Option<MessageOptions>,
    #[prost(message, repeated, tag = "8")]
    pub(super) oneofs: Vec<Oneof>,
    #[prost(message, repeated, tag = "9")]
    pub(super) reserved: Vec<Range>,
    #[prost(string, repeated, tag = "10")]
    pub(super) reserved_names: Vec<String>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct MessageOptions {
    #[prost(bool, tag = "7")]
    pub(super) map_entry: bool,
    #[prost(message, optional, tag = "12")]
    pub(super) features: Option<Features>,
}

/// Numbers from `start` on; a message's end is not part of it, an enum's is.
#[derive(Clone, Copy, PartialEq, Eq, Message)]
pub(super) struct Range {
    #[prost(int32, tag = "1")]
    pub(super) start: i32,
    #[prost(int32, tag = "2")]
    pub(super) end: i32,
}

#[derive(Clone, PartialEq, Eq, Message)]
pub(super) struct Oneof {
    #[prost(string, tag = "1")]
    pub(super) name: String,
    #[prost(message, optional, tag = "2")]
    pub(super) options: Option<OneofOptions>,
}

#[derive(Clone, Copy, PartialEq, Eq, Message)]
pub(super) struct OneofOptions {
    #[prost(message, optional, tag = "1")]
    pub(super) features: Option<Features>,
}

#[derive(Clone, PartialEq, Eq, Message)]
pub(super) struct Field {
    #[prost(string, tag = "1")]
    pub(super) name: String,
    #[prost(string, tag = "2")]
    pub(super) extendee: String,
    #[prost(int32, tag = "3")]
    pub(super) number: i32,
    /// 1 optional, 2 required, 3 repeated.
    #[prost(int32, tag = "4")]
    pub(super) label: i32,
    #[prost(int32, tag = "5")]
    pub(super) kind: i32,
    #[prost(string, tag = "6")]
    pub(super) type_name: String,
    #[prost(string, optional, tag = "7")]
    pub(super) default: Option<String>,
    #[prost(message, optional, tag = "8")]
    pub(super) options: Option<FieldOptions>,
    #[prost(int32, optional, tag = "9")]
    pub(super) oneof: Option<i32>,
    #[prost(string, optional, tag = "10")]
    pub(super) json_name: Option<String>,
    #[prost(bool, tag = "17")]
    pub(super) proto3_optional: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, Message)]
pub(super) struct FieldOptions {
    #[prost(message, optional, tag = "21")]
    pub(super) features: Option<Features>,
}

#[derive(Clone, PartialEq, Eq, Message)]
pub(super) struct EnumType {
    #[prost(string, tag = "1")]
    pub(super) name: String,
    #[prost(message, repeated, tag = "2")]
    pub(super) values: Vec<EnumValue>,
    #[prost(message, optional, tag = "3")]
    pub(super) options: Option<EnumOptions>,
    #[prost(message, repeated, tag = "4")]
    pub(super) reserved: Vec<Range>,
    #[prost(string, repeated, tag = "5")]
    pub(super) reserved_names: Vec<String>,
}

#[derive(Clone, Copy, PartialEq, Eq, Message)]
pub(super) struct EnumOptions {
    #[prost(message, optional, tag = "7")]
    pub(super) features: Option<Features>,
}

#[derive(Clone, PartialEq, Eq, Message)]
pub(super) struct EnumValue {
    #[prost(string, tag = "1")]
    pub(super) name: String,
    #[prost(int32, tag = "2")]
    pub(super) number: i32,
}

#[derive(Clone, PartialEq, Eq, Message)]
pub(super) struct Service {
    #[prost(string, tag = "1")]
    pub(super) name: String,
    #[prost(message, repeated, tag = "2")]
    pub(super) methods: Vec<Method>,
}

#[derive(Clone, PartialEq, Eq, Message)]
pub(super) struct Method {
    #[prost(string, tag = "1")]
    pub(super) name: String,
    #[prost(string, tag = "2")]
    pub(super) input: String,
    #[prost(string, tag = "3")]
    pub(super) output: String,
    #[prost(message, optional, tag = "4")]
    pub(super) options: Option<MethodOptions>,
    #[prost(bool, tag = "5")]
    pub(super) client_streaming: bool,
    #[prost(bool, tag = "6")]
    pub(super) server_streaming: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, Message)]
pub(super) struct MethodOptions {
    /// 0 unknown, 1 no side effects, 2 idempotent.
    #[prost(int32, tag = "34")]
    pub(super) idempotency: i32,
}

impl Features {
    /// The defaults of a file's syntax or edition; those of the latest for one that is not known.
    pub(super) fn of(file: &File) -> Self {
        let of = |presence, enums, utf8| Self {
            presence: Some(presence),
            enums: Some(enums),
            utf8: Some(utf8),
            message: Some(1),
        };
        // The numbers are EDITION_PROTO2 and EDITION_PROTO3.
        let defaults = match (file.syntax.as_str(), file.edition) {
            ("" | "proto2", _) | ("editions", 998) => of(1, 2, 3),
            ("proto3", _) | ("editions", 999) => of(2, 1, 2),
            _ => of(1, 1, 2),
        };
        defaults.with(file.options.as_ref().and_then(|options| options.features))
    }

    /// The inherited features, with those of the element over them.
    pub(super) fn with(self, own: Option<Self>) -> Self {
        let own = own.unwrap_or_default();
        Self {
            presence: own.presence.or(self.presence),
            enums: own.enums.or(self.enums),
            utf8: own.utf8.or(self.utf8),
            message: own.message.or(self.message),
        }
    }
}
