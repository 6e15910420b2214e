//! Finds packed floats in a message by its protobuf wire structure, without a schema.

use crate::model::varint;

/// The number type of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Little-endian 32-bit floats.
    Single,
    /// Little-endian 64-bit floats.
    Double,
}

impl Kind {
    /// Bytes of one number.
    pub(super) const fn width(self) -> usize {
        match self {
            Self::Single => 4,
            Self::Double => 8,
        }
    }
}

/// A run of numbers within a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) start: usize,
    pub(super) end: usize,
    pub(super) kind: Kind,
    /// Start of the message that holds the message that holds the run: the row of a sensor.
    pub(super) group: usize,
}

/// Runs shorter than this are not extracted: an entry in the table of runs costs as much.
const MIN_RUN: usize = 16;

/// Depth to which nested messages are searched; spectrograms need three.
const MAX_DEPTH: usize = 8;

/// Number of values of a run that are sampled.
const SAMPLES: usize = 8;

/// Largest distance of exponents of one kind of number. The halves of doubles, read as single floats, lie far apart,
/// and so do pairs of single floats, read as doubles: their exponents are spread eight times as far.
const ALIKE: i32 = 32;

/// Binary exponents of a plausible measurement: about 1e-18 to 1e18, zero, and the infinities.
const EXPONENTS: std::ops::RangeInclusive<i32> = -60..=60;

/// What was found so far at each depth, and is expected again.
#[derive(Debug, Default)]
pub(super) struct Hints {
    /// The last run: its tag, its length, its kind. The next one is probably alike, and then need not be tried as a message
    /// first.
    runs: [Option<(u64, usize, Kind)>; MAX_DEPTH + 1],
    /// The last message that holds messages that hold runs: a row.
    rows: [Row; MAX_DEPTH],
}

/// The positions of the runs in a row, relative to its start, each with the two bytes before it: its length, and its
/// tag if both are short.
#[derive(Debug, Default)]
struct Row {
    tag: u64,
    len: usize,
    runs: Vec<(Found, [u8; 2])>,
}

impl Row {
    /// Notes the row that begins at `base`; `found` are its runs.
    fn learn(&mut self, tag: u64, row: &[u8], base: usize, found: &[Found]) {
        (self.tag, self.len) = (tag, row.len());
        self.runs.clear();
        // In a message that holds its runs itself, they belong to a row around it.
        if found.iter().all(|found| found.group >= base) {
            self.runs.extend(found.iter().map(|found| {
                let found = Found {
                    start: found.start - base,
                    end: found.end - base,
                    group: found.group - base,
                    ..*found
                };
                (found, before(row, &found))
            }));
        }
    }

    /// Appends the runs of another row when its length equals this one's, with the same tags and lengths, and plausible
    /// numbers in the first and the last run: then it is built like this. False when nothing is appended.
    fn apply(&self, tag: u64, row: &[u8], base: usize, into: &mut Vec<Found>) -> bool {
        let [(first, _), .., (last, _)] = self.runs.as_slice() else {
            return false;
        };
        let is_alike = (self.tag, self.len) == (tag, row.len())
            && self.runs.iter().all(|(found, known)| before(row, found) == *known)
            && [first, last]
                .iter()
                .all(|found| are_of(&row[found.start..found.end], found.kind));
        if is_alike {
            into.extend(self.runs.iter().map(|(found, _)| Found {
                start: found.start + base,
                end: found.end + base,
                group: found.group + base,
                ..*found
            }));
        }
        is_alike
    }
}

/// The two bytes before a run, if there are two.
#[inline]
fn before(row: &[u8], found: &Found) -> [u8; 2] {
    let bytes = row[..found.start].last_chunk();
    bytes.copied().unwrap_or_default()
}

/// Finds the runs of `message` and appends them to `found`, in order. Keep `hints` from message to message.
pub(super) fn scan(message: &[u8], hints: &mut Hints, found: &mut Vec<Found>) {
    Walk { hints, found }.level(message, 0, [0, 0], 0);
}

/// A walk through a message and its nested messages.
struct Walk<'a> {
    hints: &'a mut Hints,
    found: &'a mut Vec<Found>,
}

