//! `capture export`: a capture in another form. Each form has a file of its own.

mod containers;
mod numbers;
mod png;

use std::{fs::File, path::Path};

use crate::file::Reader;

use super::{Done, Failure, cat, input, output};
use crate::cli::flags::{
    Format, FormatArg,
    cat::{CatArgs, SelectArgs},
    export::ExportArgs,
    schema::GivenSchemaArgs,
};

/// Writes one export format.
type Export = fn(&ExportArgs, &mut Reader<File>, &Path) -> Done;

pub(crate) fn run(args: &ExportArgs) -> Done {
    for (path, form) in [(&args.frames, Form::Raw), (&args.jsonl, Form::Json)] {
        if let Some(path) = path {
            return events(args, path, form);
        }
    }
    let forms: [(&Option<_>, Export); 5] = [
        (&args.png, png::run),
        (&args.npy, numbers::numpy),
        (&args.parquet, numbers::parquet),
        (&args.mcap, containers::mcap),
        (&args.binlog, containers::binlog),
    ];
    let wanted = forms
        .into_iter()
        .find_map(|(path, form)| Some((path.as_deref()?, form)));
    match wanted {
        Some((path, form)) => input::read_through(&args.capture, |reader| {
            if let Some(call) = args.call {
                let overview = reader.overview()?;
                if overview.calls.iter().all(|known| known.call != call) {
                    return Err(input::no_call(&args.capture, reader, call)?);
                }
            }
            form(args, reader, path).map_err(|failure| output::while_making(path, failure))
        }),
        None => Err(Failure::Usage("say what to export into, such as --png FILE".to_owned())),
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    Raw,
    Json,
}

/// Writes the output of `capture cat` into a file.
fn events(args: &ExportArgs, path: &Path, form: Form) -> Done {
    let args = CatArgs {
        capture: args.capture.clone(),
        format: FormatArg {
            format: if form == Form::Json { Format::Json } else { Format::Text },
        },
        full: false,
        raw: form == Form::Raw,
        as_recorded: false,
        follow: false,
        output: Some(path.to_owned()),
        force: args.force,
        select: SelectArgs {
            call: args.call.into_iter().collect(),
            ..SelectArgs::default()
        },
        schema: GivenSchemaArgs::default(),
    };
    cat::print(&args, cat::Lost::Lossy)
}
