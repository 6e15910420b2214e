//! The target of a recording: a job that is configured first, or one that is dialled as it is.

use std::fs;

use crate::{
    das::{
        dialect::{Dialect, datastream, pandadatastream},
        focus::{self, ConfigureResponse, JobSpec, Period},
    },
    report::schema::Schema,
    tap::{
        DialOptions, Job, StreamSpec, Target,
        dial::{self, metadata},
        rest::{FocusClient, RestLimits},
        tls::{TlsMode, TlsOptions},
    },
};
use http::HeaderMap;
use serde_json::Value;

use super::Failure;
use crate::cli::{
    commands::{schema, trust},
    flags::{
        record::{CallArgs, DialArgs, JobArgs, RecordArgs},
        schema::{Reflect, SchemaArgs},
        value::Span,
    },
    remedies::told,
};

/// A job that is ready to be dialled.
pub(super) struct Prepared {
    pub(super) job: Job,
    pub(super) job_id: String,
    pub(super) dial: DialOptions,
    /// Source of the frames, for the header.
    pub(super) source: String,
    pub(super) configured: Option<Configured>,
    /// Schema of the recorded method, when it is not that of the dialect.
    pub(super) schema: Option<Vec<u8>>,
}

/// The configure request and its response.
pub(super) struct Configured {
    pub(super) request: Value,
    pub(super) response: Value,
    /// The value of the `Server` header in the answer to the configure request.
    pub(super) server: Option<String>,
}

/// Refuses contradictory flags, before anything is created.
pub(super) fn check(args: &RecordArgs) -> Result<(), Failure> {
    let usage = |text: &str| Err(Failure::Usage(text.to_owned()));
    let datastream = args.job.dialect == Dialect::DataStream;
    if args.target.is_some() && datastream && args.job.job_id.is_none() && args.call.method.is_none() {
        return usage(
            "--target needs the job's name: --job-id ID (a pandadatastream job has none: --dialect pandadatastream)",
        );
    }
    if args.target.is_some() && args.job.file.is_some() {
        return usage("--job describes a job to configure, which needs --server URL; --target dials a running job");
    }
    if datastream && args.job.streams.is_some() {
        return usage("--streams belongs to --dialect pandadatastream; a datastream job has one stream");
    }
    let trust = &args.dial.trust;
    let named = trust.insecure || trust.cacert.is_some() || trust.cert.is_some() || trust.pin_sha256.is_some();
    if args.dial.plaintext && args.server.is_none() && named {
        return usage(
            "--plaintext means no TLS at all with --target: drop it, or --insecure, --cacert, --cert, --key and --pin-sha256",
        );
    }
    tls(&args.dial, Plaintext::Obey)?;
    headers(&args.dial)?;
    if args.server.is_some() {
        job_spec(&args.job)?;
    }
    Ok(())
}

