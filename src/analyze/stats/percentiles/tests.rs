use super::*;

/// Values that repeat only after a long time, between −160 and 60 dB, without a library of chance.
fn decibels(count: usize, mut seed: u32) -> Vec<f32> {
    let mut next = || {
        seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (seed >> 8) as f32 / 16_777_216.0
    };
    (0..count).map(|_| -160.0 + 220.0 * next()).collect()
}

fn filled(limit: usize, slots: &[Vec<f32>]) -> Collected {
    let mut collected = Collected::new(limit);
    for values in slots {
        let slot = collected.open();
        values.chunks(7).for_each(|run| add(&mut collected, slot, run));
    }
    collected
}

fn add(collected: &mut Collected, slot: usize, run: &[f32]) {
    let extremes = run.iter().fold((f32::MAX, f32::MIN), |(min, max), value| {
        (min.min(*value), max.max(*value))
    });
    collected.make_room(run.len());
    collected.add(slot, run, extremes);
}

fn list(percentiles: &Percentiles) -> [f64; 7] {
    let p = percentiles;
    [p.p01, p.p05, p.p25, p.p50, p.p75, p.p95, p.p99]
}

/// Equal to the last bit.
fn are(percentiles: &Percentiles, expected: [f64; 7]) {
    assert_eq!(
        list(percentiles).map(f64::to_bits),
        expected.map(f64::to_bits),
        "{percentiles:?}"
    );
}

#[test]
fn keys_sort_as_floats_do_and_give_them_back() {
    let values = [f32::MIN, -160.5, -1.0, -1e-40, 0.0, 1e-40, 0.5, 60.25, f32::MAX];
    assert!(values.is_sorted_by_key(|value| key(*value)));
    for float in values {
        assert_eq!(value(key(float)).to_bits(), f64::from(float).to_bits());
    }
    assert_eq!(key(-0.0), key(0.0));
}

#[test]
fn percentiles_are_interpolated_as_numpy_does() {
    // numpy.percentile([0, 1, …, 10], [1, 5, 25, 50, 75, 95, 99])
    let values = (0..=10).map(|value| value as f32).collect::<Vec<_>>();
    let found = filled(100, &[values]).whole().unwrap();
    are(&found, [0.1, 0.5, 2.5, 5.0, 7.5, 9.5, 9.9]);
    assert_eq!((found.approximate, found.relative_error), (false, 0.0));
    let one = filled(100, &[vec![-3.0]]).whole().unwrap();
    are(&one, [-3.0; 7]);
    assert_eq!(filled(100, &[vec![]]).whole(), None);
}

#[test]
fn the_whole_is_that_of_all_slots_joined() {
    let slots = [decibels(1000, 1), decibels(10, 2), vec![], decibels(333, 3)];
    let joined = [slots.concat()];
    assert_eq!(filled(10_000, &slots).whole(), filled(10_000, &joined).whole());
    assert_eq!(
        filled(10_000, &slots).slot(3),
        filled(10_000, &[decibels(333, 3)]).whole()
    );
}

#[test]
fn beyond_the_limit_percentiles_stay_within_the_stated_error() {
    let slots = [decibels(5000, 4), decibels(5000, 5), decibels(64, 6)];
    let (exact, counted) = (filled(20_000, &slots), filled(6000, &slots));
    let pairs = (0..3)
        .map(|slot| (exact.slot(slot), counted.slot(slot)))
        .chain([(exact.whole(), counted.whole())]);
    let mut differ = 0;
    for (exact, counted) in pairs {
        let (exact, counted) = (exact.unwrap(), counted.unwrap());
        assert!(!exact.approximate && counted.approximate);
        for (exact, counted) in list(&exact).into_iter().zip(list(&counted)) {
            // Percentiles that lie between values of both signs owe their error to the larger of the two.
            let allowed = exact.abs() * HISTOGRAM_ERROR + 0.02;
            assert!((exact - counted).abs() <= allowed, "{exact} and {counted}");
            differ += u32::from(exact.to_bits() != counted.to_bits());
        }
    }
    assert!(differ > 0, "the histogram was never used");
}

