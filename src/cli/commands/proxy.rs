//! `capture proxy`: records every call between clients and a server.

use std::{path::Path, sync::atomic::Ordering};

use crate::{
    analyze::validate::Expectations,
    das::proto::FOCUS_DESCRIPTOR_SET,
    file::{Attribute, Continues, Existing, Header},
    grpc::server_tls::ServerTls,
    record::{RecordingOptions, RecordingPool},
    tap::{
        self, DialOptions, Proxy, ProxyOptions, Stop, Target,
        proxy::{MethodFilter, ProxyOutcome, RestOptions},
        tls::TlsMode,
    },
    transform::redact::{Secrets, strip_userinfo},
};
use serde_json::json;

use session::Session;

use super::{
    Done, Failure, output,
    record::{default_path, progress, unix_ns},
    recording,
    redact::rules_of_file,
    schema,
    series::DumpRequests,
    signals::{self, Signals, Usr1},
    supervisor::caught,
    tls::TlsFlags,
    trust,
    wrapped::{self, Variable, Wrapped},
};
use crate::cli::{
    flags::{Format, proxy::ProxyArgs, schema::Reflect},
    remedies::told,
};

mod report;
mod session;

pub(crate) fn run(args: &ProxyArgs, verbosity: output::Verbosity, secrets: &Secrets) -> Done {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let done = runtime.block_on(proxy(args, verbosity, secrets));
    // A name server that does not answer must not keep a finished command alive.
    runtime.shutdown_background();
    done.map_err(|failure| failure.masked(secrets))
}

async fn proxy(args: &ProxyArgs, verbosity: output::Verbosity, secrets: &Secrets) -> Done {
    let options = options(args)?;
    let path = args.output.clone().unwrap_or_else(|| default_path("proxy"));
    output::check_capture(&path)?;
    let earlier = args.recorder.resume_of.as_ref().map(Continues::of).transpose()?;
    if let Some(earlier) = &args.recorder.resume_of {
        output::apart(earlier, &path)?;
    }
    let rules = args.recorder.redact.as_deref().map(rules_of_file).transpose()?;
    let dumps = DumpRequests::of(&args.series)?;
    let pool = RecordingPool::with_sync_interval(1, args.recorder.flush_interval.0)?;
    let existing = Existing::forced(args.force);
    let recording = RecordingOptions {
        only_errors: args.only_errors,
        ..recording::options(&args.recorder, &args.series, existing, rules)?
    };
    // Before clients can connect: what they send then is all recorded under one schema.
    let schema = schema_of(args, &options).await?;
    let mut header = header(args, &options, schema.as_deref());
    if let Some(earlier) = &earlier {
        header.set_continues(earlier);
    }
    // Before the file: an address that is taken leaves none behind.
    let proxy = Proxy::bind(options).await?;
    let mut reserved = recording::reserve(&pool, &path, recording)?.with_secrets(secrets);
    let stop = Stop::new();
    let signals = if args.wrapped.command.is_empty() {
        signals::stop_on_signals(stop.clone(), Usr1::of(&args.series))?;
        None
    } else {
        Some(Signals::listen(Usr1::of(&args.series))?)
    };
    let triggers = reserved.triggers();
    if let Some(dumps) = &dumps {
        let expected = Expectations::from_header(&header);
        let observer = dumps.observer(triggers.clone(), expected, &header, args.limits.max_msg_sz.0);
        if let Some(observer) = observer {
            reserved = reserved.with_observer(observer);
        }
    }
    let recording = reserved.start(&header)?;
    if args.allow_empty {
        recording.keep_empty();
    }
    let handle = recording.handle();
    if let Some(dumps) = dumps {
        dumps.listen(triggers, handle.clone());
    }
    if let (Some(ca), false) = (&args.clients.self_signed, verbosity.is_quiet()) {
        output::say(format!("clients trust this proxy with --cacert {}", ca.display()));
    }
    let ready = ready_line(&proxy);
    tracing::info!("ready for clients: {ready}");
    let clients = proxy.open_connections();
    let command = match signals {
        None => {
            output::put(Format::Json, format!("{ready}\n"))?;
            None
        }
        Some(signals) => {
            let wrapped = Wrapped::start(&args.wrapped.command, &variables(args, &proxy, &ready, &path));
            let settled = async move { wrapped::settle(|| clients.load(Ordering::Relaxed) == 0).await };
            Some((wrapped, signals, settled))
        }
    };
    let line = progress::Line::start(handle.clone(), verbosity);
    let outcome = {
        // Whatever happens to it, what it has recorded is completed.
        let run = limited(args, caught(proxy.run(Some(handle), stop.clone())), &stop);
        let command = async {
            match command {
                None => Ok(None),
                Some((wrapped, signals, settled)) => {
                    wrapped::beside(wrapped, signals, &stop, true, settled).await.map(Some)
                }
            }
        };
        tokio::join!(run, command)
    };
    let (outcome, status) = outcome;
    let outcome = outcome.unwrap_or_else(|panicked| {
        stop.stop(format!("the proxy stopped: {panicked}"));
        ProxyOutcome::default()
    });
    let written = recording.finish().await;
    let totals = line.stop();
    let session = Session {
        path,
        outcome,
        totals,
        written,
        stopped: stop.reason().unwrap_or_default().to_owned(),
    };
    let ours = report::report(args, &session, verbosity)?;
    Ok(status?.map_or(ours, |status| wrapped::outcome(status, ours)))
}

