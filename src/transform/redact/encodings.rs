//! Encodings of text within text: base64, hexadecimal digits, percent escapes, JSON's escapes.

use std::ops::Range;

/// Smallest number of base64 digits that are decoded.
const MIN_BASE64: usize = MIN_LEN.div_ceil(3) * 4;

/// Smallest number of hexadecimal digits that are decoded.
const MIN_HEX: usize = 2 * MIN_LEN;

/// Number of bytes decoded at a time, which bounds the memory.
pub(super) const WINDOW: usize = 1 << 16;

/// Overlap of windows in bytes: more than a value takes in any encoding.
const OVERLAP: usize = 1 << 13;

/// A decoded part of a text.
#[derive(Debug, Default)]
pub(super) struct Decoded {
    pub(super) bytes: Vec<u8>,
    /// Start and end of each decoded byte in the text.
    from: Vec<usize>,
    to: Vec<usize>,
}

impl Decoded {
    /// The range in the text of some decoded bytes.
    pub(super) fn source(&self, place: &Range<usize>) -> Option<Range<usize>> {
        let last = place.end.checked_sub(1)?;
        Some(*self.from.get(place.start)?..*self.to.get(last)?)
    }

    fn push(&mut self, byte: u8, source: Range<usize>) {
        self.bytes.push(byte);
        self.from.push(source.start);
        self.to.push(source.end);
    }

    fn clear(&mut self) {
        self.bytes.clear();
        self.from.clear();
        self.to.clear();
    }
}

/// Visits all decodings of parts of `text`.
pub(super) fn each_decoded(text: &[u8], show: &mut impl FnMut(&Decoded)) {
    let mut decoded = Decoded::default();
    runs(
        text,
        |byte| base64(byte).is_some() || matches!(byte, b'\r' | b'\n'),
        MIN_BASE64,
        |run| {
            // Where in four digits the run begins cannot be known: other digits may stand before it.
            for skip in 0..4 {
                decode_base64(text, run.start + skip..run.end, &mut decoded);
                show(&decoded);
            }
        },
    );
    runs(
        text,
        |byte| byte.is_ascii_hexdigit(),
        MIN_HEX,
        |run| {
            for skip in 0..2 {
                decode_hex(text, run.start + skip..run.end, &mut decoded);
                show(&decoded);
            }
        },
    );
    each_escaped(text, show);
}

/// Visits all decodings of parts of `text` with escapes.
pub(super) fn each_escaped(text: &[u8], show: &mut impl FnMut(&Decoded)) {
    let mut decoded = Decoded::default();
    runs(
        text,
        |byte| matches!(byte, b' '..=b'~'),
        MIN_LEN,
        |run| {
            let part = text.get(run.clone()).unwrap_or_default();
            let plus = part.contains(&b'+');
            if decode_percent(text, run.clone(), false, &mut decoded) {
                show(&decoded);
            }
            if plus {
                decode_percent(text, run, true, &mut decoded);
                show(&decoded);
            }
        },
    );
    runs(
        text,
        |byte| byte >= b' ',
        MIN_LEN,
        |run| {
            if decode_json(text, run, &mut decoded) {
                show(&decoded);
            }
        },
    );
}

/// Runs of characters of one kind with a minimum length; a very long one in windows.
fn runs(text: &[u8], is: impl Fn(u8) -> bool, min: usize, mut show: impl FnMut(Range<usize>)) {
    let mut show = |mut run: Range<usize>| {
        while run.len() > WINDOW {
            show(run.start..run.start + WINDOW);
            run.start += WINDOW - OVERLAP;
        }
        if run.len() >= min {
            show(run);
        }
    };
    let mut from = 0;
    for (at, byte) in text.iter().enumerate() {
        if !is(*byte) {
            show(from..at);
            from = at + 1;
        }
    }
    show(from..text.len());
}

/// The value of a base64 digit of either alphabet.
const fn base64(digit: u8) -> Option<u8> {
    match digit {
        b'A'..=b'Z' => Some(digit - b'A'),
        b'a'..=b'z' => Some(digit - b'a' + 26),
        b'0'..=b'9' => Some(digit - b'0' + 52),
        b'+' | b'-' => Some(62),
        b'/' | b'_' => Some(63),
        _ => None,
    }
}

