//! gRPC on the wire: length-prefixed messages, status and trailers.
