//! The little that requests need: varints, `int32` and length-delimited fields, in canonical form.

/// Adds a varint in its shortest form.
pub fn put_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// Adds an `int32` field; 0 is left out, as proto3 does.
pub fn put_int32(out: &mut Vec<u8>, number: u32, value: i32) {
    if value != 0 {
        put_varint(out, u64::from(number) << 3);
        put_varint(out, i64::from(value) as u64);
    }
}

/// Adds a `bytes` or `string` field; an empty one is left out, as proto3 does.
pub fn put_bytes(out: &mut Vec<u8>, number: u32, value: &[u8]) {
    if !value.is_empty() {
        put_varint(out, u64::from(number) << 3 | 2);
        put_varint(out, value.len() as u64);
        out.extend_from_slice(value);
    }
}
