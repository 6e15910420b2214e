//! The description of a job.

use serde_json::{Map, Value};

use super::words::{Period, Span, View};

/// Description of a job.
///
/// Defaults, for whatever is not said: live, sensors 1..10, 0..500 Hz, nfft 1024, height 1000, a time axis of 10 s, the
/// multi-channel view. They are a modest view of any fibre: enough to see that a stream lives.
///
/// ```
/// use grpc_capture::das::{Format, JobSpec};
/// let job = JobSpec::parse("sensors = '1..32'\nnfft = 512\nview = 'waterfall'", Format::Toml)?;
/// let request = job.to_request();
/// assert_eq!(request["channels"]["max"], 32);
/// assert_eq!(request["nfftSelection"], 512);
/// assert_eq!(request["view_type"], "2");
/// assert!(request["start_time"].is_null()); // live
/// # Ok::<(), grpc_capture::das::JobError>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct JobSpec {
    /// First and last sensor, inclusive. The server counts from 1; a 0 is sent as it is, for the server to judge.
    pub sensors: Span<i64>,
    /// Lowest and highest frequency, Hz.
    pub frequency: Span<f64>,
    /// Samples in one transform.
    pub nfft: i64,
    /// Height of the canvas, pixels.
    pub height: i64,
    /// Length of the displayed time axis, seconds.
    pub time_axis_s: i64,
    /// How the front end draws the job.
    pub view: View,
    /// Live data, or a recording.
    pub period: Period,
    /// Unknown fields, which are sent unchanged.
    pub extra: Map<String, Value>,
}

impl Default for JobSpec {
    fn default() -> Self {
        Self {
            sensors: Span { min: 1, max: 10 },
            frequency: Span { min: 0.0, max: 500.0 },
            nfft: 1024,
            height: 1000,
            time_axis_s: 10,
            view: View::Multi,
            period: Period::Live,
            extra: Map::new(),
        }
    }
}
