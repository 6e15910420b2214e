//! The decoder of the float codec: it restores words from the planes, and inserts them between the bytes of the
//! structure.

use super::{BLOCK, Form, Kind, PLANES, Place, Plan, Planes, StreamPlan, Word, max_plan};
use crate::file::chunk::frame::Frames;

/// Buffers of the decoder.
#[derive(Default)]
pub(in crate::file::chunk) struct Decoder {
    plan: Plan,
    plan_bytes: Vec<u8>,
    structure: Vec<u8>,
    planes: Planes,
    streams: Vec<Unpacked>,
    filled: Vec<usize>,
}

/// A stream that is being decoded.
#[derive(Default)]
struct Unpacked {
    words: Vec<Word>,
    /// Position of the next word in the planes.
    place: Place,
    /// Number of its words in the planes.
    live: usize,
    /// Words that the runs so far took from the planes and that are not in `words` yet.
    pending: usize,
}

/// Largest buffer that is kept for the next chunk, in bytes: they are three times its size, on every thread that opens
/// chunks.
const KEPT_RAW: usize = 4 << 20;

const OTHER_LENGTHS: &str = "its frames hold another number of bytes than its plan says";
const OTHER_ESCAPES: &str = "its planes hold another number of escapes than its plan says";

impl Unpacked {
    fn fill(&mut self, plan: &StreamPlan, planes: &Planes) -> Result<(), String> {
        let mut left = std::mem::take(&mut self.pending);
        while left > 0 {
            let (start, len) = (self.words.len(), left.min(BLOCK));
            let joined = self.place.join(len, plan.cut, planes, &mut self.words);
            joined.ok_or_else(|| OTHER_ESCAPES.to_owned())?;
            plan.predictor.restore(&mut self.words, start..start + len);
            left -= len;
        }
        Ok(())
    }
}

impl Decoder {
    /// Decodes the records of a chunk of `raw_len` bytes.
    pub(in crate::file::chunk) fn decode(
        &mut self,
        stored: &[u8],
        raw_len: usize,
        zstd: &mut Frames,
    ) -> Result<Vec<u8>, String> {
        let mut rest = stored;
        zstd.next(&mut rest, max_plan(raw_len), &mut self.plan_bytes)?;
        let structure = self.plan.decode(&self.plan_bytes, raw_len)?;
        zstd.next(&mut rest, structure as u64, &mut self.structure)?;
        let constant = self
            .plan
            .runs
            .iter()
            .filter(|run| matches!(run.form, Form::Constant(_)));
        let constant: usize = constant.map(|run| run.len * run.repeat).sum();
        let words: usize = self.plan.streams.iter().map(|stream| stream.words).sum();
        let live = words - constant;
        self.place();
        let middle: usize = self
            .streams
            .iter()
            .zip(&self.plan.streams)
            .map(|(stream, plan)| plan.cut.middle(stream.live))
            .sum();
        let escapes: usize = self.plan.streams.iter().map(|stream| stream.escapes).sum();
        let lens: [usize; PLANES] = [live, live, middle, live, escapes, escapes];
        for (plane, len) in self.planes.iter_mut().zip(lens).take(self.plan.planes()) {
            zstd.next(&mut rest, len as u64, plane)?;
            if plane.len() != len {
                return Err(OTHER_LENGTHS.to_owned());
            }
        }
        if !rest.is_empty() || self.structure.len() != structure {
            return Err(OTHER_LENGTHS.to_owned());
        }
        self.restore()?;
        let raw = self.assemble(raw_len);
        if raw_len > KEPT_RAW {
            *self = Self::default();
        }
        Ok(raw)
    }

    /// Computes each stream's position in the planes from its number of words there.
    fn place(&mut self) {
        let Self { plan, streams, .. } = self;
        streams.resize_with(plan.streams.len(), Unpacked::default);
        for (stream, plan) in streams.iter_mut().zip(&plan.streams) {
            stream.words.clear();
            (stream.live, stream.pending) = (plan.words, 0);
        }
        for run in &plan.runs {
            if let Form::Constant(_) = run.form {
                streams[run.stream].live -= run.len * run.repeat;
            }
        }
        let mut place = Place::default();
        for (stream, plan) in streams.iter_mut().zip(&plan.streams) {
            stream.place = place;
            place.words += stream.live;
            place.middle += plan.cut.middle(stream.live);
            place.escapes += plan.escapes;
            stream.place.end = place.escapes;
        }
    }

    /// Decodes the streams from the planes.
    fn restore(&mut self) -> Result<(), String> {
        let Self {
            plan, planes, streams, ..
        } = self;
        for (stream, plan) in streams.iter_mut().zip(&plan.streams) {
            stream.words.reserve(plan.words);
        }
        for run in &plan.runs {
            let words = run.len * run.repeat;
            let stream = &mut streams[run.stream];
            match run.form {
                Form::Of(Kind::Single) => stream.pending += words,
                Form::Of(Kind::Double) => {
                    stream.pending += words;
                    streams[run.stream + 1].pending += words;
                }
                Form::Constant(word) => {
                    stream.fill(&plan.streams[run.stream], planes)?;
                    stream.words.resize(stream.words.len() + words, word);
                }
            }
        }
        for (stream, plan) in streams.iter_mut().zip(&plan.streams) {
            stream.fill(plan, planes)?;
            if stream.place.escapes != stream.place.end {
                return Err(OTHER_ESCAPES.to_owned());
            }
        }
        Ok(())
    }

    /// Merges structure and numbers.
    fn assemble(&mut self, raw_len: usize) -> Vec<u8> {
        let mut raw = Vec::with_capacity(raw_len);
        self.filled.clear();
        self.filled.resize(self.streams.len() + 1, 0);
        let mut structure = self.structure.as_slice();
        for run in &self.plan.runs {
            for _ in 0..run.repeat {
                let (gap, rest) = structure.split_at(run.gap);
                structure = rest;
                raw.extend_from_slice(gap);
                let at = self.filled[run.stream];
                let words = &self.streams[run.stream].words[at..at + run.len];
                self.filled[run.stream] += run.len;
                if run.form == Form::Of(Kind::Double) {
                    let high = &self.streams[run.stream + 1].words[at..at + run.len];
                    self.filled[run.stream + 1] += run.len;
                    raw.extend(words.iter().zip(high).flat_map(|(low, high)| [*low, *high]).flatten());
                } else {
                    raw.extend_from_slice(words.as_flattened());
                }
            }
        }
        raw.extend_from_slice(structure);
        raw
    }
}
