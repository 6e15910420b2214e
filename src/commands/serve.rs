//! `capture serve`: captures as a local Focus Server.

use std::io::Write;

use grpc_capture::replay::{ReplayServer, builtin_scene};
use tokio::signal::unix::{SignalKind, signal};

use super::{Done, Failure, Outcome, faults, output};
use crate::cli::ServeArgs;

pub(crate) fn run(args: &ServeArgs, talk: output::Talk) -> Done {
    if faults::wants_help(&args.faults) {
        std::io::stdout().write_all(faults::help().as_bytes())?;
        return Ok(Outcome::Ok);
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let done = runtime.block_on(serve(args, talk));
    // A disk that does not answer must not keep a stopped command alive.
    runtime.shutdown_background();
    done
}

async fn serve(args: &ServeArgs, talk: output::Talk) -> Done {
    let plan = faults::plan(&args.faults)?;
    faults::announce(&plan);
    let mut builder = ReplayServer::builder()
        .faults(plan)
        .rate(args.rate)
        .grpc_addr(args.grpc)
        .rest_addr(args.rest);
    for capture in &args.captures {
        builder = builder.capture(capture);
    }
    if args.captures.is_empty() {
        builder = builder.source(builtin_scene());
    }
    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    let server = tokio::select! {
        server = builder.start() => server?,
        _ = interrupt.recv() => return Err("stopped before the captures were looked through".into()),
        _ = terminate.recv() => return Err("stopped before the captures were looked through".into()),
    };
    announce(&server)?;
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
    let sent = server.served();
    if !talk.is_quiet() {
        output::say(format!(
            "served {} in {} ({} to the end), {} refused",
            output::counted(sent.messages, "message"),
            output::counted(sent.calls, "call"),
            sent.completed,
            sent.refused
        ));
    }
    if !talk.is_quiet() {
        faults::sum_up(&server.faults());
    }
    Ok(Outcome::Ok)
}

/// The line that tells scripts where the server is.
fn announce(server: &ReplayServer) -> Result<(), Failure> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{}", server.ready_line())?;
    out.flush()?;
    Ok(())
}
