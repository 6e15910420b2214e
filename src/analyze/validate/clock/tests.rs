use super::*;
use crate::model::finding::Place;

const DT: i64 = 50;

fn row(start_ms: i64) -> RowTime {
    RowTime {
        index: None,
        start_ms: Some(start_ms),
        end_ms: Some(start_ms + DT),
        mark: start_ms as u64,
        place: Place::default(),
        lost: 0,
    }
}

fn numbered(index: i64, start_ms: i64) -> RowTime {
    RowTime {
        index: Some(index),
        end_ms: None,
        mark: index as u64,
        ..row(start_ms)
    }
}

/// Names of what is told, with what counts of it.
fn run(known_s: Option<f64>, rows: impl IntoIterator<Item = RowTime>) -> Vec<String> {
    let mut clock = Clock::new(known_s);
    let mut told = Vec::new();
    for row in rows {
        told.extend(clock.push(row));
    }
    told.extend(clock.finish());
    told.into_iter()
        .map(|irregular| match irregular.what {
            Irregularity::Missing { rows, .. } => format!("missing {rows}"),
            Irregularity::Pause { rows, .. } => format!("pause {rows}"),
            Irregularity::Standstill { rows, whole, .. } => {
                format!("still {rows}{}", if whole { ", whole" } else { "" })
            }
            Irregularity::Duplicate { content, .. } => format!("double {content:?}"),
            Irregularity::Backwards { .. } => "back".to_owned(),
            Irregularity::Overlap { .. } => "overlap".to_owned(),
            Irregularity::Jitter { by_ms } => format!("jitter {by_ms:.0}"),
            Irregularity::Jump { by_ms } => format!("jump {by_ms:.0}"),
            Irregularity::Duration { seen_ms, .. } => format!("lasts {seen_ms}"),
            Irregularity::OtherDt { seen_ms, .. } => format!("dt {seen_ms:.0}"),
        })
        .collect()
}

fn slots(slots: impl IntoIterator<Item = i64>) -> Vec<RowTime> {
    slots.into_iter().map(|slot| row(1_000_000 + slot * DT)).collect()
}

fn told(order: impl IntoIterator<Item = i64>) -> Vec<String> {
    run(None, slots(order))
}

const NOTHING: [&str; 0] = [];

#[test]
fn regular_rows_say_nothing_from_zero_on_and_at_any_length() {
    for count in [0, 1, 2, 3, 15, 16, 17, 200] {
        assert_eq!(told(0..count), NOTHING);
        assert_eq!(run(Some(0.05), (0..count).map(|slot| row(slot * DT))), NOTHING);
    }
}

#[test]
fn rounded_timestamps_neither_jitter_nor_drift() {
    for dt in [33.333_333, 16.667, 7.8125, 3.3, 2.5, 1.0, 0.4] {
        let rounded = |slot: i64| {
            let at = |slot: i64| (slot as f64 * dt).round() as i64;
            RowTime {
                end_ms: Some(at(slot + 1)),
                ..row(at(slot))
            }
        };
        assert_eq!(run(None, (0..3000).map(rounded)), NOTHING, "learnt, {dt}");
        assert_eq!(run(Some(dt / 1000.0), (0..3000).map(rounded)), NOTHING, "known, {dt}");
        if dt > 10.0 {
            let missing = (0..3000).filter(|slot| *slot != 1500 && *slot != 1501).map(rounded);
            assert_eq!(run(None, missing), ["missing 2"], "{dt}");
        }
    }
}

#[test]
fn rows_that_always_overlap_do_so_by_design() {
    let overlapping = |slot: i64| RowTime {
        end_ms: Some(slot * DT + 2 * DT),
        ..row(slot * DT)
    };
    assert_eq!(run(None, (0..100).map(overlapping)), NOTHING);
}

#[test]
fn holes_are_counted_wherever_they_are() {
    assert_eq!(told((0..40).filter(|slot| !(20..23).contains(slot))), ["missing 3"]);
    assert_eq!(
        told((0..40).filter(|slot| *slot != 2)),
        ["missing 1"],
        "before the duration is learnt"
    );
    assert_eq!(told([0, 2]), ["missing 1"], "by the length of the rows");
    assert_eq!(
        told((0..300).filter(|slot| *slot != 20)),
        ["missing 1"],
        "long before the end"
    );
    let every_other = told((0..60).step_by(2));
    assert_eq!(every_other, ["missing 1"; 29]);
}

