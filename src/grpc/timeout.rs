//! The deadline of a client (`grpc-timeout`): `grpc-timeout`.

use std::time::Duration;

/// Largest number of digits in the specification.
const DIGITS: usize = 8;

/// Parses the value of `grpc-timeout`; `None` when it is not one.
#[must_use]
pub(crate) fn parse(value: &[u8]) -> Option<Duration> {
    let (unit, digits) = value.split_last()?;
    if digits.is_empty() || digits.len() > DIGITS || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let count: u64 = std::str::from_utf8(digits).ok()?.parse().ok()?;
    match unit {
        b'H' => Some(Duration::from_secs(count * 3600)),
        b'M' => Some(Duration::from_secs(count * 60)),
        b'S' => Some(Duration::from_secs(count)),
        b'm' => Some(Duration::from_millis(count)),
        b'u' => Some(Duration::from_micros(count)),
        b'n' => Some(Duration::from_nanos(count)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_unit_is_read_and_nothing_else() {
        for (text, time) in [
            ("2H", Duration::from_secs(7200)),
            ("3M", Duration::from_secs(180)),
            ("99999999S", Duration::from_secs(99_999_999)),
            ("5m", Duration::from_millis(5)),
            ("6u", Duration::from_micros(6)),
            ("7n", Duration::from_nanos(7)),
        ] {
            assert_eq!(parse(text.as_bytes()), Some(time), "{text}");
        }
        for text in ["", "S", "1", "1s", "-1S", "+1S", "100000000S", "1.5S", " 1S"] {
            assert_eq!(parse(text.as_bytes()), None, "{text}");
        }
    }
}

#[cfg(test)]
mod examples {
    #[test]
    fn example_of_parse() {
        use crate::grpc::timeout::parse;
        use std::time::Duration;
        assert_eq!(parse(b"250m"), Some(Duration::from_millis(250)));
        assert_eq!(parse(b"1H"), Some(Duration::from_secs(3600)));
        assert_eq!(parse(b"soon"), None);
    }
}
