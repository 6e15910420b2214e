//! Parsing and formatting of faults.

use std::{fmt, str::FromStr, time::Duration};

use super::{
    Fault, FaultTarget, Kind,
    catalog::{CATALOG, FaultEntry},
};
use crate::{
    grpc::{http2::code::CANCEL, status},
    model::units,
};

/// The largest field number of protobuf.
const MAX_FIELD: u32 = 536_870_911;
/// Largest size that a fault can give to a message: the length prefix of gRPC has 32 bits, and we hold the message in
/// memory.
const MAX_SIZE: u64 = 1 << 30;

/// The error for an invalid fault or plan.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("could not use the fault {spec:?}: {problem}")]
pub struct FaultError {
    spec: String,
    problem: String,
}

impl FaultError {
    pub(super) fn new(spec: &str, problem: impl Into<String>) -> Self {
        Self {
            spec: spec.to_owned(),
            problem: problem.into(),
        }
    }
}

impl FromStr for Fault {
    type Err = FaultError;

    fn from_str(spec: &str) -> Result<Self, FaultError> {
        let (name, mut rest) = spec.split_once(':').unwrap_or((spec, ""));
        let mut pairs = Vec::new();
        while !rest.is_empty() {
            // A message for people may hold commas: it is the last key, and takes the rest.
            let (pair, after) = match rest.split_once(',') {
                Some(split) if !rest.starts_with("message=") => split,
                _ => (rest, ""),
            };
            rest = after;
            let (key, value) = pair
                .split_once('=')
                .ok_or_else(|| FaultError::new(spec, format!("{pair:?} is not KEY=VALUE")))?;
            pairs.push((key.to_owned(), value.to_owned()));
        }
        Self::from_pairs(spec, name, pairs)
    }
}

impl Fault {
    /// Parses a fault of the kind `name`; errors show it as `spec`.
    pub(super) fn from_pairs(spec: &str, name: &str, pairs: Vec<(String, String)>) -> Result<Self, FaultError> {
        let Some(entry) = FaultEntry::of(name) else {
            let names = CATALOG.iter().map(|entry| entry.name);
            let problem = format!("there is no fault {name:?}; {}", meant(name, names.clone()));
            return Err(FaultError::new(spec, problem));
        };
        for (at, (key, _)) in pairs.iter().enumerate() {
            if !entry.all_keys().any(|known| known == key) {
                let problem = format!("{name} has no key {key:?}; {}", meant(key, entry.all_keys()));
                return Err(FaultError::new(spec, problem));
            }
            if pairs.iter().take(at).any(|(earlier, _)| earlier == key) {
                return Err(FaultError::new(spec, format!("{key} is given twice")));
            }
        }
        let values = Values { spec, pairs };
        Ok(Self {
            kind: values.kind(name)?,
            when: values.when(entry)?,
            call: values.number("call", 1, u64::from(u32::MAX))?.map(|call| call as u32),
        })
    }
}

/// Suggests the name that was meant, and lists all.
fn meant<'a>(word: &str, names: impl Iterator<Item = &'a str> + Clone) -> String {
    let all = names.clone().collect::<Vec<_>>().join(", ");
    let nearest = names.min_by_key(|name| strsim::levenshtein(word, name));
    match nearest.filter(|nearest| strsim::levenshtein(word, nearest) <= 2) {
        Some(nearest) => format!("did you mean {nearest:?}? There are {all}"),
        None => format!("there are {all}"),
    }
}

struct Values<'a> {
    spec: &'a str,
    pairs: Vec<(String, String)>,
}

