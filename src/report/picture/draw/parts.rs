//! Parts of pictures: image, axes, legend, marks, bars.

use super::sheet::{LABEL, LINE, Mark, SMALL, Sheet};
use crate::report::picture::{
    canvas::{Align, Area, Canvas, cut, text_width},
    colour::{self, BAR, DEAD, FAINT, GAP, INK},
    font::capitals,
    painter::Pictures,
    raster::{Cell, Limits, Raster},
    scale,
};

/// Smallest distance of labels on the time axis, in pixels.
const TIME_LABEL: usize = 170;

/// Which column is drawn at the top.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Up {
    First,
    Last,
}

pub(super) fn image(canvas: &mut Canvas, area: Area, raster: &Raster, limits: Limits, up: Up) {
    let map = colour::map();
    for y in 0..area.height {
        let row = y * raster.columns / area.height;
        let column = if up == Up::First {
            row
        } else {
            raster.columns.saturating_sub(1 + row)
        };
        for x in 0..area.width {
            // More slots than pixels: the largest of those that share one.
            let (first, end) = (x * raster.slots / area.width, (x + 1) * raster.slots / area.width);
            let colour = match largest(raster, first, end, column) {
                Cell::Value(value) => colour::of(&map, limits.share(value)),
                Cell::Dead => DEAD[(x / 4 + y / 4) % 2],
                Cell::Gap => GAP[(x + y) / 6 % 2],
            };
            canvas.dot(area.left + x, area.top + y, colour);
        }
    }
    if raster.slots * raster.columns == 0 {
        nothing(canvas, area);
    }
    canvas.frame(area, INK);
}

pub(super) fn nothing(canvas: &mut Canvas, area: Area) {
    let (x, y) = (area.left + area.width / 2, area.top + area.height / 2);
    canvas.text(x, y, LABEL, Align::Middle, "nothing to draw", INK);
}

pub(super) fn largest(raster: &Raster, first: usize, end: usize, column: usize) -> Cell {
    let mut cell = raster.get(first, column);
    for slot in first + 1..end {
        cell = match (cell, raster.get(slot, column)) {
            (Cell::Value(a), Cell::Value(b)) => Cell::Value(a.max(b)),
            (Cell::Value(a), _) | (_, Cell::Value(a)) => Cell::Value(a),
            (Cell::Dead, _) | (_, Cell::Dead) => Cell::Dead,
            _ => Cell::Gap,
        };
    }
    cell
}

pub(super) fn band(at: usize, of: usize, height: usize) -> (usize, usize) {
    let of = of.max(1);
    (at * height / of, (at + 1) * height / of)
}

pub(super) fn share_of_time(at_us: Option<i64>, pictures: &Pictures) -> Option<f64> {
    let length = pictures.slots.length_us.saturating_mul(pictures.slots.count as i64);
    at_us.map(|at| (at as f64 / length.max(1) as f64).clamp(0.0, 1.0))
}

pub(super) fn time_axis(canvas: &mut Canvas, area: Area, pictures: &Pictures) {
    let time = &pictures.plan.time;
    let x = |at: f64| {
        let share = share_of_time(Some(at as i64), pictures).unwrap_or(0.0);
        area.left + (share * (area.width - 1) as f64) as usize
    };
    let mut free = 0;
    for tick in scale::times(time, area.width / TIME_LABEL) {
        let x = x(tick.at);
        canvas.fill(
            Area {
                left: x,
                top: area.bottom(),
                width: 1,
                height: 6,
            },
            INK,
        );
        let half = text_width(&tick.label, LABEL) / 2;
        if x.saturating_sub(half) >= free {
            canvas.text(x, area.bottom() + 12, LABEL, Align::Middle, &tick.label, INK);
            free = x + half + 12;
        }
    }
    for (begin, end, truth) in time.pauses() {
        let (left, right) = (x(begin as f64), x(end as f64));
        let text = format!("{} pause", scale::length(truth));
        canvas.text(
            usize::midpoint(left, right),
            area.top - 30,
            SMALL,
            Align::Middle,
            &text,
            FAINT,
        );
    }
    if let (Some(first), Some(last)) = (time.segments.first(), time.segments.last()) {
        let end = last.start_us.saturating_add(last.length_us);
        let text = format!(
            "{} to {}",
            scale::date_and_time(first.start_us),
            scale::date_and_time(end)
        );
        canvas.text(area.right(), area.bottom() + 40, SMALL, Align::Right, &text, FAINT);
    }
}

