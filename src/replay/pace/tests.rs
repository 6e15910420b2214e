use super::*;

const SECOND: u64 = 1_000_000_000;

#[test]
fn each_step_is_anchored_at_the_start_of_the_call() {
    let schedule = Schedule::new(Rate::RECORDED, 7 * SECOND);
    for s in [7, 8, 4000] {
        assert_eq!(schedule.due(s * SECOND), Some(Duration::from_secs(s - 7)));
    }
}

#[test]
fn a_rate_divides_the_recorded_time() {
    let ten_times = Schedule::new(Rate::times(10.0).unwrap(), 0);
    assert_eq!(ten_times.due(SECOND), Some(Duration::from_millis(100)));
    let a_tenth = Schedule::new(Rate::times(0.1).unwrap(), 0);
    assert_eq!(a_tenth.due(SECOND), Some(Duration::from_secs(10)));
}

#[test]
fn the_recorded_rate_is_exact_to_the_nanosecond_for_centuries() {
    let schedule = Schedule::new(Rate::RECORDED, 0);
    assert_eq!(schedule.due(u64::MAX), Some(Duration::from_nanos(u64::MAX)));
}

#[test]
fn max_is_always_due() {
    assert_eq!(Schedule::new(Rate::Max, 0).due(u64::MAX), None);
}

#[test]
fn a_step_recorded_before_the_opening_is_due_at_the_start() {
    assert_eq!(Schedule::new(Rate::RECORDED, 5).due(3), Some(Duration::ZERO));
}

#[test]
fn an_absurdly_slow_rate_saturates() {
    let schedule = Schedule::new(Rate::times(f64::MIN_POSITIVE).unwrap(), 0);
    assert_eq!(schedule.due(SECOND), Some(Duration::from_nanos(u64::MAX)));
}

#[test]
fn rates_are_read_and_shown_as_the_command_line_writes_them() {
    for text in ["0.1", "1", "1000", "max"] {
        assert_eq!(text.parse::<Rate>().unwrap().to_string(), text);
    }
    for text in ["0", "-1", "NaN", "inf", "", "fast"] {
        let error = text.parse::<Rate>().unwrap_err().to_string();
        assert!(error.contains(&format!("{text:?}")), "{error}");
    }
}
