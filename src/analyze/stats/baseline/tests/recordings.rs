//! A hundred recordings of one healthy job against a baseline that was made of five of them, and of the same job slower.

use crate::{
    analyze::stats::{
        Stats, StatsCollector, StatsOptions,
        baseline::{Baseline, compare},
    },
    das::{dialect::datastream::METHOD, proto::datastream as ds},
    file::Header,
    model::event::{CallStart, Direction, Ending, Event, EventKind, Message, Observer as _, Status},
};
use prost::Message as _;

/// Recordings that are judged.
const RECORDINGS: u64 = 100;

/// Recordings that the baseline is made of.
const BASELINE: u64 = 5;

/// `SplitMix64`: the same numbers on every machine.
struct Random(u64);

impl Random {
    /// Between 0 and 1.
    fn unit(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) as f64 / u64::MAX as f64
    }

    /// Seldom long, as waits for a busy machine are: exponential about this mean.
    fn wait(&mut self, mean: f64) -> f64 {
        -mean * (1.0 - 0.999 * self.unit()).ln()
    }
}

/// How a job sends: seconds since its call at which its frames come.
type Job = fn(&mut Random) -> Vec<f64>;

/// Live: a row source paces the frames, and each comes a little late.
fn paced(random: &mut Random) -> Vec<f64> {
    let first = 0.005 + random.wait(0.01);
    let mut at = first;
    let late = |random: &mut Random| random.wait(0.004) + if random.unit() < 0.01 { 0.06 } else { 0.0 };
    (0..200)
        .map(|frame| {
            at = f64::max(at, first + 0.1 * f64::from(frame) + late(random));
            at
        })
        .collect()
}

/// A recording: bursts of 8 frames in some 15 ms, and silence.
fn bursts(random: &mut Random) -> Vec<f64> {
    let mut times = Vec::new();
    let mut at = 0.3 + random.wait(0.08);
    for _ in 0..30 {
        let mut within = at;
        for _ in 0..8 {
            within += 0.001 + random.wait(0.001);
            times.push(within);
        }
        at += 0.8 * (0.97 + 0.06 * random.unit());
    }
    times
}

/// As fast as the network goes: hundreds of frames in two seconds.
fn fast(random: &mut Random) -> Vec<f64> {
    let mut at = 0.3 + random.wait(0.1);
    (0..1200)
        .map(|_| {
            at += 0.001 + random.wait(0.001);
            at
        })
        .collect()
}

/// Few frames, seconds apart.
fn slow(random: &mut Random) -> Vec<f64> {
    let first = 0.4 + random.wait(0.1);
    (0..10)
        .map(|frame| first + 2.0 * f64::from(frame) + random.wait(0.02))
        .collect()
}

const JOBS: [(&str, Job); 4] = [("paced", paced), ("bursts", bursts), ("fast", fast), ("slow", slow)];

/// The statistics of one recording, everything taking `factor` times as long.
fn recording(job: Job, seed: u64, factor: f64) -> Stats {
    let frame = ds::DataStream {
        rows: vec![ds::SpectrogramRow {
            sensors: vec![ds::SensorIntensity {
                id: 1,
                intensity: vec![-60.0; 8],
            }],
            ..ds::SpectrogramRow::default()
        }],
        ..ds::DataStream::default()
    };
    let data = frame.encode_to_vec();
    let start = CallStart {
        method: METHOD.to_owned(),
        ..CallStart::default()
    };
    let times = job(&mut Random(seed));
    let last = times.last().copied().unwrap_or_default();
    let messages = times.into_iter().map(|at| {
        (
            at,
            EventKind::Message(Message::plain(Direction::Received, data.clone())),
        )
    });
    let ending = (last, EventKind::End(Ending::Status(Status::default())));
    let mut stats = StatsCollector::new(&Header::new(0), StatsOptions::default());
    for (seq, (at, kind)) in (1..).zip(
        [(0.0, EventKind::CallStart(start))]
            .into_iter()
            .chain(messages)
            .chain([ending]),
    ) {
        stats.observe(&Event {
            call: 1,
            seq,
            offset_ns: (at * factor * 1e9) as u64,
            kind,
        });
    }
    stats.finish()
}

/// Of a hundred recordings, those that are found to have got worse, against a baseline of five others.
fn worse(job: Job, trial: u64, factor: f64) -> Vec<String> {
    let seeds = trial * 1_000_000..;
    let baseline: Vec<_> = seeds
        .clone()
        .take(BASELINE as usize)
        .map(|seed| Baseline::of(&recording(job, seed, 1.0)))
        .collect();
    let baseline = Baseline::of_several(&baseline).unwrap();
    let judged = seeds.skip(BASELINE as usize).take(RECORDINGS as usize);
    judged
        .filter_map(|seed| {
            let found = compare(&baseline, &recording(job, seed, factor), baseline.tolerance());
            (!found.is_empty()).then(|| format!("recording {seed}: {found:?}"))
        })
        .collect()
}

#[test]
fn none_of_a_hundred_recordings_of_a_healthy_job_fails_against_a_baseline_of_five() {
    for (name, job) in JOBS {
        for trial in 0..2 {
            assert_eq!(worse(job, trial, 1.0), [""; 0], "{name}, baseline {trial}");
        }
    }
}

#[test]
fn every_one_of_a_hundred_recordings_of_a_job_that_is_a_fifth_slower_fails() {
    // A fifth longer, and at four fifths of the rate.
    for (name, job) in JOBS {
        for (trial, factor) in [(2, 1.2), (3, 1.25)] {
            let found = worse(job, trial, factor).len();
            assert_eq!(found as u64, RECORDINGS, "{name}, baseline {trial}, times {factor}");
        }
    }
}

#[test]
fn a_healthy_job_passes_a_baseline_of_one_as_well() {
    for (name, job) in JOBS {
        let baseline = Baseline::of(&recording(job, 1, 1.0));
        for seed in 2..52 {
            let found = compare(&baseline, &recording(job, seed, 1.0), baseline.tolerance());
            assert_eq!(found, [], "{name}, recording {seed}");
        }
    }
}
