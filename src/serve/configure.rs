//! REST responses, from a capture's own configure response or from its data. Pure.

mod check;

use serde_json::{Map, Value, json};

pub(super) use self::check::check;
use super::catalog::Entry;

/// Address of a job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Endpoint {
    /// `http` or `https`.
    pub(super) scheme: &'static str,
    /// Host name or address, IPv6 in brackets, without a port.
    pub(super) host: String,
    pub(super) port: u16,
}

/// The host of a `Host` header: without its port; `None` when it is empty.
pub(super) fn host_of(header: &str) -> Option<&str> {
    let host = if header.starts_with('[') {
        header.find(']').and_then(|end| header.get(..=end))?
    } else {
        header.split(':').next()?
    };
    Some(host).filter(|host| !host.is_empty())
}

/// The body of a configure response: the recorded one with the job's new address, else one that the data tells.
///
/// The address is written as the recorded one was: with a scheme or without, its port a number, a string, or a part of
/// `stream_url`.
pub(super) fn response(entry: &Entry, endpoint: &Endpoint, request: Option<&Value>) -> Map<String, Value> {
    let (mut body, recorded) = match &entry.configure_response {
        Some(Value::Object(recorded)) => (recorded.clone(), true),
        _ => (derived(entry, request), false),
    };
    let recorded_url = body.get("stream_url").and_then(Value::as_str).unwrap_or_default();
    let mut url = if recorded && !recorded_url.is_empty() && !recorded_url.contains("://") {
        endpoint.host.clone()
    } else {
        format!("{}://{}", endpoint.scheme, endpoint.host)
    };
    let port = match body.get("stream_port") {
        Some(Value::String(_)) => Some(json!(endpoint.port.to_string())),
        None | Some(Value::Null) if recorded && !recorded_url.is_empty() => None,
        _ => Some(json!(endpoint.port)),
    };
    match port {
        Some(port) => drop(body.insert("stream_port".to_owned(), port)),
        None => url = format!("{url}:{}", endpoint.port),
    }
    body.insert("job_id".to_owned(), json!(entry.job.job_id));
    body.insert("stream_url".to_owned(), json!(url));
    body
}

fn derived(entry: &Entry, request: Option<&Value>) -> Map<String, Value> {
    let request = request.or(entry.configure_request.as_ref());
    let mut body = Map::new();
    let mut put = |key: &str, value: Value| body.insert(key.to_owned(), value);
    put("status", json!("Config received successfully"));
    // Their values follow; the place in the answer is the usual one.
    for key in ["job_id", "stream_url", "stream_port"] {
        put(key, Value::Null);
    }
    put("stream_amount", json!(entry.job.stream_ids().len().max(1)));
    let streams = streams_of_channels(entry);
    put("channel_amount", json!(streams.len()));
    put("channel_to_stream_index", Value::Object(streams));
    let bins = entry.shape.as_ref().map_or(0, |shape| shape.bins);
    put("frequencies_list", json!(frequencies(request, bins)));
    put("frequencies_amount", json!(bins));
    put(
        "lines_dt",
        json!(entry.shape.as_ref().and_then(|shape| shape.lines_dt_s)),
    );
    put(
        "view_type",
        request
            .and_then(|request| request.get("view_type"))
            .cloned()
            .unwrap_or_else(|| json!("0")),
    );
    body
}

/// Maps each channel (as a string) to its stream.
fn streams_of_channels(entry: &Entry) -> Map<String, Value> {
    let mut streams = Map::new();
    for call in &entry.job.calls {
        for sensor in call.shape.iter().flat_map(|shape| &shape.sensors) {
            streams
                .entry(sensor.to_string())
                .or_insert_with(|| json!(call.stream_id().unwrap_or(0)));
        }
    }
    // A shape that the caller gave counts for channels that the first frames do not show.
    for sensor in entry.shape.iter().flat_map(|shape| &shape.sensors) {
        streams.entry(sensor.to_string()).or_insert_with(|| json!(0));
    }
    streams
}

/// The bins, spread evenly over the requested range; empty when none was. The wire does not tell frequencies.
fn frequencies(request: Option<&Value>, bins: usize) -> Vec<f64> {
    let bound = |name: &str| request?.get("frequencyRange")?.get(name)?.as_f64();
    let (Some(min), Some(max)) = (bound("min"), bound("max")) else {
        return Vec::new();
    };
    let steps = bins.saturating_sub(1).max(1) as f64;
    (0..bins).map(|bin| min + (max - min) * bin as f64 / steps).collect()
}

/// Lowest and highest channel of a job: of its recorded configure response, else of its data.
pub(super) fn channel_range(entry: &Entry) -> Option<(i64, i64)> {
    let recorded = entry
        .configure_response
        .as_ref()
        .and_then(|body| body.get("channel_to_stream_index")?.as_object());
    let of_recorded = recorded
        .into_iter()
        .flatten()
        .filter_map(|(channel, _)| channel.parse().ok());
    let of_data = entry
        .shape
        .iter()
        .flat_map(|shape| &shape.sensors)
        .map(|sensor| i64::from(*sensor));
    min_max(of_recorded).or_else(|| min_max(of_data))
}

fn min_max(channels: impl Iterator<Item = i64>) -> Option<(i64, i64)> {
    channels.fold(None, |range, channel| {
        let (low, high) = range.unwrap_or((channel, channel));
        Some((low.min(channel), high.max(channel)))
    })
}

/// The site metadata of the recorded configure response, where it has any.
pub(super) fn live_metadata(entry: &Entry) -> Option<Value> {
    entry
        .configure_response
        .as_ref()?
        .get("metadata")
        .filter(|metadata| metadata.is_object())
        .cloned()
}

#[cfg(test)]
mod tests;
