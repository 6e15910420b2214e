//! `capture export --png`: a picture of a capture.

use std::{fs::File, io::Write, path::Path};

use crate::{
    file::Reader,
    report::{
        input::{CollectOptions, Painted, Spectrogram, paint},
        picture::{
            PainterOptions, SensorState,
            canvas::Canvas,
            png::{self, Mark, Sheet},
        },
    },
};

use crate::cli::{
    commands::{Done, Failure, Outcome, output, stats::layout},
    flags::export::{ExportArgs, PictureKind},
};

use super::numbers;

pub(super) fn run(args: &ExportArgs, reader: &mut Reader<File>, path: &Path) -> Done {
    output::apart(&args.capture, path)?;
    let options = CollectOptions {
        layout: layout(&args.layout),
        pictures: PainterOptions {
            slots: args.picture.width as usize,
            columns: args.picture.height as usize,
            ..PainterOptions::default()
        },
        ..CollectOptions::default()
    };
    let spectrogram = match (args.picture.what, args.picture.sensor) {
        (PictureKind::Spectrogram, Some(sensor)) => Spectrogram::Of(sensor),
        (PictureKind::Spectrogram, None) => Spectrogram::Liveliest,
        (_, Some(_)) => return Err(Failure::Usage("--sensor belongs to --what spectrogram".to_owned())),
        (_, None) => Spectrogram::None,
    };
    let painted = paint(reader, &options, spectrogram)?;
    let canvas = draw(args, &painted)?;
    let file = png::encode(&canvas)?;
    let (mut out, new) = output::sink(Some(path), args.force, output::Gone::GoOn)?;
    let written = out.write_all(&file).and_then(|()| out.flush());
    written.map_err(|error| output::unwritten(path, &error))?;
    new.map_or(Ok(()), output::finish)?;
    say(&painted, path);
    let outcome = numbers::lacks(painted.pictures.plan.left_out);
    Ok(match (&painted.damage, painted.pictures.plan.sensors.is_empty()) {
        (Some(_), _) => Outcome::Failed,
        (None, true) => outcome.worst(Outcome::Findings),
        (None, false) if painted.pictures.plan.spectra_left_out > 0 => Outcome::Lossy,
        (None, false) => outcome,
    })
}

fn draw(args: &ExportArgs, painted: &Painted) -> Result<Canvas, Failure> {
    let Painted { pictures, findings, .. } = painted;
    let name = args
        .capture
        .file_stem()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned();
    let marks = findings.iter().zip(&pictures.targets).map(|(finding, target)| Mark {
        severity: finding.severity,
        at_us: target.at_us,
        offset_ns: finding.first.offset_ns,
    });
    let sheet = Sheet {
        width: args.picture.width as usize,
        height: args.picture.height as usize,
        name,
        marks: marks.collect(),
    };
    let sensors = &pictures.plan.sensors;
    Ok(match args.picture.what {
        PictureKind::Waterfall => png::waterfall(pictures, &sheet),
        PictureKind::Timeline => png::timeline(pictures, &sheet),
        PictureKind::Histogram => png::histogram(pictures, &sheet),
        PictureKind::Spectrogram => {
            if let Some(sensor) = args.picture.sensor
                && !sensors.iter().any(|known| known.id == sensor)
            {
                let known = match (sensors.first(), sensors.last()) {
                    (Some(first), Some(last)) => format!("{} sensors, {} to {}", sensors.len(), first.id, last.id),
                    _ => "no sensor".to_owned(),
                };
                return Err(format!("{} has no sensor {sensor}; it has {known}", args.capture.display()).into());
            }
            let sensor = pictures.sensor.unwrap_or_default();
            png::spectrogram(pictures, sensor, painted.frequencies_hz.as_deref(), &sheet)
        }
    })
}

/// Prints what a picture does not show by itself.
fn say(painted: &Painted, path: &Path) {
    let plan = &painted.pictures.plan;
    let dead = plan
        .sensors
        .iter()
        .filter(|sensor| sensor.state != SensorState::Alive)
        .count();
    if plan.sensors.is_empty() {
        output::say("the capture holds no spectrum to draw; the picture is empty");
    }
    if dead > 0 {
        output::say(format!("{} dead or stuck", output::counted(dead as u64, "sensor")));
    }
    if plan.spectra_left_out > 0 {
        let left_out = output::counted(plan.spectra_left_out, "spectrum");
        output::say(format!("{left_out} of too many sensors not drawn"));
    }
    if plan.guessed_layout {
        output::say(
            "the payload was read as f32, channel-major, which is an assumption (--element and --axis say what \
            it is)",
        );
    }
    if let Some(damage) = &painted.damage {
        output::say(format!(
            "capture: {damage}; {} shows what comes before it",
            path.display()
        ));
    }
}
