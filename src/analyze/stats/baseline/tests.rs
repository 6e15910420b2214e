mod recordings;

use super::*;
use crate::analyze::stats::TimingSource;
use crate::{
    analyze::stats::{StatsCollector, StatsOptions, delivery::InterArrival},
    file::Header,
};

/// Statistics with one latency and one rate.
fn stats(fps: f64, first_frame_ns: Option<u64>) -> Stats {
    let mut stats = StatsCollector::new(&Header::new(0), StatsOptions::default()).finish();
    stats.totals.frames = 100;
    stats.totals.rows = 200;
    stats.timing.frames_per_s = Some(fps);
    stats.timing.rows_per_s = Some(2.0 * fps);
    stats.timing.megabytes_per_s = Some(4.0);
    stats.timing.first_frame_ns = first_frame_ns;
    stats.timing.inter_arrival = Some(InterArrival {
        count: 99,
        min_ns: 1,
        p50_ns: 100_000_000,
        p95_ns: 110_000_000,
        p99_ns: 120_000_000,
        max_ns: 900_000_000,
        mean_ns: 1e8,
        jitter_ns: 1e6,
    });
    stats
}

fn regressions(before: &Stats, now: &Stats) -> Vec<(&'static str, f64)> {
    compare(&Baseline::of(before), now, DEFAULT_TOLERANCE)
        .into_iter()
        .map(|found| (found.metric, found.worse_by_fraction))
        .collect()
}

#[test]
fn a_baseline_is_read_as_it_was_written() {
    let mut stats = stats(12.5, Some(400_000_000));
    stats.timing.megabytes_per_s = None;
    let baseline = Baseline::of(&stats);
    let text = serde_json::to_string_pretty(&baseline).unwrap();
    assert_eq!(Baseline::parse(&text), Ok(baseline));
    assert!(text.starts_with("{\n  \"baseline\": 1,"), "{text}");
}

#[test]
fn the_same_and_the_better_pass() {
    let before = stats(10.0, Some(400_000_000));
    assert_eq!(regressions(&before, &before), []);
    assert_eq!(regressions(&before, &stats(100.0, Some(1))), []);
}

#[test]
fn worse_by_more_than_the_tolerance_fails_and_says_by_how_much() {
    let before = stats(10.0, Some(400_000_000));
    assert_eq!(regressions(&before, &stats(8.0, Some(480_000_000))), []);
    let found = regressions(&before, &stats(7.5, Some(1_300_000_000)));
    assert_eq!(
        found,
        [("first_frame_ns", 2.25), ("frames_per_s", 0.25), ("rows_per_s", 0.25)]
    );
}

#[test]
fn the_tolerance_can_be_chosen() {
    let (before, now) = (stats(10.0, Some(400_000_000)), stats(8.0, Some(1_300_000_000)));
    assert_eq!(compare(&Baseline::of(&before), &now, 0.05).len(), 3);
    assert_eq!(compare(&Baseline::of(&before), &now, f64::NAN).len(), 3);
    assert_eq!(compare(&Baseline::of(&before), &before, f64::NAN), []);
}

#[test]
fn latencies_within_the_noise_are_alike_however_small_they_are() {
    for (before, now) in [(100_000, 1_000_000), (7_812_000, 16_578_216), (10_000_000, 110_000_000)] {
        assert_eq!(regressions(&stats(10.0, Some(before)), &stats(10.0, Some(now))), []);
    }
    let found = regressions(&stats(10.0, Some(10_000_000)), &stats(10.0, Some(120_000_000)));
    assert_eq!(found, [("first_frame_ns", 11.0)]);
}

#[test]
fn what_is_gone_is_worse_and_what_never_was_is_not_judged() {
    let before = stats(10.0, Some(400_000_000));
    let mut gone = stats(10.0, None);
    gone.timing.frames_per_s = None;
    assert_eq!(
        regressions(&before, &gone),
        [("first_frame_ns", f64::INFINITY), ("frames_per_s", 1.0)]
    );
    assert_eq!(regressions(&gone, &before), []);
}

#[test]
fn a_baseline_of_zero_judges_latencies_only() {
    assert_eq!(regressions(&stats(0.0, Some(0)), &stats(0.0, Some(0))), []);
    assert_eq!(
        regressions(&stats(0.0, Some(0)), &stats(5.0, Some(120_000_000))),
        [("first_frame_ns", f64::INFINITY)]
    );
}

