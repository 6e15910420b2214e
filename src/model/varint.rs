//! Protobuf varints, which also encode the lengths of delimited messages: seven bits in each byte, the lowest first.

/// Length of the longest varint in bytes: 64 bits, 7 in each byte.
pub(crate) const MAX_BYTES: usize = 10;

/// Decodes the varint at `at` and advances `at`; `None` when the bytes end within it, or when it does not fit 64 bits.
#[inline]
pub(crate) fn read(bytes: &[u8], at: &mut usize) -> Option<u64> {
    // Most keys and lengths are one byte or two.
    match *bytes.get(*at..)? {
        [byte @ ..0x80, ..] => {
            *at += 1;
            Some(u64::from(byte))
        }
        [low, high @ ..0x80, ..] => {
            *at += 2;
            Some(u64::from(low & 0x7f) | u64::from(high) << 7)
        }
        _ => read_long(bytes, at),
    }
}

fn read_long(bytes: &[u8], at: &mut usize) -> Option<u64> {
    let mut value = 0;
    for (index, byte) in bytes.get(*at..)?.iter().take(MAX_BYTES).enumerate() {
        if index == MAX_BYTES - 1 && *byte > 1 {
            return None;
        }
        value |= u64::from(byte & 0x7f) << (7 * index);
        if *byte < 0x80 {
            *at += index + 1;
            return Some(value);
        }
    }
    None
}

/// Encodes `value` in its shortest form and returns the length.
pub(crate) fn encode(mut value: u64, into: &mut [u8; MAX_BYTES]) -> usize {
    let mut length = 0;
    for slot in into {
        length += 1;
        *slot = (value & 0x7f) as u8;
        value >>= 7;
        if value == 0 {
            break;
        }
        *slot |= 0x80;
    }
    length
}

/// Appends `value` in its shortest form.
pub(crate) fn put(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_is_written_is_read(value in prop_oneof![any::<u64>(), 0..40_000_u64], more in any::<Vec<u8>>()) {
            let mut bytes = Vec::new();
            put(&mut bytes, value);
            let mut array = [0; MAX_BYTES];
            let length = encode(value, &mut array);
            prop_assert_eq!(&bytes[..], &array[..length]);
            bytes.extend(more);
            let mut at = 0;
            prop_assert_eq!((read(&bytes, &mut at), at), (Some(value), length));
        }
    }

    #[test]
    fn what_ends_within_or_does_not_fit_is_refused() {
        let ten = [0xff; MAX_BYTES];
        for bytes in [&[][..], &[0x80], &[0x80, 0x80], &ten, &[&ten[..9], &[2]].concat()] {
            assert_eq!(read(bytes, &mut 0), None, "{bytes:x?}");
        }
        assert_eq!(read(&[1], &mut 1), None);
        assert_eq!(read(&[&ten[..9], &[1]].concat(), &mut 0), Some(u64::MAX));
    }
}
