//! Removed values, for the search of other texts.

use std::{
    collections::{BTreeSet, HashMap},
    ops::{Bound, Range},
};

use super::encodings::{MIN_LEN, each_decoded};

/// Largest number of kept values; a capture that hides more of them (an id for each row) is searched for these.
const MAX_VALUES: usize = 1 << 16;

/// Length up to which a value is kept; longer ones are searched by their beginning; in text, all that follows it is
/// masked with it.
const MAX_LEN: usize = 1 << 10;

/// Depth of nested encodings that are searched: base64 of JSON, percent escapes of base64.
const DEPTH: usize = 2;

/// A set of byte strings that finds its members in other bytes, as they are, and in base64 (of either alphabet, at any
/// place in what was encoded), hexadecimal digits, percent escapes and JSON's escapes.
///
/// ```
/// use grpc_capture::transform::SecretValues;
/// let mut values = SecretValues::default();
/// values.add(b"site-42.example");
/// assert_eq!(values.find(b"to site-42.example:1", 0), Some((3, 15)));
/// assert_eq!(values.replace("to site-42.example:1").as_deref(), Some("to [redacted]:1"));
/// assert_eq!(values.replace("to site%2D42.example:1").as_deref(), Some("to [redacted]:1"));
/// ```
#[derive(Clone, PartialEq, Eq, Default)]
pub struct SecretValues {
    values: BTreeSet<Vec<u8>>,
    /// Number of values by their first bytes.
    starts: HashMap<[u8; MIN_LEN], usize>,
    /// Pairs of first bytes that occur, so that most positions need one look-up.
    pairs: Vec<u64>,
    longest: usize,
    too_short: u64,
    not_kept: u64,
}

impl std::fmt::Debug for SecretValues {
    /// Shows the number of values, and none of them.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SecretValues")
            .field("count", &self.len())
            .finish_non_exhaustive()
    }
}

impl SecretValues {
    /// Adds a value; one that is too short to be looked for is only counted.
    pub fn add(&mut self, value: &[u8]) {
        let value = value.get(..MAX_LEN).unwrap_or(value);
        let Some(start) = value.first_chunk::<MIN_LEN>() else {
            self.too_short += u64::from(!value.is_empty());
            return;
        };
        if self.values.contains(value) {
            return;
        }
        if self.values.len() >= MAX_VALUES {
            self.not_kept += 1;
            return;
        }
        self.values.insert(value.to_vec());
        *self.starts.entry(*start).or_default() += 1;
        self.pairs.resize(1 << 10, 0);
        let pair = usize::from(start[0]) << 8 | usize::from(start[1]);
        if let Some(bits) = self.pairs.get_mut(pair >> 6) {
            *bits |= 1 << (pair & 63);
        }
        self.longest = self.longest.max(value.len());
    }

    /// Forgets the values that occur in `text`: what everybody knows is not a secret.
    pub fn forget_those_in(&mut self, text: &[u8]) {
        let mut at = 0;
        while let Some((found, len)) = self.find(text, at) {
            if let Some(value) = text.get(found..found + len) {
                self.remove(value);
            }
            at = found;
        }
    }

    pub(super) fn remove(&mut self, value: &[u8]) {
        let value = value.get(..MAX_LEN).unwrap_or(value);
        if let (true, Some(start)) = (self.values.remove(value), value.first_chunk::<MIN_LEN>())
            && let Some(count) = self.starts.get_mut(start)
        {
            *count -= 1;
            if *count == 0 {
                self.starts.remove(start);
            }
        }
    }

    /// Finds the first value in `bytes` from `from` on, unencoded, and the longest one there: place and length.
    #[must_use]
    pub fn find(&self, bytes: &[u8], from: usize) -> Option<(usize, usize)> {
        if self.values.is_empty() {
            return None;
        }
        let rest = bytes.get(from..)?;
        for (at, start) in rest.windows(MIN_LEN).enumerate() {
            let Some(start) = start.first_chunk::<MIN_LEN>() else {
                continue;
            };
            let pair = usize::from(start[0]) << 8 | usize::from(start[1]);
            let hit = self
                .pairs
                .get(pair >> 6)
                .is_some_and(|bits| bits >> (pair & 63) & 1 == 1);
            if hit
                && self.starts.contains_key(start)
                && let Some(len) = self.longest_at(rest.get(at..).unwrap_or_default())
            {
                return Some((from + at, len));
            }
        }
        None
    }

