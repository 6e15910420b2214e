use super::*;

/// Rows of one call by start and end; an end of −1 stands for none.
fn timed(asked: RequestedTime, rows: &[(i64, i64)]) -> RowTiming {
    let mut timing = Rows::new(asked);
    timing.start(1);
    for (start, end) in rows {
        let row = Row {
            start_ms: Some(*start),
            end_ms: Some(*end).filter(|end| *end >= 0),
            ..Row::default()
        };
        timing.row(1, &row);
    }
    timing.finish()
}

fn of(rows: &[(i64, i64)]) -> RowTiming {
    timed(RequestedTime::default(), rows)
}

/// `count` rows of 100 ms from `start` on.
fn steady(start: i64, count: i64) -> Vec<(i64, i64)> {
    (0..count)
        .map(|row| (start + row * 100, start + (row + 1) * 100))
        .collect()
}

#[test]
fn a_steady_stream_has_nothing_to_tell() {
    let timing = of(&steady(0, 10));
    assert_eq!((timing.timed, timing.untimed, timing.span_ms), (10, 0, Some(1000)));
    assert_eq!(
        (timing.lines_dt_ms, timing.lines_dt_from),
        (Some(100.0), Some(LinesDt::Duration))
    );
    assert_eq!(timing.durations, [Duration { ms: 100, rows: 10 }]);
    assert_eq!((timing.gaps, timing.overlaps), (Breaks::default(), Breaks::default()));
    assert_eq!(
        [timing.duplicates, timing.late, timing.clock_steps, timing.dropped],
        [0; 4]
    );
}

#[test]
fn missing_rows_are_estimated_and_jitter_is_not_one() {
    let mut rows = steady(1000, 5);
    rows.extend(steady(1500 + 300 + 16, 5));
    rows.extend(steady(2316 - 11, 5));
    rows.extend(steady(2805 + 12, 5));
    let timing = of(&rows);
    assert_eq!((timing.gaps.count, timing.overlaps.count, timing.dropped), (2, 1, 3));
    assert_eq!(timing.gaps.longest_ms.to_bits(), 316.0_f64.to_bits());
    assert_eq!(timing.overlaps.total_ms.to_bits(), 11.0_f64.to_bits());
}

#[test]
fn a_duplicate_is_no_overlap() {
    let mut rows = steady(1000, 5);
    rows.push((1400, 1500));
    rows.push((1200, 1300));
    rows.extend(steady(1500, 2));
    let timing = of(&rows);
    assert_eq!([timing.duplicates, timing.late, timing.dropped], [2, 0, 0]);
    assert_eq!((timing.gaps.count, timing.overlaps.count), (0, 0));
}

#[test]
fn rows_that_changed_places_are_late_and_not_dropped() {
    let mut rows = steady(1000, 5);
    rows.swap(2, 3);
    let timing = of(&rows);
    assert_eq!([timing.late, timing.dropped, timing.duplicates], [1, 0, 0]);
    let mut rows = steady(1000, 5);
    rows.swap(0, 1);
    assert_eq!([of(&rows).late, of(&rows).dropped, of(&rows).clock_steps], [1, 0, 0]);
}

#[test]
fn a_clock_that_went_back_begins_a_new_count() {
    let mut rows = steady(1_000_000, 5);
    rows.extend(steady(5000, 5));
    let timing = of(&rows);
    assert_eq!([timing.clock_steps, timing.late, timing.dropped], [1, 0, 0]);
    assert_eq!(timing.first_start_ms, Some(5000));
}

#[test]
fn rows_without_an_end_are_judged_by_their_step() {
    let starts = [0, 100, 200, 500, 600, 690].map(|start| (start, -1));
    let timing = of(&starts);
    assert_eq!(
        (timing.lines_dt_ms, timing.lines_dt_from),
        (Some(100.0), Some(LinesDt::Step))
    );
    assert_eq!((timing.gaps.count, timing.overlaps.count, timing.dropped), (1, 1, 2));
    assert_eq!(timing.duration_ms, None);
}

#[test]
fn the_jobs_own_lines_dt_wins() {
    let asked = RequestedTime {
        lines_dt_s: Some(0.05),
        window_s: None,
    };
    let timing = timed(asked, &[(0, -1), (50, -1), (150, -1)]);
    assert_eq!((timing.lines_dt_from, timing.dropped), (Some(LinesDt::Configure), 1));
}

#[test]
fn a_row_without_timestamps_is_untimed_and_a_row_at_0_is_not() {
    let timing = of(&[(0, 0), (0, 100), (100, 200)]);
    assert_eq!((timing.timed, timing.untimed, timing.first_start_ms), (2, 1, Some(0)));
    assert_eq!(of(&[]), RowTiming::default());
}

#[test]
fn completeness_is_what_lies_in_the_asked_window() {
    let asked = RequestedTime {
        window_s: Some((10, 12)),
        lines_dt_s: None,
    };
    let mut rows = steady(9950, 5);
    rows.push((10_350, 10_450));
    let found = timed(asked, &rows).completeness.unwrap();
    assert_eq!(found.covered_ms.to_bits(), 450.0_f64.to_bits());
    assert_eq!(found.fraction.to_bits(), 0.225_f64.to_bits());
    let found = timed(asked, &steady(9000, 100)).completeness.unwrap();
    assert_eq!(found.fraction.to_bits(), 1.0_f64.to_bits());
    let found = timed(asked, &[]).completeness.unwrap();
    assert_eq!(found.fraction.to_bits(), 0.0_f64.to_bits());
    assert!(of(&rows).completeness.is_none());
}

#[test]
fn calls_are_followed_apart_from_each_other() {
    let mut timing = Rows::new(RequestedTime::default());
    for call in [1, 2] {
        timing.start(call);
    }
    for (start, end) in steady(0, 5) {
        for call in [1, 2] {
            let row = Row {
                start_ms: Some(start),
                end_ms: Some(end),
                ..Row::default()
            };
            timing.row(call, &row);
        }
    }
    let timing = timing.finish();
    assert_eq!((timing.timed, timing.duplicates, timing.overlaps.count), (10, 0, 0));
}
