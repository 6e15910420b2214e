//! The decoder: planes back into words, and words between the bytes of the structure.

use super::{BLOCK, Form, Kind, MAX_PLAN, Plan, Predictor, Word, predict};
use crate::file::chunk::frame::Frames;

/// Buffers of the decoder.
#[derive(Default)]
pub(in crate::file::chunk) struct Decoder {
    plan: Plan,
    plan_bytes: Vec<u8>,
    structure: Vec<u8>,
    planes: [Vec<u8>; 4],
    streams: Vec<Unpacked>,
    filled: Vec<usize>,
}

/// A stream in the making.
#[derive(Default)]
struct Unpacked {
    words: Vec<Word>,
    /// Where its next word is in the planes.
    live: usize,
    /// Words that the runs so far took from the planes, and that are not yet in `words`.
    pending: usize,
}

impl Unpacked {
    fn fill(&mut self, predictor: Predictor, planes: &[Vec<u8>; 4]) {
        let mut left = std::mem::take(&mut self.pending);
        while left > 0 {
            let (start, len) = (self.words.len(), left.min(BLOCK));
            let planes = planes.each_ref().map(|plane| &plane[self.live..self.live + len]);
            predict::join(planes, &mut self.words);
            predictor.restore(&mut self.words, start..start + len);
            self.live += len;
            left -= len;
        }
    }
}

impl Decoder {
    /// The records of a chunk that should hold `raw_len` bytes.
    pub(in crate::file::chunk) fn decode(
        &mut self,
        stored: &[u8],
        raw_len: usize,
        zstd: &mut Frames,
    ) -> Result<Vec<u8>, String> {
        let mut rest = stored;
        zstd.next(&mut rest, MAX_PLAN, &mut self.plan_bytes)?;
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
        for plane in &mut self.planes {
            zstd.next(&mut rest, live as u64, plane)?;
        }
        let lengths = self.planes.iter().map(Vec::len);
        if !rest.is_empty() || self.structure.len() != structure || lengths.into_iter().any(|len| len != live) {
            return Err("its frames hold another number of bytes than its plan says".to_owned());
        }
        self.restore();
        Ok(self.assemble(raw_len))
    }

    /// Makes the streams out of the planes.
    fn restore(&mut self) {
        let Self {
            plan, planes, streams, ..
        } = self;
        streams.resize_with(plan.streams.len(), Unpacked::default);
        for (stream, plan) in streams.iter_mut().zip(&plan.streams) {
            stream.words.clear();
            stream.words.reserve(plan.words);
            (stream.live, stream.pending) = (plan.words, 0);
        }
        for run in &plan.runs {
            if let Form::Constant(_) = run.form {
                streams[run.stream].live -= run.len * run.repeat;
            }
        }
        // Where each stream begins in the planes, from how much it has there.
        let mut begins = 0;
        for stream in streams.iter_mut() {
            begins += std::mem::replace(&mut stream.live, begins);
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
                    stream.fill(plan.streams[run.stream].predictor, planes);
                    stream.words.resize(stream.words.len() + words, word);
                }
            }
        }
        for (stream, plan) in streams.iter_mut().zip(&plan.streams) {
            stream.fill(plan.predictor, planes);
        }
    }

    /// Puts structure and numbers together.
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
