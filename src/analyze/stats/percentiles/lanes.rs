//! The loops over values, compiled for the widest registers that a processor may have.

use multiversion::multiversion;

use super::key::key;

/// The keys of finite values.
#[multiversion(targets("x86_64+avx512bw+avx512vl", "x86_64+avx2"))]
pub(super) fn keys(values: &[f32], into: &mut [u32]) {
    for (slot, value) in into.iter_mut().zip(values) {
        *slot = key(*value);
    }
}

/// The upper halves of the keys of finite values.
#[multiversion(targets("x86_64+avx512bw+avx512vl", "x86_64+avx2"))]
pub(super) fn upper_halves(values: &[f32], into: &mut [u16]) {
    for (slot, value) in into.iter_mut().zip(values) {
        *slot = (key(*value) >> 16) as u16;
    }
}
