//! The parser of expectation files.

use std::collections::BTreeMap;

use toml::{Table, Value};

use super::{
    ExpectationSource, Expectations, Expected, Level, SensorSet,
    error::{ExpectError, nearest, number, wrong},
    methods,
};
use crate::das::focus::Span;

/// The keys of an expectation file.
const KEYS: [&str; 17] = [
    "sensors",
    "bins",
    "frequency_hz",
    "amplitude_db",
    "lines_dt_s",
    "minimum_fps",
    "minimum_mb_per_s",
    "first_frame_s",
    "largest_gap_s",
    "minimum_frames",
    "minimum_rows",
    "allow_empty",
    "streams",
    "window_s",
    "allow",
    "severity",
    "method",
];

/// The rules that `allow_empty` turns off.
pub(crate) const ZERO_RULES: [&str; 2] = ["zero-frames", "zero-messages"];

impl Expectations {
    /// Reads an expectation file.
    ///
    /// Keys: `sensors` (`"1..50"` or a list), `bins`, `frequency_hz` and `amplitude_db` (`[lowest, highest]`),
    /// `lines_dt_s`, `minimum_fps`, `minimum_mb_per_s`, `first_frame_s`, `largest_gap_s`, `minimum_frames`,
    /// `minimum_rows`, `streams`, `window_s`, `allow_empty` (true: a stream without frames is right), `allow` (a list of
    /// rules that are not judged), a table `[severity]` of rules and `error`, `warning`, `info` or `off`, and tables
    /// `[method."GLOB"]` for the calls of methods: `statuses`, `minimum_calls`, `minimum_messages`, `latency_s`,
    /// `first_message_s`, `message_gap_s`.
    ///
    /// `rules` are the names of the rules that there are.
    pub fn parse_toml(text: &str, rules: &[&'static str]) -> Result<Self, ExpectError> {
        let table: Table = toml::from_str(text).map_err(|error| ExpectError::Syntax {
            problem: crate::model::text::toml_problem(&error, text),
        })?;
        let mut expect = Self::default();
        for (key, value) in &table {
            expect.field(key, value, rules)?;
        }
        Ok(expect)
    }

    /// Sets the severity of a rule; its name must be one of `rules`.
    ///
    /// # Errors
    /// When there is no rule of this name.
    pub fn set_level(&mut self, rule: &str, level: Level, rules: &[&'static str]) -> Result<(), ExpectError> {
        let rule = rule_id(rule, rules)?;
        self.levels.insert(rule, level);
        Ok(())
    }

    fn field(&mut self, key: &str, value: &Value, rules: &[&'static str]) -> Result<(), ExpectError> {
        match key {
            "sensors" => self.sensors = file(sensors(key, value)?),
            "bins" => self.bins = file(count(key, value)?),
            "frequency_hz" => self.frequency_hz = file(span(key, value)?),
            "amplitude_db" => self.amplitude_db = file(span(key, value)?),
            "lines_dt_s" => self.lines_dt_s = file(above_zero(key, value)?),
            "minimum_fps" => self.minimum_fps = file(above_zero(key, value)?),
            "minimum_mb_per_s" => self.minimum_mb_per_s = file(above_zero(key, value)?),
            "first_frame_s" => self.first_frame_s = file(above_zero(key, value)?),
            "largest_gap_s" => self.largest_gap_s = file(above_zero(key, value)?),
            "minimum_frames" => self.minimum_frames = file(count(key, value)?),
            "minimum_rows" => self.minimum_rows = file(count(key, value)?),
            "window_s" => self.window_s = file(above_zero(key, value)?),
            "streams" => {
                let streams = u32::try_from(count(key, value)?);
                self.streams = file(streams.map_err(|_| wrong(key, "a number of streams", value))?);
            }
            "allow_empty" => match value {
                Value::Boolean(true) => {
                    for rule in ZERO_RULES {
                        self.levels.insert(rule, Level::Off);
                    }
                }
                Value::Boolean(false) => {}
                _ => return Err(wrong(key, "true or false", value)),
            },
            "allow" => {
                let names = value.as_array().ok_or_else(|| wrong(key, "a list of rules", value))?;
                for name in names {
                    let name = name.as_str().ok_or_else(|| wrong(key, "a list of rules", name))?;
                    self.set_level(name, Level::Off, rules)?;
                }
            }
            "severity" => {
                let levels = value.as_table();
                self.severities(levels.ok_or_else(|| wrong(key, "a table of rules", value))?, rules)?;
            }
            "method" => self.methods = methods::parse(key, value)?,
            _ => {
                let nearest = nearest(key, &KEYS);
                let key = key.to_owned();
                return Err(ExpectError::UnknownKey { key, nearest });
            }
        }
        Ok(())
    }

    fn severities(&mut self, table: &Table, rules: &[&'static str]) -> Result<(), ExpectError> {
        let levels = BTreeMap::from(Level::ALL);
        for (name, value) in table {
            let level = value.as_str().and_then(|name| levels.get(name));
            let level = level.ok_or_else(|| wrong(name, "`error`, `warning`, `info` or `off`", value))?;
            self.set_level(name, *level, rules)?;
        }
        Ok(())
    }
}

/// Looks a name up in `rules`, or suggests the one that may have been meant.
pub(crate) fn rule_id(name: &str, rules: &[&'static str]) -> Result<&'static str, ExpectError> {
    let known = rules.iter().copied().find(|rule| *rule == name);
    known.ok_or_else(|| ExpectError::UnknownRule {
        name: name.to_owned(),
        nearest: nearest(name, rules),
    })
}

#[expect(clippy::unnecessary_wraps, reason = "every caller stores an Option")]
const fn file<T>(value: T) -> Option<Expected<T>> {
    let source = ExpectationSource::File;
    Some(Expected { value, source })
}

fn count(key: &str, value: &Value) -> Result<u64, ExpectError> {
    let number = value.as_integer().and_then(|number| u64::try_from(number).ok());
    number
        .filter(|number| *number > 0)
        .ok_or_else(|| wrong(key, "a whole number above 0", value))
}

fn above_zero(key: &str, value: &Value) -> Result<f64, ExpectError> {
    let number = number(value).filter(|number| *number > 0.0);
    number.ok_or_else(|| wrong(key, "a number above 0", value))
}

fn span(key: &str, value: &Value) -> Result<Span<f64>, ExpectError> {
    let ends = value.as_array().map(|ends| ends.iter().map(number).collect::<Vec<_>>());
    match ends.as_deref() {
        Some([Some(min), Some(max)]) if min <= max => Ok(Span { min: *min, max: *max }),
        _ => Err(wrong(key, "[lowest, highest]", value)),
    }
}

fn sensors(key: &str, value: &Value) -> Result<SensorSet, ExpectError> {
    let expected = "a range like \"1..50\" or a list of ids";
    let set = match value {
        Value::String(text) => text.parse().ok(),
        Value::Integer(id) => Some(SensorSet::from_iter([*id])),
        Value::Array(ids) => ids.iter().map(Value::as_integer).collect(),
        _ => None,
    };
    set.filter(|set: &SensorSet| !set.is_empty())
        .ok_or_else(|| wrong(key, expected, value))
}
