//! The float codec: runs of floats taken out of the messages, predicted, split by bytes, and each plane compressed as
//! it deserves. FORMAT.md §6.2 is the specification.
//!
//! What is left of spectrograms in dB after a prediction is noise in the lower bits, which no codec can shrink, and a
//! few bits above it, which an entropy coder shrinks well once they are alone in a plane.

use std::io;

use self::{
    plan::{Form, MAX_STREAMS, Plan, Run, StreamPlan},
    predict::{Predictor, Word},
    wire::{Found, Kind},
};
use super::{
    ChunkBuilder,
    frame::{self, Compressors, Effort, Frames},
};

mod choose;
mod plan;
mod predict;
mod wire;

/// How much work the planes are given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Care {
    /// Every plane that shrinks is compressed.
    Full,
    /// Only planes that are nearly empty: a quarter of the size goes at almost no cost.
    Little,
}

/// A chunk of which less than this part, in fourths, is floats is left to zstd.
const LEAST_FOURTHS: usize = 1;

/// Words that are predicted and split at a time: they stay in the first-level cache.
const BLOCK: usize = 2048;

/// Bytes of a plane on which the ways to compress it are tried.
const TRIAL: usize = 16 << 10;

/// A plane with more bits per byte than this, on a sample, is stored as it is: trying would cost more than it gains.
const INCOMPRESSIBLE: f32 = 7.93;

/// A plane with fewer bits per byte than this, on a sample, is nearly empty.
const NEARLY_EMPTY: f32 = 1.5;

/// Level for the structure bytes and the plan.
const STRUCTURE_LEVEL: i32 = 1;

/// Buffers of the encoder.
#[derive(Default)]
pub(super) struct Encoder {
    plan: Plan,
    streams: Vec<Stream>,
    found: Vec<Found>,
    structure: Vec<u8>,
    plan_bytes: Vec<u8>,
    residuals: Vec<u32>,
    planes: [Vec<u8>; 4],
    candidates: Vec<usize>,
    trial: Vec<u8>,
}

/// Words of one call in the making.
#[derive(Default)]
struct Stream {
    call: u32,
    part: Part,
    words: Vec<Word>,
    /// Where the constant runs are.
    constant: Vec<(usize, usize)>,
    periods: Periods,
}

/// Which words of a call's numbers a stream holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Part {
    #[default]
    Single,
    Low,
    High,
}

/// Distances at which the structure repeats, in words.
#[derive(Debug, Clone, Copy, Default)]
struct Periods {
    /// Of the latest run.
    run: usize,
    /// Between the latest two groups of runs: rows of sensors.
    group: usize,
    group_start: Option<(usize, usize, usize)>,
    /// Between the latest two messages.
    message: usize,
    message_start: Option<(usize, usize)>,
}

impl Periods {
    fn note(&mut self, at: usize, message: usize, found: &Found, words: usize) {
        self.run = words;
        match self.message_start {
            Some((last, _)) if last == message => {}
            Some((_, start)) => {
                self.message = at - start;
                self.message_start = Some((message, at));
            }
            None => self.message_start = Some((message, at)),
        }
        match self.group_start {
            Some((last, group, _)) if (last, group) == (message, found.group) => {}
            Some((_, _, start)) => {
                self.group = at - start;
                self.group_start = Some((message, found.group, at));
            }
            None => self.group_start = Some((message, found.group, at)),
        }
    }

    /// Distances worth trying: the neighbouring bin, sensor, row and message, and parts of a run that may hold several
    /// sensors, as production's payloads do.
    fn candidates(&self, into: &mut Vec<usize>) {
        into.clear();
        into.extend([1, self.run, self.group, self.message]);
        let parts = [64, 128, 256, 512, 1024];
        into.extend(
            parts
                .into_iter()
                .filter(|part| self.run > *part && self.run.is_multiple_of(*part)),
        );
    }
}

impl Encoder {
    /// Appends the chunk's records to `stored`; false, with nothing appended, when they hold few floats.
    pub(super) fn encode(
        &mut self,
        chunk: &ChunkBuilder,
        care: Care,
        zstd: &mut Compressors,
        stored: &mut Vec<u8>,
    ) -> io::Result<bool> {
        self.gather(chunk);
        let numbers = chunk.raw_len() - self.structure.len();
        if numbers * 4 < chunk.raw_len() * LEAST_FOURTHS {
            return Ok(false);
        }
        self.predict();
        self.plan_bytes.clear();
        self.plan.encode(&mut self.plan_bytes);
        if self.plan_bytes.len() as u64 > MAX_PLAN {
            return Ok(false);
        }
        zstd.append(&self.plan_bytes, Effort::Level(STRUCTURE_LEVEL), stored)?;
        zstd.append(&self.structure, Effort::Level(STRUCTURE_LEVEL), stored)?;
        for plane in &self.planes {
            match effort(plane, care, zstd, &mut self.trial)? {
                Some(effort) => zstd.append(plane, effort, stored)?,
                None => frame::append_raw([plane.as_slice()], plane.len(), stored),
            }
        }
        Ok(true)
    }