impl Walk<'_> {
    /// Scans the fields of one message, which begins at `base` of the outermost one; false when it is not a message, and
    /// then nothing is added.
    fn level(&mut self, message: &[u8], base: usize, outer: [usize; 2], depth: usize) -> bool {
        let before = self.found.len();
        let whole = self.fields(message, base, outer, depth);
        if !whole {
            self.found.truncate(before);
        }
        whole
    }

    fn fields(&mut self, message: &[u8], base: usize, outer: [usize; 2], depth: usize) -> bool {
        let mut at = 0;
        while at < message.len() {
            let Some(tag) = varint::read(message, &mut at) else {
                return false;
            };
            if tag >> 3 == 0 || tag > u64::from(u32::MAX) {
                return false;
            }
            let len = match tag & 7 {
                0 => {
                    if varint::read(message, &mut at).is_none() {
                        return false;
                    }
                    continue;
                }
                1 => 8,
                5 => 4,
                2 => match varint::read(message, &mut at) {
                    Some(len) => len,
                    None => return false,
                },
                _ => return false,
            };
            let Some(field) = usize::try_from(len).ok().and_then(|len| message.get(at..)?.get(..len)) else {
                return false;
            };
            if tag & 7 == 2 && field.len() >= MIN_RUN {
                self.look(tag, field, base + at, [outer[1], base], depth);
            }
            at += field.len();
        }
        true
    }

    /// Classifies a field: as a message when it parses as one that holds runs, otherwise as a run when it looks like
    /// one; one that looks like the run before it is not tried as a message.
    fn look(&mut self, tag: u64, field: &[u8], base: usize, outer: [usize; 2], depth: usize) {
        let known = self.hints.runs[depth].filter(|(of, len, _)| (*of, *len) == (tag, field.len()));
        let expected = known.map(|(.., kind)| kind).filter(|kind| are_of(field, *kind));
        let before = self.found.len();
        if expected.is_none() && depth < MAX_DEPTH {
            if self.hints.rows[depth].apply(tag, field, base, self.found) {
                return;
            }
            if self.level(field, base, outer, depth + 1) && self.found.len() > before {
                self.hints.rows[depth].learn(tag, field, base, &self.found[before..]);
                return;
            }
        }
        if let Some(kind) = expected.or_else(|| kind_of(field)) {
            self.hints.runs[depth] = Some((tag, field.len(), kind));
            self.found.push(Found {
                start: base,
                end: base + field.len(),
                kind,
                group: outer[0],
            });
        }
    }
}

/// True when a field looks like numbers of the expected kind.
fn are_of(field: &[u8], kind: Kind) -> bool {
    match kind {
        Kind::Single => are_likely(field),
        Kind::Double => kind_of(field) == Some(Kind::Double),
    }
}

/// True when a field with the tag and length of a run of single floats before it also has plausible numbers at both
/// ends and in the middle: a few of them are enough for what is expected anyway.
fn are_likely(field: &[u8]) -> bool {
    match field.as_chunks::<4>().0 {
        all @ [first, .., last] => [first, &all[all.len() / 2], last]
            .into_iter()
            .all(|number| is_plausible(single(number), SINGLE_BIAS)),
        _ => false,
    }
}

fn kind_of(field: &[u8]) -> Option<Kind> {
    let (singles, odd) = field.as_chunks::<4>();
    if !odd.is_empty() {
        return None;
    }
    let wide = spread(singles, single, SINGLE_BIAS);
    if wide.is_some_and(|spread| spread <= ALIKE) {
        return Some(Kind::Single);
    }
    let (doubles, odd) = field.as_chunks::<8>();
    if odd.is_empty() && spread(doubles, double, DOUBLE_BIAS).is_some_and(|spread| spread <= ALIKE) {
        return Some(Kind::Double);
    }
    wide.map(|_| Kind::Single)
}

const SINGLE_BIAS: i32 = 127;
const DOUBLE_BIAS: i32 = 1023;

/// The biased exponent of a single float.
#[inline]
#[expect(clippy::trivially_copy_pass_by_ref, reason = "mapped over slices")]
const fn single(bytes: &[u8; 4]) -> i32 {
    ((u32::from_le_bytes(*bytes) >> 23) & 0xff) as i32
}

/// The biased exponent of a double.
#[inline]
#[expect(clippy::trivially_copy_pass_by_ref, reason = "mapped over slices")]
const fn double(bytes: &[u8; 8]) -> i32 {
    ((u64::from_le_bytes(*bytes) >> 52) & 0x7ff) as i32
}

/// True for zero, the infinities, and exponents of a plausible measurement.
#[inline]
fn is_plausible(exponent: i32, bias: i32) -> bool {
    is_special(exponent, bias) || EXPONENTS.contains(&(exponent - bias))
}

/// True for zero and the infinities, which tell nothing about their neighbours.
#[inline]
const fn is_special(exponent: i32, bias: i32) -> bool {
    exponent == 0 || exponent == 2 * bias + 1
}

/// The range of the biased exponents of some numbers, zero and infinity not included; `None` when one is not that of a
/// measurement. The numbers are from everywhere, at even and at odd places, the first and the last among them.
#[inline]
fn spread<T>(numbers: &[T], exponent: impl Fn(&T) -> i32, bias: i32) -> Option<i32> {
    let end = numbers.len().checked_sub(1)?;
    let step = (end / (SAMPLES - 1)).max(1) | 1;
    let (mut least, mut most) = (i32::MAX, i32::MIN);
    let mut at = 0;
    loop {
        let exponent = exponent(&numbers[at]);
        if !is_plausible(exponent, bias) {
            return None;
        }
        if !is_special(exponent, bias) {
            (least, most) = (least.min(exponent), most.max(exponent));
        }
        if at == end {
            return Some((most.saturating_sub(least)).max(0));
        }
        at = (at + step).min(end);
    }
}

#[cfg(test)]
mod tests;
