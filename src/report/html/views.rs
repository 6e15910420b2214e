//! The pictures on the page.

use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use maud::{Markup, html};

use super::{charts, data};
use crate::{
    model::text::counted,
    report::{
        input::ReportInput,
        picture::{
            Limits, SensorState, colour,
            png::{self, Mark, Sheet},
            scale,
        },
    },
};

/// Size of the static picture that is shown without scripts.
const STILL: (usize, usize) = (960, 480);
/// Number of dead sensors that are named.
const NAMED: usize = 24;

pub(super) fn pictures(input: &ReportInput) -> Markup {
    let plan = &input.pictures.plan;
    html! {
        section #pictures {
            h2 { "Pictures" }
            @if plan.sensors.is_empty() || plan.bins == 0 {
                @if !input.stats.is_service() { p { "The capture holds no spectrum to draw." } }
            } @else {
                (controls())
                (waterfall(input))
                (spectrogram(input))
                (charts::histogram(input))
            }
            (charts::timeline(input))
        }
    }
}

fn controls() -> Markup {
    html! {
        div class="controls only-js" {
            button type="button" data-zoom="in" aria-label="Zoom in" { "+" }
            button type="button" data-zoom="out" aria-label="Zoom out" { "−" }
            button type="button" data-zoom="left" aria-label="Earlier" { "←" }
            button type="button" data-zoom="right" aria-label="Later" { "→" }
            button type="button" data-zoom="all" { "Whole time" }
            label for="sensor" { "Sensor" }
            select #sensor {}
            output #readout aria-live="polite" { "Point at a picture to read its values." }
        }
    }
}

fn waterfall(input: &ReportInput) -> Markup {
    let pictures = &input.pictures;
    let plan = &pictures.plan;
    let described = format!(
        "Waterfall: time across, {} downward from {} to {}, colour is the level in dB above the median.",
        counted(plan.sensors.len() as u64, "sensor"),
        plan.sensors.first().map_or(0, |sensor| sensor.id),
        plan.sensors.last().map_or(0, |sensor| sensor.id),
    );
    let begin = plan.time.segments.first();
    html! {
        h3 { "Level of each sensor" }
        figure {
            canvas #waterfall.only-js tabindex="0" role="application" aria-label=(described) aria-describedby="keys" {}
            noscript { (still(input, &described)) }
            (legend(data::limits(input), "dB above the median"))
            figcaption {
                "How far each value is above the median of its sensor and bin, mean of the " (plan.lively.len())
                " most active of " (plan.bins) " bins. Time begins at "
                (begin.map_or_else(String::new, |first| scale::date_and_time(first.start_us))) "; a column is "
                (scale::length(pictures.slots.length_us)) ", and when several rows share it, the largest counts."
                @if pictures.columns.each > 1 { " " (pictures.columns.each) " neighbouring sensors share a line." }
                @if plan.spectra_left_out > 0 {
                    " " (plan.spectra_left_out) " spectra of further sensors are not drawn."
                }
                @if plan.guessed_layout { " The payload was read as f32, channel by channel, which is an assumption." }
                (pauses(input)) (dead(input))
            }
        }
        p #keys class="small faint only-js" {
            "Drag to zoom in, double-click for the whole time, click a sensor for its spectrogram. Keys: arrows move the \
             cursor (Shift: ten steps), " kbd { "+" } " and " kbd { "-" } " zoom, " kbd { "0" }
            " shows all, Page Up and Page Down move in time, Enter selects the sensor."
        }
    }
}

fn spectrogram(input: &ReportInput) -> Markup {
    let pictures = &input.pictures;
    let (Some(cube), Some(limits)) = (&pictures.cube, data::cube_limits(input)) else {
        return Markup::default();
    };
    let coarse = cube.bins_each > 1 || pictures.cube_slots.length_us > pictures.slots.length_us;
    html! {
        div.only-js {
            h3 #spectrogram-title { "Spectrogram" }
            figure {
                canvas #spectrogram tabindex="0" role="application" aria-label="Spectrogram of a sensor"
                    aria-describedby="keys" {}
                (legend(limits, "dB"))
                figcaption {
                    "Intensity of each bin as it was sent."
                    @if coarse {
                        " Here " (counted(cube.bins_each as u64, "bin")) " and " (scale::length(pictures.cube_slots.length_us))
                        " share a cell"
                        @match &input.again.commands {
                            Some(commands) => { "; " code { (commands.spectrogram) } " draws all of them." }
                            None => { "." }
                        }
                    }
                }
            }
        }
    }
}

/// The waterfall as a static image, for readers without scripts.
fn still(input: &ReportInput, described: &str) -> Markup {
    let marks = input.validation.findings.iter().enumerate();
    let marks = marks.map(|(at, finding)| Mark {
        severity: finding.severity,
        at_us: input.place_us(at).0,
        offset_ns: finding.first.offset_ns,
    });
    let sheet = Sheet {
        width: STILL.0,
        height: STILL.1,
        name: input.capture.clone(),
        marks: marks.collect(),
    };
    let file = png::encode(&png::waterfall(&input.pictures, &sheet)).unwrap_or_default();
    html! { img.still width=(STILL.0) height=(STILL.1) alt=(described) src=(data_url(&file)); }
}

/// A PNG file as a data URL.
pub(crate) fn data_url(png: &[u8]) -> String {
    format!("data:image/png;base64,{}", BASE64.encode(png))
}

fn legend(limits: Limits, unit: &str) -> Markup {
    let map = colour::map();
    let stops: Vec<_> = (0..=16)
        .map(|stop| {
            let [red, green, blue] = colour::of(&map, stop as f32 / 16.0);
            format!("#{red:02x}{green:02x}{blue:02x}")
        })
        .collect();
    let colours = format!("background:linear-gradient(to right,{})", stops.join(","));
    html! {
        div.legend {
            span { (format!("{:.1}", limits.low)) }
            span.map style=(colours) {}
            span { (format!("{:.1}", limits.high)) " " (unit) }
            span class="swatch gap" {}
            span { "no row" }
            span class="swatch dead" {}
            span { "no finite value" }
        }
    }
}

fn pauses(input: &ReportInput) -> String {
    let pauses: Vec<_> = input
        .pictures
        .plan
        .time
        .pauses()
        .map(|(_, _, us)| scale::length(us))
        .collect();
    match pauses.as_slice() {
        [] => String::new(),
        [one] => format!(" A pause of {one} is shortened."),
        several => format!(" {} pauses are shortened: {}.", several.len(), several.join(", ")),
    }
}

fn dead(input: &ReportInput) -> String {
    let of = |wanted: SensorState| {
        let sensors = input.pictures.plan.sensors.iter();
        let ids: Vec<_> = sensors
            .filter(|sensor| sensor.state == wanted)
            .map(|sensor| sensor.id.to_string())
            .collect();
        let more = if ids.len() > NAMED { ", …" } else { "" };
        let named = ids.iter().take(NAMED).cloned().collect::<Vec<_>>().join(", ");
        match ids.len() {
            0 => String::new(),
            1 => format!(" Sensor {named} is {}.", wanted.name()),
            count => format!(" {count} sensors are {}: {named}{more}.", wanted.name()),
        }
    };
    format!("{}{}", of(SensorState::Dead), of(SensorState::Stuck))
}