    /// Separates numbers from structure.
    fn gather(&mut self, chunk: &ChunkBuilder) {
        self.structure.clear();
        self.plan.runs.clear();
        self.streams.iter_mut().for_each(Stream::clear);
        let (mut used, mut counted) = (0, 0);
        for (message, record) in chunk.records().enumerate() {
            self.structure.extend_from_slice(record.head);
            self.found.clear();
            if record.is_message {
                wire::scan(record.payload, &mut self.found);
            }
            let mut from = 0;
            for at in 0..self.found.len() {
                let found = self.found[at];
                let (gap, numbers) = (
                    &record.payload[from..found.start],
                    &record.payload[found.start..found.end],
                );
                let Some(stream) = self.stream(record.call, found.kind, &mut used) else {
                    continue;
                };
                self.structure.extend_from_slice(gap);
                from = found.end;
                let form = self.take(stream, message, &found, numbers);
                let run = Run {
                    gap: self.structure.len() - counted,
                    len: numbers.len() / found.kind.width(),
                    stream,
                    form,
                    repeat: 1,
                };
                counted = self.structure.len();
                match self.plan.runs.last_mut() {
                    Some(last) if (Run { repeat: 1, ..*last }) == run => last.repeat += 1,
                    _ => self.plan.runs.push(run),
                }
            }
            self.structure.extend_from_slice(&record.payload[from..]);
        }
        self.streams.truncate(used);
    }

    /// The stream of a call's numbers of one kind; `None` when there are too many.
    fn stream(&mut self, call: u32, kind: Kind, used: &mut usize) -> Option<usize> {
        let part = match kind {
            Kind::Single => Part::Single,
            Kind::Double => Part::Low,
        };
        let known = self.streams[..*used]
            .iter()
            .rposition(|stream| (stream.call, stream.part) == (call, part));
        if known.is_some() {
            return known;
        }
        let parts: &[Part] = match kind {
            Kind::Single => &[Part::Single],
            Kind::Double => &[Part::Low, Part::High],
        };
        if *used + parts.len() > MAX_STREAMS {
            return None;
        }
        let first = *used;
        for part in parts {
            if *used == self.streams.len() {
                self.streams.push(Stream::default());
            }
            let stream = &mut self.streams[*used];
            (stream.call, stream.part, stream.periods) = (call, *part, Periods::default());
            *used += 1;
        }
        Some(first)
    }

    /// Appends a run's numbers to their stream.
    fn take(&mut self, stream: usize, message: usize, found: &Found, numbers: &[u8]) -> Form {
        match (found.kind, &mut self.streams[stream..]) {
            (Kind::Double, [low, high, ..]) => {
                let halves = numbers.as_chunks::<4>().0;
                let at = low.words.len();
                low.words.extend(halves.iter().step_by(2));
                high.words.extend(halves.iter().skip(1).step_by(2));
                for stream in [low, high] {
                    stream.periods.note(at, message, found, halves.len() / 2);
                }
                Form::Of(Kind::Double)
            }
            (_, [stream, ..]) => {
                let words = numbers.as_chunks::<4>().0;
                let at = stream.words.len();
                stream.periods.note(at, message, found, words.len());
                stream.words.extend_from_slice(words);
                match words {
                    [first, .., last] if first == last && words.iter().all(|word| word == first) => {
                        stream.constant.push((at, at + words.len()));
                        Form::Constant(*first)
                    }
                    _ => Form::Of(Kind::Single),
                }
            }
            _ => Form::Of(found.kind),
        }
    }

    /// Fills the planes, and completes the plan.
    fn predict(&mut self) {
        self.plan.streams.clear();
        self.planes.iter_mut().for_each(Vec::clear);
        for stream in &self.streams {
            stream.periods.candidates(&mut self.candidates);
            let predictor = choose::choose(&stream.words, &self.candidates, &mut self.residuals);
            let words = stream.words.len();
            self.plan.streams.push(StreamPlan { words, predictor });
            let mut start = 0;
            let ends = stream.constant.iter().copied().chain([(words, words)]);
            for (end, next) in ends {
                while start < end {
                    let block = start..end.min(start + BLOCK);
                    start = block.end;
                    self.residuals.clear();
                    predictor.residuals(&stream.words, block, &mut self.residuals);
                    predict::split(&self.residuals, &mut self.planes);
                }
                start = next;
            }
        }
    }
}

impl Stream {
    fn clear(&mut self) {
        self.words.clear();
        self.constant.clear();
    }
}

/// How a plane is to be compressed; `None` when it is to be stored as it is.
fn effort(plane: &[u8], care: Care, zstd: &mut Compressors, trial: &mut Vec<u8>) -> io::Result<Option<Effort>> {
    let step = (plane.len() / TRIAL).max(1);
    let bits = choose::entropy(plane.chunks(64 * step).flat_map(|chunk| chunk.iter().take(16)).copied());
    let most = match care {
        Care::Full => INCOMPRESSIBLE,
        Care::Little => NEARLY_EMPTY,
    };
    if bits > most {
        return Ok(None);
    }
    let middle = plane.len().saturating_sub(TRIAL) / 2;
    let sample = &plane[middle..plane.len().min(middle + TRIAL)];
    let mut len_with = |effort| {
        trial.clear();
        zstd.append(sample, effort, trial).map(|()| trial.len())
    };
    let (matches, literals) = (len_with(Effort::Matches)?, len_with(Effort::Literals)?);
    let effort = if literals < matches {
        Effort::Literals
    } else {
        Effort::Matches
    };
    Ok(Some(effort))
}

/// Buffers of the decoder.
#[derive(Default)]
pub(super) struct Decoder {
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

/// Bytes of a plan at most: a gigabyte of the shortest runs, no two alike, would need more, and is left to zstd.
const MAX_PLAN: u64 = 1 << 24;

impl Decoder {
    /// The records of a chunk that should hold `raw_len` bytes.
    pub(super) fn decode(&mut self, stored: &[u8], raw_len: usize, zstd: &mut Frames) -> Result<Vec<u8>, String> {
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

#[cfg(test)]
mod tests;
