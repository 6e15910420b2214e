//! Merges small consecutive DATA frames of a stream into one, and drops empty ones. Pure.
//!
//! The HTTP/2 library ends a connection that brings many small DATA frames before they are read, or a hundred empty ones in
//! its life. Neither is an error: a server that streams messages of one byte sends the first, and some send an empty frame
//! before each pause. What the frames carry, and what it counts for flow control, stays the same.

use super::frame::{HEAD_BYTES, Head, PREFACE_BYTES, kind};

/// Longest merged frame: what every HTTP/2 side takes.
const MOST_BYTES: usize = 16 * 1024;

const END_STREAM: u8 = 0x1;
const PADDED: u8 = 0x8;

/// Merges the frames of one direction, in place.
#[derive(Debug, Default)]
pub(crate) struct Merger {
    /// Bytes to skip before the next frame head.
    skip: usize,
    /// The first bytes of an incomplete frame head.
    held: [u8; HEAD_BYTES],
    have: usize,
    /// True after the first frame: SETTINGS, on either side.
    begun: bool,
    /// True when the bytes are not HTTP/2.
    off: bool,
}

/// Smallest buffer into which bytes are read for merging: what was held back and something new fit.
pub(crate) const LEAST_ROOM: usize = 64;

impl Merger {
    /// A merger for the client's direction: its preface comes first.
    pub(crate) fn of_client() -> Self {
        Self {
            skip: PREFACE_BYTES,
            ..Self::default()
        }
    }

    /// The bytes that were held back: they are to be put before what is read next.
    pub(crate) fn held(&mut self) -> ([u8; HEAD_BYTES], usize) {
        let have = std::mem::take(&mut self.have);
        (self.held, have)
    }

    /// Holds `have` bytes back: nothing was read.
    pub(crate) fn hold(&mut self, have: usize) {
        self.have = have;
    }

    /// Merges the frames in `bytes`, in place; returns the length that is left. Bytes of a head that is not whole
    /// are held back.
    pub(crate) fn merge(&mut self, bytes: &mut [u8]) -> usize {
        if self.off {
            return bytes.len();
        }
        let mut read = self.skip.min(bytes.len());
        let mut written = read;
        self.skip -= read;
        // Where the head of the frame stands that the next one may be added to, and what it says.
        let mut open: Option<(usize, Head)> = None;
        while read < bytes.len() {
            let rest = bytes.get(read..).unwrap_or_default();
            if !self.begun
                && let Some(first) = rest.get(3)
            {
                self.begun = *first == kind::SETTINGS;
                self.off = !self.begun;
                if self.off {
                    // Nothing was merged yet.
                    return bytes.len();
                }
            }
            let Some(head) = rest.first_chunk::<HEAD_BYTES>().copied() else {
                self.have = rest.len();
                if let Some(held) = self.held.get_mut(..rest.len()) {
                    held.copy_from_slice(rest);
                }
                break;
            };
            let head = Head::read(head);
            let came = (rest.len() - HEAD_BYTES).min(head.len);
            let whole = came == head.len;
            let plain = head.kind == kind::DATA && head.flags & PADDED == 0;
            read += HEAD_BYTES;
            if plain && head.len == 0 && head.flags & END_STREAM == 0 {
                continue;
            }
            match &mut open {
                Some((at, before))
                    if plain && whole && before.stream == head.stream && before.len + head.len <= MOST_BYTES =>
                {
                    before.len += head.len;
                    before.flags |= head.flags;
                    if let Some(place) = bytes.get_mut(*at..*at + HEAD_BYTES) {
                        place.copy_from_slice(&before.bytes());
                    }
                }
                _ => {
                    if let Some(place) = bytes.get_mut(written..written + HEAD_BYTES) {
                        place.copy_from_slice(&head.bytes());
                    }
                    open = (plain && whole && head.flags & END_STREAM == 0).then_some((written, head));
                    written += HEAD_BYTES;
                }
            }
            if written != read {
                bytes.copy_within(read..read + came, written);
            }
            (read, written) = (read + came, written + came);
            self.skip = head.len - came;
        }
        written
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use proptest::prelude::*;

    use super::super::frame::{FrameReader, Item};
    use super::*;

    fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
        let head = Head {
            len: payload.len(),
            kind,
            flags,
            stream,
        };
        [&head.bytes()[..], payload].concat()
    }

