//! The time axis: wall-clock times laid out on a line, with pauses of hours cut short.

/// Largest number of separate stretches of time. Beyond that, the two that lie closest become one.
const MAX_SEGMENTS: usize = 64;

/// Longest pause that is always drawn to scale.
const LONGEST_DRAWN_US: i64 = 10_000_000;

/// A pause up to this many row times is drawn to scale, too.
const ROWS_DRAWN: i64 = 20;

/// Share of the axis that a shortened pause takes …
const PAUSE_SHARE: f64 = 0.03;

/// … and largest share of all of them together.
const PAUSES_SHARE: f64 = 0.3;

/// A stretch of time without a long pause in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::struct_field_names, reason = "names tell their units")]
pub struct Segment {
    /// Start of the stretch, microseconds since the Unix epoch.
    pub start_us: i64,
    /// Length of the stretch, microseconds.
    pub length_us: i64,
    /// Position of the stretch on the axis, microseconds from the axis' start.
    pub at_us: i64,
}

/// The time axis of a capture.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Timebase {
    /// The stretches in order of time; empty without a row. What lies between two of them is a pause that was cut short.
    pub segments: Vec<Segment>,
    /// The length of the axis, microseconds.
    pub length_us: i64,
    /// Usual time from one row to the next, microseconds.
    pub row_us: i64,
}

impl Timebase {
    /// The position of a wall-clock time on the axis; `None` outside of every stretch.
    #[must_use]
    pub fn at_us(&self, wall_us: i64) -> Option<i64> {
        let behind = self.segments.partition_point(|segment| segment.start_us <= wall_us);
        let segment = self.segments.get(behind.checked_sub(1)?)?;
        let within = wall_us.saturating_sub(segment.start_us);
        (within <= segment.length_us).then(|| segment.at_us.saturating_add(within))
    }

    /// The wall-clock time at a position of the axis, microseconds since the Unix epoch; `None` within a pause that was
    /// cut short.
    #[must_use]
    pub fn wall_us(&self, at_us: i64) -> Option<i64> {
        let behind = self.segments.partition_point(|segment| segment.at_us <= at_us);
        let segment = self.segments.get(behind.checked_sub(1)?)?;
        let within = at_us.saturating_sub(segment.at_us);
        (within < segment.length_us.max(1)).then(|| segment.start_us.saturating_add(within))
    }

    /// The shortened pauses: begin and end on the axis, and their true length, all in microseconds.
    pub fn pauses(&self) -> impl Iterator<Item = (i64, i64, i64)> + '_ {
        self.segments.windows(2).filter_map(|pair| match pair {
            [before, after] => Some((
                before.at_us.saturating_add(before.length_us),
                after.at_us,
                after
                    .start_us
                    .saturating_sub(before.start_us.saturating_add(before.length_us)),
            )),
            _ => None,
        })
    }
}

/// The time axis under construction: stretches as first and last time, in order.
#[derive(Debug, Clone, Default)]
pub(super) struct Times {
    spans: Vec<(i64, i64)>,
}

impl Times {
    /// Notes a row at this wall-clock time.
    pub(super) fn see(&mut self, wall_us: i64) {
        let behind = self.spans.partition_point(|(first, _)| *first <= wall_us);
        let before = behind.checked_sub(1);
        if before.is_some_and(|at| wall_us <= self.spans[at].1) {
            return;
        }
        let reach = self.reach(0);
        let distance_before = before.map(|at| wall_us.saturating_sub(self.spans[at].1));
        let distance_behind = self.spans.get(behind).map(|(first, _)| first.saturating_sub(wall_us));
        let near = |distance: Option<i64>| distance.filter(|distance| *distance <= reach);
        match (near(distance_before), near(distance_behind), before) {
            (Some(_), _, Some(at)) => self.spans[at].1 = wall_us,
            (_, Some(_), _) => self.spans[behind].0 = wall_us,
            _ => self.spans.insert(behind, (wall_us, wall_us)),
        }
        if self.spans.len() > MAX_SEGMENTS {
            self.join_closest();
        }
    }

    /// Largest distance of two rows in one stretch: what was seen so far, twice.
    fn reach(&self, row_us: i64) -> i64 {
        let seen = self.spans.iter().map(|(first, last)| last.saturating_sub(*first));
        let seen = seen.fold(0_i64, i64::saturating_add);
        LONGEST_DRAWN_US
            .max(row_us.saturating_mul(ROWS_DRAWN))
            .saturating_add(seen.saturating_mul(2))
    }

