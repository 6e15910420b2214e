//! The loops over numbers, compiled for the widest registers that a processor may have, and chosen when it is known.
//!
//! Every one of them stops at the end of the shortest slice.

use multiversion::multiversion;

/// A number's 32-bit pattern, little-endian.
pub(super) type Word = [u8; 4];

/// The differences between words and others.
#[multiversion(targets("x86_64+avx512bw+avx512vl", "x86_64+avx2"))]
pub(super) fn differences(now: &[Word], past: &[Word], into: &mut [u32]) {
    for (slot, (now, past)) in into.iter_mut().zip(now.iter().zip(past)) {
        *slot = fold(value(now).wrapping_sub(value(past)));
    }
}

/// The differences between words and the mean of two others.
#[multiversion(targets("x86_64+avx512bw+avx512vl", "x86_64+avx2"))]
pub(super) fn differences_from_mean(now: &[Word], far: &[Word], near: &[Word], into: &mut [u32]) {
    for (slot, (now, (far, near))) in into.iter_mut().zip(now.iter().zip(far.iter().zip(near))) {
        *slot = fold(value(now).wrapping_sub(mean(value(far), value(near))));
    }
}

/// The differences between words and the values that the slope between others predicts.
#[multiversion(targets("x86_64+avx512bw+avx512vl", "x86_64+avx2"))]
pub(super) fn differences_from_slope(now: &[Word], far: &[Word], near: &[Word], both: &[Word], into: &mut [u32]) {
    let past = far.iter().zip(near.iter().zip(both));
    for (slot, (now, (far, (near, both)))) in into.iter_mut().zip(now.iter().zip(past)) {
        *slot = fold(value(now).wrapping_sub(slope(value(far), value(near), value(both))));
    }
}

/// Reverses [`differences`], in place.
#[multiversion(targets("x86_64+avx512bw+avx512vl", "x86_64+avx2"))]
pub(super) fn restore(now: &mut [Word], past: &[Word]) {
    for (slot, past) in now.iter_mut().zip(past) {
        *slot = unfold(value(slot)).wrapping_add(value(past)).to_le_bytes();
    }
}

/// Reverses [`differences_from_mean`], in place.
#[multiversion(targets("x86_64+avx512bw+avx512vl", "x86_64+avx2"))]
pub(super) fn restore_from_mean(now: &mut [Word], far: &[Word], near: &[Word]) {
    for (slot, (far, near)) in now.iter_mut().zip(far.iter().zip(near)) {
        let past = mean(value(far), value(near));
        *slot = unfold(value(slot)).wrapping_add(past).to_le_bytes();
    }
}

/// Reverses [`differences_from_slope`], in place.
#[multiversion(targets("x86_64+avx512bw+avx512vl", "x86_64+avx2"))]
pub(super) fn restore_from_slope(now: &mut [Word], far: &[Word], near: &[Word], both: &[Word]) {
    for (slot, (far, (near, both))) in now.iter_mut().zip(far.iter().zip(near.iter().zip(both))) {
        let past = slope(value(far), value(near), value(both));
        *slot = unfold(value(slot)).wrapping_add(past).to_le_bytes();
    }
}

/// Extracts the eight bits at `shift`.
#[multiversion(targets("x86_64+avx512bw+avx512vl", "x86_64+avx2"))]
pub(super) fn bytes(numbers: &[u32], shift: u32, into: &mut [u8]) {
    for (slot, number) in into.iter_mut().zip(numbers) {
        *slot = (number >> shift) as u8;
    }
}

/// Extracts the bits from `shift` on, limited to `most`.
#[multiversion(targets("x86_64+avx512bw+avx512vl", "x86_64+avx2"))]
pub(super) fn capped(numbers: &[u32], shift: u32, most: u8, into: &mut [u8]) {
    for (slot, number) in into.iter_mut().zip(numbers) {
        *slot = (number >> shift).min(u32::from(most)) as u8;
    }
}

/// Packs bits 16 to 19 of two numbers into a byte, the first in its lower half.
#[multiversion(targets("x86_64+avx512bw+avx512vl", "x86_64+avx2"))]
pub(super) fn halves(pairs: &[[u32; 2]], into: &mut [u8]) {
    for (slot, [even, odd]) in into.iter_mut().zip(pairs) {
        *slot = (even >> 16 & 0xf | odd >> 12 & 0xf0) as u8;
    }
}

/// Reverses [`halves`]: bits 16 to 19, alone.
#[multiversion(targets("x86_64+avx512bw+avx512vl", "x86_64+avx2"))]
pub(super) fn halves_apart(bytes: &[u8], into: &mut [[u8; 2]]) {
    for (slot, both) in into.iter_mut().zip(bytes) {
        *slot = [both & 0xf, both >> 4];
    }
}

