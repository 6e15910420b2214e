//! Pictures drawn on a canvas, with axes, units and a legend.

mod parts;
mod sheet;

use super::{
    canvas::{Align, Area, Canvas, cut},
    colour::{DEAD, ERROR, FAINT, INK, STALL, WARNING},
    painter::Pictures,
    raster::Raster,
    scale::{self, Tick},
    survey::SensorState,
};
use parts::{Up, band, bars, count_axis, image, left_label, legend, marks, nothing, share_of_time, time_axis};
pub(crate) use sheet::Mark;
pub use sheet::Sheet;
use sheet::{LABEL, SMALL};

/// Draws the waterfall, time × sensor: the level of each sensor.
#[must_use]
pub fn waterfall(pictures: &Pictures, sheet: &Sheet) -> Canvas {
    let plan = &pictures.plan;
    let explained = format!(
        "dB above the median of each sensor and bin, mean of the {} most active of {} bins; one column is {}, the \
            largest row counts",
        plan.lively.len(),
        plan.bins,
        scale::length(pictures.slots.length_us)
    );
    let (mut canvas, area) = sheet.begin("level of each sensor", &explained);
    let limits = pictures.waterfall.limits(0.02, 0.995);
    image(&mut canvas, area, &pictures.waterfall, limits, Up::First);
    time_axis(&mut canvas, area, pictures);
    let step = nice_step(pictures.waterfall.columns, area.height / 40);
    for column in (0..pictures.waterfall.columns).step_by(step) {
        let y = area.top + (2 * column + 1) * area.height / (2 * pictures.waterfall.columns.max(1));
        let label = pictures
            .sensors(column)
            .map_or_else(String::new, |(id, _)| id.to_string());
        left_label(&mut canvas, area, y, &label);
    }
    for (at, sensor) in plan.sensors.iter().enumerate() {
        if sensor.state != SensorState::Alive {
            let column = at / pictures.columns.each;
            let (top, bottom) = band(column, pictures.waterfall.columns, area.height);
            let mark = Area {
                left: area.left - 6,
                top: area.top + top,
                width: 4,
                height: (bottom - top).max(1),
            };
            canvas.fill(mark, DEAD[1]);
        }
    }
    canvas.text(area.left - 10, area.top - 18, SMALL, Align::Right, "sensor", FAINT);
    legend(&mut canvas, area, limits, "dB");
    marks(&mut canvas, area, sheet, |mark| share_of_time(mark.at_us, pictures));
    canvas
}

/// Draws the spectrogram of the sensor that was painted, time × frequency; `frequencies_hz` names the bins.
#[must_use]
pub fn spectrogram(pictures: &Pictures, sensor: i32, frequencies_hz: Option<&[f64]>, sheet: &Sheet) -> Canvas {
    let explained = format!(
        "one column is {}, the largest row counts",
        scale::length(pictures.slots.length_us)
    );
    let (mut canvas, area) = sheet.begin(&format!("spectrogram of sensor {sensor}"), &explained);
    let nothing = Raster::new(0, 0);
    let raster = pictures.spectrogram.as_ref().unwrap_or(&nothing);
    let limits = raster.limits(0.02, 0.995);
    image(&mut canvas, area, raster, limits, Up::Last);
    time_axis(&mut canvas, area, pictures);
    let frequencies = frequencies_hz.filter(|list| list.len() == raster.columns && list.len() > 1);
    let unit = if frequencies.is_some() { "Hz" } else { "bin" };
    for tick in bin_ticks(raster.columns, frequencies, area.height / 40) {
        let y = area.bottom() - ((tick.at + 0.5) / raster.columns as f64 * area.height as f64) as usize;
        left_label(&mut canvas, area, y, &tick.label);
    }
    canvas.text(area.left - 10, area.top - 18, SMALL, Align::Right, unit, FAINT);
    legend(&mut canvas, area, limits, "dB");
    marks(&mut canvas, area, sheet, |mark| share_of_time(mark.at_us, pictures));
    canvas
}

