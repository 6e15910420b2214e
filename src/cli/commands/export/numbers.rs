//! `capture export --npy` and `--parquet`: the intensities as numbers.

use std::{
    fs::File,
    io::{BufWriter, Write as _},
    path::Path,
};

use crate::{
    das::{dialect::Layout, frames::LeftOut},
    file::{Attribute, Reader},
    transform::convert::{
        numpy::{self, ArrayShape},
        parquet,
    },
};

use crate::cli::{
    commands::{Done, Outcome, output, stats::layout},
    flags::export::ExportArgs,
};

pub(super) fn numpy(args: &ExportArgs, reader: &mut Reader<File>, path: &Path) -> Done {
    output::apart(&args.capture, path)?;
    let layout = layout(&args.layout);
    let (shapes, left_out) = match numpy::shapes(reader, layout, args.call) {
        Err(error @ (numpy::NumpyError::NoRows { .. } | numpy::NumpyError::NoValues)) => {
            output::say(format!("capture: {}: {error}", args.capture.display()));
            return Ok(Outcome::Findings);
        }
        shapes => shapes?,
    };
    let archive = path
        .extension()
        .is_some_and(|ending| ending.eq_ignore_ascii_case("npz"));
    if !archive && shapes.len() > 1 {
        return Err(numpy::NumpyError::SeveralCalls { calls: shapes.len() }.into());
    }
    let new = output::begin(path, args.force)?;
    let mut out = BufWriter::new(new.file());
    if archive {
        numpy::write_npz(reader, layout, &shapes, &mut out)?;
    } else {
        numpy::write_npy(reader, layout, &shapes, &mut out)?;
    }
    out.flush()?;
    drop(out);
    output::finish(new)?;
    for shape in &shapes {
        output::say(format!(
            "{}: call {}, {} rows × {} sensors × {} bins",
            path.display(),
            shape.call,
            shape.rows,
            shape.sensors.len(),
            shape.bins
        ));
        if shape.padded > 0 {
            let places = output::counted(shape.padded, "place");
            output::say(format!("{places} without a value in the stream hold NaN"));
        }
    }
    guessed(reader, layout);
    Ok(lacks(left_out).worst(merges(&shapes, archive)))
}

pub(super) fn parquet(args: &ExportArgs, reader: &mut Reader<File>, path: &Path) -> Done {
    output::apart(&args.capture, path)?;
    let layout = layout(&args.layout);
    let new = output::begin(path, args.force)?;
    let table = parquet::write(reader, layout, args.call, BufWriter::new(new.file()))?;
    output::finish(new)?;
    output::say(format!(
        "{}: {} of {}",
        path.display(),
        output::counted(table.lines, "line"),
        output::counted(table.rows, "row")
    ));
    guessed(reader, layout);
    let mut outcome = lacks(table.left_out);
    if table.rows_without_sensors > 0 {
        let rows = output::counted(table.rows_without_sensors, "row");
        output::say(format!("left out: {rows} without sensors, which have no line"));
        outcome = outcome.worst(Outcome::Lossy);
    }
    Ok(if table.lines == 0 {
        outcome.worst(Outcome::Findings)
    } else {
        outcome
    })
}

/// Warns when an array has one place for values that occur twice in the stream.
fn merges(shapes: &[ArrayShape], archive: bool) -> Outcome {
    let mut outcome = Outcome::Ok;
    let repeated: u64 = shapes.iter().map(|shape| shape.repeated).sum();
    if repeated > 0 {
        let spectra = if repeated == 1 { "spectrum" } else { "spectra" };
        output::say(format!(
            "left out: {} {spectra} of a sensor that occurs earlier in the same row; --parquet holds them all",
            output::grouped(repeated)
        ));
        outcome = Outcome::Lossy;
    }
    let canvases = shapes
        .iter()
        .map(|shape| shape.canvases.len())
        .max()
        .unwrap_or_default();
    if canvases > 1 && !archive {
        output::say(format!(
            "a .npy file does not distinguish the rows of {canvases} canvases; .npz does"
        ));
        outcome = Outcome::Lossy;
    }
    outcome
}

/// Warns about what the arrays lack of the capture.
pub(super) fn lacks(left_out: LeftOut) -> Outcome {
    if left_out.is_nothing() {
        return Outcome::Ok;
    }
    output::say(format!("left out: {left_out}"));
    Outcome::Lossy
}

/// Warns that the numbers rest on a guessed layout.
fn guessed(reader: &Reader<File>, layout: Layout) {
    let production = reader.header().text(Attribute::DIALECT) == Some("pandadatastream");
    if production && layout == Layout::default() {
        output::say(
            "the payload was read as f32, channel-major, which is an assumption (--element and --axis say what \
            it is)",
        );
    }
}
