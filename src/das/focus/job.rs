//! A job description in the command line's own words, and its REST shape.

use serde_json::{Map, Value, json};

use super::{
    keys::{self, Names, Unknown},
    words::{Format, Period, Span, View},
};

/// The latest time that is taken for seconds; beyond it (the year 5138) somebody meant milliseconds.
const MAX_EPOCH_S: i64 = 99_999_999_999;

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
    /// How the front end would draw it.
    pub view: View,
    /// Now, or a recording.
    pub period: Period,
    /// Fields that are not ours, sent as they are.
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

impl JobSpec {
    /// Reads a job description: our own words (`sensors`, `frequency`, `nfft`, `height`, `time_axis`, `view`, `live`,
    /// `start`, `end`), the specification's (`sensors_min`, `freq_max`, `canvas_height`, …) or a REST request as it
    /// stands. What looks like a slip of a known key is an error; any other unknown key is kept in [`Self::extra`], as
    /// is everything under `extra`. The result is validated.
    pub fn parse(text: &str, format: Format) -> Result<Self, JobError> {
        let syntax = |problem: String| JobError::Syntax { format, problem };
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let value: Value = match format {
            Format::Json => serde_json::from_str(text).map_err(|error| syntax(error.to_string()))?,
            Format::Toml => {
                toml::from_str(text).map_err(|error| syntax(crate::model::text::toml_problem(&error, text)))?
            }
        };
        let (job, _) = keys::read(&value, Unknown::Suggest)?;
        job.validate()?;
        Ok(job)
    }

    /// The body of `POST /configure`.
    #[must_use]
    pub fn to_request(&self) -> Value {
        let (start, end) = match self.period {
            Period::Live => (None, None),
            Period::Recorded { start_s, end_s } => (Some(start_s), Some(end_s)),
        };
        let mut request = json!({
            "displayTimeAxisDuration": self.time_axis_s,
            "nfftSelection": self.nfft,
            "displayInfo": { "height": self.height },
            "channels": { "min": self.sensors.min, "max": self.sensors.max },
            "frequencyRange": { "min": number(self.frequency.min), "max": number(self.frequency.max) },
            "start_time": start,
            "end_time": end,
            "view_type": self.view.code().to_string(),
        });
        if let Value::Object(request) = &mut request {
            add_missing(request, &self.extra);
        }
        request
    }

    /// Refuses what no server could mean: a range upside down, a size that is not positive, an end before its start.
    pub fn validate(&self) -> Result<(), JobError> {
        self.check(Names::Own)
    }

    pub(super) fn check(&self, names: Names) -> Result<(), JobError> {
        let refuse = |own: &str, rest: &str, problem: String| {
            let field = names.choose(own, rest).to_owned();
            Err(JobError::Value { field, problem })
        };
        let Span { min, max } = self.sensors;
        if min < 0 {
            return refuse(
                "sensors",
                "channels.min",
                format!("{min} is negative; sensors count from 1"),
            );
        }
        if max < min {
            return refuse(
                "sensors",
                "channels.max",
                format!("the last sensor, {max}, is below the first, {min}"),
            );
        }
        let Span { min, max } = self.frequency;
        if !(min >= 0.0 && min.is_finite()) {
            return refuse("frequency", "frequencyRange.min", format!("{min} Hz is no frequency"));
        }
        if !(max >= min && max.is_finite()) {
            return refuse(
                "frequency",
                "frequencyRange.max",
                format!("{max} Hz is below the lowest, {min} Hz"),
            );
        }
        for (own, rest, value) in [
            ("nfft", "nfftSelection", self.nfft),
            ("height", "displayInfo.height", self.height),
            ("time_axis", "displayTimeAxisDuration", self.time_axis_s),
        ] {
            if value <= 0 {
                return refuse(own, rest, format!("{value} is not above 0"));
            }
        }
        if let Period::Recorded { start_s, end_s } = self.period {
            for (own, rest, time) in [("start", "start_time", start_s), ("end", "end_time", end_s)] {
                if time < 0 {
                    return refuse(own, rest, format!("{time} is before 1970"));
                }
                if time > MAX_EPOCH_S {
                    return refuse(
                        own,
                        rest,
                        format!("{time} looks like milliseconds; give seconds since 1970"),
                    );
                }
            }
            if end_s <= start_s {
                return refuse(
                    "end",
                    "end_time",
                    format!("the end, {end_s}, is not after the start, {start_s}"),
                );
            }
        }
        Ok(())
    }
}

/// A whole number stands without a fraction: some servers want an integer.
fn number(value: f64) -> Value {
    if value.fract() == 0.0 && value.abs() < 1e15 {
        Value::from(value as i64)
    } else {
        Value::from(value)
    }
}

/// Adds what is not there yet, object by object; nothing of ours is replaced.
fn add_missing(to: &mut Map<String, Value>, from: &Map<String, Value>) {
    for (key, value) in from {
        match (to.get_mut(key), value) {
            (None, _) => drop(to.insert(key.clone(), value.clone())),
            (Some(Value::Object(to)), Value::Object(from)) => add_missing(to, from),
            (Some(_), _) => {}
        }
    }
}

/// A job description that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum JobError {
    /// The text is not of its format.
    #[error("could not read the job description as {format:?}: {problem}")]
    Syntax {
        /// The format it was read as.
        format: Format,
        /// What the parser says, with its line.
        problem: String,
    },
    /// A key that looks like a slip of a known one.
    #[error(
        "unknown key `{key}` in the job description; did you mean `{nearest}`? (a field that is meant goes under `extra`)"
    )]
    UnknownKey {
        /// The key that was found.
        key: String,
        /// The known key that is most like it.
        nearest: String,
    },
    /// A field holds another type than it must.
    #[error("`{field}` must be {expected}, not {found}")]
    Type {
        /// The field as the description calls it.
        field: String,
        /// What it must be.
        expected: &'static str,
        /// What it is.
        found: String,
    },
    /// A field, or two together, hold what no job can mean.
    #[error("`{field}` cannot be used: {problem}")]
    Value {
        /// The field.
        field: String,
        /// What is wrong.
        problem: String,
    },
}

#[cfg(test)]
mod tests;