fn decode_base64(text: &[u8], run: Range<usize>, decoded: &mut Decoded) {
    decoded.clear();
    let (mut bits, mut have, mut from) = (0_u32, 0, run.start);
    for at in run {
        // Lines may be broken within.
        let Some(digit) = text.get(at).copied().and_then(base64) else {
            continue;
        };
        let before = at;
        if have == 0 {
            from = at;
        }
        bits = bits << 6 | u32::from(digit);
        have += 6;
        if have >= 8 {
            have -= 8;
            decoded.push((bits >> have) as u8, from..at + 1);
            from = before;
        }
    }
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).map(|value| value as u8)
}

fn decode_hex(text: &[u8], run: Range<usize>, decoded: &mut Decoded) {
    decoded.clear();
    let (mut at, digits) = (run.start, text.get(run).unwrap_or_default());
    for pair in digits.as_chunks::<2>().0 {
        if let (Some(high), Some(low)) = (hex(pair[0]), hex(pair[1])) {
            decoded.push(high << 4 | low, at..at + 2);
        }
        at += 2;
    }
}

/// Decodes percent escapes; true when there were any; with `plus`, a `+` is a space, as in forms.
fn decode_percent(text: &[u8], run: Range<usize>, plus: bool, decoded: &mut Decoded) -> bool {
    decoded.clear();
    let (mut at, end, mut any) = (run.start, run.end, plus);
    while let Some(rest) = text.get(at..end).filter(|rest| !rest.is_empty()) {
        let (byte, len) = match rest {
            [b'%', high, low, ..] => match (hex(*high), hex(*low)) {
                (Some(high), Some(low)) => (high << 4 | low, 3),
                _ => (b'%', 1),
            },
            [b'+', ..] if plus => (b' ', 1),
            [byte, ..] => (*byte, 1),
            [] => break,
        };
        any |= len > 1;
        decoded.push(byte, at..at + len);
        at += len;
    }
    any
}

/// Decodes JSON escapes; true when there were any.
fn decode_json(text: &[u8], run: Range<usize>, decoded: &mut Decoded) -> bool {
    decoded.clear();
    if !text.get(run.clone()).is_some_and(|part| part.contains(&b'\\')) {
        return false;
    }
    let (mut at, end) = (run.start, run.end);
    while let Some(rest) = text.get(at..end).filter(|rest| !rest.is_empty()) {
        let (character, len) = match rest {
            [b'\\', b'u', ..] => unicode(rest).unwrap_or(('\\', 1)),
            [b'\\', escaped, ..] => match escaped {
                b'n' => ('\n', 2),
                b't' => ('\t', 2),
                b'r' => ('\r', 2),
                b'b' => ('\u{8}', 2),
                b'f' => ('\u{c}', 2),
                b'"' | b'\\' | b'/' | b'\'' => (char::from(*escaped), 2),
                _ => ('\\', 1),
            },
            [byte, ..] => {
                decoded.push(*byte, at..at + 1);
                at += 1;
                continue;
            }
            [] => break,
        };
        let mut utf8 = [0; 4];
        for byte in character.encode_utf8(&mut utf8).bytes() {
            decoded.push(byte, at..at + len);
        }
        at += len;
    }
    true
}

/// Decodes `\uXXXX`, or a surrogate pair.
fn unicode(rest: &[u8]) -> Option<(char, usize)> {
    let unit = |rest: &[u8]| {
        let [b'\\', b'u', digits @ ..] = rest else { return None };
        let digits = digits.first_chunk::<4>()?;
        digits
            .iter()
            .try_fold(0_u32, |unit, digit| Some(unit << 4 | u32::from(hex(*digit)?)))
    };
    let first = unit(rest)?;
    if let Some(character) = char::from_u32(first) {
        return Some((character, 6));
    }
    let second = rest
        .get(6..)
        .and_then(unit)
        .filter(|second| (0xdc00..0xe000).contains(second))?;
    let first = first.checked_sub(0xd800).filter(|first| *first < 0x400)?;
    let character = 0x1_0000 + (first << 10 | (second - 0xdc00));
    Some((char::from_u32(character)?, 12))
}

/// Smallest length of searched values: in a few megabytes of compressed bytes three or four of them stand by chance,
/// and a short word stands everywhere.
pub(super) const MIN_LEN: usize = 6;