impl Values<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        let found = self.pairs.iter().find(|(known, _)| known == key);
        found.map(|(_, value)| value.as_str())
    }

    fn wrong(&self, key: &str, value: &str, how: &str) -> FaultError {
        FaultError::new(self.spec, format!("{key}={value} is not {how}"))
    }

    fn number(&self, key: &str, least: u64, most: u64) -> Result<Option<u64>, FaultError> {
        let read = |value: &str| {
            let number = value.parse().ok().filter(|number| (least..=most).contains(number));
            number.ok_or_else(|| self.wrong(key, value, &format!("a whole number from {least} to {most}")))
        };
        self.get(key).map(read).transpose()
    }

    fn time(&self, key: &str) -> Result<Duration, FaultError> {
        let Some(value) = self.get(key) else {
            return Ok(Duration::from_secs(1));
        };
        units::time(value).ok_or_else(|| self.wrong(key, value, "a length of time such as 3s or 500ms"))
    }

    fn size(&self, key: &str, default: u64) -> Result<u64, FaultError> {
        let Some(value) = self.get(key) else { return Ok(default) };
        units::size(value)
            .filter(|size| (1..=MAX_SIZE).contains(size))
            .ok_or_else(|| self.wrong(key, value, "a number of bytes such as 50kB, up to 1GiB"))
    }

    fn status(&self) -> Result<u32, FaultError> {
        let Some(value) = self.get("status") else {
            return Ok(status::UNAVAILABLE);
        };
        let code = value.parse().ok().or_else(|| status::code(value));
        code.ok_or_else(|| {
            self.wrong(
                "status",
                value,
                "a gRPC status: a number, or a name such as UNAVAILABLE",
            )
        })
    }

    fn kind(&self, name: &str) -> Result<Kind, FaultError> {
        let any = u64::MAX;
        Ok(match name {
            "drop" => Kind::Drop,
            "duplicate" => Kind::Duplicate {
                copies: self.number("copies", 1, 1000)?.unwrap_or(1),
            },
            "reorder" => Kind::Reorder {
                by: self.number("by", 1, 1000)?.unwrap_or(1),
            },
            "corrupt" => Kind::Corrupt {
                byte: self.number("byte", 0, any)?,
            },
            "truncate" => Kind::Truncate {
                to: self.number("to", 0, any)?,
            },
            "delay" => Kind::Delay { by: self.time("by")? },
            "jitter" => Kind::Jitter { by: self.time("by")? },
            "stall" => Kind::Stall {
                length: self.time("for")?,
            },
            "burst" => Kind::Burst {
                size: self.number("size", 2, 10_000)?.unwrap_or(8),
            },
            "drip" => Kind::Drip {
                bytes_per_s: self.size("rate", 10_000)?,
            },
            "abort" => Kind::Abort {
                status: self.status()?,
                message: self.get("message").unwrap_or("a fault on purpose").to_owned(),
            },
            "reset" => Kind::Reset {
                code: self
                    .number("code", 0, u64::from(u32::MAX))?
                    .map_or(CANCEL, |code| code as u32),
            },
            "goaway" => Kind::GoAway,
            "close" => Kind::Close,
            "refuse" => Kind::Refuse,
            "nan" => Kind::Nan,
            "zero" => Kind::Zero,
            "freeze" => Kind::Freeze,
            "unknown" => Kind::Unknown {
                field: self
                    .number("field", 1, u64::from(MAX_FIELD))?
                    .map_or(1999, |field| field as u32),
                size: self.size("size", 16)?,
            },
            "oversize" => Kind::Oversize {
                size: self.size("size", 110_000_000)?,
            },
            _ => return Err(FaultError::new(self.spec, "it is not known")),
        })
    }

    fn when(&self, entry: &FaultEntry) -> Result<FaultTarget, FaultError> {
        let any = u64::MAX;
        if entry.all_keys().any(|key| key == "after") {
            return Ok(FaultTarget::After(self.number("after", 0, any)?.unwrap_or(0)));
        }
        let (at, count) = (self.number("at", 1, any)?, self.number("count", 1, any)?);
        let every = self.number("every", 1, any)?;
        let chance = self.get("p").map(|value| {
            let chance = value.parse().ok().filter(|chance| (0.0..=1.0).contains(chance));
            chance.ok_or_else(|| self.wrong("p", value, "a probability from 0 to 1"))
        });
        match (at, every, chance.transpose()?) {
            (None, None, None) if count.is_some() => Err(FaultError::new(self.spec, "count needs at=N")),
            (None, None, None) => Ok(FaultTarget::Always),
            (Some(first), None, None) => Ok(FaultTarget::At {
                first,
                count: count.unwrap_or(1),
            }),
            (None, Some(every), None) if count.is_none() => Ok(FaultTarget::Every(every)),
            (None, None, Some(chance)) if count.is_none() => Ok(FaultTarget::Chance(chance)),
            _ => Err(FaultError::new(self.spec, "give one of at (with count), every and p")),
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut keys: Vec<String> = Vec::new();
        match self.when {
            FaultTarget::Always => {}
            FaultTarget::Every(every) => keys.push(format!("every={every}")),
            FaultTarget::At { first, count: 1 } => keys.push(format!("at={first}")),
            FaultTarget::At { first, count } => keys.push(format!("at={first},count={count}")),
            FaultTarget::Chance(chance) => keys.push(format!("p={chance}")),
            FaultTarget::After(after) => keys.push(format!("after={after}")),
        }
        keys.extend(self.call.map(|call| format!("call={call}")));
        match &self.kind {
            Kind::Duplicate { copies } => keys.push(format!("copies={copies}")),
            Kind::Reorder { by } => keys.push(format!("by={by}")),
            Kind::Corrupt { byte } => keys.extend(byte.map(|byte| format!("byte={byte}"))),
            Kind::Truncate { to } => keys.extend(to.map(|to| format!("to={to}"))),
            Kind::Delay { by } | Kind::Jitter { by } => keys.push(format!("by={by:?}")),
            Kind::Stall { length } => keys.push(format!("for={length:?}")),
            Kind::Drip { bytes_per_s } => keys.push(format!("rate={bytes_per_s}")),
            Kind::Abort { status, message } => {
                keys.push(format!("status={}", status::name(*status)));
                if message != "a fault on purpose" {
                    keys.push(format!("message={message}"));
                }
            }
            Kind::Reset { code } => keys.push(format!("code={code}")),
            Kind::Unknown { field, size } => keys.push(format!("field={field},size={size}")),
            Kind::Burst { size } | Kind::Oversize { size } => keys.push(format!("size={size}")),
            _ => {}
        }
        f.write_str(self.name())?;
        if !keys.is_empty() {
            write!(f, ":{}", keys.join(","))?;
        }
        Ok(())
    }
}
