//! `capture export --npy` and `--parquet`: the intensities as numbers.

use std::{
    io::{BufWriter, Write as _},
    path::Path,
};

use grpc_capture::{
    convert::{numpy, parquet},
    dialect::Layout,
    file::Reader,
};

use crate::{
    cli::export::ExportArgs,
    commands::{Done, Outcome, output, stats::layout},
};

pub(super) fn numpy(args: &ExportArgs, path: &Path) -> Done {
    output::apart(&args.capture, path)?;
    let layout = layout(&args.layout);
    let mut reader = Reader::open(&args.capture)?;
    let shapes = match numpy::shapes(&mut reader, layout, args.call) {
        Err(error @ numpy::NumpyError::NoRows { .. }) => {
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
    let mut out = BufWriter::new(output::create(path, args.force)?);
    if archive {
        numpy::write_npz(&mut reader, layout, &shapes, &mut out)?;
    } else {
        numpy::write_npy(&mut reader, layout, &shapes, &mut out)?;
    }
    out.flush()?;
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
            output::say(format!("{places} that the stream has no value for hold NaN"));
        }
    }
    guessed(&args.capture, layout);
    Ok(Outcome::Ok)
}

pub(super) fn parquet(args: &ExportArgs, path: &Path) -> Done {
    output::apart(&args.capture, path)?;
    let layout = layout(&args.layout);
    let mut reader = Reader::open(&args.capture)?;
    let out = output::create(path, args.force)?;
    let table = parquet::write(&mut reader, layout, args.call, BufWriter::new(out))?;
    output::say(format!(
        "{}: {} of {}",
        path.display(),
        output::counted(table.lines, "line"),
        output::counted(table.rows, "row")
    ));
    guessed(&args.capture, layout);
    if table.undecodable > 0 {
        let messages = output::counted(table.undecodable, "message");
        output::say(format!("{messages} could not be decoded and are left out"));
        return Ok(Outcome::Lossy);
    }
    Ok(if table.lines == 0 {
        Outcome::Findings
    } else {
        Outcome::Ok
    })
}

/// Numbers that rest on a guess are not handed out without saying so.
fn guessed(capture: &Path, layout: Layout) {
    let production = Reader::open(capture)
        .is_ok_and(|reader| reader.header().text(grpc_capture::file::attribute::DIALECT) == Some("pandadatastream"));
    if production && layout == Layout::default() {
        output::say("the payload was read as f32, channel-major: a guess (--element and --axis say what it is)");
    }
}