/// Joins numbers from their four bytes, the lowest first; the upper two begin at the bits that `shifts` says.
#[multiversion(targets("x86_64+avx512bw+avx512vl", "x86_64+avx2"))]
pub(super) fn join(bytes: [&[u8]; 4], shifts: [u32; 2], into: &mut [Word]) {
    let [lowest, second, third, top] = bytes;
    let bytes = lowest.iter().zip(second).zip(third.iter().zip(top));
    for (slot, ((lowest, second), (third, top))) in into.iter_mut().zip(bytes) {
        let lower = u32::from(*lowest) | u32::from(*second) << 8;
        let upper = u32::from(*third) << shifts[0] | u32::from(*top) << shifts[1];
        *slot = (lower | upper).to_le_bytes();
    }
}

/// The positions of `wanted` among bytes: a bit for each, in a mask for each 64 of them.
#[multiversion(targets("x86_64+avx512bw+avx512vl", "x86_64+avx2"))]
pub(super) fn places(bytes: &[u8], wanted: u8, masks: &mut [u64]) {
    const LOW: u64 = u64::from_ne_bytes([0x7f; 8]);
    const ONES: u64 = u64::from_ne_bytes([1; 8]);
    /// The factor that moves the lowest bits of eight bytes into the highest byte.
    const GATHER: u64 = 0x0102_0408_1020_4080;
    let every = ONES * u64::from(wanted);
    let (groups, rest) = bytes.as_chunks::<64>();
    for (mask, group) in masks.iter_mut().zip(groups) {
        let mut eights = [0_u8; 8];
        for (eight, bytes) in eights.iter_mut().zip(group.as_chunks::<8>().0) {
            // The highest bit of each byte that is zero, once what is wanted is.
            let differs = u64::from_le_bytes(*bytes) ^ every;
            let zeros = !(((differs & LOW) + LOW) | differs | LOW);
            *eight = ((zeros >> 7).wrapping_mul(GATHER) >> 56) as u8;
        }
        *mask = u64::from_le_bytes(eights);
    }
    if let Some(mask) = masks.get_mut(groups.len()) {
        *mask = 0;
        for (at, byte) in rest.iter().enumerate() {
            *mask |= u64::from(*byte == wanted) << at;
        }
    }
}

/// The sum of n log2(n) over the counts of 256 bytes, which stand in four tables.
#[multiversion(targets("x86_64+avx512bw+avx512vl", "x86_64+avx2"))]
pub(super) fn bits_of_counts(tables: &[[u32; 256]; 4]) -> f32 {
    const LANES: usize = 16;
    let mut sums = [0.0; LANES];
    let [a, b, c, d] = tables.each_ref().map(|table| table.as_chunks::<LANES>().0);
    for ((a, b), (c, d)) in a.iter().zip(b).zip(c.iter().zip(d)) {
        for lane in 0..LANES {
            let count = a[lane] + b[lane] + c[lane] + d[lane];
            sums[lane] += count as f32 * log2(count.max(1));
        }
    }
    sums.iter().sum()
}

/// The binary logarithm to within 0.0002, by a polynomial that is exact at powers of two: a choice needs no more, and
/// the library's takes longer than all the counting.
#[inline]
pub(super) const fn log2(value: u32) -> f32 {
    let bits = (value as f32).to_bits();
    let exponent = (bits >> 23) as f32 - 127.0;
    let mantissa = f32::from_bits(bits & 0x007f_ffff | 0x3f80_0000);
    let bend = 0.756_533_8 + mantissa * (-0.398_807_64 + mantissa * 0.080_653_16);
    exponent + (mantissa - 1.0) * (1.0 + (2.0 - mantissa) * bend)
}

#[inline]
#[expect(clippy::trivially_copy_pass_by_ref, reason = "of iterators of references")]
pub(super) const fn value(word: &Word) -> u32 {
    u32::from_le_bytes(*word)
}

/// Maps small differences of either sign to small numbers.
#[inline]
const fn fold(difference: u32) -> u32 {
    (difference << 1) ^ ((difference as i32) >> 31) as u32
}

#[inline]
pub(super) const fn unfold(folded: u32) -> u32 {
    (folded >> 1) ^ (folded & 1).wrapping_neg()
}

/// The mean of `far` and `near`, on the shorter way around.
#[inline]
const fn mean(far: u32, near: u32) -> u32 {
    far.wrapping_add(((near.wrapping_sub(far) as i32) >> 1) as u32)
}

/// Predicts by slope: the change from `far` to `near`, applied to `far` here.
#[inline]
const fn slope(far: u32, near: u32, both: u32) -> u32 {
    far.wrapping_add(near).wrapping_sub(both)
}