/// Runs the proxy to its end, or to the time limit.
async fn limited<T>(args: &ProxyArgs, run: impl Future<Output = T>, stop: &Stop) -> T {
    let timer = async {
        match args.limits.duration {
            Some(span) => tap::Deadline::after(span.0).passed().await,
            None => std::future::pending().await,
        }
    };
    tokio::pin!(run);
    tokio::select! {
        outcome = &mut run => outcome,
        () = timer => {
            stop.stop("the time limit was reached");
            run.await
        }
    }
}

/// The variables of the command's environment.
fn variables(args: &ProxyArgs, proxy: &Proxy, ready: &serde_json::Value, path: &Path) -> Vec<Variable> {
    let grpc = proxy.addr().map(|addr| addr.to_string());
    let mut variables = wrapped::variables(grpc.as_deref(), proxy.rest_url().as_deref());
    variables.push(("CAPTURE_READY", ready.to_string()));
    variables.push(("CAPTURE_FILE", path.display().to_string()));
    variables.extend(wrapped::authority(args.clients.self_signed.as_deref()));
    variables
}

/// The ready line with the addresses of the proxy, for scripts.
fn ready_line(proxy: &Proxy) -> serde_json::Value {
    let mut ready = json!({"event": "ready", "grpc": proxy.addr().map(|addr| addr.to_string()), "rest": proxy.rest_url(), "job_ids": []});
    if let (Some(sha256), Some(ready)) = (proxy.certificate_sha256(), ready.as_object_mut()) {
        let hex = sha256.iter().fold(String::new(), |mut hex, byte| {
            hex.push_str(&format!("{byte:02x}"));
            hex
        });
        ready.insert("tls_sha256".to_owned(), hex.into());
    }
    ready
}

fn options(args: &ProxyArgs) -> Result<ProxyOptions, Failure> {
    let target = args.target.as_deref().map(str::parse::<Target>).transpose();
    let target = target.map_err(|error| Failure::Usage(error.to_string()))?;
    if target.is_none() && args.rest_target.is_none() {
        let text = "there is no server to pass calls on to: give --target HOST:PORT, --rest-target URL, or both";
        return Err(Failure::Usage(text.to_owned()));
    }
    let dial = &args.dial;
    let mut tls = trust::tls(&dial.trust)?;
    if dial.plaintext {
        tls.mode = TlsMode::Plaintext;
    }
    Ok(ProxyOptions {
        listen: args.listen,
        target,
        rest: args.rest_target.as_ref().map(|target| RestOptions {
            listen: args.rest_listen,
            target: target.clone(),
        }),
        tls: server_tls(args)?,
        dial: DialOptions {
            tls,
            authority: dial.authority.clone(),
            connect_timeout: dial.connect_timeout.0,
            ..DialOptions::default()
        },
        max_message_bytes: usize::try_from(args.limits.max_msg_sz.0).unwrap_or(usize::MAX),
        max_bytes: args.limits.max_bytes.map(|size| size.0),
        methods: MethodFilter::new(args.method.iter().cloned()),
        list_ok: !args.only_errors,
    })
}

/// The schema to embed in the capture. Without a target nobody is asked: a job's own schema is known.
async fn schema_of(args: &ProxyArgs, options: &ProxyOptions) -> Result<Option<Vec<u8>>, Failure> {
    if let Some(target) = &options.target {
        return schema::descriptor_set(&args.schema, target, &options.dial).await;
    }
    if args.schema.reflect == Reflect::Always {
        let text = "--reflect always asks the target for its schema: give --target, or --proto or --protoset instead";
        return Err(Failure::Usage(text.to_owned()));
    }
    let given = tap::schema::load(&args.schema.proto, &args.schema.import_path, &args.schema.protoset);
    let given = given.map_err(|error| Failure::Usage(told(&error)))?;
    schema::warn_of(given.as_deref());
    Ok(given)
}

/// The TLS options towards clients.
fn server_tls(args: &ProxyArgs) -> Result<Option<ServerTls>, Failure> {
    let clients = &args.clients;
    let flags = TlsFlags {
        cert: clients.tls_cert.as_ref(),
        key: clients.tls_key.as_ref(),
        self_signed: clients.self_signed.as_ref(),
        client_ca: clients.client_ca.as_ref(),
        force: args.force,
        names: "--tls-cert and --tls-key",
    };
    flags.server()
}

/// The header of the capture. Whatever the schema, a Focus job may be behind the proxy.
fn header(args: &ProxyArgs, options: &ProxyOptions, schema: Option<&[u8]>) -> Header {
    let targets = options.target.iter().map(ToString::to_string);
    let behind: Vec<_> = targets
        .chain(options.rest.iter().map(|rest| strip_userinfo(&rest.target)))
        .collect();
    let mut header = Header::new(unix_ns());
    header.set(Attribute::TOOL, concat!("grpc-capture ", env!("CARGO_PKG_VERSION")));
    let choice = if args.only_errors {
        ", calls that did not end with OK"
    } else {
        ""
    };
    header.set(Attribute::SOURCE, format!("proxy -> {}{choice}", behind.join(", ")));
    let joined = schema.and_then(|set| tap::schema::join(Some(set), FOCUS_DESCRIPTOR_SET).ok());
    header.set_descriptor_set(joined.as_deref().or(schema).unwrap_or(FOCUS_DESCRIPTOR_SET));
    for tag in &args.tags {
        header.set(format!("{}{}", Attribute::TAG_PREFIX, tag.0), tag.1.as_str());
    }
    header
}
