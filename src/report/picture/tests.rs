use super::{
    cube::Cube,
    raster::{Raster, Slots},
    timebase::Timebase,
    *,
};

fn time(rows: i64, row_us: i64) -> Timebase {
    let mut times = timebase::Times::default();
    (0..rows).for_each(|row| times.see(row * row_us));
    times.finish(row_us)
}

#[test]
fn slots_are_whole_rows_and_every_row_has_one() {
    let time = time(1000, 50_000);
    let slots = Slots::of(&time, 300);
    assert_eq!((slots.count, slots.length_us), (250, 200_000));
    for row in 0..1000 {
        for jitter in [-20_000, 0, 20_000] {
            let slot = slots.at(row * 50_000 + jitter);
            assert_eq!(slot, (row / 4) as usize, "row {row}, jitter {jitter}");
        }
    }
    assert_eq!((slots.at(i64::MIN), slots.at(i64::MAX)), (0, 249));
}

#[test]
fn the_largest_of_the_rows_in_a_slot_stays_visible() {
    let mut raster = Raster::new(2, 2);
    for value in [-5.0, 20.0, -4.0, f32::NAN, f32::NEG_INFINITY] {
        raster.put(0, 1, value);
    }
    assert_eq!(raster.get(0, 1), Cell::Value(20.0));
    assert_eq!((raster.get(1, 1), raster.get(9, 9)), (Cell::Gap, Cell::Gap));
    raster.put(1, 0, f32::NAN);
    raster.put(7, 0, 1.0);
    assert_eq!(raster.get(1, 0), Cell::Dead);
    let limits = Limits { low: 0.0, high: 40.0 };
    assert_eq!(raster.quantised(limits), [0, 1, 2 + 127, 0]);
}

#[test]
fn a_hole_that_jitter_explains_is_closed_and_a_gap_is_not() {
    let mut raster = Raster::new(9, 1);
    let filled = [true, false, true, false, false, false, true, true, false];
    for slot in (0..9).filter(|slot| filled[*slot]) {
        raster.put(slot, 0, slot as f32);
    }
    raster.close(&filled, 1);
    let cells: Vec<_> = (0..9).map(|slot| raster.get(slot, 0)).collect();
    assert_eq!(cells[1], Cell::Value(0.0));
    assert_eq!(cells[3..6], [Cell::Gap; 3]);
    assert_eq!(cells[8], Cell::Gap, "nothing follows");
}

#[test]
fn a_cube_fits_its_cells_and_gives_each_sensor_its_spectrogram() {
    for (slots, columns, bins, most) in [
        (190, 51, 100, 1_000_000),
        (640, 500, 256, 1_000_000),
        (1, 1, 1, 0),
        (5, 512, 8192, 1000),
    ] {
        let (fitting, each) = Cube::shape(slots, columns, bins, most);
        assert!((1..=slots).contains(&fitting) && each >= 1);
        assert!(
            fitting * columns * bins.div_ceil(each) <= most.max(columns * 8),
            "{slots} {columns} {bins}"
        );
    }
    assert_eq!(Cube::shape(190, 51, 100, 1_000_000), (190, 1));
    let mut cube = Cube::new(2, 3, 2, 2);
    cube.raster.put(1, 2 * 2 + 1, 7.0);
    assert_eq!(cube.spectrogram(2).get(1, 1), Cell::Value(7.0));
    assert_eq!(cube.spectrogram(1).get(1, 1), Cell::Gap);
}

#[test]
fn a_picture_of_no_bins_has_no_ticks() {
    assert!(draw::bin_ticks(0, None, 10).is_empty());
    assert!(draw::bin_ticks(0, Some(&[1.0, 2.0]), 10).is_empty());
    assert!(!draw::bin_ticks(2, None, 10).is_empty());
}
