//! `capture export`: a capture in another form. Each form has a file of its own.

mod containers;
mod numbers;
mod png;

use std::path::Path;

use super::{Done, Failure, cat};
use crate::cli::{CatArgs, Format, FormatArg, export::ExportArgs};

/// Writes one form of a capture.
type Export = fn(&ExportArgs, &Path) -> Done;

pub(crate) fn run(args: &ExportArgs) -> Done {
    let forms: [(&Option<_>, Export); 7] = [
        (&args.png, png::run),
        (&args.frames, |args, path| events(args, path, Form::Raw)),
        (&args.jsonl, |args, path| events(args, path, Form::Json)),
        (&args.npy, numbers::numpy),
        (&args.parquet, numbers::parquet),
        (&args.mcap, containers::mcap),
        (&args.binlog, containers::binlog),
    ];
    let wanted = forms
        .into_iter()
        .find_map(|(path, form)| Some((path.as_deref()?, form)));
    match wanted {
        Some((path, form)) => form(args, path),
        None => Err(Failure::Usage("say what to export into, such as --png FILE".to_owned())),
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    Raw,
    Json,
}

/// What `capture cat` prints, in a file.
fn events(args: &ExportArgs, path: &Path, form: Form) -> Done {
    cat::run(&CatArgs {
        capture: args.capture.clone(),
        format: FormatArg {
            format: if form == Form::Json { Format::Json } else { Format::Text },
        },
        raw: form == Form::Raw,
        as_recorded: false,
        call: args.call,
        direction: None,
        start_offset: None,
        follow: false,
        output: Some(path.to_owned()),
        force: args.force,
    })
}