pub(super) fn left_label(canvas: &mut Canvas, area: Area, y: usize, label: &str) {
    canvas.fill(
        Area {
            left: area.left - 6,
            top: y,
            width: 6,
            height: 1,
        },
        INK,
    );
    canvas.text(
        area.left - 10,
        y.saturating_sub(capitals(LABEL) / 2),
        LABEL,
        Align::Right,
        label,
        INK,
    );
}

/// Draws a colour bar, and the patterns for cells without a value.
pub(super) fn legend(canvas: &mut Canvas, area: Area, limits: Limits, unit: &str) {
    let map = colour::map();
    let bar = Area {
        left: area.right() + 18,
        top: area.top,
        width: 16,
        height: area.height.saturating_sub(70),
    };
    for y in 0..bar.height {
        let share = 1.0 - y as f32 / bar.height.max(1) as f32;
        let line = Area {
            top: bar.top + y,
            height: 1,
            ..bar
        };
        canvas.fill(line, colour::of(&map, share));
    }
    canvas.frame(bar, INK);
    let (low, high) = (f64::from(limits.low), f64::from(limits.high));
    for tick in scale::numbers(low, high, (bar.height / 50).max(1)) {
        let share = if high > low {
            (tick.at - low) / (high - low)
        } else {
            0.5
        };
        let y = bar.bottom() - (share * (bar.height - 1) as f64) as usize;
        canvas.text(
            bar.right() + 6,
            y.saturating_sub(capitals(LABEL) / 2),
            LABEL,
            Align::Left,
            &cut(&tick.label, LABEL, 66),
            INK,
        );
    }
    canvas.text(bar.left, area.top - 18, SMALL, Align::Left, unit, FAINT);
    for (at, (name, colours)) in [("gap", GAP), ("dead", DEAD)].into_iter().enumerate() {
        let top = area.bottom() - 44 + at * LINE;
        for y in 0..12 {
            for x in 0..16 {
                canvas.dot(bar.left + x, top + y, colours[(x / 4 + y / 4) % 2]);
            }
        }
        canvas.text(bar.right() + 6, top + 2, SMALL, Align::Left, name, INK);
    }
}

/// Draws small flags above the area, and a thin line through it.
pub(super) fn marks(canvas: &mut Canvas, area: Area, sheet: &Sheet, place: impl Fn(&Mark) -> Option<f64>) {
    for mark in sheet.marks.iter().rev() {
        let Some(share) = place(mark) else { continue };
        let x = area.left + (share * (area.width - 1) as f64) as usize;
        canvas.fill(
            Area {
                left: x.saturating_sub(4),
                top: area.top - 12,
                width: 9,
                height: 9,
            },
            mark.colour(),
        );
        for y in (area.top..area.bottom()).step_by(4) {
            canvas.fill(
                Area {
                    left: x,
                    top: y,
                    width: 1,
                    height: 2,
                },
                mark.colour(),
            );
        }
    }
}

pub(super) fn bars(canvas: &mut Canvas, area: Area, counts: &[u64]) {
    let most = counts.iter().copied().max().unwrap_or(0).max(1);
    for (at, count) in counts.iter().enumerate().filter(|(_, count)| **count > 0) {
        let (left, right) = band(at, counts.len(), area.width);
        let height = ((*count as f64 / most as f64 * (area.height - 1) as f64) as usize).max(2);
        let bar = Area {
            left: area.left + left,
            top: area.bottom() - height,
            width: (right - left).saturating_sub(usize::from(right - left > 3)).max(1),
            height,
        };
        canvas.fill(bar, BAR);
    }
}

pub(super) fn count_axis(canvas: &mut Canvas, area: Area, most: u64) {
    if most == 0 {
        return;
    }
    // Counts are whole.
    for tick in scale::numbers(0.0, most as f64, (area.height / 60).min(most as usize)) {
        let y = area.bottom() - (tick.at / most as f64 * (area.height - 1) as f64) as usize;
        left_label(canvas, area, y, &tick.label);
    }
}
