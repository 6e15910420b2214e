//! `capture proxy`: stands between clients and a server, and records every call.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use grpc_capture::{
    file::{Continues, Header, NewFile, Writer, WriterOptions, attribute},
    proto::FOCUS_DESCRIPTOR_SET,
    redact::{MetadataPolicy, Redactor, Rule, Secrets, strip_userinfo},
    server_tls::ServerTls,
    tap::{
        self, DialOptions, MonotonicClock, Overflow, Proxy, ProxyOptions, Recorder, RecorderError, RecorderOptions,
        Stop, Target, Totals,
        proxy::{MethodFilter, ProxyOutcome, RestOptions},
        recorder::{
            SPILL_BYTES, Spill,
            durable::Keeper,
            output::{Evidence, Held, Making, Output, RecordingFiles, Sieve, Written},
            pipeline::{Ladder, Pipeline},
            press::Press,
        },
        tls::TlsMode,
    },
    validate::Expectations,
};
use serde_json::json;

use super::{
    Done, Failure, output,
    record::{default_path, held, progress, unix_ns},
    redact::rules_of_file,
    schema,
    series::{Asked, Numbered},
    signals::{self, Usr1},
    supervisor::caught,
    tls::TlsFlags,
    trust,
};
use crate::cli::{Format, proxy::ProxyArgs, record::OnOverflow, schema::Reflect};

mod report;

/// Disks do not like to be synced more often.
const SHORTEST_ROUND: Duration = Duration::from_millis(200);

pub(crate) fn run(args: &ProxyArgs, talk: output::Talk, secrets: &Secrets) -> Done {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let done = runtime.block_on(proxy(args, talk, secrets));
    // A name server that does not answer must not keep a finished command alive.
    runtime.shutdown_background();
    done.map_err(|failure| failure.masked(secrets))
}

#[expect(
    clippy::too_many_lines,
    reason = "one step after the other, in the order in which they happen"
)]
async fn proxy(args: &ProxyArgs, talk: output::Talk, secrets: &Secrets) -> Done {
    let options = options(args)?;
    let path = args.output.clone().unwrap_or_else(|| default_path("proxy"));
    output::check_capture(&path)?;
    let earlier = args.recorder.resume_of.as_ref().map(Continues::of).transpose()?;
    if let Some(earlier) = &args.recorder.resume_of {
        output::apart(earlier, &path)?;
    }
    let rules = args.recorder.redact.as_deref().map(rules_of_file).transpose()?;
    // From here on SIGUSR1 asks for a dump.
    let numbered = Numbered::reserve(&path, args.force, &args.series)?;
    // Before clients can connect: what they send then is all recorded under one schema.
    let schema = schema_of(args, &options).await?;
    let mut header = header(args, &options, schema.as_deref());
    if let Some(earlier) = &earlier {
        header.set_continues(earlier);
    }
    let clock = MonotonicClock::start();
    let mut recording = recorder_options(args, clock);
    recording.secrets = secrets.clone();
    recording.spill = Some(Spill::beside(&path, SPILL_BYTES));
    if let Some(rules) = &rules {
        let mut redactor = Redactor::new(rules, &header)?;
        header = redactor.header(&header);
        header.set(attribute::REDACTED, "before it was written");
        recording.rules.push(Box::new(redactor) as Box<dyn Rule>);
    }
    // Before the file: an address that is taken leaves none behind.
    let proxy = Proxy::bind(options).await?;
    let place = match numbered {
        Some(numbered) => Place::Numbered(numbered),
        None => Place::One(output::begin(&path, args.force)?),
    };
    let stop = Stop::new();
    signals::stop_on_signals(stop.clone(), Usr1::of(&args.series))?;
    let keeper = Keeper::start(args.recorder.flush_interval.0.max(SHORTEST_ROUND))?;
    let chunks = WriterOptions {
        chunk_ns: u64::try_from(args.recorder.flush_interval.0.as_nanos()).unwrap_or(u64::MAX),
        ..WriterOptions::default()
    };
    let press = Press::start()?;
    let files = RecordingFiles::new(Evidence::Any);
    if args.allow_empty {
        files.keep_empty();
    }
    let room = press.room();
    let making = Making {
        header,
        chunks,
        press,
        ladder: Ladder::default(),
        room,
        files: files.clone(),
    };
    let (output, asked) = place.open(args, making, &keeper, &path)?;
    if let Some((asked, header)) = &asked {
        let expected = Expectations::from_header(header);
        let observer = asked.observer(expected, header, args.limits.max_msg_sz.0);
        recording.observers.extend(observer);
    }
    let recorder = Recorder::start(output, recording)?;
    let handle = recorder.handle();
    if let Some((asked, _)) = asked {
        asked.listen(handle.clone());
    }
    if let (Some(ca), false) = (&args.clients.self_signed, talk.is_quiet()) {
        output::say(format!("clients trust this proxy with --cacert {}", ca.display()));
    }
    announce(&proxy)?;
    let line = progress::Line::start(handle.clone(), talk);
    let outcome = {
        let duration = args.limits.duration;
        let timer = async {
            match duration {
                Some(span) => tap::Deadline::after(span.0).passed().await,
                None => std::future::pending().await,
            }
        };
        // Whatever happens to it, what it has recorded is completed.
        let run = caught(proxy.run(Some(handle), stop.clone()));
        tokio::pin!(run);
        tokio::select! {
            outcome = &mut run => outcome,
            () = timer => {
                stop.stop("--duration reached");
                run.await
            }
        }
    };
    let outcome = outcome.unwrap_or_else(|panicked| {
        stop.stop(format!("the proxy stopped: {panicked}"));
        ProxyOutcome::default()
    });
    let written = recorder.finish().await;
    let held = held(files, &written).await;
    let totals = line.stop();
    let session = Session {
        path,
        outcome,
        totals,
        held,
        written,
        stopped: stop.reason().unwrap_or_default().to_owned(),
    };
    report::report(args, &session, talk)
}

