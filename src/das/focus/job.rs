//! Job descriptions, and their conversion to REST requests.

use serde_json::{Map, Value, json};

use super::{
    job_error::JobError,
    job_spec::JobSpec,
    keys::{self, Unknown},
    names::Names,
    words::{Format, Period, Span},
};

/// The largest number that is read as seconds; beyond it (the year 5138) somebody meant milliseconds.
const MAX_EPOCH_S: i64 = 99_999_999_999;

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

    /// Refuses values that no server could accept: a range upside down, a size that is not positive, an end before its
    /// start.
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
            return refuse(
                "frequency",
                "frequencyRange.min",
                format!("{min} Hz is not a frequency"),
            );
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

/// Formats a number; an integer has no fraction: some servers want an integer.
fn number(value: f64) -> Value {
    if value.fract() == 0.0 && value.abs() < 1e15 {
        Value::from(value as i64)
    } else {
        Value::from(value)
    }
}

/// Adds missing members, object by object; nothing of ours is replaced.
fn add_missing(to: &mut Map<String, Value>, from: &Map<String, Value>) {
    for (key, value) in from {
        match (to.get_mut(key), value) {
            (None, _) => drop(to.insert(key.clone(), value.clone())),
            (Some(Value::Object(to)), Value::Object(from)) => add_missing(to, from),
            (Some(_), _) => {}
        }
    }
}

#[cfg(test)]
mod tests;
