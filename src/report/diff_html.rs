//! A comparison of two captures as one HTML page: the verdict, a waterfall of the differences, and a list of them.
//!
//! The page needs no network and no script.

use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::{
    diff_text,
    html::{data_url, shown},
    picture::scale,
};
use crate::{
    analyze::diff::{CaptureDiff, Column, DifferenceMap},
    model::text::counted,
};

/// Height in pixels of the bar above the waterfall that shows missing, extra and moved rows.
const BAR: u32 = 8;

/// Smallest size of a row and a sensor in pixels, where there is room.
const SMALLEST_PIXELS: u32 = 640;

/// Renders the page; `a` and `b` are the names of the captures.
#[must_use]
pub(crate) fn page(diff: &CaptureDiff, map: Option<&DifferenceMap>, a: &str, b: &str) -> String {
    let (verdict, class) = if diff.differs {
        ("The captures differ", "bad")
    } else {
        ("The captures are the same", "good")
    };
    shown(&html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { (verdict) ": " (a) " | " (b) }
                style { (PreEscaped(STYLE)) }
            }
            body {
                h1 class=(class) { (verdict) }
                p { "First: " code { (a) } br; "Second: " code { (b) } }
                @if let Some(picture) = map.and_then(picture) { (picture) }
                h2 { "What differs" }
                pre { (diff_text::render(diff, a, b)) }
            }
        }
    })
}

const STYLE: &str = ":root{color-scheme:light dark}body{font:16px/1.5 system-ui,sans-serif;max-width:72rem;\
margin:2rem auto;padding:0 1rem;color:#1a1a1a;background:#fff}h1{line-height:1.25}code{overflow-wrap:anywhere}\
pre{white-space:pre-wrap;overflow-wrap:anywhere;font-size:.875rem;background:#f3f3f3;padding:1rem}h1.bad{color:#a01010}\
h1.good{color:#0a6a2a}img{display:block;width:100%;image-rendering:pixelated;border:1px solid #767676}\
figure{margin:1rem 0;break-inside:avoid}figcaption{font-size:.875rem}\
.axis{display:flex;justify-content:space-between;gap:1rem;margin:.1rem 0 .5rem;font-size:.8rem}\
@media(prefers-color-scheme:dark){body{color:#eee;background:#161616}pre{background:#262626}h1.bad{color:#ff9a8a}\
h1.good{color:#7fdd9f}}@media print{:root{color-scheme:light}body{color:#000;background:#fff;margin:0}\
pre{background:none;padding:0;font-size:.75rem}img{max-height:22rem}h1.bad{color:#a01010}h1.good{color:#0a6a2a}}";

/// Renders the waterfall as a figure; `None` when no row was compared.
fn picture(map: &DifferenceMap) -> Option<Markup> {
    let largest = map
        .columns
        .iter()
        .flat_map(|column| &column.worst)
        .copied()
        .filter(|worst| worst.is_finite())
        .fold(0_f32, f32::max);
    let png = png(map, largest)?;
    let (first, last) = (map.sensors.first()?, map.sensors.last()?);
    let (rows, sensors) = (counted(map.rows(), "row"), counted(map.sensors.len() as u64, "sensor"));
    let when = |column: Option<&Column>| column.and_then(|column| column.start_ms).map(date_and_time);
    let span = when(map.columns.first()).zip(when(map.columns.last()));
    let alt = format!(
        "Waterfall of the differences of call {} and call {}: {rows} from left to right, {sensors} from top to bottom; the \
         largest difference is {largest} dB",
        map.a, map.b
    );
    Some(html! {
        figure {
            img alt=(alt) src=(data_url(&png));
            @if let Some((begin, end)) = &span { p.axis aria-hidden="true" { span { (begin) } span { (end) } } }
            figcaption {
                "Call " (map.a) " and call " (map.b) ": " (rows) " from left to right"
                @if let Some((begin, end)) = &span { ", " (begin) " to " (end) }
                "; sensors " (first) " to " (last) " from top to bottom. White is no difference, blue to red grows to "
                (largest) " dB, black is where only one side has a number."
                @if map.step > 1 { " Each column shows the largest difference of " (map.step) " rows." }
                " The bar above shows rows that are missing (red), extra (orange) or moved (blue)."
            }
        }
    })
}

/// Formats milliseconds since the epoch as date and time.
fn date_and_time(ms: i64) -> String {
    scale::date_and_time(ms.saturating_mul(1000))
}

fn png(map: &DifferenceMap, largest: f32) -> Option<Vec<u8>> {
    let columns = u32::try_from(map.columns.len()).ok().filter(|columns| *columns > 0)?;
    let lanes = u32::try_from(map.lanes().max(1)).ok()?;
    let wide = SMALLEST_PIXELS.div_ceil(columns).max(1);
    let tall = (SMALLEST_PIXELS / 2).div_ceil(lanes).max(1);
    let (width, height) = (columns * wide, lanes * tall + BAR);
    let gradient = colorgrad::preset::rd_yl_bu();
    let mut pixels = Vec::with_capacity((width * height * 3) as usize);
    for y in 0..height {
        for column in &map.columns {
            let colour = match y.checked_sub(BAR) {
                None => bar(column),
                Some(y) => {
                    let worst = column.worst.get((y / tall) as usize).copied().unwrap_or(0.0);
                    cell(&gradient, worst, largest)
                }
            };
            for _ in 0..wide {
                pixels.extend_from_slice(&colour);
            }
        }
    }
    let mut out = Vec::new();
    let mut encoder = png::Encoder::new(&mut out, width, height);
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_depth(png::BitDepth::Eight);
    encoder.write_header().ok()?.write_image_data(&pixels).ok()?;
    Some(out)
}

const fn bar(column: &Column) -> [u8; 3] {
    if column.missing > 0 {
        [0xc0, 0x20, 0x20]
    } else if column.extra > 0 {
        [0xe8, 0x90, 0x10]
    } else if column.moved > 0 {
        [0x30, 0x60, 0xd0]
    } else {
        [0xe4, 0xe4, 0xe4]
    }
}

fn cell(gradient: &impl colorgrad::Gradient, worst: f32, largest: f32) -> [u8; 3] {
    if worst == 0.0 {
        return [0xff, 0xff, 0xff];
    }
    if worst.is_infinite() || largest <= 0.0 {
        return [0, 0, 0];
    }
    // The gradient runs from red to blue; a square root lets small differences be seen.
    let [red, green, blue, _] = gradient.at(1.0 - (worst / largest).sqrt()).to_rgba8();
    [red, green, blue]
}
