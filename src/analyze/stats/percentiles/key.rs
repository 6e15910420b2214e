//! Integer keys of values: whole numbers in the order of the values.

/// The key of a float: keys sort as the floats do; both zeros are one.
#[inline]
pub(crate) const fn key(value: f32) -> u32 {
    let bits = (value + 0.0).to_bits();
    // All bits of a negative float turn round, and the sign alone of another.
    bits ^ (((bits as i32) >> 31) as u32 | 1 << 31)
}

pub(crate) fn value(key: u32) -> f64 {
    let bits = if key >> 31 == 1 { key & !(1 << 31) } else { !key };
    f64::from(f32::from_bits(bits))
}
