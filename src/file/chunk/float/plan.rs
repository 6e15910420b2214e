//! The plan of a float chunk: where its runs are, and how they are predicted. FORMAT.md §6.1 states its bytes.

use super::{
    planes::{ALWAYS, Cut, PLANES},
    predict::{Mean, Predictor, Word},
    wire::Kind,
};

/// The data that the decoder needs besides the bytes of structure and planes.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Plan {
    pub(super) streams: Vec<StreamPlan>,
    /// The runs, in the order of the chunk.
    pub(super) runs: Vec<Run>,
}

/// The plan of one stream: words that are predicted from each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct StreamPlan {
    pub(super) words: usize,
    pub(super) predictor: Predictor,
    pub(super) cut: Cut,
    /// Number of residuals whose upper bits are in the planes of escapes.
    pub(super) escapes: usize,
}

/// One or more runs that look alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Run {
    /// Bytes of structure before each run.
    pub(super) gap: usize,
    /// Numbers in each run.
    pub(super) len: usize,
    /// Index of the stream of the numbers; a double's high words belong to the stream behind.
    pub(super) stream: usize,
    pub(super) form: Form,
    /// Number of consecutive runs of this kind; at least 1.
    pub(super) repeat: usize,
}

/// How the numbers of a run are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    Of(Kind),
    /// Single floats that all have this value, and so are in no plane.
    Constant(Word),
}

/// Largest number of streams of a chunk.
pub(super) const MAX_STREAMS: usize = 256;

const FAR: u64 = 0;
const BOTH: u64 = 1;
const SLOPE: u64 = 2;

/// Bits of the number that holds both a stream's kind of mean and its cut.
const MEAN_BITS: u32 = 2;
const BYTES: u64 = 0;
const SIXTEEN: u64 = 1;
const TWENTY: u64 = 2;

const FORM_BITS: u32 = 2;
const SINGLE: u64 = 0;
const DOUBLE: u64 = 1;
const CONSTANT: u64 = 2;

impl Plan {
    /// Number of planes of the chunk: those of escapes only when a stream can have some.
    pub(super) fn planes(&self) -> usize {
        if self.streams.iter().all(|stream| stream.cut == Cut::Bytes) {
            ALWAYS
        } else {
            PLANES
        }
    }

    pub(super) fn encode(&self, into: &mut Vec<u8>) {
        put(self.streams.len() as u64, into);
        for stream in &self.streams {
            let StreamPlan { words, predictor, .. } = stream;
            put(*words as u64, into);
            put(predictor.far as u64, into);
            put(predictor.near as u64, into);
            let mean = match predictor.mean {
                Mean::Far => FAR,
                Mean::Both => BOTH,
                Mean::Slope => SLOPE,
            };
            let cut = match stream.cut {
                Cut::Bytes => BYTES,
                Cut::Sixteen => SIXTEEN,
                Cut::Twenty => TWENTY,
            };
            put(cut << MEAN_BITS | mean, into);
            if stream.cut != Cut::Bytes {
                put(stream.escapes as u64, into);
            }
        }
        put(self.runs.len() as u64, into);
        for run in &self.runs {
            put(run.gap as u64, into);
            put(run.len as u64, into);
            let form = match run.form {
                Form::Of(Kind::Single) => SINGLE,
                Form::Of(Kind::Double) => DOUBLE,
                Form::Constant(_) => CONSTANT,
            };
            put((run.stream as u64) << FORM_BITS | form, into);
            put(run.repeat as u64, into);
            if let Form::Constant(word) = run.form {
                into.extend_from_slice(&word);
            }
        }
    }

