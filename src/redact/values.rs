//! Values that were taken out, to be looked for elsewhere.

use std::collections::HashMap;

/// Shorter values are not looked for: in a few megabytes of compressed bytes three or four of them stand by chance, and a
/// short word stands everywhere.
pub(super) const MIN_LEN: usize = 6;

/// Values that are kept to be looked for; a capture that hides more of them (an id for each row) is searched for these.
const MAX_VALUES: usize = 1 << 16;

/// A value longer than this is looked for by its beginning.
const MAX_LEN: usize = 1 << 10;

/// A set of byte strings that finds its members in other bytes.
///
/// ```
/// use grpc_capture::redact::Values;
/// let mut values = Values::default();
/// values.add(b"site-42.example");
/// assert_eq!(values.find(b"to site-42.example:1", 0), Some((3, 15)));
/// assert_eq!(values.replace("to site-42.example:1").as_deref(), Some("to [redacted]:1"));
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Values {
    /// By their first bytes, longest first.
    by_start: HashMap<[u8; MIN_LEN], Vec<Vec<u8>>>,
    /// Which pairs of first bytes there are, so that most places need one look.
    pairs: Vec<u64>,
    count: usize,
    longest: usize,
    too_short: u64,
    not_kept: u64,
}

impl Values {
    /// Adds a value; one that is too short to be looked for is only counted.
    pub fn add(&mut self, value: &[u8]) {
        let value = value.get(..MAX_LEN).unwrap_or(value);
        let Some(start) = value.first_chunk::<MIN_LEN>() else {
            self.too_short += u64::from(!value.is_empty());
            return;
        };
        let known = self
            .by_start
            .get(start)
            .is_some_and(|with| with.iter().any(|known| known == value));
        if known {
            return;
        }
        if self.count >= MAX_VALUES {
            self.not_kept += 1;
            return;
        }
        let with = self.by_start.entry(*start).or_default();
        let at = with.partition_point(|known| known.len() >= value.len());
        with.insert(at, value.to_vec());
        self.pairs.resize(1 << 10, 0);
        let pair = usize::from(start[0]) << 8 | usize::from(start[1]);
        if let Some(bits) = self.pairs.get_mut(pair >> 6) {
            *bits |= 1 << (pair & 63);
        }
        self.count += 1;
        self.longest = self.longest.max(value.len());
    }

    /// Forgets the values that stand in `text`: what everybody knows is no secret.
    pub fn forget_those_in(&mut self, text: &[u8]) {
        let mut at = 0;
        while let Some((found, len)) = self.find(text, at) {
            if let Some(value) = text.get(found..found + len) {
                self.remove(value);
            }
            at = found;
        }
    }

    fn remove(&mut self, value: &[u8]) {
        let Some(start) = value.first_chunk::<MIN_LEN>() else {
            return;
        };
        if let Some(with) = self.by_start.get_mut(start) {
            let before = with.len();
            with.retain(|known| known != value);
            self.count -= before - with.len();
        }
    }

    /// The first value in `bytes` from `from` on, the longest one there: place and length.
    #[must_use]
    pub fn find(&self, bytes: &[u8], from: usize) -> Option<(usize, usize)> {
        if self.count == 0 {
            return None;
        }
        let mut at = from;
        while let Some(start) = bytes.get(at..).and_then(|rest| rest.first_chunk::<MIN_LEN>()) {
            let pair = usize::from(start[0]) << 8 | usize::from(start[1]);
            let hit = self
                .pairs
                .get(pair >> 6)
                .is_some_and(|bits| bits >> (pair & 63) & 1 == 1);
            if hit && let Some(with) = self.by_start.get(start) {
                let rest = bytes.get(at..).unwrap_or_default();
                if let Some(found) = with.iter().find(|value| rest.starts_with(value)) {
                    return Some((at, found.len()));
                }
            }
            at += 1;
        }
        None
    }

    /// `text` with `[redacted]` in place of every value; `None` when it holds none.
    #[must_use]
    pub fn replace(&self, text: &str) -> Option<String> {
        let (mut out, mut at) = (Vec::new(), 0);
        while let Some((found, len)) = self.find(text.as_bytes(), at) {
            out.extend_from_slice(text.as_bytes().get(at..found).unwrap_or_default());
            out.extend_from_slice(super::REDACTED.as_bytes());
            at = found + len;
        }
        if at == 0 {
            return None;
        }
        out.extend_from_slice(text.as_bytes().get(at..).unwrap_or_default());
        // A value that was cut for its length may end within a character.
        Some(String::from_utf8_lossy(&out).into_owned())
    }

    /// How many are looked for.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.count
    }

    /// True when nothing is looked for.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Occurrences of values that are too short to be looked for.
    #[must_use]
    pub const fn too_short(&self) -> u64 {
        self.too_short
    }

    /// Occurrences of values beyond those that are kept.
    #[must_use]
    pub const fn not_kept(&self) -> u64 {
        self.not_kept
    }

    /// Bytes of the longest one.
    pub(super) const fn longest(&self) -> usize {
        self.longest
    }
}
