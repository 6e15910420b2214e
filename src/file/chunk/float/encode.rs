//! The encoder of the float codec: numbers are extracted from the records, predicted and split into planes, and each
//! plane is compressed by a suitable method.

use std::io;

use super::{
    BLOCK, Care, Form, Found, Kind, MAX_STREAMS, Plan, Planes, Run, StreamPlan, Word, choose, max_plan,
    periods::Periods, planes, wire,
};
use crate::file::chunk::{
    ChunkBuilder,
    frame::{Compressors, Effort, Stored},
};

/// Smallest share of floats, in fourths of the chunk, below which the chunk is left to zstd.
const LEAST_FOURTHS: usize = 1;

/// Bytes of a plane on which the compression methods are tried.
const TRIAL: usize = 8 << 10;

/// Bytes of a plane whose entropy is measured: at so many places so many.
const COUNTED: (usize, usize) = (256, 16);

/// Planes with fewer bits per byte than this may hold repetitions that are worth a search.
const MAY_REPEAT: f32 = 3.0;

/// A plane whose sample has fewer bits per byte than this consists mostly of repetitions: a code of whole bits alone
/// takes one for each byte.
const REPEATS: f32 = 0.6;

/// Compression level for the structure bytes and the plan.
const STRUCTURE_LEVEL: i32 = 1;

/// Buffers of the encoder.
#[derive(Default)]
pub(in crate::file::chunk) struct Encoder {
    plan: Plan,
    streams: Vec<Stream>,
    /// The stream of the latest run.
    latest: usize,
    found: Vec<Found>,
    structure: Vec<u8>,
    plan_bytes: Vec<u8>,
    residuals: Vec<u32>,
    planes: Planes,
    candidates: Vec<usize>,
    trial: Vec<u8>,
}

/// The words of one call under construction.
#[derive(Default)]
struct Stream {
    call: u32,
    part: Part,
    words: Vec<Word>,
    /// The positions of the constant runs.
    constant: Vec<(usize, usize)>,
    periods: Periods,
}

/// The kind of a call's numbers that a stream holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Part {
    #[default]
    Single,
    Low,
    High,
}