/// Draws the arrivals of messages, with calls, stalls, losses and findings.
#[must_use]
pub(crate) fn timeline(pictures: &Pictures, sheet: &Sheet) -> Canvas {
    let arrivals = &pictures.arrivals;
    let slot_us = (arrivals.length_ns / 1000 / arrivals.messages.len().max(1) as u64) as i64;
    let explained = format!(
        "messages received per {}; time since the start of the capture",
        scale::length(slot_us)
    );
    let (mut canvas, area) = sheet.begin("arrivals", &explained);
    let place = |ns: u64| (ns as f64 / arrivals.length_ns.max(1) as f64).clamp(0.0, 1.0);
    let x = |ns: u64| area.left + (place(ns) * (area.width - 1) as f64) as usize;
    for silence in &arrivals.silences {
        let (left, right) = (x(silence.from_ns), x(silence.to_ns));
        canvas.fill(
            Area {
                left,
                top: area.top,
                width: (right - left).max(1),
                height: area.height,
            },
            STALL,
        );
        let text = format!(
            "stall {}",
            scale::length(((silence.to_ns - silence.from_ns) / 1000) as i64)
        );
        let text = cut(&text, SMALL, right - left);
        canvas.text(
            usize::midpoint(left, right),
            area.top + 6,
            SMALL,
            Align::Middle,
            &text,
            WARNING,
        );
    }
    bars(&mut canvas, area, &arrivals.messages);
    for lost in &arrivals.lost {
        let left = x(lost.offset_ns);
        canvas.fill(
            Area {
                left,
                top: area.top,
                width: 2,
                height: area.height,
            },
            ERROR,
        );
        let text = format!("{} lost", lost.messages);
        canvas.text(left + 5, area.top + 20, SMALL, Align::Left, &text, ERROR);
    }
    let seconds = arrivals.length_ns as f64 / 1e9;
    for tick in scale::numbers(0.0, seconds, area.width / 110) {
        let x = x((tick.at * 1e9) as u64);
        canvas.text(x, area.bottom() + 12, LABEL, Align::Middle, &tick.label, INK);
        canvas.fill(
            Area {
                left: x,
                top: area.bottom(),
                width: 1,
                height: 6,
            },
            INK,
        );
    }
    canvas.text(
        area.right(),
        area.bottom() + 40,
        SMALL,
        Align::Right,
        "seconds since the start of the capture",
        FAINT,
    );
    let most = arrivals.messages.iter().copied().max().unwrap_or(0);
    count_axis(&mut canvas, area, most);
    marks(&mut canvas, area, sheet, |mark| mark.offset_ns.map(place));
    canvas.frame(area, INK);
    canvas
}

/// Draws the histogram of amplitudes.
#[must_use]
pub(crate) fn histogram(pictures: &Pictures, sheet: &Sheet) -> Canvas {
    let histogram = &pictures.histogram;
    let explained = format!("finite values per {:.2} dB", histogram.bar_db);
    let (mut canvas, area) = sheet.begin("amplitudes", &explained);
    bars(&mut canvas, area, &histogram.counts);
    let low = f64::from(histogram.low_db);
    let span = f64::from(histogram.bar_db) * histogram.counts.len() as f64;
    if span > 0.0 {
        for tick in scale::numbers(low, low + span, area.width / 110) {
            let x = area.left + ((tick.at - low) / span * (area.width - 1) as f64) as usize;
            canvas.text(x, area.bottom() + 12, LABEL, Align::Middle, &tick.label, INK);
            canvas.fill(
                Area {
                    left: x,
                    top: area.bottom(),
                    width: 1,
                    height: 6,
                },
                INK,
            );
        }
    } else {
        nothing(&mut canvas, area);
    }
    canvas.text(area.right(), area.bottom() + 40, SMALL, Align::Right, "dB", FAINT);
    count_axis(&mut canvas, area, histogram.counts.iter().copied().max().unwrap_or(0));
    canvas.frame(area, INK);
    canvas
}

/// The ticks of a frequency axis: places are bins.
pub(crate) fn bin_ticks(bins: usize, frequencies_hz: Option<&[f64]>, most: usize) -> Vec<Tick> {
    // A picture of no bins has no place for a tick.
    if bins == 0 {
        return Vec::new();
    }
    let last = (bins - 1) as f64;
    let Some(known) = frequencies_hz else {
        return scale::numbers(0.0, last, most);
    };
    let (Some(low), Some(high)) = (known.first(), known.last()) else {
        return Vec::new();
    };
    let place = |hz: f64| {
        let behind = known
            .partition_point(|frequency| *frequency < hz)
            .clamp(1, known.len() - 1);
        let (before, after) = (known[behind - 1], known[behind]);
        let within = (hz - before) / (after - before);
        (behind - 1) as f64 + if within.is_finite() { within } else { 0.0 }
    };
    let ticks = scale::numbers(*low, *high, most);
    ticks
        .into_iter()
        .map(|tick| Tick {
            at: place(tick.at),
            ..tick
        })
        .collect()
}

/// A step of 1, 2 or 5 times a power of ten that gives at most `most` steps in `count`.
pub(crate) fn nice_step(count: usize, most: usize) -> usize {
    let mut power = 1;
    loop {
        for step in [power, 2 * power, 5 * power] {
            if count.div_ceil(step) <= most.max(1) {
                return step;
            }
        }
        power *= 10;
    }
}
