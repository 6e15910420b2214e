//! Comparison of the metadata, endings and gaps of two calls.

use super::{MetadataMode, items::Facts, result::DifferenceSubject};
use crate::{
    grpc::{
        field_pattern::{FieldPatterns, FieldStep},
        status,
    },
    model::event::{Ending, Metadata},
};

/// Names whose values differ from run to run, or that the transport adds.
const VOLATILE: [&str; 22] = [
    "date",
    "user-agent",
    "server",
    "via",
    "te",
    "content-type",
    "content-length",
    "accept-encoding",
    "grpc-accept-encoding",
    "grpc-timeout",
    "host",
    "forwarded",
    "x-real-ip",
    "x-request-id",
    "request-id",
    "x-correlation-id",
    "traceparent",
    "tracestate",
    "baggage",
    "x-cloud-trace-context",
    "grpc-trace-bin",
    "grpc-tags-bin",
];

/// Prefixes of such names.
const VOLATILE_STARTS: [&str; 4] = ["x-forwarded-", "x-envoy-", "x-b3-", ":"];

/// Trailers that the status contains already.
const STATUS: [&str; 2] = ["grpc-status", "grpc-message"];

fn is_compared(name: &str, mode: MetadataMode) -> bool {
    let volatile = VOLATILE.contains(&name) || VOLATILE_STARTS.iter().any(|start| name.starts_with(start));
    !STATUS.contains(&name)
        && match mode {
            MetadataMode::Stable => !volatile,
            MetadataMode::All => true,
            MetadataMode::Ignore => false,
        }
}

/// Describes the differences in words.
pub(super) fn compare(
    a: &Facts,
    b: &Facts,
    mode: MetadataMode,
    ignore: &FieldPatterns,
) -> Vec<(DifferenceSubject, String)> {
    let mode = (mode, ignore);
    let mut found = Vec::new();
    entries("request", &a.start.metadata, &b.start.metadata, mode, &mut found);
    let empty = Metadata::default();
    let headers = |facts: &'_ Facts| facts.headers.as_ref().map(|headers| headers.metadata.clone());
    let (of_a, of_b) = (headers(a), headers(b));
    entries(
        "header",
        of_a.as_ref().unwrap_or(&empty),
        of_b.as_ref().unwrap_or(&empty),
        mode,
        &mut found,
    );
    if let (Some(Ending::Status(a)), Some(Ending::Status(b))) = (&a.ending, &b.ending) {
        entries("trailer", &a.trailers, &b.trailers, mode, &mut found);
    }
    let by_message = !ignore.cover(["status", "message"].map(FieldStep::name));
    if let Some(text) = endings(a.ending.as_ref(), b.ending.as_ref(), by_message) {
        found.push((DifferenceSubject::Ending, text));
    }
    if a.lost != b.lost {
        found.push((
            DifferenceSubject::Gap,
            format!("{} messages known to be lost and {}", a.lost, b.lost),
        ));
    }
    found
}

/// Compares the entries of a name in their order; names in any.
fn entries(
    kind: &str,
    a: &Metadata,
    b: &Metadata,
    (mode, ignore): (MetadataMode, &FieldPatterns),
    found: &mut Vec<(DifferenceSubject, String)>,
) {
    let mut names: Vec<&str> = a.iter().chain(b.iter()).map(|(name, _)| name).collect();
    names.sort_unstable();
    names.dedup();
    let is_ignored = |name: &str| ignore.cover(["metadata", name].map(FieldStep::name));
    for name in names
        .into_iter()
        .filter(|name| is_compared(name, mode) && !is_ignored(name))
    {
        let values = |metadata: &Metadata| {
            let values = metadata.iter().filter(|(other, _)| *other == name);
            values
                .map(|(_, value)| String::from_utf8_lossy(value).into_owned())
                .collect::<Vec<_>>()
        };
        let (of_a, of_b) = (values(a), values(b));
        if of_a == of_b {
            continue;
        }
        let text = match (of_a.as_slice(), of_b.as_slice()) {
            (_, []) => format!("{kind} {name}: only in the first capture"),
            ([], _) => format!("{kind} {name}: only in the second capture"),
            (a, b) => format!("{kind} {name}: `{}` and `{}`", a.join(", "), b.join(", ")),
        };
        found.push((DifferenceSubject::Metadata, text));
    }
}

/// Compares endings, by the status's message too if `by_message`; the texts of transport errors are not compared.
fn endings(a: Option<&Ending>, b: Option<&Ending>, by_message: bool) -> Option<String> {
    let same = match (a, b) {
        (None, None) => true,
        (Some(Ending::Status(a)), Some(Ending::Status(b))) => {
            a.code == b.code && (!by_message || a.message == b.message)
        }
        (Some(Ending::Cancelled(a)), Some(Ending::Cancelled(b))) => a.by == b.by,
        (Some(Ending::Broken(a)), Some(Ending::Broken(b))) => a.goaway == b.goaway,
        (Some(Ending::Deadline(a)), Some(Ending::Deadline(b))) => a.limit == b.limit,
        _ => false,
    };
    (!same).then(|| format!("{} and {}", told(a), told(b)))
}

fn told(ending: Option<&Ending>) -> String {
    match ending {
        None => "no ending".to_owned(),
        Some(Ending::Status(end)) if end.message.is_empty() => status::name(end.code),
        Some(Ending::Status(end)) => format!("{} ({})", status::name(end.code), end.message),
        Some(Ending::Cancelled(end)) => format!("cancelled by {:?}: {}", end.by, end.reason).to_lowercase(),
        Some(Ending::Broken(end)) if end.goaway => format!("closed by the server: {}", end.error),
        Some(Ending::Broken(end)) => format!("broken: {}", end.error),
        Some(Ending::Deadline(end)) => format!("the {:?} limit ran out", end.limit).to_lowercase(),
    }
}
