//! `capture export`: a capture in another form. Each form has a file of its own.

mod png;

use super::{Done, Failure};
use crate::cli::export::ExportArgs;

pub(crate) fn run(args: &ExportArgs) -> Done {
    match &args.png {
        Some(path) => png::run(args, path),
        None => Err(Failure::Usage("say what to export into, such as --png FILE".to_owned())),
    }
}
