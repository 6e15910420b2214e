//! gRPC on the wire: length-prefixed messages, status and trailers.
//!
//! Pure but for `net`: bytes and header maps go in, [`crate::model::event`] values come out. Nothing here is decoded beyond the five bytes
//! of a message prefix, so a payload leaves exactly as it came.

pub mod deframe;
pub mod descriptors;
pub mod differ;
pub(crate) mod http2;
pub mod idle;
pub mod inflate;
pub mod metadata;
mod method;
pub(crate) mod net;
pub(crate) mod protobuf;
pub mod server_tls;
pub mod status;
pub mod timeout;

pub use deframe::{DEFAULT_MAX_MESSAGE_BYTES, Deframer, PrefixedMessage, WireError, encode_message, prefix};
pub use inflate::{InflateError, MAX_INFLATED, NO_ENCODING, deflate, inflate};
pub use metadata::{header_map, metadata};
pub use method::method_path;
pub(crate) use status::is_grpc;