    /// The length of the longest value at the start of `rest`.
    ///
    /// Of the values up to `rest` in their order, the last shares with `rest` at least as many bytes as any other does. So
    /// the time does not grow with how many values begin alike.
    fn longest_at(&self, rest: &[u8]) -> Option<usize> {
        let mut upto = rest.get(..MAX_LEN).unwrap_or(rest);
        while upto.len() >= MIN_LEN {
            let last = self
                .values
                .range::<[u8], _>((Bound::Unbounded, Bound::Included(upto)))
                .next_back()?;
            let common = last.iter().zip(upto).take_while(|(a, b)| a == b).count();
            if common == last.len() {
                return Some(common);
            }
            upto = upto.get(..common)?;
        }
        None
    }

    /// The length of a value that occurs in `bytes` in any encoding.
    #[must_use]
    pub fn occurs_in(&self, bytes: &[u8]) -> Option<usize> {
        self.occurs(bytes, DEPTH)
    }

    fn occurs(&self, bytes: &[u8], depth: usize) -> Option<usize> {
        if self.values.is_empty() {
            return None;
        }
        if let Some((_, len)) = self.find(bytes, 0) {
            return Some(len);
        }
        let mut found = None;
        if depth > 0 {
            each_decoded(bytes, &mut |decoded| {
                if found.is_none() {
                    found = self.occurs(&decoded.bytes, depth - 1);
                }
            });
        }
        found
    }

    /// The places of values in `bytes` in any encoding, in order and without overlap.
    pub(super) fn places(&self, bytes: &[u8]) -> Vec<Range<usize>> {
        if self.values.is_empty() {
            return Vec::new();
        }
        let mut places = self.all_places(bytes, DEPTH);
        places.sort_unstable_by_key(|place| place.start);
        let mut apart: Vec<Range<usize>> = Vec::with_capacity(places.len());
        for place in places {
            match apart.last_mut() {
                Some(last) if place.start <= last.end => last.end = last.end.max(place.end),
                _ => apart.push(place),
            }
        }
        apart
    }

    fn all_places(&self, bytes: &[u8], depth: usize) -> Vec<Range<usize>> {
        let (mut places, mut at) = (Vec::new(), 0);
        while let Some((found, len)) = self.find(bytes, at) {
            at = if len == MAX_LEN { bytes.len() } else { found + len };
            places.push(found..at);
        }
        if depth > 0 {
            each_decoded(bytes, &mut |decoded| {
                let inner = self.all_places(&decoded.bytes, depth - 1);
                places.extend(inner.iter().filter_map(|place| decoded.source(place)));
            });
        }
        places
    }

    /// Replaces every value in `text` by `[redacted]`; `None` when it holds none.
    #[must_use]
    pub fn replace(&self, text: &str) -> Option<String> {
        let places = self.places(text.as_bytes());
        if places.is_empty() {
            return None;
        }
        let (mut out, mut at) = (Vec::new(), 0);
        for place in places {
            out.extend_from_slice(text.as_bytes().get(at..place.start).unwrap_or_default());
            out.extend_from_slice(super::REDACTED.as_bytes());
            at = place.end;
        }
        out.extend_from_slice(text.as_bytes().get(at..).unwrap_or_default());
        // A value that is no text may begin or end within a character.
        Some(String::from_utf8_lossy(&out).into_owned())
    }

    /// Overwrites every value in `bytes` with `*`, keeping its length, for encoded messages in which lengths depend on
    /// one another; `None` when they hold none.
    pub(super) fn blank(&self, bytes: &[u8]) -> Option<Vec<u8>> {
        let places = self.places(bytes);
        if places.is_empty() {
            return None;
        }
        let mut blank = bytes.to_vec();
        for place in places {
            blank.get_mut(place)?.fill(b'*');
        }
        Some(blank)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &[u8]> {
        self.values.iter().map(Vec::as_slice)
    }

    /// Number of searched values.
    #[must_use]
    pub fn len(&self) -> usize {
        self.values.len()
    }

    /// True when there are no values.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
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

    /// Length of the longest value in bytes.
    pub(super) const fn longest(&self) -> usize {
        self.longest
    }
}

#[cfg(test)]
mod tests;
