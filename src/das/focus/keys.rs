//! The alternative names of a job's fields, and the values that they may hold.

mod value;

use serde_json::{Map, Value};

use super::{job_error::JobError, job_spec::JobSpec, words::Period};
use value::{TOML_DATE, boolean, float, integer, span, time, view, wrong};

/// The names of each field of a job description: our own words, the specification's and the REST names.
///
/// Compared without case, `_` and `-`.
const KEYS: [(&str, Key); 35] = [
    ("sensors", Key::Sensors),
    ("sensors.min", Key::SensorsMin),
    ("sensors.max", Key::SensorsMax),
    ("sensors_min", Key::SensorsMin),
    ("sensors_max", Key::SensorsMax),
    ("channels", Key::Sensors),
    ("channels.min", Key::SensorsMin),
    ("channels.max", Key::SensorsMax),
    ("frequency", Key::Frequency),
    ("frequency.min", Key::FrequencyMin),
    ("frequency.max", Key::FrequencyMax),
    ("freq_min", Key::FrequencyMin),
    ("freq_max", Key::FrequencyMax),
    ("frequency_min", Key::FrequencyMin),
    ("frequency_max", Key::FrequencyMax),
    ("frequencyRange", Key::Frequency),
    ("frequencyRange.min", Key::FrequencyMin),
    ("frequencyRange.max", Key::FrequencyMax),
    ("nfft", Key::Nfft),
    ("nfftSelection", Key::Nfft),
    ("height", Key::Height),
    ("canvas_height", Key::Height),
    ("displayInfo.height", Key::Height),
    ("time_axis", Key::TimeAxis),
    ("time_axis_s", Key::TimeAxis),
    ("displayTimeAxisDuration", Key::TimeAxis),
    ("view", Key::View),
    ("view_type", Key::View),
    ("live", Key::Live),
    ("start", Key::Start),
    ("start_s", Key::Start),
    ("start_time", Key::Start),
    ("end", Key::End),
    ("end_s", Key::End),
    ("end_time", Key::End),
];

/// The key whose fields are sent unchanged.
const EXTRA: &str = "extra";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Key {
    Sensors,
    SensorsMin,
    SensorsMax,
    Frequency,
    FrequencyMin,
    FrequencyMax,
    Nfft,
    Height,
    TimeAxis,
    View,
    Live,
    Start,
    End,
}

/// How an unknown key that looks like a typing error is handled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unknown {
    /// It is an error that suggests the right key.
    Suggest,
    /// It is kept, as servers do.
    Keep,
}

/// Reads the job that `value` describes, on top of the defaults, and the list of fields that are given; not yet
/// validated.
pub(super) fn read(value: &Value, unknown: Unknown) -> Result<(JobSpec, Vec<Key>), JobError> {
    let Value::Object(fields) = value else {
        return Err(wrong("the job description", "an object", value));
    };
    let mut reading = Reading {
        unknown,
        ..Reading::default()
    };
    for (key, value) in fields {
        match value {
            Value::Object(inner) if key == EXTRA => reading.job.extra.extend(inner.clone()),
            Value::Object(inner) if !inner.contains_key(TOML_DATE) => reading.object(key, inner)?,
            value => match find(key) {
                Some(found) => reading.field(found, key, value)?,
                None => reading.unknown(key, |extra| drop(extra.insert(key.clone(), value.clone())))?,
            },
        }
    }
    reading.finish()
}

#[derive(Debug)]
struct Reading {
    job: JobSpec,
    unknown: Unknown,
    given: Vec<(Key, String)>,
    live: Option<(String, bool)>,
    start: Option<(String, i64)>,
    end: Option<(String, i64)>,
}

impl Default for Reading {
    fn default() -> Self {
        Self {
            job: JobSpec::default(),
            unknown: Unknown::Keep,
            given: Vec::new(),
            live: None,
            start: None,
            end: None,
        }
    }
}

impl Reading {
    fn object(&mut self, outer: &str, inner: &Map<String, Value>) -> Result<(), JobError> {
        let holder = format!("{}.", plain(outer));
        if !KEYS.iter().any(|(known, _)| plain(known).starts_with(&holder)) {
            if find(outer).is_some() {
                return Err(wrong(outer, "a single value", &Value::Object(inner.clone())));
            }
            return self.unknown(outer, |extra| {
                drop(extra.insert(outer.to_owned(), Value::Object(inner.clone())));
            });
        }
        for (key, value) in inner {
            let path = format!("{outer}.{key}");
            match find(&path) {
                Some(found) => self.field(found, &path, value)?,
                None => self.unknown(&path, |extra| {
                    let holder = extra.entry(outer).or_insert_with(|| Value::Object(Map::new()));
                    if let Value::Object(holder) = holder {
                        holder.insert(key.clone(), value.clone());
                    }
                })?,
            }
        }
        Ok(())
    }