/// Configures the job if a server is given, and finds out how to dial it.
pub(super) async fn prepare(args: &RecordArgs) -> Result<Prepared, Failure> {
    let mut dial = DialOptions {
        tls: tls(&args.dial, Plaintext::Obey)?,
        authority: args.dial.authority.clone(),
        connect_timeout: args.limits.connect_timeout.0,
        metadata: headers(&args.dial)?,
        ..DialOptions::default()
    };
    if let Some(target) = &args.target {
        let parsed: Result<Target, _> = target.parse();
        let target = parsed.map_err(|error| {
            // What has a scheme and a path is likely to be a Focus Server's address.
            let path = target
                .split_once("://")
                .is_some_and(|(_, rest)| rest.trim_end_matches('/').contains('/'));
            let hint = if path {
                "; a Focus Server's address is given with --server"
            } else {
                ""
            };
            Failure::Usage(format!("{error}{hint}"))
        })?;
        let job_id = args.job.job_id.clone().unwrap_or_else(|| target.authority());
        let schema = schema_of(args, &target, &dial).await?;
        let (source, streams) = (target.authority(), args.job.streams.unwrap_or(1));
        let job = match &args.call.method {
            Some(method) => Job {
                streams: vec![StreamSpec {
                    method: method.clone(),
                    request: request(&args.call, &args.schema, method, schema.as_deref())?.into(),
                    server_limited: false,
                }],
                target,
            },
            None => job(args, target, &job_id, streams),
        };
        note_job(&job, &dial);
        return Ok(Prepared {
            source,
            job,
            schema,
            job_id,
            dial,
            configured: None,
        });
    }
    let server = args.server.as_deref().unwrap_or_default();
    let request = job_spec(&args.job)?.to_request();
    let limits = RestLimits {
        connect: args.limits.connect_timeout.0,
        ..RestLimits::default()
    };
    // Whether REST is encrypted, its URL says; --plaintext speaks of the stream.
    let client = FocusClient::new(server, &tls(&args.dial, Plaintext::Ignore)?, limits)?;
    let response = client.configure(&request).await?;
    let endpoint = response.endpoint(client.host())?;
    let mut target = Target::new(endpoint.host.clone(), endpoint.port);
    target.scheme = endpoint.scheme.map(|scheme| match scheme {
        focus::EndpointScheme::Http => dial::Scheme::Http,
        focus::EndpointScheme::Https => dial::Scheme::Https,
    });
    let plaintext = dial.tls.mode == TlsMode::Plaintext;
    dial.tls = target.stream_tls(dial.tls);
    dial.answered = dial.tls.mode == TlsMode::Plaintext && !plaintext;
    dial.fallback = dial::Fallback::Unverified;
    let job_id = job_id(args, &response)?;
    let streams = args.job.streams.unwrap_or_else(|| response.stream_amount());
    tracing::info!("the Focus Server made job {job_id} at {endpoint}");
    let schema = schema_of(args, &target, &dial).await?;
    let job = job(args, target, &job_id, streams);
    note_job(&job, &dial);
    Ok(Prepared {
        schema,
        source: format!("{server} -> {endpoint}"),
        job,
        job_id,
        dial,
        configured: Some(Configured {
            request,
            response: response.into_raw(),
            server: client.server().map(str::to_owned),
        }),
    })
}

/// Logs the target and how it is dialled, for `-v`.
fn note_job(job: &Job, dial: &DialOptions) {
    for stream in &job.streams {
        tracing::info!(
            "calling {} at {} (TLS: {:?}), a request of {} bytes",
            stream.method,
            job.target,
            dial.tls.mode,
            stream.request.len()
        );
    }
}

/// The schema to embed in the capture. A job's own is known, so that its server is asked only when someone insists.
async fn schema_of(args: &RecordArgs, target: &Target, dial: &DialOptions) -> Result<Option<Vec<u8>>, Failure> {
    let mut wanted = args.schema.clone();
    if args.call.method.is_none() && wanted.reflect == Reflect::Auto {
        wanted.reflect = Reflect::Never;
    }
    schema::descriptor_set(&wanted, target, dial).await
}

/// The request of a call of any service.
fn request(call: &CallArgs, schema: &SchemaArgs, method: &str, set: Option<&[u8]>) -> Result<Vec<u8>, Failure> {
    if let Some(path) = &call.request_file {
        let read = fs::read(path);
        return read.map_err(|error| format!("could not read the request {}: {error}", path.display()).into());
    }
    // An empty message is a request of any type.
    let Some(json) = &call.data else { return Ok(Vec::new()) };
    let known = set.map(Schema::from_descriptor_set).transpose()?.unwrap_or_default();
    match known.encode(method, json) {
        Some(Ok(request)) => Ok(request),
        Some(Err(error)) => Err(Failure::Usage(format!("--data is not a request of {method}: {error}"))),
        None => Err(Failure::Usage(format!(
            "--data needs the schema of {method}, which {}; an encoded request is sent with --request-file",
            unknown(&known, schema, set.is_some())
        ))),
    }
}

/// Explains why a method is not known, with the remedy.
fn unknown(known: &Schema, asked: &SchemaArgs, is_there: bool) -> String {
    let given = !asked.proto.is_empty() || !asked.protoset.is_empty();
    match (is_there, asked.reflect) {
        (true, _) => {
            let services = known.services().join(", ");
            let more = if given {
                "correct the method, or also give the file that declares it"
            } else {
                "correct the method, or give its schema with --proto or --protoset"
            };
            format!("is not in the one that was found (services: {services}): {more}")
        }
        (false, Reflect::Never) => {
            "was not asked for: give it with --proto or --protoset, or drop --reflect=never".to_owned()
        }
        (false, _) => "the server does not offer: give it with --proto or --protoset".to_owned(),
    }
}

