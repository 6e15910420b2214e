//! Expectations from the configure request and response in a capture.

use serde_json::Value;

use super::{AskedTime, Channels, ExpectationSource, Expectations, Expected, Requested};
use crate::{
    das::focus::{ConfigureRequest, ConfigureResponse, JobSpec, Period, SensorSet, Span, is_replay},
    file::{Attribute, Header},
};

impl Expectations {
    /// Reads the expectations from the capture's own configure request and response. Neither is an error when it is
    /// absent or cannot be read: then it says nothing.
    ///
    /// The response tells what is sent, the request only what was asked for: where the response maps channels to
    /// streams, the request's channels are not looked at. A response that is served from a capture describes that
    /// capture, whatever was asked.
    #[must_use]
    pub fn from_header(header: &Header) -> Self {
        let json = |name| {
            header
                .text(name)
                .and_then(|text| serde_json::from_str::<Value>(text).ok())
        };
        let request = json(Attribute::CONFIGURE_REQUEST).and_then(|body| job(&body));
        let response = json(Attribute::CONFIGURE_RESPONSE).filter(Value::is_object);
        let mut expect = Self::from_exchange(request.as_ref(), response.map(ConfigureResponse::from).as_ref());
        if header.text(Attribute::CONFIGURE_SERVER).is_some_and(is_replay) {
            // It answers with what it has, whatever is asked for.
            expect.requested = Requested::default();
        }
        if let Some(slice) = header.slice() {
            // A part of what was asked for is all that a slice is meant to hold.
            expect.window_s = None;
            expect.requested.channels = None;
            let kept = slice.sensors.and_then(|sensors| sensors.parse::<SensorSet>().ok());
            if let Some(kept) = kept {
                let is_kept = |channel: &i64| i32::try_from(*channel).is_ok_and(|channel| kept.contains(channel));
                expect.channels.streams.retain(|channel, _| is_kept(channel));
            }
        }
        expect
    }

    fn from_exchange(request: Option<&Asked>, response: Option<&ConfigureResponse>) -> Self {
        let mut expect = Self::default();
        let mapped = response.is_some_and(|response| response.raw().get("channel_to_stream_index").is_some());
        if let Some(asked) = request {
            expect.frequency_hz = asked.frequency.map(|span| by(ExpectationSource::Request, span));
            expect.window_s = asked.window_s.map(|window| by(ExpectationSource::Request, window));
            expect.channels.asked = asked.channels.filter(|_| !mapped);
            expect.requested = Requested {
                channels: asked.channels,
                frequency_hz: asked.frequency,
                time: asked.time,
            };
        }
        let Some(response) = response else { return expect };
        let frequencies = response.frequencies_list().filter(|list| !list.is_empty());
        let listed = frequencies.as_ref().map(|list| list.len() as u64);
        let bins = response.frequencies_amount().filter(|bins| *bins > 0).or(listed);
        expect.bins = bins.map(|bins| by(ExpectationSource::Response, bins));
        expect.bins_hz = frequencies
            .as_deref()
            .and_then(span)
            .map(|span| by(ExpectationSource::Response, span));
        let lines_dt = response.lines_dt_s().filter(|dt| *dt > 0.0 && dt.is_finite());
        expect.lines_dt_s = lines_dt.map(|dt| by(ExpectationSource::Response, dt));
        expect.streams = Some(by(ExpectationSource::Response, response.stream_amount()));
        expect.channels = Channels {
            streams: response.channel_to_stream_index(),
            ..expect.channels
        };
        expect
    }
}

/// The parts of a request that can be compared with a stream.
struct Asked {
    channels: Option<Span<i64>>,
    frequency: Option<Span<f64>>,
    window_s: Option<f64>,
    time: Option<AskedTime>,
}

/// Reads the job from a request body; missing fields request nothing.
fn job(body: &Value) -> Option<Asked> {
    let ConfigureRequest { job, absent } = ConfigureRequest::parse(body).ok()?;
    let JobSpec {
        sensors,
        frequency,
        period,
        time_axis_s,
        ..
    } = job;
    // A request that says nothing of time asks for none.
    let says_time = ["start_time", "live", "start"]
        .iter()
        .any(|key| body.get(key).is_some());
    let (window_s, time) = match period {
        Period::Live => {
            let shown_s = time_axis_s.max(0);
            (None, says_time.then_some(AskedTime::Live { shown_s }))
        }
        Period::Recorded { start_s, end_s } => {
            let window_s = end_s.saturating_sub(start_s) as f64;
            (Some(window_s), Some(AskedTime::Recorded { start_s, end_s }))
        }
    };
    Some(Asked {
        channels: (!absent.contains(&"channels")).then_some(sensors),
        frequency: (!absent.contains(&"frequencyRange")).then_some(frequency),
        window_s,
        time,
    })
}

fn span(list: &[f64]) -> Option<Span<f64>> {
    let first = *list.first()?;
    let all = list.iter().fold(Span { min: first, max: first }, |span, hz| Span {
        min: span.min.min(*hz),
        max: span.max.max(*hz),
    });
    (all.min.is_finite() && all.max.is_finite()).then_some(all)
}

const fn by<T>(source: ExpectationSource, value: T) -> Expected<T> {
    Expected { value, source }
}