    fn join_closest(&mut self) {
        let distance = |at: &usize| self.spans[at + 1].0.saturating_sub(self.spans[*at].1);
        if let Some(at) = (0..self.spans.len().saturating_sub(1)).min_by_key(distance) {
            let (_, last) = self.spans.remove(at + 1);
            self.spans[at].1 = self.spans[at].1.max(last);
        }
    }

    /// Returns the axis; a row lasts `row_us`.
    pub(super) fn finish(mut self, row_us: i64) -> Timebase {
        let row_us = row_us.max(1);
        loop {
            let before = self.spans.len();
            let reach = self.reach(row_us);
            self.spans = self.spans.iter().fold(Vec::new(), |mut joined, span| {
                match joined.last_mut() {
                    Some((_, last)) if span.0.saturating_sub(*last) <= reach => *last = span.1.max(*last),
                    _ => joined.push(*span),
                }
                joined
            });
            if self.spans.len() == before {
                break;
            }
        }
        // Beyond a thousand years nothing has to be exact, and sums must not overflow.
        let length = |(first, last): &(i64, i64)| last.saturating_sub(*first).min(1 << 55).saturating_add(row_us);
        let drawn = self.spans.iter().map(length).fold(0, i64::saturating_add);
        let pauses = self.spans.len().saturating_sub(1).max(1);
        let share = PAUSE_SHARE.min(PAUSES_SHARE / pauses as f64);
        // Whole rows, so that the rows behind a pause fall on the same grid.
        let pause_rows = ((drawn as f64 * share / row_us as f64) as i64).max(2);
        let rows = |us: i64| us.saturating_add(row_us - 1) / row_us;
        let (mut segments, mut at_us) = (Vec::new(), 0_i64);
        for span in &self.spans {
            if !segments.is_empty() {
                at_us = at_us.saturating_add(pause_rows.saturating_mul(row_us));
            }
            let length_us = length(span);
            segments.push(Segment {
                start_us: span.0,
                length_us,
                at_us,
            });
            at_us = at_us.saturating_add(rows(length_us).saturating_mul(row_us));
        }
        Timebase {
            segments,
            length_us: at_us,
            row_us,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: i64 = 1_000_000;

    fn base(times_s: &[i64]) -> Timebase {
        let mut times = Times::default();
        for s in times_s {
            times.see(s * SECOND);
        }
        times.finish(SECOND)
    }

    #[test]
    fn a_steady_recording_is_one_stretch_whatever_the_order() {
        for order in [[0, 1, 2, 3, 4], [4, 0, 3, 1, 2]] {
            let base = base(&order);
            assert_eq!((base.segments.len(), base.length_us), (1, 5 * SECOND));
            assert_eq!(base.at_us(3 * SECOND), Some(3 * SECOND));
            assert_eq!(base.wall_us(3 * SECOND), Some(3 * SECOND));
            assert_eq!(base.at_us(7 * SECOND), None);
        }
    }

    #[test]
    fn a_pause_of_hours_is_cut_short_and_a_short_one_is_not() {
        let base = base(&[0, 5, 10, 10_000, 10_005]);
        assert_eq!(base.segments.len(), 2);
        let (begin, end, truth) = base.pauses().next().unwrap();
        assert_eq!((begin, end, truth), (11 * SECOND, 13 * SECOND, 9_989 * SECOND));
        assert_eq!(base.at_us(10_005 * SECOND), Some(18 * SECOND));
        assert_eq!(base.wall_us(12 * SECOND), None, "within the pause");
    }

    #[test]
    fn slow_rows_and_wild_clocks_keep_the_axis_bounded() {
        let mut times = Times::default();
        (0..1000).for_each(|row| times.see(row * 60 * SECOND));
        assert_eq!(times.finish(60 * SECOND).segments.len(), 1);
        let mut times = Times::default();
        let mut at = 1_i64;
        for _ in 0..1000 {
            at = at
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            times.see(at);
            assert!(times.spans.len() <= MAX_SEGMENTS);
        }
        for extreme in [i64::MIN, i64::MAX, 0] {
            times.see(extreme);
        }
        let base = times.finish(1);
        assert!(base.length_us > 0);
        assert!(base.segments.windows(2).all(|pair| pair[0].start_us < pair[1].start_us));
        assert_eq!(base.at_us(i64::MIN).map(|at| base.wall_us(at)), Some(Some(i64::MIN)));
    }

    #[test]
    fn without_a_row_there_is_no_axis() {
        let base = Times::default().finish(1);
        assert_eq!((base.length_us, base.at_us(0), base.wall_us(0)), (0, None, None));
    }
}