fn job_id(args: &RecordArgs, response: &ConfigureResponse) -> Result<String, Failure> {
    match (response.job_id(), args.job.dialect) {
        (Some(job_id), _) => Ok(job_id),
        (None, Dialect::PandaDataStream) => Ok("unnamed".to_owned()),
        (None, Dialect::DataStream) => Err(
            "the configure answer has no job_id, so its stream cannot be requested; is this a production server \
                                            (--dialect pandadatastream)?"
                .into(),
        ),
    }
}

fn job(args: &RecordArgs, target: Target, job_id: &str, streams: u32) -> Job {
    let dialect = args.job.dialect;
    let streams = match dialect {
        Dialect::DataStream => {
            let max_frames = args.limits.max_frames.and_then(|frames| i32::try_from(frames).ok());
            vec![StreamSpec {
                method: dialect.method().to_owned(),
                request: datastream::stream_request(job_id, max_frames.unwrap_or(0)).into(),
                server_limited: max_frames.is_some(),
            }]
        }
        Dialect::PandaDataStream => (0..streams)
            .map(|stream| StreamSpec {
                method: dialect.method().to_owned(),
                request: pandadatastream::stream_request(stream as i32).into(),
                server_limited: false,
            })
            .collect(),
    };
    Job { target, streams }
}

/// Whether `--plaintext` applies.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Plaintext {
    /// It applies (to the stream).
    Obey,
    /// It does not apply (to REST).
    Ignore,
}

pub(crate) fn tls(args: &DialArgs, plaintext: Plaintext) -> Result<TlsOptions, Failure> {
    let mut tls = trust::tls(&args.trust)?;
    if args.plaintext && plaintext == Plaintext::Obey {
        tls.mode = TlsMode::Plaintext;
    }
    Ok(tls)
}

pub(crate) fn headers(args: &DialArgs) -> Result<HeaderMap, Failure> {
    let parsed = args.headers.iter().map(|text| metadata::parse(text));
    let mut headers = HeaderMap::new();
    for header in parsed {
        let (name, value) = header.map_err(|error| Failure::Usage(told(&error)))?;
        headers.append(name, value);
    }
    Ok(headers)
}

/// The job description: the file's, with the flags over it.
fn job_spec(args: &JobArgs) -> Result<JobSpec, Failure> {
    let usage = |error: &dyn std::fmt::Display| Failure::Usage(error.to_string());
    let mut spec = match (&args.file, &args.inline) {
        (_, Some(text)) => JobSpec::parse(text, focus::Format::Json).map_err(|error| usage(&error))?,
        (Some(path), None) => {
            let shown = path.display();
            let text = crate::cli::commands::input::text(path)
                .map_err(|error| format!("could not read the job {shown}: {error}"))?;
            let spec = JobSpec::parse(&text, focus::Format::of_path(path));
            spec.map_err(|error| Failure::Usage(format!("could not use the job {shown}: {error}")))?
        }
        (None, None) => JobSpec::default(),
    };
    spec.sensors = args.sensors.unwrap_or(spec.sensors);
    spec.frequency = args.frequency.unwrap_or(spec.frequency);
    spec.nfft = args.nfft.unwrap_or(spec.nfft);
    spec.height = args.height.unwrap_or(spec.height);
    if let Some(Span(span)) = args.time_axis {
        let whole = i64::try_from(span.as_secs()).ok().filter(|_| span.subsec_nanos() == 0);
        let how = || Failure::Usage("--time-axis takes whole seconds, such as 30s".to_owned());
        spec.time_axis_s = whole.ok_or_else(how)?;
    }
    spec.view = args.view.unwrap_or(spec.view);
    if args.live {
        spec.period = Period::Live;
    }
    if let (Some(start), Some(end)) = (&args.start, &args.end) {
        spec.period = Period::Recorded {
            start_s: epoch_s(start)?,
            end_s: epoch_s(end)?,
        };
    }
    spec.validate().map_err(|error| usage(&error))?;
    Ok(spec)
}

fn epoch_s(text: &str) -> Result<i64, Failure> {
    if let Ok(seconds) = text.parse::<i64>() {
        return Ok(seconds);
    }
    let time: Result<jiff::Timestamp, _> = text.parse();
    time.map(jiff::Timestamp::as_second).map_err(|_| {
        let how = "write epoch seconds or 2026-11-24T08:00:00Z";
        Failure::Usage(format!("`{text}` is not a time; {how}"))
    })
}
