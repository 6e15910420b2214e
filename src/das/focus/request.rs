//! The server's side of `POST /configure`.

use serde_json::{Value, json};

use super::{
    job_error::JobError,
    job_spec::JobSpec,
    keys::{self, Key, Unknown},
    names::Names,
};

/// A valid configure request.
#[derive(Debug, Clone, PartialEq)]
pub struct ConfigureRequest {
    /// The requested job; missing fields have their defaults.
    pub job: JobSpec,
    /// REST names of missing fields, for a server that requires them.
    pub absent: Vec<&'static str>,
}

impl ConfigureRequest {
    /// Parses a body: REST names or the specification's, numbers as numbers or strings, unknown fields kept.
    pub fn parse(body: &Value) -> Result<Self, RequestError> {
        let (job, given) = keys::read(body, Unknown::Keep)?;
        job.check(Names::Rest)?;
        let fields: [(&'static str, &[Key]); 5] = [
            ("displayTimeAxisDuration", &[Key::TimeAxis]),
            ("nfftSelection", &[Key::Nfft]),
            ("displayInfo.height", &[Key::Height]),
            ("channels", &[Key::Sensors, Key::SensorsMin]),
            ("frequencyRange", &[Key::Frequency, Key::FrequencyMin]),
        ];
        let lacks = |keys: &[Key]| !keys.iter().any(|key| given.contains(key));
        let absent = fields.into_iter().filter(|(_, keys)| lacks(keys)).map(|(name, _)| name);
        let absent = absent.collect();
        Ok(Self { job, absent })
    }
}

/// The error for an invalid configure request.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{problem}")]
pub struct RequestError {
    /// The HTTP status of the answer: 422 for a field of the wrong type, 400 for one that cannot be meant.
    pub status: u16,
    /// The field.
    pub field: String,
    /// The problem, with the name of the field.
    pub problem: String,
}

impl RequestError {
    /// The body of the error response, in the shape that a Focus Server uses for this status.
    #[must_use]
    pub fn body(&self) -> Value {
        match self.status {
            422 => {
                let place = ["body"].into_iter().chain(self.field.split('.')).collect::<Vec<_>>();
                json!({ "detail": [{ "loc": place, "msg": self.problem, "type": "value_error" }] })
            }
            _ => json!({ "error": self.problem }),
        }
    }
}

impl From<JobError> for RequestError {
    fn from(error: JobError) -> Self {
        let problem = error.to_string();
        let (status, field) = match error {
            JobError::Type { field, .. } => (422, field),
            JobError::Value { field, .. } | JobError::UnknownKey { key: field, .. } => (400, field),
            JobError::Syntax { .. } => (400, String::new()),
        };
        Self { status, field, problem }
    }
}

#[cfg(test)]
mod tests;
