//! Measured numbers with six significant digits.

/// Significant digits: as many as a 32-bit float holds for certain.
const DIGITS: usize = 6;

/// Decimal exponents for which the number is written without an exponent.
const PLAIN: std::ops::Range<i32> = -4..9;

/// A number with six significant digits and a point; trailing zeros are left out but for one.
///
/// The standard library rounds the exact decimal value, ties to even, without regard to locale or platform.
pub(super) fn float(value: f64) -> String {
    if value.is_nan() {
        return "nan".to_owned();
    }
    if value.is_infinite() {
        return if value > 0.0 { "inf" } else { "-inf" }.to_owned();
    }
    if value == 0.0 {
        return "0.0".to_owned();
    }
    let scientific = format!("{:.*e}", DIGITS - 1, value.abs());
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    let digits: String = mantissa.chars().filter(char::is_ascii_digit).collect();
    let digits = digits.trim_end_matches('0');
    let sign = if value < 0.0 { "-" } else { "" };
    if !PLAIN.contains(&exponent) {
        let (first, rest) = digits.split_at(1.min(digits.len()));
        return format!("{sign}{first}.{}e{exponent}", or_zero(rest));
    }
    let Ok(whole) = usize::try_from(exponent + 1) else {
        let zeros = "0".repeat(exponent.unsigned_abs() as usize - 1);
        return format!("{sign}0.{zeros}{digits}");
    };
    if whole == 0 {
        return format!("{sign}0.{digits}");
    }
    let padded = format!("{digits:0<whole$}");
    let (before, after) = padded.split_at(whole);
    format!("{sign}{before}.{}", or_zero(after))
}

/// As [`float`]; `-` for what was not measured.
pub(super) fn optional(value: Option<f64>) -> String {
    value.map_or_else(|| "-".to_owned(), float)
}

const fn or_zero(digits: &str) -> &str {
    if digits.is_empty() { "0" } else { digits }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn six_digits_whatever_the_size() {
        for (value, text) in [
            (0.0, "0.0"),
            (-0.0, "0.0"),
            (1.0, "1.0"),
            (-316.447_387_695, "-316.447"),
            (200.0, "200.0"),
            (0.1, "0.1"),
            (0.05, "0.05"),
            (12.812_151_56, "12.8122"),
            (0.000_123_456_7, "0.000123457"),
            (0.000_012_345_67, "1.23457e-5"),
            (999_999.4, "999999.0"),
            (999_999.5, "1000000.0"),
            (123_456_789.0, "123457000.0"),
            (999_999_999.0, "1.0e9"),
            (-1.5e300, "-1.5e300"),
            (f64::NAN, "nan"),
            (f64::INFINITY, "inf"),
            (f64::NEG_INFINITY, "-inf"),
        ] {
            assert_eq!(float(value), text);
        }
        assert_eq!(optional(None), "-");
    }

    #[test]
    fn what_is_written_reads_as_the_number_to_six_digits() {
        let mut value = 1.234_567_89e-12;
        while value < 1e15 {
            let read: f64 = float(value).parse().unwrap();
            assert!((read - value).abs() <= value * 5.01e-6, "{value}: {}", float(value));
            value *= 3.7;
        }
    }

    #[test]
    fn ties_go_to_the_even_digit() {
        assert_eq!(float(1_000_000.5 / 8.0), "125000.0");
        assert_eq!(float(100_000.5), "100000.0");
        assert_eq!(float(100_001.5), "100002.0");
    }
}
