//! Decoding of strings in the Huffman code of HPACK (RFC 7541 §5.2).

use super::tables::LENGTHS;

/// Length of the shortest and the longest code, in bits.
const SHORTEST: usize = 5;
const LONGEST: usize = 30;
/// The symbol for the end of a string; a whole one in the input is an error.
const END: u16 = 256;
/// Upper limit of the padding at the end, in bits.
const MOST_PADDING: u32 = 7;

/// The tables of the canonical code: for each length its first code, how many there are, and where their symbols stand.
struct Code {
    first: [u32; LONGEST + 1],
    count: [u32; LONGEST + 1],
    start: [u16; LONGEST + 1],
    symbols: [u16; LENGTHS.len()],
}

static CODE: Code = code();

#[expect(
    clippy::indexing_slicing,
    reason = "evaluated by the compiler, which would stop at an index out of bounds"
)]
const fn code() -> Code {
    let mut code = Code {
        first: [0; LONGEST + 1],
        count: [0; LONGEST + 1],
        start: [0; LONGEST + 1],
        symbols: [0; LENGTHS.len()],
    };
    let (mut next, mut placed, mut length) = (0_u32, 0_u16, SHORTEST);
    while length <= LONGEST {
        code.first[length] = next;
        code.start[length] = placed;
        let mut symbol = 0;
        while symbol < LENGTHS.len() {
            if LENGTHS[symbol] as usize == length {
                code.symbols[placed as usize] = symbol as u16;
                placed += 1;
                next += 1;
            }
            symbol += 1;
        }
        code.count[length] = next - code.first[length];
        next <<= 1;
        length += 1;
    }
    code
}

/// Decodes `bytes` and appends the result to `out`; `None` when they are no code.
pub(super) fn decode(bytes: &[u8], out: &mut Vec<u8>) -> Option<()> {
    let (mut bits, mut have) = (0_u64, 0_u32);
    let mut input = bytes.iter();
    loop {
        while have <= 32 {
            let Some(byte) = input.next() else { break };
            bits = bits << 8 | u64::from(*byte);
            have += 8;
        }
        let Some((symbol, length)) = symbol(bits, have) else {
            // What is left is padding: fewer than eight bits, all of them ones.
            let ones = (1_u64 << have) - 1;
            return (have <= MOST_PADDING && bits & ones == ones).then_some(());
        };
        if symbol == END {
            return None;
        }
        out.push(symbol as u8);
        have -= length;
        bits &= (1 << have) - 1;
    }
}

/// The first symbol in the lowest `have` bits, and its length.
fn symbol(bits: u64, have: u32) -> Option<(u16, u32)> {
    for length in SHORTEST as u32..=(LONGEST as u32).min(have) {
        let at = length as usize;
        let head = (bits >> (have - length)) as u32;
        let (first, count) = (*CODE.first.get(at)?, *CODE.count.get(at)?);
        if let Some(nth) = head.checked_sub(first).filter(|nth| *nth < count) {
            let symbol = *CODE.symbols.get(usize::from(*CODE.start.get(at)?) + nth as usize)?;
            return Some((symbol, length));
        }
    }
    None
}