impl Encoder {
    /// Appends the chunk's records to `stored`; false, with nothing appended, when they hold few floats.
    pub(in crate::file::chunk) fn encode(
        &mut self,
        chunk: &ChunkBuilder,
        care: Care,
        zstd: &mut Compressors,
        stored: &mut Stored,
    ) -> io::Result<bool> {
        self.gather(chunk);
        let numbers = chunk.raw_len() - self.structure.len();
        if numbers == 0 || numbers * 4 < chunk.raw_len() * LEAST_FOURTHS {
            return Ok(false);
        }
        self.predict(care);
        self.plan_bytes.clear();
        self.plan.encode(&mut self.plan_bytes);
        if self.plan_bytes.len() as u64 > max_plan(chunk.raw_len()) {
            return Ok(false);
        }
        zstd.append(&self.plan_bytes, Effort::Level(STRUCTURE_LEVEL), &mut stored.bytes)?;
        zstd.append(&self.structure, Effort::Level(STRUCTURE_LEVEL), &mut stored.bytes)?;
        for plane in &mut self.planes[..self.plan.planes()] {
            match effort(plane, care, zstd, &mut self.trial)? {
                Some(effort) => zstd.append(plane, effort, &mut stored.bytes)?,
                None => stored.append_plane(plane),
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
        // Of this chunk alone: what becomes of it must not depend on the one before.
        let mut hints = wire::Hints::default();
        for (message, record) in chunk.records().enumerate() {
            self.structure.extend_from_slice(record.head);
            self.found.clear();
            if record.is_message {
                wire::scan(record.payload, &mut hints, &mut self.found);
            }
            let found = std::mem::take(&mut self.found);
            let mut from = 0;
            for alike in found.chunk_by(|one, next| one.kind == next.kind) {
                let Some(stream) = self.stream(record.call, alike[0].kind, &mut used) else {
                    continue;
                };
                if stream == 0 {
                    // One call is the rule, and then these are all of its words.
                    let words = &mut self.streams[0].words;
                    words.reserve((chunk.raw_len() / size_of::<Word>()).saturating_sub(words.len()));
                }
                for found in alike {
                    self.structure.extend_from_slice(&record.payload[from..found.start]);
                    from = found.end;
                    let numbers = &record.payload[found.start..found.end];
                    let form = take(&mut self.streams[stream..], message, found, numbers);
                    let (gap, len) = (self.structure.len() - counted, numbers.len() / found.kind.width());
                    counted = self.structure.len();
                    match self.plan.runs.last_mut() {
                        Some(last) if (last.gap, last.len, last.stream, last.form) == (gap, len, stream, form) => {
                            last.repeat += 1;
                        }
                        _ => self.plan.runs.push(Run {
                            gap,
                            len,
                            stream,
                            form,
                            repeat: 1,
                        }),
                    }
                }
            }
            self.found = found;
            self.structure.extend_from_slice(&record.payload[from..]);
        }
        self.streams.truncate(used);
    }

    /// The stream for the numbers of a call of one kind; `None` when there are too many.
    fn stream(&mut self, call: u32, kind: Kind, used: &mut usize) -> Option<usize> {
        let part = match kind {
            Kind::Single => Part::Single,
            Kind::Double => Part::Low,
        };
        let is_it = |stream: &Stream| (stream.call, stream.part) == (call, part);
        if self.streams[..*used].get(self.latest).is_some_and(is_it) {
            return Some(self.latest);
        }
        if let Some(known) = self.streams[..*used].iter().rposition(is_it) {
            self.latest = known;
            return Some(known);
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

    /// Fills the planes, and completes the plan.
    fn predict(&mut self, care: Care) {
        self.plan.streams.clear();
        self.planes.iter_mut().for_each(Vec::clear);
        let words: usize = self.streams.iter().map(|stream| stream.words.len()).sum();
        let [lowest, second, _, top, ..] = &mut self.planes;
        for plane in [lowest, second, top] {
            plane.reserve(words);
        }
        for stream in &self.streams {
            stream.periods.candidates(&mut self.candidates);
            let (predictor, cut) = choose::choose(&stream.words, &self.candidates, care, &mut self.residuals);
            let words = stream.words.len();
            let (mut start, mut before, mut escapes) = (0, 0, 0);
            let ends = stream.constant.iter().copied().chain([(words, words)]);
            for (end, next) in ends {
                while start < end {
                    let block = start..end.min(start + BLOCK);
                    start = block.end;
                    self.residuals.clear();
                    predictor.residuals(&stream.words, block, &mut self.residuals);
                    escapes += planes::split(&self.residuals, cut, before, &mut self.planes);
                    before += self.residuals.len();
                }
                start = next;
            }
            self.plan.streams.push(StreamPlan {
                words,
                predictor,
                cut,
                escapes,
            });
        }
    }
}

/// Appends a run's numbers to their stream.
fn take(streams: &mut [Stream], message: usize, found: &Found, numbers: &[u8]) -> Form {
    match (found.kind, streams) {
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

impl Stream {
    fn clear(&mut self) {
        self.words.clear();
        self.constant.clear();
    }
}

/// Chooses how to compress a plane; `None` when it is to be stored as it is.
fn effort(plane: &[u8], care: Care, zstd: &mut Compressors, trial: &mut Vec<u8>) -> io::Result<Option<Effort>> {
    let (places, each) = COUNTED;
    trial.clear();
    for chunk in plane.chunks((plane.len() / places).max(each)) {
        trial.extend_from_slice(&chunk[..chunk.len().min(each)]);
    }
    let bits = choose::entropy(trial);
    if bits > care.most_bits() {
        return Ok(None);
    }
    if bits > MAY_REPEAT {
        return Ok(Some(Effort::Literals));
    }
    if bits < REPEATS {
        return Ok(Some(Effort::Matches));
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
