//! `grpc-status-details-bin`: the `google.rpc.Status` in the trailers of a call.

use base64::{
    Engine as _, alphabet,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use prost_reflect::{DescriptorPool, MessageDescriptor};

use crate::{
    grpc::{DecodeError, protobuf::copy_fields, standard},
    model::event::Metadata,
};

/// Senders may leave out the padding.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// The serialized details; `None` when the trailers hold none that can be read.
pub(super) fn decode(trailers: &Metadata) -> Option<Vec<u8>> {
    let (_, value) = trailers.iter().find(|(name, _)| *name == "grpc-status-details-bin")?;
    // Two ends of gRPC's C library agree on bytes as they are, with a zero before them.
    let details = match value.split_first() {
        Some((0, bytes)) => Some(bytes.to_vec()),
        _ => BASE64.decode(value).ok(),
    };
    details.filter(|details| !details.is_empty())
}

/// The serialized details without the code and the message, which the status has anyway; empty when they are no
/// protobuf.
pub(super) fn alone(details: &[u8]) -> Vec<u8> {
    const CODE: u32 = 1;
    const MESSAGE: u32 = 2;
    let mut alone = Vec::new();
    let copied: Result<(), DecodeError> = copy_fields("Status", details, &mut alone, |field, _| {
        Ok(field.number == CODE || field.number == MESSAGE)
    });
    copied.map_or_else(|_| Vec::new(), |()| alone)
}

/// Their type.
pub(super) fn descriptor() -> Option<MessageDescriptor> {
    standard::message(&DescriptorPool::new(), "google.rpc.Status")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn details_are_read_with_and_without_padding() {
        assert!(descriptor().is_some());
        for (value, details) in [
            ("CAU=", Some(b"\x08\x05".to_vec())),
            ("CAU", Some(b"\x08\x05".to_vec())),
            ("\0\u{8}\u{5}", Some(b"\x08\x05".to_vec())),
            ("!", None),
        ] {
            let mut trailers = Metadata::default();
            trailers.push("grpc-status-details-bin", value);
            assert_eq!(decode(&trailers), details, "{value}");
        }
        assert_eq!(decode(&Metadata::default()), None);
        assert_eq!(alone(b"\x08\x05\x12\x01m\x1a\x00"), b"\x1a\x00");
        assert_eq!(alone(b"\x1a\x00\x12\x09m"), b"");
    }
}
