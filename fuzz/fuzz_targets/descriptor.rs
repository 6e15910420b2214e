//! Reads any bytes as a descriptor set. Nothing panics, and the resulting schema decodes and encodes messages.

#![no_main]

use grpc_capture::grpc::{Descriptors, decode_message, join_descriptor_sets, readable_descriptor_set};
use libfuzzer_sys::fuzz_target;
use prost::Message as _;

/// Messages of a set that are tried.
const TRIED: usize = 20;

fuzz_target!(|input: &[u8]| {
    let Some((split, input)) = input.split_first() else { return };
    let (set, message) = input.split_at(input.len() * usize::from(*split) / 255);
    let _ = join_descriptor_sets(&[set, message]);
    let _ = readable_descriptor_set(set);
    let Ok(descriptors) = Descriptors::read(set) else { return };
    let _ = descriptors.warning();
    for descriptor in descriptors.pool.all_messages().take(TRIED) {
        let Ok(decoded) = decode_message(descriptor.clone(), message) else { continue };
        let _ = serde_json::to_string(&decoded);
        // What is encoded is read again.
        assert!(decode_message(descriptor, &decoded.encode_to_vec()).is_ok());
    }
});
