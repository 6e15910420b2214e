//! Judgement of whole methods: latencies, numbers of calls and messages.

use super::super::{finding_log::FindingLog, rules::service as rules};
use crate::{
    analyze::stats::{MethodStats, MethodTable, Quantiles},
    das::{
        dialect::{Dialect, is_support},
        expect::{
            Expectations, ObservedMethod,
            methods::{Limits, MethodExpectation},
        },
    },
    grpc::status,
};

/// Compares the methods of a capture with what is expected of them.
pub(in super::super) fn judge_limits(log: &mut FindingLog, expect: &Expectations, table: &MethodTable) {
    for expected in &expect.methods {
        let fitting = table
            .methods
            .iter()
            .filter(|stats| expected.pattern.matches(&stats.method));
        let (mut calls, mut messages) = (0_u64, 0_u64);
        for stats in fitting {
            calls += stats.calls;
            messages += stats.messages;
            latencies(log, expected, stats);
        }
        let (pattern, unlisted) = (expected.pattern.text(), table.calls_of_unlisted_methods);
        rules::too_few(
            log,
            &rules::TOO_FEW_CALLS,
            pattern,
            (calls, expected.minimum_calls),
            unlisted,
        );
        let minimum = expected.minimum_messages.unwrap_or(0);
        rules::too_few(log, &rules::TOO_FEW_MESSAGES, pattern, (messages, minimum), unlisted);
    }
}

fn latencies(log: &mut FindingLog, expected: &MethodExpectation, stats: &MethodStats) {
    for (key, limits) in expected.limits() {
        let seen = match key {
            "latency_s" => stats.duration_ns.filter(|_| !stats.streams),
            "first_message_s" => stats.first_message_ns,
            _ => stats.message_gap_ns,
        };
        if let Some(seen) = seen {
            within(log, &stats.method, key, &seen, &limits);
        }
    }
}

fn within(log: &mut FindingLog, method: &str, key: &str, seen: &Quantiles, limits: &Limits) {
    for (quantile, limit_s) in limits.iter() {
        let seen_ns = match quantile {
            "p50" => seen.p50,
            "p95" => seen.p95,
            "p99" => seen.p99,
            _ => seen.max,
        };
        rules::latency(log, method, (key, quantile), (seen_ns, seen.count), limit_s);
    }
}

/// The methods without spectrograms, as a later capture can be expected to have them.
pub(in super::super) fn observed(table: &MethodTable) -> Vec<ObservedMethod> {
    let is_service = |method: &str| Dialect::from_method(method).is_none() && !is_support(method);
    let methods = table.methods.iter().filter(|stats| is_service(&stats.method));
    let seconds = |quantiles: Option<Quantiles>| quantiles.map(|quantiles| quantiles.p99 as f64 / 1e9);
    methods
        .map(|stats| ObservedMethod {
            method: stats.method.clone(),
            statuses: (stats.statuses.iter().map(|(name, _)| name))
                .filter(|name| status::code(name).is_some())
                .collect(),
            calls: stats.calls,
            messages: stats.messages,
            latency_s: seconds(stats.duration_ns.filter(|_| !stats.streams)),
            first_message_s: seconds(stats.first_message_ns.filter(|_| stats.streams)),
        })
        .collect()
}
