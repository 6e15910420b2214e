//! The recording of what the clients of a server send.

use crate::{
    file::{Attribute, Existing, Header},
    record::{Recording, RecordingOptions, RecordingPool},
    serve::Builder,
    transform::redact::{MetadataPolicy, Secrets},
};

use crate::cli::{
    commands::{Failure, Outcome, kept, output, record::unix_ns, recording},
    flags::serve::ServeArgs,
};

/// Starts the recording, if one is asked for.
pub(super) fn start(args: &ServeArgs, builder: &Builder) -> Result<Option<Recording>, Failure> {
    let Some(path) = &args.requests.output else {
        return Ok(None);
    };
    for capture in &args.captures {
        output::apart(capture, path)?;
    }
    let pool = RecordingPool::new(1)?;
    let options = RecordingOptions {
        existing: Existing::forced(args.force),
        metadata: if args.requests.keep_metadata {
            MetadataPolicy::Keep
        } else {
            MetadataPolicy::Redact
        },
        ..RecordingOptions::default()
    };
    let reserved = recording::reserve(&pool, path, options)?.with_secrets(&Secrets::default());
    let captures: Vec<_> = args.captures.iter().map(|path| path.display().to_string()).collect();
    let mut header = Header::new(unix_ns());
    header.set(Attribute::TOOL, concat!("grpc-capture ", env!("CARGO_PKG_VERSION")));
    header.set(Attribute::SOURCE, format!("serve {}", captures.join(", ")).trim_end());
    if let Some(set) = builder.descriptor_set()? {
        header.set_descriptor_set(&set);
    }
    Ok(Some(reserved.start(&header)?))
}

/// Completes the recording, and says what is in it.
pub(super) async fn finish(
    args: &ServeArgs,
    recording: Recording,
    verbosity: output::Verbosity,
) -> Result<Outcome, Failure> {
    let totals = recording.handle().totals();
    let path = args
        .requests
        .output
        .as_deref()
        .map(|path| path.display().to_string())
        .unwrap_or_default();
    match recording.finish().await {
        Ok(written) if written.files.is_empty() => {
            if !verbosity.is_quiet() {
                output::say(format!("no call came, so {path} was not written"));
            }
            Ok(Outcome::Ok)
        }
        Ok(written) => {
            if !verbosity.is_quiet() {
                let calls = output::counted(written.summary.calls, "call");
                let sent = output::counted(written.summary.sent_messages, "request");
                output::say(format!("recorded {sent} in {calls} into {path}"));
            }
            Ok(if written.summary.gaps > 0 {
                Outcome::Lossy
            } else {
                Outcome::Ok
            })
        }
        Err(failure) => Err(kept::failure(&failure, &totals).into()),
    }
}
