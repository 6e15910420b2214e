//! `capture drift`: the schema in a capture against another one.

mod source;

use std::fs::File;

use serde::Serialize;

use crate::{
    analyze::drift::{self, DriftError, DriftVerdict, Drifted, SchemaDrift, SchemaTypes},
    file::{Attribute, CaptureState, Reader},
    grpc::descriptors::LeftOut,
    report::drift_text,
    tap::{FocusClient, rest::RestLimits},
};

use self::source::Source;
use super::{
    Done, Failure, Outcome, input, output,
    record::target::{Plaintext, tls},
};
use crate::cli::{flags::drift::DriftArgs, remedies};

#[derive(Serialize)]
struct Report {
    capture: String,
    against: String,
    /// Kind of what it is compared with.
    source: &'static str,
    strict: bool,
    /// State of the capture.
    state: CaptureState,
    #[serde(flatten)]
    drift: SchemaDrift,
}

impl Report {
    fn fails(&self) -> bool {
        match self.drift.verdict {
            DriftVerdict::Breaking => true,
            DriftVerdict::Additive => self.strict,
            DriftVerdict::Identical => false,
        }
    }
}

pub(crate) fn run(args: &DriftArgs) -> Done {
    let source = Source::of(args)?;
    let path = match &source {
        Source::Given(given) => {
            let set = source::load(given, args)?;
            return input::read_through(&args.capture, |reader| compare(args, &source, reader, &set, None));
        }
        Source::Capture(path) => path,
    };
    input::read_each(&[args.capture.clone(), path.clone()], |captures| match captures {
        [(_, recorded), (_, other)] => {
            let other = drift::schema_of(other)?;
            let other = other.ok_or_else(|| {
                format!(
                    "{} holds no schema to compare with; `capture note --schema` makes a copy that holds one",
                    path.display()
                )
            })?;
            compare(args, &source, recorded, &other.set, other.answer)
        }
        _ => Err(Failure::Usage("drift compares two captures".to_owned())),
    })
}

fn compare(
    args: &DriftArgs,
    source: &Source,
    reader: &mut Reader<File>,
    set: &[u8],
    other_answer: Option<Vec<u8>>,
) -> Done {
    let against = source.to_string();
    let live = SchemaTypes::read(set).map_err(|error| format!("the schema of {against} cannot be read: {error}"))?;
    if live.is_empty() {
        return Err(format!("the schema of {against} defines neither methods nor messages").into());
    }
    if matches!(source, Source::Capture(_)) {
        warn(&against, live.left_out());
    }
    let found = drift::drift(reader, &live).map_err(|error| match error {
        DriftError::File(error) => Failure::from(error),
        error => format!("{}: {}", args.capture.display(), remedies::told(&error)).into(),
    });
    let Drifted {
        drift: mut found,
        left_out,
        answer,
    } = found?;
    warn(&args.capture.display().to_string(), &left_out);
    let is_incomplete = found.is_incomplete() || !live.left_out().is_empty() || !left_out.is_empty();
    if let Some(recorded) = answer {
        let answer = match (&args.server, other_answer) {
            (Some(server), _) => Some(answer_of(args, reader, server)?),
            (None, other) => other,
        };
        if let Some(answer) = answer {
            found.set_rest(drift::compare_rest(&recorded, &answer)?);
        }
    } else if args.server.is_some() {
        let text = format!(
            "{} holds no REST answer to compare: leave --server out",
            args.capture.display()
        );
        return Err(text.into());
    }
    let report = Report {
        capture: args.capture.display().to_string(),
        against,
        source: source.kind(),
        strict: args.strict,
        state: reader.state()?,
        drift: found,
    };
    let fails = report.fails();
    output::print_verdict(args.format.format, &report, |report| {
        drift_text::render(&report.drift, &report.capture, &report.against, fails)
    })?;
    Ok(match (fails, is_incomplete) {
        (true, _) => Outcome::Findings,
        (false, true) => Outcome::Lossy,
        (false, false) => Outcome::Ok,
    })
}

fn warn(name: &str, left_out: &[LeftOut]) {
    /// Number of parts that are named.
    const MAX_NAMED: usize = 3;
    if left_out.is_empty() {
        return;
    }
    let named: Vec<_> = left_out.iter().take(MAX_NAMED).map(ToString::to_string).collect();
    let more = match left_out.len().saturating_sub(MAX_NAMED) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    output::say(format!("left out of the schema of {name}: {}{more}", named.join(", ")));
}

/// What a server answers about a job.
fn answer_of(args: &DriftArgs, reader: &Reader<File>, server: &str) -> Result<Vec<u8>, Failure> {
    let recorded = reader.header().text(Attribute::JOB_ID);
    let Some(job) = args.job_id.as_deref().or(recorded) else {
        return Err(Failure::Usage(
            "the capture names no job: name one with --job-id".to_owned(),
        ));
    };
    let limits = RestLimits {
        connect: args.connect_timeout.0,
        ..RestLimits::default()
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let answer = runtime.block_on(async {
        let client = FocusClient::new(server, &tls(&args.dial, Plaintext::Ignore)?, limits)?;
        client.metadata(job).await.map_err(|error| {
            let text = format!("could not ask {server} about job {job}: {error}; --job-id names a job that it has");
            Failure::from(text)
        })
    });
    runtime.shutdown_background();
    Ok(serde_json::to_vec(answer?.raw())?)
}