#[test]
fn an_hour_is_a_pause() {
    let rows = (0..30).chain(72_000..72_030);
    assert_eq!(told(rows), ["pause 71970"]);
}

#[test]
fn doubled_rows_are_told_and_nothing_else() {
    let order = [
        0, 1, 2, 3, 2, 3, 4, 5, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 15, 18, 19,
    ];
    assert_eq!(told(order), ["double Same"; 4]);
    let mut other = row(1_000_000 + 20 * DT);
    other.mark = 1;
    let mut rows = slots(0..30);
    rows.insert(21, other);
    assert_eq!(run(None, rows), ["double Other"]);
}

#[test]
fn rows_out_of_order_are_no_missing_rows() {
    let swapped = |a: i64, b: i64, len: i64| {
        let messages = (0..len).map(move |message| {
            if message == a {
                b
            } else if message == b {
                a
            } else {
                message
            }
        });
        messages.flat_map(|message| [2 * message, 2 * message + 1])
    };
    assert_eq!(told(swapped(10, 11, 30)), ["back"]);
    assert_eq!(told(swapped(1, 2, 30)), ["back"], "while the duration is learnt");
    assert_eq!(told(swapped(28, 29, 30)), ["back"], "at the end");
    let single: Vec<i64> = (0..20).chain([21, 20]).chain(22..50).collect();
    assert_eq!(told(single), ["back"]);
    let late: Vec<i64> = (0..20).chain(21..50).chain([20]).chain(50..60).collect();
    assert_eq!(told(late), ["back"], "30 rows late");
    let too_late: Vec<i64> = (0..20).chain(21..120).chain([20]).chain(120..140).collect();
    assert_eq!(told(too_late), ["missing 1", "back"], "100 rows late");
}

#[test]
fn one_wrong_timestamp_costs_one_irregularity() {
    for (wrong, len) in [
        (-1000, 60),
        (5, 60),
        (5, 22),
        (100_000, 60),
        (23, 60),
        (22, 120),
        (100, 200),
    ] {
        let rows = (0..len).map(|slot| {
            let mut row = row(1_000_000 + if slot == 20 { wrong } else { slot } * DT);
            row.mark = slot as u64;
            row
        });
        let told = run(None, rows);
        let expected: &[&str] = if wrong == 100_000 {
            &["pause 99980", "back"]
        } else {
            &["back"]
        };
        assert_eq!(told, expected, "{wrong} of {len}");
    }
}

#[test]
fn a_clock_that_is_set_back_goes_on_from_there() {
    let rows = (0..40)
        .map(|slot| (slot, slot))
        .chain((40..200).map(|slot| (slot, slot - 7)));
    let rows = rows.map(|(slot, at)| RowTime {
        mark: slot as u64,
        ..row(1_000_000 + at * DT)
    });
    assert_eq!(run(None, rows), ["back"]);
    let there_and_back = (0..40).map(|slot| (slot, if (20..24).contains(&slot) { slot - 100 } else { slot }));
    let rows = there_and_back.map(|(slot, at)| RowTime {
        mark: slot as u64,
        ..row(1_000_000 + at * DT)
    });
    assert_eq!(run(None, rows), ["back"]);
}

#[test]
fn small_deviations_are_jitter_and_larger_ones_overlap() {
    let shifted = |by: i64| (0..40).map(move |slot| row(1_000_000 + slot * DT + if slot < 20 { 0 } else { by }));
    assert_eq!(run(None, shifted(2)), NOTHING);
    assert_eq!(run(None, shifted(3)), ["jitter 3"]);
    assert_eq!(run(None, shifted(-24)), ["jitter -24"]);
    assert_eq!(run(None, shifted(-30)), ["overlap"]);
    assert_eq!(run(None, shifted(26)), ["missing 1"]);
}

#[test]
fn rows_that_are_known_to_be_lost_are_no_news() {
    let mut clock = Clock::new(None);
    let mut told = Vec::new();
    for slot in (0..40).filter(|slot| !(5..8).contains(slot)) {
        if slot == 8 {
            clock.lose(2);
        }
        told.extend(clock.push(row(slot * DT)));
    }
    told.extend(clock.finish());
    assert!(
        matches!(
            told.as_slice(),
            [Irregular {
                what: Irregularity::Missing { rows: 1, .. },
                ..
            }]
        ),
        "{told:?}"
    );
}