/// Where the recording goes.
enum Place<'a> {
    One(NewFile),
    Numbered(Numbered<'a>),
}

impl Place<'_> {
    /// Begins to write; a series or a ring comes with who asks it for dumps, and the header that they go by.
    fn open(
        self,
        args: &ProxyArgs,
        making: Making,
        keeper: &Keeper,
        path: &Path,
    ) -> Result<(Output, Option<(Asked, Header)>), Failure> {
        let (output, asked) = match self {
            Self::Numbered(numbered) => {
                let header = making.header.clone();
                let (output, asked) = numbered.open(making)?;
                (output, Some((asked, header)))
            }
            Self::One(file) => {
                let file = keeper.keep(file, args.recorder.sync.into())?;
                let recorded = file.recorded();
                let writer = Writer::named(file, path, &making.header, making.chunks)?;
                let pipeline = Pipeline::new(writer, making.press, making.ladder, making.room);
                (Output::single(recorded, making.files, pipeline), None)
            }
        };
        let output = if args.only_errors {
            Output::Sieve(Box::new(Sieve::new(output)))
        } else {
            output
        };
        Ok((output, asked))
    }
}

/// Everything that is known when a proxy has stopped.
struct Session {
    path: PathBuf,
    outcome: ProxyOutcome,
    totals: Totals,
    written: Result<Written, RecorderError>,
    /// What is in the files, when they could not be written to their end.
    held: Option<Held>,
    stopped: String,
}

/// The line that tells scripts where the proxy is.
fn announce(proxy: &Proxy) -> Result<(), Failure> {
    let mut ready = json!({"event": "ready", "grpc": proxy.addr().map(|addr| addr.to_string()), "rest": proxy.rest_url(), "job_ids": []});
    if let (Some(sha256), Some(ready)) = (proxy.certificate_sha256(), ready.as_object_mut()) {
        let hex = sha256.iter().fold(String::new(), |mut hex, byte| {
            hex.push_str(&format!("{byte:02x}"));
            hex
        });
        ready.insert("tls_sha256".to_owned(), hex.into());
    }
    output::put(Format::Json, format!("{ready}\n"))
}

fn options(args: &ProxyArgs) -> Result<ProxyOptions, Failure> {
    let target = args.target.as_deref().map(str::parse::<Target>).transpose();
    let target = target.map_err(|error| Failure::Usage(error.to_string()))?;
    if target.is_none() && args.rest_target.is_none() {
        let text = "there is nothing to stand before: give --target HOST:PORT, --rest-target URL, or both";
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

/// The schema to embed. Without a target nobody is asked: a job's own schema is known.
async fn schema_of(args: &ProxyArgs, options: &ProxyOptions) -> Result<Option<Vec<u8>>, Failure> {
    if let Some(target) = &options.target {
        return schema::descriptor_set(&args.schema, target, &options.dial).await;
    }
    if args.schema.reflect == Reflect::Always {
        let text = "--reflect always asks the target for its schema: give --target, or --proto or --protoset instead";
        return Err(Failure::Usage(text.to_owned()));
    }
    let given = tap::schema::load(&args.schema.proto, &args.schema.import_path, &args.schema.protoset);
    let given = given.map_err(|error| Failure::Usage(error.to_string()))?;
    schema::warn_of(given.as_deref());
    Ok(given)
}

/// TLS towards clients.
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

/// What a capture says of the recording. Whatever the schema, a Focus job may be behind the proxy.
fn header(args: &ProxyArgs, options: &ProxyOptions, schema: Option<&[u8]>) -> Header {
    let targets = options.target.iter().map(ToString::to_string);
    let behind: Vec<_> = targets
        .chain(options.rest.iter().map(|rest| strip_userinfo(&rest.target)))
        .collect();
    let mut header = Header::new(unix_ns());
    header.set(attribute::TOOL, concat!("grpc-capture ", env!("CARGO_PKG_VERSION")));
    let choice = if args.only_errors {
        ", calls that did not end with OK"
    } else {
        ""
    };
    header.set(attribute::SOURCE, format!("proxy -> {}{choice}", behind.join(", ")));
    let joined = schema.and_then(|set| tap::schema::join(Some(set), FOCUS_DESCRIPTOR_SET).ok());
    header.set_descriptor_set(joined.as_deref().or(schema).unwrap_or(FOCUS_DESCRIPTOR_SET));
    for tag in &args.tags {
        header.set(format!("{}{}", attribute::TAG_PREFIX, tag.0), tag.1.as_str());
    }
    header
}

fn recorder_options(args: &ProxyArgs, clock: MonotonicClock) -> RecorderOptions {
    RecorderOptions {
        on_overflow: match args.recorder.on_overflow {
            OnOverflow::Block => Overflow::Block,
            OnOverflow::Gap => Overflow::Gap,
            OnOverflow::Abort => Overflow::Abort,
        },
        flush_interval: args.recorder.flush_interval.0,
        metadata: if args.recorder.keep_metadata {
            MetadataPolicy::Keep
        } else {
            MetadataPolicy::Redact
        },
        clock: Arc::new(clock),
        ..RecorderOptions::default()
    }
}
