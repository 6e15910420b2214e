//! Expectation files made from a good capture.

use std::fmt::Write as _;

use serde::Serialize;

use super::{Expectations, FIRST_FRAME_S, SensorSet, methods::quoted};

/// Share of the range of intensities that is added as margin on both sides; another hour of the same fibre is not
/// louder by half the difference between its silence and its loudest.
const AMPLITUDE_MARGIN: f64 = 0.5;

/// Share of the observed frame rate that is expected.
const FPS_MARGIN: f64 = 0.8;

/// Factor between an observed latency and its limit: another day's load and another machine are slower.
const LATENCY_MARGIN: f64 = 3.0;

/// Smallest latency limit in seconds: what a busy machine adds to any call.
const LEAST_LATENCY_S: f64 = 0.05;

/// Minimum number of frames for an expected frame rate, and of calls for an expected latency.
const MIN_FRAMES_FOR_RATE: u64 = 16;

/// The observed properties of a stream that a later stream can be expected to have.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct Observed {
    /// Ids of all sensors, over all streams, in order.
    pub sensors: Vec<i32>,
    /// Bins of each sensor, where all sensors agree.
    pub bins: Option<u64>,
    /// Seconds from one row to the next, where the rows are regular.
    pub lines_dt_s: Option<f64>,
    /// Least and greatest finite intensity, dB.
    pub amplitude_db: Option<(f64, f64)>,
    /// Frames per second of the slowest call; `None` where offsets tell nothing of a delivery.
    pub fps: Option<f64>,
    /// Seconds to the first frame of the slowest call; `None` where offsets tell nothing of a delivery.
    pub first_frame_s: Option<f64>,
    /// Seconds of the longest silence between two frames of a call; `None` where offsets tell nothing of a delivery.
    pub largest_gap_s: Option<f64>,
    /// Frames.
    pub frames: u64,
    /// Rows.
    pub rows: u64,
    /// Calls with a spectrogram stream.
    pub streams: u32,
    /// Methods without a spectrogram stream.
    pub(crate) methods: Vec<ObservedMethod>,
}

/// The observed properties of the calls of a method.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub(crate) struct ObservedMethod {
    /// Full method path.
    pub(crate) method: String,
    /// Names of the statuses that calls ended with, as an expectation file takes them.
    pub(crate) statuses: Vec<String>,
    /// Calls.
    pub(crate) calls: u64,
    /// Messages received.
    pub(crate) messages: u64,
    /// 99th percentile of the time from the opening to the status, seconds; `None` for methods with streams, and where
    /// it was not measured.
    pub(crate) latency_s: Option<f64>,
    /// 99th percentile of the time from the opening to the first message, seconds.
    pub(crate) first_message_s: Option<f64>,
}

impl Expectations {
    /// The text of an expectation file that the observed stream meets, with margins where streams differ.
    #[must_use]
    pub fn init_from(observed: &Observed) -> String {
        let mut text = String::from("# Expectations of a stream, made from a good capture. Edit them as needed.\n\n");
        let mut line = |comment: &str, line: Option<String>| {
            if let Some(line) = line {
                let _ = writeln!(text, "# {comment}\n{line}\n");
            }
        };
        let set: SensorSet = observed.sensors.iter().map(|id| i64::from(*id)).collect();
        let sensors = match (set.is_empty(), set.spans()) {
            (true, _) => None,
            (_, [_] | [_, _] | [_, _, _]) => Some(format!("sensors = \"{set}\"")),
            _ => Some(format!("sensors = {:?}", observed.sensors)),
        };
        line("Ids of all sensors, over all streams.", sensors);
        let bins = observed.bins.map(|bins| format!("bins = {bins}"));
        line("Frequency bins of each sensor.", bins);
        line(
            "Smallest and largest intensity in dB.",
            observed.amplitude_db.map(amplitude),
        );
        let lines_dt = observed.lines_dt_s.map(|dt| format!("lines_dt_s = {dt:?}"));
        line(
            "Seconds from one row to the next; missing and duplicate rows are then errors.",
            lines_dt,
        );
        let streams = Some(format!("streams = {}", observed.streams)).filter(|_| observed.streams > 0);
        line("Number of streams of the job.", streams);
        let first = observed
            .first_frame_s
            .map(|first| FIRST_FRAME_S.max((2.0 * first).ceil()));
        line(
            "Longest time to the first frame in seconds.",
            first.map(|first| format!("first_frame_s = {first:?}")),
        );
        let fps = observed.fps.filter(|_| observed.frames >= MIN_FRAMES_FOR_RATE);
        let fps = fps.map(|fps| rounded(fps * FPS_MARGIN)).filter(|fps| *fps > 0.0);
        line(
            "Minimum frames per second in each call.",
            fps.map(|fps| format!("minimum_fps = {fps:?}")),
        );
        if let Some(gap) = observed.largest_gap_s.filter(|gap| *gap > super::LARGEST_GAP_S) {
            line(
                "Longest time between two frames in seconds.",
                Some(format!("largest_gap_s = {:?}", (2.0 * gap).ceil())),
            );
        }
        if observed.frames > 0 || observed.methods.is_empty() {
            let _ = writeln!(
                text,
                "# Minimum frames and rows; the capture had these.\n# minimum_frames = {}\n# minimum_rows = {}\n\n# Rules \
                 that are turned off, and other severities: error, warning, info or off.\n# allow = [\"clock-jitter\"]\n# \
                 [severity]\n# stall = \"error\"",
                observed.frames, observed.rows
            );
        }
        // Tables come last: what follows one belongs to it.
        for method in &observed.methods {
            text.push_str(&method_table(method));
        }
        text
    }
}

/// The table of a method.
fn method_table(observed: &ObservedMethod) -> String {
    let mut text = format!("\n[method.{}]\n", quoted(&observed.method));
    let statuses: Vec<_> = observed.statuses.iter().map(|name| format!("\"{name}\"")).collect();
    if !statuses.is_empty() {
        let _ = writeln!(text, "statuses = [{}]", statuses.join(", "));
    }
    let _ = writeln!(
        text,
        "# The capture had these.\n# minimum_calls = {}\n# minimum_messages = {}",
        observed.calls, observed.messages
    );
    let limits = [
        ("latency_s", observed.latency_s),
        ("first_message_s", observed.first_message_s),
    ];
    for (key, seconds) in limits {
        if let Some(seconds) = seconds.filter(|_| observed.calls >= MIN_FRAMES_FOR_RATE) {
            let limit = (seconds * LATENCY_MARGIN).max(LEAST_LATENCY_S);
            let _ = writeln!(text, "{key} = {{ p99 = {:?} }}", (limit * 1000.0).ceil() / 1000.0);
        }
    }
    text
}

fn amplitude((min, max): (f64, f64)) -> String {
    let margin = ((max - min) * AMPLITUDE_MARGIN).max(1.0);
    format!(
        "amplitude_db = [{:?}, {:?}]",
        (min - margin).floor(),
        (max + margin).ceil()
    )
}

/// Rounds down to three significant digits.
fn rounded(value: f64) -> f64 {
    if value <= 0.0 || !value.is_finite() {
        return 0.0;
    }
    let scale = 10_f64.powi(2 - value.log10().floor() as i32);
    (value * scale).floor() / scale
}
