//! `grpc-status-details-bin`: the `google.rpc.Status` in the trailers of a call.

use base64::{
    Engine as _, alphabet,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use prost_reflect::{DescriptorPool, MessageDescriptor};

use crate::{grpc::standard, model::event::Metadata};

/// Senders may leave out the padding.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// The serialized details; `None` when the trailers hold none that can be read.
pub(super) fn decode(trailers: &Metadata) -> Option<Vec<u8>> {
    let (_, value) = trailers.iter().find(|(name, _)| *name == "grpc-status-details-bin")?;
    BASE64.decode(value).ok().filter(|details| !details.is_empty())
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
            ("!", None),
        ] {
            let mut trailers = Metadata::default();
            trailers.push("grpc-status-details-bin", value);
            assert_eq!(decode(&trailers), details, "{value}");
        }
        assert_eq!(decode(&Metadata::default()), None);
    }
}
