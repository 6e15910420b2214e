//! `capture replay`: the recorded requests to a server, and its answers compared.

use crate::{
    replay::{CompareOptions, compare_by},
    report::comparison_text,
    serve::CaptureSource,
    tap::{DialOptions, Target, dial},
};

use super::{
    Done, Failure, Outcome, input, output,
    record::target::{Plaintext, headers, tls},
    schema,
};
use crate::cli::flags::replay::ReplayArgs;

pub(crate) fn run(args: &ReplayArgs) -> Done {
    let dialling = DialOptions {
        tls: tls(&args.dial, Plaintext::Obey)?,
        metadata: headers(&args.dial)?,
        ..schema::dial_options()
    };
    let given = schema::given_by(&args.schema, &dialling, schema::Connection::Flags)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let done = runtime.block_on(replay(args, given.as_deref()));
    // A disk that does not answer must not keep a stopped command alive.
    runtime.shutdown_background();
    done
}

async fn replay(args: &ReplayArgs, schema: Option<&[u8]>) -> Done {
    let target: Target = args
        .target
        .parse()
        .map_err(|error| Failure::Usage(format!("{error}")))?;
    for (flag, value) in [("--abs", args.abs), ("--rel", args.rel)] {
        if !(value >= 0.0 && value.is_finite()) {
            return Err(Failure::Usage(format!(
                "{flag} {value} is not a tolerance; write a number of 0 or more"
            )));
        }
    }
    let dialling = DialOptions {
        tls: tls(&args.dial, Plaintext::Obey)?,
        authority: args.dial.authority.clone(),
        connect_timeout: args.connect_timeout.0,
        metadata: headers(&args.dial)?,
        ..DialOptions::default()
    };
    let options = CompareOptions {
        rate: args.rate,
        ignore: args.ignore.clone(),
        absolute: args.abs,
        relative: args.rel,
        metadata: args.metadata.iter().map(|name| name.to_ascii_lowercase()).collect(),
        calls: args.calls.clone(),
        headers: dialling.metadata.clone(),
        idle_timeout: args.idle_timeout.0,
        max_message_bytes: usize::try_from(args.dial.max_msg_sz.0).unwrap_or(usize::MAX),
    };
    let connection = dial(&target, &dialling).await?;
    let source = CaptureSource::file(&args.capture);
    let comparison = compare_by(&source, schema, &connection.channel, &options).await?;
    output::print_verdict(args.format.format, &comparison, comparison_text::render)?;
    let outcome = match comparison.refused() {
        Some(status) => Outcome::Status(status),
        None if comparison.matched => Outcome::Ok,
        None => Outcome::Findings,
    };
    Ok(input::tell(&args.capture, comparison.source, outcome))
}
