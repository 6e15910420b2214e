//! Parsers of durations and sizes: one way to read each, for every flag and file.

use std::time::Duration;

/// Units of time: their names, and their length in nanoseconds.
const TIMES: [(&[&str], u64); 7] = [
    (&["ns", "nsec", "nsecs", "nanosecond", "nanoseconds"], 1),
    (
        &["us", "µs", "μs", "usec", "usecs", "microsecond", "microseconds"],
        1_000,
    ),
    (
        &["ms", "msec", "msecs", "millis", "millisecond", "milliseconds"],
        1_000_000,
    ),
    (&["s", "sec", "secs", "second", "seconds"], 1_000_000_000),
    (&["m", "min", "mins", "minute", "minutes"], 60 * 1_000_000_000),
    (&["h", "hr", "hrs", "hour", "hours"], 3600 * 1_000_000_000),
    (&["d", "day", "days"], 86_400 * 1_000_000_000),
];

/// Accepted forms of a duration, for errors.
pub(crate) const TIME_FORMS: &str = "30s, 1.5s, 500ms, 2m, 1h30m, or a number of seconds";

/// Accepted forms of a size, for errors.
pub(crate) const SIZE_FORMS: &str = "500MB, 10MiB, 64M, or a number of bytes";

/// Parses a duration: numbers with units (`1.5s`, `500ms`, `1h30m`, `2 min 5 sec`), a clock (`1:30:00`, `1:30`), ISO
/// 8601 (`PT1M30S`), or a plain number of seconds.
#[must_use]
pub(crate) fn time(text: &str) -> Option<Duration> {
    let text = text.trim();
    let text = text.strip_prefix('+').unwrap_or(text);
    if !text.starts_with(|c: char| c.is_ascii_digit() || c == '.') {
        let iso = text.starts_with(['P', 'p']);
        return iso
            .then(|| text.parse::<jiff::SignedDuration>().ok())
            .flatten()
            .and_then(|span| Duration::try_from(span).ok());
    }
    if let Ok(seconds) = text.parse::<f64>() {
        return Duration::try_from_secs_f64(seconds).ok();
    }
    if text.contains(':') {
        return clock(text);
    }
    let mut total = Duration::ZERO;
    let mut rest = text;
    while !rest.is_empty() {
        let (number, after) = number(rest)?;
        let unit_end = after
            .find(|c: char| c.is_ascii_digit() || c == '.' || c == ' ' || c == ',')
            .unwrap_or(after.len());
        let (unit, after) = after.split_at(unit_end);
        let (_, ns) = TIMES.iter().find(|(names, _)| fits(names, unit))?;
        let part = Duration::try_from_secs_f64(number * (*ns as f64) / 1e9).ok()?;
        total = total.checked_add(part)?;
        rest = after.trim_start_matches([' ', ',']);
    }
    Some(total)
}

/// Parses `H:M:S` or `M:S`.
fn clock(text: &str) -> Option<Duration> {
    let parts: Vec<_> = text.split(':').collect();
    if !(2..=3).contains(&parts.len()) {
        return None;
    }
    let mut seconds = 0.0;
    for (at, part) in parts.iter().enumerate() {
        let value: f64 = part.parse().ok().filter(|value: &f64| value.is_finite())?;
        if !part.starts_with(|c: char| c.is_ascii_digit()) || (at > 0 && value >= 60.0) {
            return None;
        }
        seconds = seconds * 60.0 + value;
    }
    Duration::try_from_secs_f64(seconds).ok()
}

/// Whether a unit has one of these names. `M` alone is no minute: it means a million elsewhere.
fn fits(names: &[&str], unit: &str) -> bool {
    unit != "M" && names.iter().any(|name| name.eq_ignore_ascii_case(unit))
}

/// Splits a text into its leading number and the rest after blanks.
fn number(text: &str) -> Option<(f64, &str)> {
    let end = text
        .find(|c: char| !c.is_ascii_digit() && c != '.')
        .unwrap_or(text.len());
    let (digits, rest) = text.split_at(end);
    Some((digits.parse().ok()?, rest.trim_start()))
}