#[test]
fn the_switch_happens_only_beyond_the_limit() {
    let values = decibels(70, 7);
    assert!(!filled(70, std::slice::from_ref(&values)).whole().unwrap().approximate);
    assert!(filled(69, &[values]).whole().unwrap().approximate);
}

#[test]
fn a_slot_without_room_is_given_up_and_the_whole_is_not() {
    let mut collected = Collected::new(0);
    // A table and a page for the first; the second needs another page.
    collected.room = 4;
    let (first, second) = (collected.open(), collected.open());
    add(&mut collected, first, &[1.0, 1.5]);
    add(&mut collected, second, &[1.0, -1.0]);
    assert!(collected.slot(first).is_some());
    assert_eq!(collected.slot(second), None);
    assert_eq!(collected.whole().unwrap().p99.signum().to_bits(), 1.0_f64.to_bits());
}

#[test]
fn a_histogram_gives_nothing_beyond_its_extremes() {
    let collected = filled(0, &[vec![-100.3, -100.3]]);
    are(&collected.whole().unwrap(), [f64::from(-100.3_f32); 7]);
}

#[test]
fn many_keys_are_found_where_they_are_as_few_are_in_a_copy() {
    let slots = [decibels(MAX_COPIED + 1, 8), vec![-80.5; 1000], vec![0.0, -0.0, 1e-40]];
    let collected = filled(usize::MAX, &slots);
    let mut all = slots.concat();
    all.sort_by(f32::total_cmp);
    let ranks = Ranks::of(all.len() as u64).unwrap();
    let mut keys: Vec<u32> = all.iter().rev().map(|value| key(*value)).collect();
    let expected = Percentiles::at(&ranks, ranks.select(&mut keys), false);
    are(&collected.whole().unwrap(), list(&expected));
    let median = f64::midpoint(f64::from(all[all.len() / 2]), f64::from(all[(all.len() - 1) / 2]));
    assert!((expected.p50 - median).abs() < 1e-9);
}

#[test]
fn selected_keys_are_those_of_the_sorted_ones() {
    for count in (1..40).chain([255, 256, 257, 1000]) {
        let mut keys: Vec<u32> = decibels(count, 9).iter().map(|value| key(*value) & !0xfff).collect();
        let ranks = Ranks::of(count as u64).unwrap();
        let found = ranks.select(&mut keys.clone());
        let searched = ranks.search(|| keys.chunks(100));
        keys.sort_unstable();
        let half = Percentiles::at(&ranks, found, false).p50;
        let expected = f64::midpoint(value(keys[count / 2]), value(keys[(count - 1) / 2]));
        assert!((half - expected).abs() < 1e-9, "{count}");
        assert_eq!(found, searched, "{count}");
    }
}

#[test]
fn counts_that_outgrow_their_blocks_are_kept() {
    let mut blocks = Blocks::new();
    let (mut wide, mut narrow) = (Counts::default(), Counts::moving(10));
    for values in decibels(500, 10).chunks(7) {
        let halves: Vec<u16> = values.iter().map(|value| (key(*value) >> 16) as u16).collect();
        let keys = || values.iter().map(|value| key(*value));
        let extremes = (keys().min().unwrap(), keys().max().unwrap());
        for counts in [&mut wide, &mut narrow] {
            counts.add(&halves, extremes, &mut blocks, &mut 100_000).unwrap();
        }
    }
    assert_eq!(
        wide.iter(&blocks).collect::<Vec<_>>(),
        narrow.iter(&blocks).collect::<Vec<_>>()
    );
    assert_eq!((wide.count(), narrow.count()), (500, 500));
}

#[test]
fn keys_become_counts_in_less_memory() {
    let slots: Vec<_> = (0..50).map(|seed| vec![-80.0 - seed as f32 / 10.0; 2000]).collect();
    let mut collected = filled(100_000, &slots);
    assert_eq!(collected.blocks.len(), 400);
    let slot = collected.open();
    // As many blocks as there may be, of which keys have more.
    collected.room = 102;
    add(&mut collected, slot, &[1.0]);
    // A table and a page for each.
    assert_eq!((collected.blocks.len(), collected.room), (102, 0));
    for (slot, values) in slots.iter().enumerate() {
        let found = collected.slot(slot).unwrap();
        assert!(found.approximate && (found.p50 - f64::from(values[0])).abs() < 1e-9);
    }
}
