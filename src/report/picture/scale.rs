//! Ticks of axes: round numbers and round times, and how they are written.

use jiff::Timestamp;

use super::timebase::Timebase;

/// A mark on an axis.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Tick {
    /// Position of the tick: a value of the axis.
    pub at: f64,
    /// Label of the tick.
    pub label: String,
}

/// Tick distances of time axes, microseconds.
const TIME_STEPS_US: [i64; 29] = [
    1_000,
    2_000,
    5_000,
    10_000,
    20_000,
    50_000,
    100_000,
    200_000,
    500_000,
    1_000_000,
    2_000_000,
    5_000_000,
    10_000_000,
    15_000_000,
    30_000_000,
    60_000_000,
    120_000_000,
    300_000_000,
    600_000_000,
    900_000_000,
    1_800_000_000,
    3_600_000_000,
    7_200_000_000,
    10_800_000_000,
    21_600_000_000,
    43_200_000_000,
    86_400_000_000,
    604_800_000_000,
    31_557_600_000_000,
];

/// Ticks at round numbers from `low` to `high`, at most `most`: steps of 1, 2 or 5 times a power of ten.
#[must_use]
pub(crate) fn numbers(low: f64, high: f64, most: usize) -> Vec<Tick> {
    let span = high - low;
    if !(span.is_finite() && span > 0.0 && low.is_finite()) {
        let label = if low.is_finite() {
            format!("{low}")
        } else {
            String::new()
        };
        return vec![Tick { at: low, label }];
    }
    let rough = span / most.max(1) as f64;
    let power = 10_f64.powf(rough.log10().floor());
    let step = [1.0, 2.0, 5.0, 10.0].into_iter().map(|times| times * power);
    let step = step
        .into_iter()
        .find(|step| *step >= rough * 0.999_999)
        .unwrap_or(rough);
    let decimals = (-step.log10().floor()).clamp(0.0, 9.0) as usize;
    let first = (low / step - 1e-9).ceil();
    let ticks = (0..=most).map(|at| (first + at as f64) * step);
    ticks
        .take_while(|at| *at <= high + step * 1e-9)
        .map(|at| Tick {
            at,
            // No negative zero.
            label: format!("{:.decimals$}", if at.abs() < step / 2.0 { 0.0 } else { at }),
        })
        .collect()
}

/// Ticks at round times of day, at most about `most`; places are microseconds of the axis. UTC.
#[must_use]
pub(crate) fn times(time: &Timebase, most: usize) -> Vec<Tick> {
    let rough = time.length_us / most.max(1) as i64;
    let step = TIME_STEPS_US.into_iter().find(|step| *step >= rough);
    let Some(step) = step else { return Vec::new() };
    let mut ticks = Vec::new();
    for segment in &time.segments {
        let first = segment
            .start_us
            .saturating_add(step - 1)
            .div_euclid(step)
            .saturating_mul(step);
        let end = segment.start_us.saturating_add(segment.length_us);
        for number in 0..=most as i64 {
            let at = first.saturating_add(step.saturating_mul(number));
            if at >= end {
                break;
            }
            ticks.extend(time.at_us(at).map(|place| Tick {
                at: place as f64,
                label: time_of_day(at, step),
            }));
        }
    }
    ticks
}

/// Formats a time of day as `14:23:40`, with as many decimals as the step needs; the date alone for steps of days.
#[must_use]
pub(crate) fn time_of_day(unix_us: i64, step_us: i64) -> String {
    let Ok(time) = Timestamp::from_microsecond(unix_us) else {
        return format!("{unix_us} us");
    };
    match step_us {
        ..10_000 => time.strftime("%H:%M:%S.%3f").to_string(),
        10_000..100_000 => time.strftime("%H:%M:%S.%2f").to_string(),
        100_000..1_000_000 => time.strftime("%H:%M:%S.%1f").to_string(),
        1_000_000..60_000_000 => time.strftime("%H:%M:%S").to_string(),
        60_000_000..86_400_000_000 => time.strftime("%H:%M").to_string(),
        _ => time.strftime("%Y-%m-%d").to_string(),
    }
}

/// Formats date and time as `2023-10-27 14:23:37.020 UTC`.
#[must_use]
pub(crate) fn date_and_time(unix_us: i64) -> String {
    match Timestamp::from_microsecond(unix_us) {
        Ok(time) => time.strftime("%Y-%m-%d %H:%M:%S.%3f UTC").to_string(),
        Err(_) => format!("{unix_us} us since 1970"),
    }
}

/// Formats a duration for people: `50 ms`, `9.5 s`, `2 h 3 min`.
#[must_use]
pub(crate) fn length(us: i64) -> String {
    let seconds = us as f64 / 1e6;
    let trimmed = |text: String| text.trim_end_matches('0').trim_end_matches('.').to_owned();
    match us {
        ..1_000 => format!("{us} us"),
        1_000..1_000_000 => format!("{} ms", trimmed(format!("{:.3}", seconds * 1e3))),
        1_000_000..120_000_000 => format!("{} s", trimmed(format!("{seconds:.3}"))),
        120_000_000..7_200_000_000 => format!("{} min {} s", us / 60_000_000, us / 1_000_000 % 60),
        7_200_000_000..172_800_000_000 => format!("{} h {} min", us / 3_600_000_000, us / 60_000_000 % 60),
        _ => format!("{} days", us / 86_400_000_000),
    }
}

#[cfg(test)]
mod tests {
    use super::super::timebase::Times;
    use super::*;

    fn labels(ticks: &[Tick]) -> Vec<&str> {
        ticks.iter().map(|tick| tick.label.as_str()).collect()
    }

    #[test]
    fn numbers_are_round() {
        assert_eq!(labels(&numbers(0.0, 10.0, 5)), ["0", "2", "4", "6", "8", "10"]);
        assert_eq!(labels(&numbers(-0.3, 0.31, 4)), ["-0.2", "0.0", "0.2"]);
        assert_eq!(
            labels(&numbers(32500.0, 35000.0, 6)),
            ["32500", "33000", "33500", "34000", "34500", "35000"]
        );
        assert_eq!(labels(&numbers(7.0, 7.0, 4)), ["7"]);
        assert_eq!(numbers(f64::NAN, f64::NAN, 4).len(), 1);
        assert_eq!(numbers(f64::NEG_INFINITY, f64::MAX, 4).len(), 1);
    }

    #[test]
    fn times_are_round_times_of_day() {
        let mut times_seen = Times::default();
        (0..190).for_each(|row| times_seen.see((1_698_416_617_020 + row * 50) * 1000));
        let ticks = times(&times_seen.finish(50_000), 6);
        assert_eq!(
            labels(&ticks),
            ["14:23:38", "14:23:40", "14:23:42", "14:23:44", "14:23:46"]
        );
        assert!((ticks[0].at - 980_000.0).abs() < 1.0);
    }

    #[test]
    fn times_that_no_calendar_reaches_are_numbers() {
        assert_eq!(time_of_day(i64::MAX, 1), format!("{} us", i64::MAX));
        assert!(date_and_time(i64::MIN).contains("since 1970"));
    }

    #[test]
    fn lengths_are_said_as_people_say_them() {
        let cases = [
            (50_000, "50 ms"),
            (9_500_000, "9.5 s"),
            (130_000_000, "2 min 10 s"),
            (7_380_000_000, "2 h 3 min"),
        ];
        for (us, text) in cases {
            assert_eq!(length(us), text);
        }
    }
}
