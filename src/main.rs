//! The `capture` command.

use std::process::ExitCode;

use clap::Parser;
use grpc_capture::{redact::Secrets, text::printable};
use tracing_subscriber::{EnvFilter, field::MakeExt as _, filter::LevelFilter, fmt::format::debug_fn};

use cli::{Cli, Command};
use commands::{output::Talk, supervisor::Supervisor};

mod cli;
mod commands;

fn main() -> ExitCode {
    let cli = Cli::parse();
    // What a recording learns must not be said either.
    let secrets = Secrets::default();
    start_log(&cli, secrets.clone());
    if let Err(error) = commands::signals::let_large_writes_fail() {
        tracing::debug!(%error, "a write beyond the limit for the size of files ends the process");
    }
    let talk = if cli.quiet { Talk::Quiet } else { Talk::Normal };
    let supervisor = Supervisor::start();
    let code = supervisor.run(|| match &cli.command {
        Command::Demo(args) => commands::demo::run(args),
        Command::Record(args) => commands::record::run(args, talk, &secrets, &supervisor),
        Command::Proxy(args) => commands::proxy::run(args, talk, &secrets),
        Command::Serve(args) => commands::serve::run(args, talk),
        Command::Replay(args) => commands::replay::run(args),
        Command::Info(args) => commands::info::run(args),
        Command::Cat(args) => commands::cat::run(args),
        Command::Verify(args) => commands::verify::run(args),
        Command::Diff(args) => commands::diff::run(args),
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
    let filter = EnvFilter::builder()
        .with_default_directive(level.into())
        .from_env_lossy();
    let colour = std::env::var_os("NO_COLOR").is_none() && std::io::IsTerminal::is_terminal(&std::io::stderr());
    // Values come from whoever is recorded; the colours around them are ours.
    let fields = debug_fn(move |out, field, value| {
        let value = printable(&secrets.line(&format!("{value:?}")));
        match field.name() {
            "message" => write!(out, "{value}"),
            name => write!(out, "{name}={value}"),
        }
    });
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .fmt_fields(fields.delimited(" "))
        .with_writer(|| commands::output::Stderr)
        .with_ansi(colour)
        .with_target(false)
        .without_time()
        .init();
}
