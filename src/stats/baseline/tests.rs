use super::*;
use crate::{
    file::Header,
    stats::{InterArrival, StatsCollector, StatsOptions},
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
    let found = regressions(&before, &stats(7.5, Some(600_000_000)));
    assert_eq!(
        found,
        [("first_frame_ns", 0.5), ("frames_per_s", 0.25), ("rows_per_s", 0.25)]
    );
}

#[test]
fn the_tolerance_can_be_chosen() {
    let (before, now) = (stats(10.0, Some(400_000_000)), stats(8.0, Some(480_000_000)));
    assert_eq!(compare(&Baseline::of(&before), &now, 0.05).len(), 3);
    assert_eq!(compare(&Baseline::of(&before), &now, f64::NAN).len(), 3);
    assert_eq!(compare(&Baseline::of(&before), &before, f64::NAN), []);
}

#[test]
fn latencies_within_the_noise_are_alike_however_small_they_are() {
    assert_eq!(
        regressions(&stats(10.0, Some(100_000)), &stats(10.0, Some(1_000_000))),
        []
    );
    let found = regressions(&stats(10.0, Some(100_000)), &stats(10.0, Some(1_100_000)));
    assert_eq!(found, [("first_frame_ns", 10.0)]);
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
        regressions(&stats(0.0, Some(0)), &stats(5.0, Some(2_000_000))),
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