#[test]
fn a_known_duration_that_the_rows_contradict_is_told_and_left() {
    let rows = slots((0..40).filter(|slot| *slot != 30));
    assert_eq!(run(Some(0.05), rows.clone()), ["missing 1"]);
    assert_eq!(run(Some(3600.0), rows.clone()), ["dt 50", "missing 1"]);
    assert_eq!(run(Some(0.025), rows), ["dt 50", "missing 1"]);
    let halved = (0..40).map(|slot| RowTime {
        end_ms: None,
        ..row(2 * slot * DT)
    });
    assert_eq!(
        run(Some(0.05), halved),
        ["missing 1"; 39],
        "rows that do not say how long they are"
    );
}

#[test]
fn numbered_rows_are_judged_by_their_numbers() {
    let regular = |from: i64, to: i64| (from..to).map(|index| numbered(index, index * DT));
    assert_eq!(run(None, regular(0, 40)), NOTHING);
    assert_eq!(run(None, regular(0, 20).chain(regular(22, 40))), ["missing 2"]);
    assert_eq!(run(None, regular(0, 20).chain(regular(19, 40))), ["double Same"]);
    assert_eq!(
        run(
            None,
            regular(0, 20)
                .chain(regular(21, 22))
                .chain(regular(20, 21))
                .chain(regular(22, 40))
        ),
        ["back"]
    );
    let paused = regular(0, 20).chain((20..40).map(|index| numbered(index, index * DT + 3_600_000)));
    assert_eq!(run(None, paused), ["jump 3600000"]);
    let stepped = (0..40).map(|row| numbered(row * 4, row * DT));
    assert_eq!(run(None, stepped), NOTHING);
    let unnumbered = (0..40).filter(|slot| *slot != 30).map(|slot| RowTime {
        mark: slot as u64,
        ..numbered(0, slot * DT)
    });
    assert_eq!(run(None, unnumbered), ["missing 1"]);
    let untimed = (0..40).filter(|index| *index != 30).map(|index| RowTime {
        start_ms: None,
        ..numbered(index, 0)
    });
    assert_eq!(run(None, untimed), ["missing 1"]);
}

#[test]
fn a_new_duration_in_mid_stream_is_learnt() {
    let faster = (0..40).map(|slot| row(slot * DT)).chain((0..400).map(|slot| RowTime {
        end_ms: Some(40 * DT + slot * 20 + 20),
        ..row(40 * DT + slot * 20)
    }));
    let told = run(None, faster);
    assert!(!told.is_empty() && told.len() < 100, "{} irregularities", told.len());
}

#[test]
fn memory_stays_bounded_on_hostile_times() {
    let mut clock = Clock::new(None);
    let mut start = 1_i64;
    for _ in 0..10_000 {
        start = start
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        clock.push(row(start / 4));
    }
    clock.push(row(i64::MIN / 2));
    clock.push(row(i64::MAX / 2));
    assert!(clock.holes.len() <= MAX_HOLES && clock.history.len() as u64 <= WINDOW && clock.warm.is_empty());
}

#[test]
fn a_clock_that_stands_still_is_told_once_and_its_rows_are_neither_doubled_nor_missing() {
    let still = |from: i64, to: i64, resume: i64| {
        (0..100).map(move |slot| RowTime {
            mark: slot as u64,
            ..match slot {
                slot if slot < from => row(slot * DT),
                slot if slot < to => row(from * DT),
                slot => row((slot - to + resume) * DT),
            }
        })
    };
    for known in [None, Some(0.05)] {
        assert_eq!(run(known, still(40, 60, 60)), ["still 20"], "it catches up");
        assert_eq!(run(known, still(40, 60, 41)), ["still 20"], "it goes on");
        assert_eq!(run(known, still(40, 100, 0)), ["still 60"], "it never goes on");
        assert_eq!(run(known, still(0, 100, 0)), ["still 100, whole"]);
        assert_eq!(run(known, still(0, 40, 1)), ["still 40"], "from the beginning");
        let few = ["double Other", "double Other", "missing 2"];
        assert_eq!(run(known, still(40, 43, 43)), few, "few rows are doubles");
    }
}

#[test]
fn numbered_rows_at_one_time_are_a_clock_that_stands_still_whatever_they_hold() {
    let rows = (0..50).map(|index| RowTime {
        mark: 7,
        ..numbered(index, 1_000)
    });
    assert_eq!(run(None, rows), ["still 50, whole"]);
}
