//! `capture serve`: captures as a local Focus Server.

use std::{path::Path, time::Duration};

use crate::serve::{Builder, Delivery, Fidelity, Gzip, ReplayServer, Restamp, ServerTls, builtin_scene};

use super::{
    Done, Failure, Outcome, faults, input, output,
    signals::{Signals, Usr1},
    tls::TlsFlags,
    wrapped::{self, Variable, Wrapped},
};
use crate::cli::flags::{
    Format,
    serve::{BehaviourArgs, MatchArgs, PaceArgs, ServeArgs, TlsArgs, WireArgs},
};

mod recorded;

/// Longest list of rules that a message repeats, in characters.
const MAX_SHOWN: usize = 80;
/// Largest number of calls that are named because nobody asked for them.
const MAX_NAMED: usize = 20;

pub(crate) fn run(args: &ServeArgs, verbosity: output::Verbosity) -> Done {
    if faults::wants_help(&args.faults) {
        output::put(Format::Text, faults::help())?;
        return Ok(Outcome::Ok);
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let done = runtime.block_on(serve(args, verbosity));
    // A disk that does not answer must not keep a stopped command alive.
    runtime.shutdown_background();
    done
}

async fn serve(args: &ServeArgs, verbosity: output::Verbosity) -> Done {
    // Before anything is said: who reads it may stop the server at once.
    let mut signals = Signals::listen(Usr1::Remark)?;
    let mut builder = builder(args)?;
    let recorded = recorded::start(args, &builder)?;
    if let Some(recording) = &recorded {
        builder = builder.recording(recording.handle());
    }
    let server = tokio::select! {
        server = builder.start() => server?,
        (_, reason) = signals.stop() => return Err(format!("{reason} before the captures were read").into()),
    };
    if let (Some(ca), false) = (&args.tls.self_signed, verbosity.is_quiet()) {
        output::say(format!("clients trust this server with --cacert {}", ca.display()));
    }
    let captures = server.captures().iter();
    let outcome = captures.fold(Outcome::Ok, |outcome, (name, state)| {
        input::tell(name.as_ref(), *state, outcome)
    });
    tracing::info!("rate {}, ready line: {}", args.pace.rate, server.ready_line());
    let status = if args.wrapped.command.is_empty() {
        announce(&server, verbosity)?;
        signals.stop().await;
        None
    } else {
        let mut wrapped = Wrapped::start(&args.wrapped.command, &variables(args, &server))?;
        let status = wrapped.end(&mut signals).await?;
        // What it sent last is answered, or given up, as its connections close.
        wrapped::settle(|| server.served().active == 0).await;
        Some(status)
    };
    if !verbosity.is_quiet() {
        say_goodbye(&server);
    }
    let outcome = outcome.worst(strict(args, &server));
    // Breaks off what still runs: the recording is complete.
    drop(server);
    let outcome = match recorded {
        Some(recording) => outcome.worst(recorded::finish(args, recording, verbosity).await?),
        None => outcome,
    };
    Ok(status.map_or(outcome, |status| wrapped::outcome(status, outcome)))
}

/// Names the recorded calls that nobody asked for.
fn strict(args: &ServeArgs, server: &ReplayServer) -> Outcome {
    let unasked = if args.requests.strict {
        server.never_asked()
    } else {
        Vec::new()
    };
    if unasked.is_empty() {
        return Outcome::Ok;
    }
    let were = if unasked.len() == 1 { "was" } else { "were" };
    let calls = output::counted(unasked.len() as u64, "recorded call");
    output::say(format!("{calls} {were} never asked for:"));
    for (capture, call, method) in unasked.iter().take(MAX_NAMED) {
        output::say(format!("  call {call} of {capture}: {method}"));
    }
    if unasked.len() > MAX_NAMED {
        output::say(format!("  and {} more", unasked.len() - MAX_NAMED));
    }
    Outcome::Findings
}

fn builder(args: &ServeArgs) -> Result<Builder, Failure> {
    let plan = faults::plan(&args.faults)?;
    faults::announce(&plan);
    let mut builder = ReplayServer::builder()
        .faults(plan)
        .grpc_addr(args.grpc)
        .rest_addr(args.rest);
    for capture in &args.captures {
        tracing::info!("serving {}", capture.display());
        builder = builder.capture(capture);
    }
    if args.captures.is_empty() {
        tracing::info!("serving the built-in earthquake, because no capture was given");
        builder = builder.source(builtin_scene());
    }
    builder = pace(builder, &args.pace);
    builder = behaviour(builder, &args.behaviour);
    builder = matching(builder, &args.matching)?;
    builder = wire(builder, &args.wire);
    match tls(&args.tls, args.force)? {
        Some(tls) => Ok(builder.tls(tls)),
        None => Ok(builder),
    }
}

fn pace(mut builder: Builder, args: &PaceArgs) -> Builder {
    builder = builder.rate(args.rate);
    if let Some(times) = args.loops {
        builder = builder.loops(times);
    }
    if let Some(offset) = args.start_offset {
        builder = builder.start_offset(offset.0);
    }
    if let Some(duration) = args.playback_duration {
        builder = builder.playback_duration(duration.0);
    }
    if let Some(wait) = args.max_wait {
        builder = builder.max_wait(wait.0);
    }
    if args.start_paused {
        builder = builder.start_paused();
    }
    if args.restamp {
        builder = builder.restamp(Restamp::Now);
    }
    builder
}

fn behaviour(mut builder: Builder, args: &BehaviourArgs) -> Builder {
    builder = builder.end(args.end);
    if let Some(delay) = args.startup_delay {
        builder = builder.startup_delay(delay.0);
    }
    if args.compete {
        builder = builder.delivery(Delivery::Compete);
    }
    if args.once {
        builder = builder.delivery(Delivery::Once);
    }
    if let Some(silence) = args.idle_goaway {
        builder = builder.idle_goaway(silence.0);
    }
    args.quirks.iter().fold(builder, |builder, quirk| builder.quirk(*quirk))
}

/// Adds the rules by which requests match. What ends in `.toml` is a file; anything else is a list of paths.
fn matching(mut builder: Builder, args: &MatchArgs) -> Result<Builder, Failure> {
    for rules in &args.rules {
        let usage = |error: &dyn std::fmt::Display| Failure::Usage(format!("--match {}: {error}", shortened(rules)));
        let is_file = Path::new(rules)
            .extension()
            .is_some_and(|extension| extension == "toml");
        builder = if is_file {
            let text = std::fs::read_to_string(rules).map_err(|error| usage(&error))?;
            builder.match_rules(&text).map_err(|error| usage(&error))?
        } else {
            builder.match_ignoring(rules).map_err(|error| usage(&error))?
        };
    }
    Ok(builder)
}

/// A list of rules as a message names it.
fn shortened(rules: &str) -> String {
    match rules.char_indices().nth(MAX_SHOWN) {
        Some((end, _)) => format!("{}…", rules.get(..end).unwrap_or_default()),
        None => rules.to_owned(),
    }
}

fn wire(mut builder: Builder, args: &WireArgs) -> Builder {
    if args.gzip {
        builder = builder.gzip(Gzip::WhenAsked);
    }
    if let Some(interval) = args.keepalive {
        builder = builder.keepalive(interval.0);
    }
    builder.max_request_bytes(usize::try_from(args.max_msg_sz.0).unwrap_or(usize::MAX))
}

fn tls(args: &TlsArgs, force: bool) -> Result<Option<ServerTls>, Failure> {
    let flags = TlsFlags {
        cert: args.cert.as_ref(),
        key: args.key.as_ref(),
        self_signed: args.self_signed.as_ref(),
        client_ca: args.client_ca.as_ref(),
        force,
        names: "--cert and --key",
    };
    flags.server()
}

/// The variables of the command's environment.
fn variables(args: &ServeArgs, server: &ReplayServer) -> Vec<Variable> {
    let mut variables = wrapped::variables(Some(&server.grpc_addr().to_string()), Some(&server.rest_url()));
    variables.push(("CAPTURE_READY", server.ready_line().to_string()));
    variables.extend(wrapped::authority(args.tls.self_signed.as_deref()));
    variables
}

/// Prints the ready line with the addresses of the server, for scripts; and, for people, the addresses of jobs with
/// their own ports.
fn announce(server: &ReplayServer, verbosity: output::Verbosity) -> Result<(), Failure> {
    let others = server.job_ids().iter().filter_map(|job_id| {
        let addr = server.job_addr(job_id)?;
        (addr != server.grpc_addr()).then_some((job_id, addr))
    });
    for (job_id, addr) in others {
        if !verbosity.is_quiet() {
            output::say(format!("job {job_id} is served on {addr}"));
        }
    }
    output::put(Format::Json, format!("{}\n", server.ready_line()))
}

fn say_goodbye(server: &ReplayServer) {
    let sent = server.served();
    let by_fields = if sent.by_fields > 0 {
        format!(", {} matched by fields", sent.by_fields)
    } else {
        String::new()
    };
    output::say(format!(
        "served {} in {} ({} to the end{by_fields}), {} refused",
        output::counted(sent.messages, "message"),
        output::counted(sent.calls, "call"),
        sent.completed,
        sent.refused
    ));
    let fidelity = server.fidelity();
    if let Some(text) = kept(&fidelity) {
        output::say(text);
    }
    faults::sum_up(&server.faults());
}

/// Prints how well the schedule was kept; nothing when nothing was played.
fn kept(fidelity: &Fidelity) -> Option<String> {
    let rate = fidelity.achieved_rate?;
    let ms = |nanoseconds| Duration::from_nanos(nanoseconds).as_secs_f64() * 1000.0;
    let late = if fidelity.timed == 0 {
        String::new()
    } else {
        format!(
            "; {} late by {:.3} ms (p50), {:.3} ms (p99), {:.3} ms (max)",
            output::counted(fidelity.timed, "message"),
            ms(fidelity.late_p50_ns),
            ms(fidelity.late_p99_ns),
            ms(fidelity.late_max_ns)
        )
    };
    Some(format!("played at {rate:.3} times the recorded pace{late}"))
}
