//! The section of one call.

use super::{digest_line::DIGEST, normal, options::SnapshotPart, page::Page};
use crate::{
    analyze::stats::{CallStats, EndingStats, RequestStats, Stats},
    model::event::{Limit, Party},
};

pub(super) fn section(page: &mut Page, call: &CallStats, stats: &Stats, digests: SnapshotPart) {
    page.heading(&format!("call {}", call.call));
    let method = if call.method.is_empty() {
        "unknown: the start of the call is not in the capture"
    } else {
        &call.method
    };
    page.line("method", normal::text(method, &[]));
    if let Some(dialect) = call.dialect {
        page.line("dialect", dialect);
    }
    let request = match &call.request {
        Some(RequestStats::Job { max_frames: 0, .. }) => "[job], no limit of frames".to_owned(),
        Some(RequestStats::Job { max_frames, .. }) => format!("[job], at most {max_frames} frames"),
        Some(RequestStats::Stream { stream_id }) => format!("stream {stream_id}"),
        None => "none that can be read".to_owned(),
    };
    if !stats.is_service() {
        page.line("request", request);
    }
    page.line("messages sent", call.sent_messages);
    page.line("messages received", call.messages);
    page.line("message bytes", call.message_bytes);
    page.line("messages lost", call.lost_messages);
    if call.dialect.is_some() {
        page.line("undecodable", call.undecodable);
        page.line("frames", call.frames);
        page.line("rows", call.rows);
    }
    page.line("ending", ending(call.ending.as_ref(), &jobs(stats)));
    if digests == SnapshotPart::Include
        && let Some(digest) = call.digest
    {
        page.line(DIGEST, format_args!("sha256:{digest}"));
    }
}

/// The job ids in the requests of the calls.
fn jobs(stats: &Stats) -> Vec<&str> {
    let asked = stats.calls.iter().filter_map(|call| match &call.request {
        Some(RequestStats::Job { job_id, .. }) => Some(job_id.as_str()),
        _ => None,
    });
    let mut jobs: Vec<_> = asked.filter(|job| !job.is_empty()).collect();
    jobs.sort_unstable();
    jobs.dedup();
    jobs
}

fn ending(ending: Option<&EndingStats>, jobs: &[&str]) -> String {
    let Some(ending) = ending else {
        return "none".to_owned();
    };
    match ending.kind {
        "status" => {
            let name = ending.status.as_deref().unwrap_or("no code");
            let alone = if ending.trailers_only { ", trailers only" } else { "" };
            match normal::text(&ending.text, jobs) {
                text if text.is_empty() => format!("status {name}{alone}"),
                text => format!("status {name}{alone}: {text}"),
            }
        }
        "cancelled" => {
            let by = match ending.by {
                Some(Party::Us) => "us",
                Some(Party::Client) => "the client",
                Some(Party::Server) => "the server",
                None => "nobody",
            };
            format!("cancelled by {by}")
        }
        "deadline" => {
            let limit = match ending.limit {
                Some(Limit::Connect) => "connect",
                Some(Limit::FirstFrame) => "first-frame",
                Some(Limit::Idle) => "idle",
                Some(Limit::Call) => "call",
                None => "no",
            };
            format!("the {limit} limit ran out")
        }
        _ if ending.goaway => "connection closed by the server (GOAWAY)".to_owned(),
        kind => kind.to_owned(),
    }
}