    /// The merged form of `bytes`, read in pieces of `step`.
    fn merged(bytes: &[u8], step: usize) -> Vec<u8> {
        let (mut merger, mut out) = (Merger::default(), Vec::new());
        for piece in bytes.chunks(step) {
            let (held, have) = merger.held();
            let mut buffer = [&held[..have], piece].concat();
            let length = merger.merge(&mut buffer);
            out.extend_from_slice(&buffer[..length]);
        }
        assert_eq!(merger.have, 0);
        out
    }

    /// Data and end of each stream, the other frames in order, and the number of DATA frames.
    type Meaning = (Vec<(u32, Vec<u8>, bool)>, Vec<(u8, Bytes)>);

    fn meaning(bytes: &[u8]) -> (Meaning, usize) {
        let mut reader = FrameReader::of_server();
        let (mut streams, mut others, mut heads) = (Vec::<(u32, Vec<u8>, bool)>::new(), Vec::new(), 0);
        reader.push(Bytes::copy_from_slice(bytes));
        while let Some(item) = reader.next() {
            match item {
                Item::Pass(raw) => heads += usize::from(raw.len() == HEAD_BYTES),
                Item::Frame(head, payload) => others.push((head.kind, payload)),
                Item::Data { stream, raw, data, end } => {
                    if !streams.iter().any(|(known, ..)| *known == stream) {
                        streams.push((stream, Vec::new(), false));
                    }
                    let found = streams.iter_mut().find(|(known, ..)| *known == stream).unwrap();
                    found.1.extend_from_slice(&raw[..data]);
                    found.2 |= end;
                }
            }
        }
        streams.retain(|(_, data, end)| !data.is_empty() || *end);
        streams.sort_unstable();
        ((streams, others), heads)
    }

    #[test]
    fn many_small_frames_become_few_and_empty_ones_none() {
        let mut bytes = [frame(kind::SETTINGS, 0, 0, b""), frame(1, 4, 1, b"head")].concat();
        for at in 0..1000_u32 {
            bytes.extend(frame(kind::DATA, 0, 1, &[at as u8; 6]));
            bytes.extend(frame(kind::DATA, 0, 1, b""));
        }
        bytes.extend(frame(kind::DATA, END_STREAM, 1, b""));
        for step in [7, 100, 4096, bytes.len()] {
            let (wanted, found) = (meaning(&bytes), meaning(&merged(&bytes, step)));
            assert_eq!(found.0, wanted.0, "step {step}");
            assert!(
                found.1 <= 2 + 2 * (bytes.len() / step),
                "{} frames, step {step}",
                found.1
            );
        }
    }

    proptest! {
        #[test]
        fn nothing_is_lost_and_nothing_moves_from_its_stream(
            frames in prop::collection::vec((prop_oneof![Just(0_u8), Just(3), Just(8)], 0..4_u8, 1..4_u32, prop::collection::vec(any::<u8>(), 0..40)), 0..60),
            step in 1..400_usize,
        ) {
            let mut bytes = frame(kind::SETTINGS, 0, 0, b"");
            for (kind, flags, stream, payload) in &frames {
                // A stream that has ended carries no more.
                let flags = if *kind == 0 && *flags == 3 { PADDED } else { 0 };
                bytes.extend(frame(*kind, flags, *stream, payload));
            }
            prop_assert_eq!(meaning(&merged(&bytes, step)).0, meaning(&bytes).0);
        }
    }
}
