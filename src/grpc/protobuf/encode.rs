//! Encoding of protobuf fields in canonical form.

use crate::model::varint;

/// Wire type of a varint.
pub(crate) const VARINT: u8 = 0;
/// Wire type of a 64-bit value.
pub(crate) const FIXED64: u8 = 1;
/// Wire type of a length-delimited value.
pub(crate) const DELIMITED: u8 = 2;
/// Wire type of the start of a group.
pub(crate) const GROUP: u8 = 3;
/// Wire type of the end of a group.
pub(crate) const GROUP_END: u8 = 4;
/// Wire type of a 32-bit value.
pub(crate) const FIXED32: u8 = 5;

/// Adds the key of a field.
pub(crate) fn put_key(out: &mut Vec<u8>, number: u32, wire_type: u8) {
    varint::put(out, u64::from(number) << 3 | u64::from(wire_type));
}

/// Adds a varint field, 0 included.
pub(crate) fn put_varint(out: &mut Vec<u8>, number: u32, value: u64) {
    put_key(out, number, VARINT);
    varint::put(out, value);
}

/// Adds an `int32` field; 0 is left out, as proto3 does.
pub(crate) fn put_int32(out: &mut Vec<u8>, number: u32, value: i32) {
    if value != 0 {
        put_varint(out, number, i64::from(value) as u64);
    }
}

/// Adds a length-delimited field, an empty one too.
pub(crate) fn put_delimited(out: &mut Vec<u8>, number: u32, value: &[u8]) {
    put_key(out, number, DELIMITED);
    varint::put(out, value.len() as u64);
    out.extend_from_slice(value);
}

/// Adds a `bytes` or `string` field; an empty one is left out, as proto3 does.
pub(crate) fn put_bytes(out: &mut Vec<u8>, number: u32, value: &[u8]) {
    if !value.is_empty() {
        put_delimited(out, number, value);
    }
}
