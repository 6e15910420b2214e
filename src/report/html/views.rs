//! The pictures on the page.

use std::fmt::Write as _;

use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};

use super::{charts, data, escape::escape};
use crate::report::{
    input::ReportInput,
    picture::{
        Limits, SensorState, colour,
        png::{self, Mark, Sheet},
        scale,
    },
};

/// Size of the picture that is shown when no script runs.
const STILL: (usize, usize) = (960, 480);
/// Dead sensors that are named one by one.
const NAMED: usize = 24;

pub(super) fn pictures(input: &ReportInput) -> String {
    let mut text = "<section id=\"pictures\">\n<h2>Pictures</h2>\n".to_owned();
    let plan = &input.pictures.plan;
    if plan.sensors.is_empty() || plan.bins == 0 {
        text.push_str("<p>The capture holds no spectrum that could be drawn.</p>\n");
    } else {
        controls(&mut text);
        waterfall(&mut text, input);
        spectrogram(&mut text, input);
        text.push_str(&charts::histogram(input));
    }
    text.push_str(&charts::timeline(input));
    text.push_str("</section>\n");
    text
}

fn controls(text: &mut String) {
    text.push_str(
        "<div class=\"controls only-js\">\n\
         <button type=\"button\" data-zoom=\"in\" aria-label=\"Zoom in\">+</button>\n\
         <button type=\"button\" data-zoom=\"out\" aria-label=\"Zoom out\">&minus;</button>\n\
         <button type=\"button\" data-zoom=\"left\" aria-label=\"Earlier\">&larr;</button>\n\
         <button type=\"button\" data-zoom=\"right\" aria-label=\"Later\">&rarr;</button>\n\
         <button type=\"button\" data-zoom=\"all\">Whole time</button>\n\
         <label for=\"sensor\">Sensor</label> <select id=\"sensor\"></select>\n\
         <output id=\"readout\" aria-live=\"polite\">Point at a picture to read its values.</output>\n\
         </div>\n",
    );
}

fn waterfall(text: &mut String, input: &ReportInput) {
    let pictures = &input.pictures;
    let plan = &pictures.plan;
    let described = format!(
        "Waterfall: time across, {} sensors downward from {} to {}, colour is the level in dB over the median.",
        plan.sensors.len(),
        plan.sensors.first().map_or(0, |sensor| sensor.id),
        plan.sensors.last().map_or(0, |sensor| sensor.id),
    );
    text.push_str("<h3>Level of each sensor</h3>\n<figure>\n");
    let _ = writeln!(
        text,
        "<canvas id=\"waterfall\" class=\"only-js\" tabindex=\"0\" role=\"application\" aria-label=\"{described}\" \
         aria-describedby=\"keys\"></canvas>"
    );
    let _ = writeln!(text, "<noscript>{}</noscript>", still(input, &described));
    legend(text, data::limits(input), "dB over the median");
    let shared = match pictures.columns.each {
        1 => String::new(),
        each => format!(" {each} neighbouring sensors share a line."),
    };
    let left_out = match plan.spectra_left_out {
        0 => String::new(),
        count => format!(" {count} spectra of further sensors are not drawn."),
    };
    let guess = if plan.guessed_layout {
        " The payload was read as f32, channel by channel, which is a guess."
    } else {
        ""
    };
    let _ = writeln!(
        text,
        "<figcaption>How far each value stands over the median of its sensor and bin, mean of the {} liveliest of {} \
         bins. Time begins at {}; a slot of it is {}, and where several rows share one, the largest counts.{shared}{left_out}\
         {guess}{}{}\
         </figcaption>\n</figure>",
        plan.lively.len(),
        plan.bins,
        plan.time
            .segments
            .first()
            .map_or_else(String::new, |first| scale::date_and_time(first.start_us)),
        scale::length(pictures.slots.length_us),
        pauses(input),
        dead(input),
    );
    text.push_str(
        "<p id=\"keys\" class=\"small faint only-js\">Drag to zoom in, double-click for the whole time, click a sensor for its \
         spectrogram. Keys: arrows move the cursor (Shift: ten steps), <kbd>+</kbd> and <kbd>-</kbd> zoom, <kbd>0</kbd> \
         shows all, Page Up and Page Down move in time, Enter chooses the sensor.</p>\n",
    );
}

fn spectrogram(text: &mut String, input: &ReportInput) {
    let pictures = &input.pictures;
    let (Some(cube), Some(limits)) = (&pictures.cube, data::cube_limits(input)) else {
        return;
    };
    text.push_str("<div class=\"only-js\">\n<h3 id=\"spectrogram-title\">Spectrogram</h3>\n<figure>\n");
    text.push_str(
        "<canvas id=\"spectrogram\" tabindex=\"0\" role=\"application\" aria-label=\"Spectrogram of a sensor\" \
         aria-describedby=\"keys\"></canvas>\n",
    );
    legend(text, limits, "dB");
    let coarse = cube.bins_each > 1 || pictures.cube_slots.length_us > pictures.slots.length_us;
    let coarse = if coarse {
        format!(
            " Here {} bins and {} share a cell; <code>capture export --png FILE --what spectrogram --sensor ID</code> \
             draws all of them.",
            cube.bins_each,
            scale::length(pictures.cube_slots.length_us)
        )
    } else {
        String::new()
    };
    let _ = writeln!(
        text,
        "<figcaption>Intensity of each bin as it was sent.{coarse}</figcaption>\n</figure>\n</div>"
    );
}

/// The waterfall as an image, for whoever runs no scripts.
fn still(input: &ReportInput, described: &str) -> String {
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
    format!(
        "<img class=\"still\" width=\"{}\" height=\"{}\" alt=\"{described}\" src=\"data:image/png;base64,{}\">",
        STILL.0,
        STILL.1,
        BASE64.encode(file)
    )
}

fn legend(text: &mut String, limits: Limits, unit: &str) {
    let map = colour::map();
    let stops: Vec<_> = (0..=16)
        .map(|stop| {
            let [red, green, blue] = colour::of(&map, stop as f32 / 16.0);
            format!("#{red:02x}{green:02x}{blue:02x}")
        })
        .collect();
    let _ = writeln!(
        text,
        "<div class=\"legend\"><span>{:.1}</span><span class=\"map\" style=\"background:linear-gradient(to right,{})\">\
         </span><span>{:.1} {unit}</span><span class=\"swatch gap\"></span><span>no row</span>\
         <span class=\"swatch dead\"></span><span>no finite value</span></div>",
        limits.low,
        stops.join(","),
        limits.high
    );
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
        [one] => format!(" A pause of {one} is cut short."),
        several => format!(" {} pauses are cut short: {}.", several.len(), several.join(", ")),
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
    escape(&format!("{}{}", of(SensorState::Dead), of(SensorState::Stuck)))
}
