//! The `capture` command: flags, commands and what they print. [`run`] is the whole program.

use std::{ffi::OsString, process::ExitCode};

use clap::Parser;
use tracing_subscriber::{
    field::MakeExt as _,
    filter::{LevelFilter, Targets},
    fmt::format::debug_fn,
    layer::SubscriberExt as _,
    util::SubscriberInitExt as _,
};

use crate::{model::text::printable, transform::redact::Secrets};
use commands::{output::Verbosity, supervisor::Supervisor};
use flags::{Cli, Command};

mod commands;
mod flags;
mod remedies;

/// Runs the command line: `args` are the program's name, then its arguments, as [`std::env::args_os`] gives them.
///
/// Prints to stdout and stderr as the `capture` binary does, which is this function and nothing else. The code is the
/// command's: 0 ok, 1 findings, 2 usage, 3 finished but lossy, 4 could not do it, 64+N the server ended the call with
/// gRPC status N.
///
/// ```
/// use std::process::ExitCode;
///
/// let code = grpc_capture::cli::run(["capture", "info", "captures/zero-ids.gcap", "--format", "json"]);
/// assert_eq!(code, ExitCode::SUCCESS);
/// ```
pub fn run<I, T>(args: I) -> ExitCode
where
    I: IntoIterator<Item = T>,
    T: Into<OsString> + Clone,
{
    let cli = match Cli::try_parse_from(args) {
        Ok(cli) => cli,
        Err(error) => {
            // Help that nobody reads is not a failure.
            let _ = error.print();
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2));
        }
    };
    // What a recording learns must not be said either.
    let secrets = Secrets::default();
    start_log(&cli, secrets.clone());
    if let Err(error) = commands::signals::let_large_writes_fail() {
        tracing::debug!(%error, "a write beyond the limit for the size of files ends the process");
    }
    let verbosity = if cli.quiet { Verbosity::Quiet } else { Verbosity::Normal };
    let supervisor = Supervisor::start();
    let code = supervisor.run(|| match &cli.command {
        Command::Demo(args) => commands::demo::run(args),
        Command::Record(args) => commands::record::run(args, verbosity, &secrets, &supervisor),
        Command::Proxy(args) => commands::proxy::run(args, verbosity, &secrets),
        Command::Serve(args) => commands::serve::run(args, verbosity),
        Command::Replay(args) => commands::replay::run(args),
        Command::Info(args) => commands::info::run(args),
        Command::Cat(args) => commands::cat::run(args),
        Command::Verify(args) => commands::verify::run(args),
        Command::Diff(args) => commands::diff::run(args),
        Command::Drift(args) => commands::drift::run(args),
        Command::Merge(args) => commands::merge::run(args),
        Command::Note(args) => commands::note::run(args),
        Command::Slice(args) => commands::slice::run(args),
        Command::Redact(args) => commands::redact::run(args),
        Command::Recover(args) => commands::recover::run(args),
        Command::Validate(args) => commands::validate::run(args),
        Command::Stats(args) => commands::stats::run(args),
        Command::Snapshot(args) => commands::snapshot::run(args),
        Command::Report(args) => commands::report::run(args),
        Command::Export(args) => commands::export::run(args),
        Command::Import(args) => commands::import::run(args),
        Command::Bundle(args) => commands::bundle::run(args),
        Command::Attach(args) => commands::attach::run(args),
        Command::Completions(args) => commands::docs::completions(args),
        Command::Man(args) => commands::docs::man(args),
    });
    ExitCode::from(code)
}

/// Log lines go to stderr: warnings by default, more with -v, or as `RUST_LOG` says.
#[expect(clippy::disallowed_methods, reason = "whether stderr is a terminal")]
fn start_log(cli: &Cli, secrets: Secrets) {
    let level = match (cli.quiet, cli.verbose) {
        (true, _) => LevelFilter::ERROR,
        (false, 0) => LevelFilter::WARN,
        (false, 1) => LevelFilter::INFO,
        (false, _) => LevelFilter::DEBUG,
    };
    let filter = targets(&std::env::var("RUST_LOG").unwrap_or_default(), level);
    let colour = std::env::var_os("NO_COLOR").is_none() && std::io::IsTerminal::is_terminal(&std::io::stderr());
    // Values come from whoever is recorded; the colours around them are ours.
    let fields = debug_fn(move |out, field, value| {
        let value = printable(&secrets.line(&format!("{value:?}")));
        match field.name() {
            "message" => write!(out, "{value}"),
            name => write!(out, "{name}={value}"),
        }
    });
    // A front end may have a log of its own: it is kept.
    let layer = tracing_subscriber::fmt::layer()
        .fmt_fields(fields.delimited(" "))
        .with_writer(|| commands::output::Stderr)
        .with_ansi(colour)
        .with_target(false)
        .without_time();
    let _ = tracing_subscriber::registry().with(layer).with(filter).try_init();
}

/// The log levels that `RUST_LOG` asks for, as in `info,h2=debug`; `level` where it asks for none. A part that is no
/// directive is passed over.
fn targets(asked: &str, level: LevelFilter) -> Targets {
    let parts: Vec<Targets> = asked
        .split(',')
        .filter(|part| !part.trim().is_empty())
        .filter_map(|part| part.trim().parse().ok())
        .collect();
    let default = match parts.iter().filter_map(Targets::default_level).next_back() {
        Some(asked) => asked,
        None if parts.is_empty() => level,
        None => LevelFilter::OFF,
    };
    let named = parts
        .iter()
        .flat_map(|part| part.iter().map(|(name, level)| (name.to_owned(), level)));
    Targets::new().with_targets(named).with_default(default)
}

#[cfg(test)]
mod tests {
    use tracing::Level;

    use super::{LevelFilter, targets};

    #[test]
    fn rust_log_sets_levels_by_module() {
        let warnings = LevelFilter::WARN;
        let shows = |asked, name, level| targets(asked, warnings).would_enable(name, &level);
        assert!(shows("", "grpc_capture", Level::WARN));
        assert!(!shows("", "grpc_capture", Level::INFO));
        assert!(shows("debug", "h2", Level::DEBUG));
        assert!(shows("info, h2=trace", "h2::proto", Level::TRACE));
        assert!(!shows("info, h2=trace", "hyper", Level::DEBUG));
        assert!(!shows("h2=trace", "hyper", Level::ERROR));
    }

    #[test]
    fn a_wrong_part_of_rust_log_is_passed_over() {
        assert!(targets("h2=loud,debug", LevelFilter::WARN).would_enable("tonic", &Level::DEBUG));
        assert!(targets("h2=loud", LevelFilter::WARN).would_enable("tonic", &Level::WARN));
    }
}