    /// Decodes a plan into `self`, for a chunk of `raw_len` bytes. Returns how many of them are structure.
    pub(super) fn decode(&mut self, bytes: &[u8], raw_len: usize) -> Result<usize, &'static str> {
        const SHORT: &str = "its plan is cut off";
        let mut input = bytes;
        let mut next = || take(&mut input).ok_or(SHORT);
        self.streams.clear();
        self.runs.clear();
        let streams = next()?;
        if streams > MAX_STREAMS {
            return Err("its plan has too many streams");
        }
        for _ in 0..streams {
            let (words, far, near) = (next()?, next()?, next()?);
            let how = next()? as u64;
            let mean = match how & ((1 << MEAN_BITS) - 1) {
                FAR => Mean::Far,
                BOTH if near > 0 => Mean::Both,
                SLOPE if near > 0 => Mean::Slope,
                _ => return Err("its plan has an unknown predictor"),
            };
            let cut = match how >> MEAN_BITS {
                BYTES => Cut::Bytes,
                SIXTEEN => Cut::Sixteen,
                TWENTY => Cut::Twenty,
                _ => return Err("its plan has an unknown cut"),
            };
            let escapes = if cut == Cut::Bytes { 0 } else { next()? };
            if escapes > words {
                return Err("its plan has more escapes than words");
            }
            if near >= far.max(1) {
                return Err("its plan has an impossible predictor");
            }
            let predictor = Predictor { far, near, mean };
            self.streams.push(StreamPlan {
                words,
                predictor,
                cut,
                escapes,
            });
        }
        let runs = next()?;
        for _ in 0..runs {
            let mut next = || take(&mut input).ok_or(SHORT);
            let (gap, len, place, repeat) = (next()?, next()?, next()?, next()?);
            let form = match place as u64 & ((1 << FORM_BITS) - 1) {
                SINGLE => Form::Of(Kind::Single),
                DOUBLE => Form::Of(Kind::Double),
                CONSTANT => {
                    let (word, rest) = input.split_first_chunk().ok_or(SHORT)?;
                    input = rest;
                    Form::Constant(*word)
                }
                _ => return Err("its plan has an unknown kind of run"),
            };
            let stream = place >> FORM_BITS;
            self.runs.push(Run {
                gap,
                len,
                stream,
                form,
                repeat,
            });
        }
        if !input.is_empty() {
            return Err("bytes follow its plan");
        }
        self.check(raw_len).ok_or("its plan does not add up")
    }

    /// The bytes of structure, after a check that the runs fill the streams and the chunk to the last byte.
    fn check(&self, raw_len: usize) -> Option<usize> {
        let mut filled = [0_usize; MAX_STREAMS];
        let (mut numbers, mut gaps) = (0_usize, 0_usize);
        for run in &self.runs {
            let words = run.len.checked_mul(run.repeat)?;
            let (width, last) = match run.form {
                Form::Of(Kind::Double) => (Kind::Double.width(), run.stream.checked_add(1)?),
                _ => (Kind::Single.width(), run.stream),
            };
            if last >= self.streams.len() {
                return None;
            }
            for slot in &mut filled[run.stream..=last] {
                *slot = slot.checked_add(words)?;
            }
            numbers = numbers.checked_add(words.checked_mul(width)?)?;
            gaps = gaps.checked_add(run.gap.checked_mul(run.repeat)?)?;
            if numbers > raw_len || gaps > raw_len - numbers || run.repeat == 0 || run.len == 0 {
                return None;
            }
        }
        let full = self
            .streams
            .iter()
            .zip(filled)
            .all(|(stream, filled)| stream.words == filled);
        full.then_some(raw_len - numbers)
    }
}

fn put(mut value: u64, into: &mut Vec<u8>) {
    while value >= 0x80 {
        into.push(value as u8 | 0x80);
        value >>= 7;
    }
    into.push(value as u8);
}

fn take(input: &mut &[u8]) -> Option<usize> {
    let mut value = 0_u64;
    for shift in (0..63).step_by(7) {
        let (byte, rest) = input.split_first()?;
        *input = rest;
        value |= u64::from(byte & 0x7f) << shift;
        if *byte < 0x80 {
            return usize::try_from(value).ok();
        }
    }
    None
}