    fn unknown(&mut self, key: &str, keep: impl FnOnce(&mut Map<String, Value>)) -> Result<(), JobError> {
        if let Some(nearest) = nearest(key).filter(|_| self.unknown == Unknown::Suggest) {
            let (key, nearest) = (key.to_owned(), nearest.to_owned());
            return Err(JobError::UnknownKey { key, nearest });
        }
        keep(&mut self.job.extra);
        Ok(())
    }

    fn field(&mut self, key: Key, name: &str, value: &Value) -> Result<(), JobError> {
        let job = &mut self.job;
        match key {
            Key::Sensors => job.sensors = span(name, value, integer)?,
            Key::SensorsMin => job.sensors.min = integer(name, value)?,
            Key::SensorsMax => job.sensors.max = integer(name, value)?,
            Key::Frequency => job.frequency = span(name, value, float)?,
            Key::FrequencyMin => job.frequency.min = float(name, value)?,
            Key::FrequencyMax => job.frequency.max = float(name, value)?,
            Key::Nfft => job.nfft = integer(name, value)?,
            Key::Height => job.height = integer(name, value)?,
            Key::TimeAxis => job.time_axis_s = integer(name, value)?,
            Key::View => job.view = view(name, value)?,
            Key::Live => self.live = Some((name.to_owned(), boolean(name, value)?)),
            Key::Start => self.start = time(name, value)?.map(|time| (name.to_owned(), time)),
            Key::End => self.end = time(name, value)?.map(|time| (name.to_owned(), time)),
        }
        self.given.push((key, name.to_owned()));
        Ok(())
    }

    fn finish(mut self) -> Result<(JobSpec, Vec<Key>), JobError> {
        self.whole(Key::Sensors, Key::SensorsMin, Key::SensorsMax)?;
        self.whole(Key::Frequency, Key::FrequencyMin, Key::FrequencyMax)?;
        let refuse = |field: String, problem: &str| {
            Err(JobError::Value {
                field,
                problem: problem.to_owned(),
            })
        };
        self.job.period = match (self.live, self.start, self.end) {
            (Some((live, true)), Some(_), _) | (Some((live, true)), _, Some(_)) => {
                return refuse(live, "a live job has neither start nor end");
            }
            (Some((live, false)), None, None) => return refuse(live, "a recording needs start and end"),
            (_, None, None) => Period::Live,
            (_, Some((_, start_s)), Some((_, end_s))) => Period::Recorded { start_s, end_s },
            (_, Some((start, _)), None) => return refuse(start, "a start needs an end"),
            (_, None, Some((end, _))) => return refuse(end, "an end needs a start"),
        };
        let given = self.given.into_iter().map(|(key, _)| key).collect();
        Ok((self.job, given))
    }

    /// Refuses a range with one end missing: the default's other end would make a job that nobody described.
    fn whole(&self, both: Key, min: Key, max: Key) -> Result<(), JobError> {
        let name = |wanted: Key| self.given.iter().find(|(key, _)| *key == wanted).map(|(_, name)| name);
        let field = match (name(both), name(min), name(max)) {
            (None, Some(given), None) => given.replace("min", "max"),
            (None, None, Some(given)) => given.replace("max", "min"),
            _ => return Ok(()),
        };
        let problem = "it is missing; a range has two ends".to_owned();
        Err(JobError::Value { field, problem })
    }
}

fn plain(key: &str) -> String {
    key.chars()
        .filter(|c| !matches!(c, '_' | '-'))
        .flat_map(char::to_lowercase)
        .collect()
}

fn find(key: &str) -> Option<Key> {
    let key = plain(key);
    KEYS.iter().find(|(known, _)| plain(known) == key).map(|(_, key)| *key)
}

/// The known key that this one is a typing error of: of the part after the dot, one letter in three may differ.
fn nearest(key: &str) -> Option<&'static str> {
    let key = plain(key);
    let leaf = |key: &str| key.rsplit('.').next().map_or(0, str::len);
    let known = KEYS.iter().map(|(known, _)| *known).chain(["displayInfo", EXTRA]);
    known
        .map(|name| (name, plain(name)))
        .map(|(name, known)| {
            (
                strsim::levenshtein(&key, &known),
                leaf(&known).min(leaf(&key)) / 3,
                name,
            )
        })
        .filter(|(distance, allowed, _)| distance <= allowed)
        .min_by_key(|(distance, ..)| *distance)
        .map(|(.., name)| name)
}