#[test]
fn errors_name_the_key() {
    let good = serde_json::to_value(Baseline::of(&stats(10.0, Some(1)))).unwrap();
    let changed = |key: &str, value: Option<serde_json::Value>| {
        let mut file = good.as_object().unwrap().clone();
        match value {
            Some(value) => drop(file.insert(key.to_owned(), value)),
            None => drop(file.remove(key)),
        }
        Baseline::parse(&serde_json::Value::Object(file).to_string())
            .unwrap_err()
            .to_string()
    };
    for (key, value) in [
        ("rows_per_s", None),
        ("baseline", None),
        ("timing", Some("soon".into())),
        ("first_frame_ns", Some("1 ms".into())),
        ("frames", Some((-1).into())),
        ("fps", Some(1.into())),
        ("baseline", Some(2.into())),
        ("captures", Some(0.into())),
        ("spread", Some(3.into())),
        ("spread", Some(serde_json::json!({"fps": 1.0}))),
        ("spread", Some(serde_json::json!({"frames": -1.0}))),
    ] {
        let said = changed(key, value);
        assert!(said.contains(&format!("`{key}`")), "{said}");
    }
    assert!(
        Baseline::parse("[]")
            .unwrap_err()
            .to_string()
            .contains("no JSON object")
    );
    assert!(Baseline::parse("{").unwrap_err().to_string().contains("line 1"));
}

#[test]
fn a_baseline_of_several_holds_the_medians_and_how_far_they_spread() {
    let all: Vec<_> = [10.0, 9.0, 12.0, 11.0]
        .into_iter()
        .map(|fps| Baseline::of(&stats(fps, Some(400_000_000))))
        .collect();
    let baseline = Baseline::of_several(&all).unwrap();
    assert_eq!((baseline.captures, baseline.frames_per_s), (4, Some(10.5)));
    assert_eq!(baseline.inter_arrival_max_ns, Some(900_000_000.0));
    let spread = baseline.spread["frames_per_s"];
    assert!((spread - 1.291).abs() < 0.001, "{spread}");
    assert!(baseline.spread["first_frame_ns"].abs() < 1e-9);
    let text = serde_json::to_string_pretty(&baseline).unwrap();
    assert_eq!(Baseline::parse(&text), Ok(baseline));

    assert_eq!(Baseline::of_several(&[]), None);
    assert_eq!(Baseline::of_several(&all[..1]), Some(all[0].clone()));
    let mut imported = all[0].clone();
    imported.timing = TimingSource::Rows;
    assert_eq!(Baseline::of_several(&[all[0].clone(), imported]), None);
}

#[test]
fn what_lies_within_the_spread_of_the_captures_is_no_regression() {
    let of = |fps: &[f64]| {
        let all: Vec<_> = fps.iter().map(|fps| Baseline::of(&stats(*fps, None))).collect();
        Baseline::of_several(&all).unwrap()
    };
    let now = stats(8.0, None);
    let judged = |baseline: &Baseline| compare(baseline, &now, baseline.tolerance()).len();
    assert_eq!(judged(&of(&[10.0, 10.1, 9.9])), 2, "frames and rows in a second");
    assert_eq!(judged(&of(&[10.0, 11.0, 9.0])), 0, "it varies so much by itself");
    assert!(of(&[10.0, 10.1, 9.9]).tolerance() < of(&[10.0, 10.1]).tolerance());
}

#[test]
fn a_file_of_an_earlier_build_is_read() {
    let text = r#"{"baseline": 1, "timing": "delivery", "frames": 73.0, "rows": 190.0, "frames_per_s": 12.5,
        "rows_per_s": 32.5, "megabytes_per_s": 0.68, "first_frame_ns": 7812000.0, "inter_arrival_p50_ns": 80000000.0,
        "inter_arrival_p95_ns": 160000000.0, "inter_arrival_p99_ns": null}"#;
    let baseline = Baseline::parse(text).unwrap();
    assert_eq!((baseline.captures, baseline.spread.len()), (1, 0));
    assert_eq!((baseline.frames, baseline.inter_arrival_max_ns), (Some(73.0), None));
}

#[test]
fn times_of_a_delivery_are_not_held_against_those_of_an_import() {
    let before = stats(10.0, Some(400_000_000));
    let mut imported = stats(2.0, Some(4_000_000_000));
    imported.timing.source = TimingSource::Rows;
    assert_eq!(regressions(&before, &imported), []);
    imported.totals.frames = 50;
    assert_eq!(regressions(&before, &imported), [("frames", 0.5)]);
}
