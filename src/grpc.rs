//! gRPC on the wire: length-prefixed messages, status and trailers.
//!
//! Except for `net`, everything is pure: bytes and header maps go in, `crate::model::event` values come out. Only the
//! five bytes of a message prefix are decoded, so payloads stay unchanged.

pub(crate) mod deframe;
pub(crate) mod descriptors;
pub(crate) mod differ;
pub(crate) mod field_pattern;
pub(crate) mod http2;
pub(crate) mod idle;
pub(crate) mod inflate;
pub(crate) mod metadata;
mod method;
pub(crate) mod net;
pub(crate) mod overlay;
pub(crate) mod protobuf;
pub(crate) mod protocol;
pub(crate) mod server_tls;
pub(crate) mod standard;
pub(crate) mod status;
pub(crate) mod timeout;

pub(crate) use deframe::DEFAULT_MAX_MESSAGE_BYTES;
pub(crate) use deframe::prefix;
pub use deframe::{Deframer, PrefixedMessage, WireError, encode_message};
pub use descriptors::{
    DescriptorError, Descriptors, decode as decode_message, join as join_descriptor_sets,
    readable as readable_descriptor_set,
};
pub(crate) use inflate::MAX_INFLATED;
pub(crate) use inflate::NO_ENCODING;
pub use inflate::{InflateError, deflate, inflate};
pub(crate) use metadata::header_map;
pub use metadata::metadata;

pub(crate) use method::{MethodPattern, is_support_method, method_path};
pub use protobuf::{DecodeError, DecodeErrorKind};
pub use server_tls::{ExistingCa, ServerIdentity, ServerTls, ServerTlsError};
pub(crate) use status::is_grpc;
