//! `capture completions` and `capture man`.

use std::fs;

use clap::CommandFactory;

use super::{Done, Outcome, output};
use crate::cli::flags::{Cli, CompletionsArgs, ManArgs};

pub(crate) fn completions(args: &CompletionsArgs) -> Done {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "capture", &mut script);
    output::put_as_it_is(script)?;
    Ok(Outcome::Ok)
}

pub(crate) fn man(args: &ManArgs) -> Done {
    let Some(dir) = &args.dir else {
        let mut page = Vec::new();
        clap_mangen::Man::new(Cli::command()).render(&mut page)?;
        output::put_as_it_is(page)?;
        return Ok(Outcome::Ok);
    };
    let failed = |error| format!("could not write man pages into {}: {error}", dir.display());
    fs::create_dir_all(dir).map_err(failed)?;
    clap_mangen::generate_to(Cli::command(), dir).map_err(failed)?;
    output::say(format!("man pages are in {}", dir.display()));
    Ok(Outcome::Ok)
}