/// Parses a size in bytes: a number with a unit of 1,000 (`64MB`, `64M`), of 1,024 (`64MiB`, `64Mi`), or without one.
/// Capital and small letters are the same.
#[must_use]
pub(crate) fn size(text: &str) -> Option<u64> {
    let text = text.trim().replace('_', "");
    if !text.starts_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.');
    let (digits, unit) = text.split_at(end.unwrap_or(text.len()));
    let factor = factor(unit.trim_start())?;
    if let Ok(whole) = digits.parse::<u64>() {
        return whole.checked_mul(factor);
    }
    let bytes = digits.parse::<f64>().ok()? * factor as f64;
    (bytes < u64::MAX as f64).then_some(bytes.round() as u64)
}

fn factor(unit: &str) -> Option<u64> {
    let unit = unit.to_ascii_lowercase();
    if matches!(unit.as_str(), "" | "b" | "byte" | "bytes") {
        return Some(1);
    }
    let (letter, rest) = unit.split_at_checked(1)?;
    let power = "kmgtpe".find(letter)? as u32 + 1;
    match rest {
        "" | "b" => 1000_u64.checked_pow(power),
        "i" | "ib" => 1024_u64.checked_pow(power),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_common_way_to_write_a_time_is_read() {
        for (text, ms) in [
            ("30s", 30_000.0),
            ("1.5s", 1500.0),
            (".5s", 500.0),
            ("500ms", 500.0),
            ("2m", 120_000.0),
            ("2min", 120_000.0),
            ("2 minutes", 120_000.0),
            ("1h30m", 5_400_000.0),
            ("1h 30m", 5_400_000.0),
            ("1m30s", 90_000.0),
            ("1m30.5s", 90_500.0),
            ("1.5h", 5_400_000.0),
            ("1h0m0.25s", 3_600_250.0),
            ("1d", 86_400_000.0),
            ("250us", 0.25),
            ("250µs", 0.25),
            ("250μs", 0.25),
            ("2000000ns", 2.0),
            ("5 sec", 5000.0),
            ("10S", 10_000.0),
            ("10MS", 10.0),
            ("2", 2000.0),
            ("0.25", 250.0),
            ("1e-3", 1.0),
            ("+3s", 3000.0),
            (" 3s ", 3000.0),
            ("0", 0.0),
            ("1:30", 90_000.0),
            ("01:02:03.5", 3_723_500.0),
            ("PT1M30S", 90_000.0),
        ] {
            assert_eq!(time(text).map(|time| time.as_secs_f64() * 1e3), Some(ms), "{text}");
        }
        for text in [
            "",
            "soon",
            "-1s",
            "-1",
            "1 parsec",
            "NaN",
            "inf",
            "1:2:3:4",
            "1:75",
            "5M",
            "s",
            "1s2",
            "..s",
            "99999999999999999999d",
        ] {
            assert_eq!(time(text), None, "{text}");
        }
    }

    #[test]
    fn every_common_way_to_write_a_size_is_read() {
        for (text, bytes) in [
            ("65536", 65_536),
            ("0", 0),
            ("1_000_000", 1_000_000),
            ("64B", 64),
            ("64 bytes", 64),
            ("64k", 64_000),
            ("64kB", 64_000),
            ("64K", 64_000),
            ("64KiB", 65_536),
            ("64Ki", 65_536),
            ("64M", 64_000_000),
            ("64MB", 64_000_000),
            ("64mb", 64_000_000),
            ("64 MB", 64_000_000),
            ("64MiB", 64 << 20),
            ("64Mi", 64 << 20),
            ("1.5GB", 1_500_000_000),
            ("0.5MiB", 1 << 19),
            ("2GiB", 2 << 30),
            ("1T", 1_000_000_000_000),
        ] {
            assert_eq!(size(text), Some(bytes), "{text}");
        }
        for text in [
            "",
            "big",
            "-1",
            "MB",
            "1.2.3MB",
            "5 s",
            "64MX",
            "99999999999EiB",
            "1e9e",
        ] {
            assert_eq!(size(text), None, "{text}");
        }
    }
}

#[cfg(test)]
mod examples {
    #[test]
    fn example_of_time() {
        use crate::model::units::time;
        use std::time::Duration;
        assert_eq!(time("1h30m"), Some(Duration::from_secs(5400)));
        assert_eq!(time("0.25"), Some(Duration::from_millis(250)));
        assert_eq!(time("soon"), None);
    }

    #[test]
    fn example_of_size() {
        use crate::model::units::size;
        assert_eq!(size("64MiB"), Some(64 << 20));
        assert_eq!(size("64MB"), size("64M"));
        assert_eq!(size("65536"), Some(65536));
        assert_eq!(size("big"), None);
    }
}
