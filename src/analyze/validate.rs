//! Validation of calls, and of the spectrogram streams among them: live, or from a capture.
//!
//! A [`Validator`] reads events in one pass. Calls of spectrogram methods are judged by all rules, calls of other
//! methods by the rules about endings, silence, content and latencies. A capture must hold something that is judged:
//! frames where it is about a Focus job, calls with answers otherwise. Each [`Rule`] states an invariant; a breach becomes a [`Finding`], and
//! repeats are merged into one finding with a count, the first place, the last place, and the worst example. Memory
//! grows with the sensors of a stream and with the calls that are open, not with their length.
//!
//! # One cause, one finding
//!
//! A defect often breaks more than one invariant. Only the rule that names the cause reports it, and the others are
//! silent:
//!
//! | finding | not reported in addition |
//! |---|---|
//! | malformed-message, gap, an empty frame | missing-rows for as many rows as the largest message held for each |
//! | end-before-start | anything about that row's times |
//! | timestamp-unit, in seconds | anything about that row's times |
//! | stuck-clock | duplicate-rows and missing-rows for the rows at that time |
//! | duplicate-rows | frozen-payload, stuck-sensor |
//! | backwards-time | missing-rows for the row that came late or went astray |
//! | all-zero | zero-sensor, frozen-payload, stuck-sensor, extremes-mismatch, out-of-range-amplitude |
//! | frozen-payload | stuck-sensor, extremes-mismatch |
//! | nan, max-below-min | extremes-mismatch |
//! | zero-sensor, infinity | extremes-mismatch, if the extremes are right without those values |
//! | ragged-rows, duplicate-sensor, missing or other sensors or bins | extremes-mismatch, if the values lie within; shape-change and sensor-set-change where an expectation told the same |
//! | bad-shape, indivisible-payload, a payload of no bytes | anything about that frame's values |
//! | channel-range-mismatch | sensor-set-change, unexpected-sensor |
//! | extremes-mismatch | global-maximum-fell |
//! | an ending that is an error | zero-frames, zero-messages |
//! | a GOAWAY before a call is broken (methods without spectrograms) | broken-call |
//!
//! Where a cause and its effect are both reported (a job that was refused or is unhealthy, and a stream without
//! frames), the cause comes first: findings are sorted by severity, and then by how early in the life of a job they
//! arise.
//!
//! A dead sensor gives two findings on purpose: dead-sensor names the sensor, and infinity counts its values.

mod call;
mod clock;
mod context;
mod finding_log;
mod opening;
mod reading;
pub(crate) mod rule;
mod rules;
mod scan;
mod service;
mod tally;
mod totals;
mod witness;

use std::collections::BTreeMap;

use serde::Serialize;

use self::{
    call::Call,
    context::{Context, Offsets},
    finding_log::FindingLog,
    opening::Opening,
    rules::{
        asked, endings, expected, origin, sensors, service as service_rules,
        structure::{self, Cause},
    },
    service::{ServiceCalls, judge_limits, observed},
    totals::Totals,
    witness::{Audience, Witness, causes, no_answer, no_stream},
};
pub(crate) use crate::das::expect::{ExpectError, Expectations, Expected, ExpectedItem, Level, Observed, SensorSet};
use crate::{
    analyze::stats::{Methods, TimingSource},
    das::{
        dialect::{Dialect, Layout},
        frames::{FrameObserver, Frames, Seen},
    },
    file::{Attribute, Header, SliceOf},
    model::{
        event::{Direction, Event, EventKind, Observer},
        finding::{Finding, Place, Severity, Verdict},
    },
};
pub use reading::ReadTo;
pub use rule::Rule;
pub use rules::RULES;

/// The attributes of a header that only a capture of a Focus job has.
const OF_JOB: [&str; 4] = [
    Attribute::DIALECT,
    Attribute::JOB_ID,
    Attribute::CONFIGURE_REQUEST,
    Attribute::CONFIGURE_RESPONSE,
];

/// The lowest severity that fails a validation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Strictness {
    /// Only errors fail it. The default.
    #[default]
    Normal,
    /// Errors and warnings fail it.
    Strict,
}

/// Judges a stream of events.
///
/// ```
/// use grpc_capture::{model::{Observer as _, Verdict}, file::Reader};
/// use grpc_capture::{das::Expectations, analyze::{Strictness, Validator}};
///
/// let reader = Reader::open("captures/optodas-quake.gcap")?;
/// let expectations = Expectations::from_header(reader.header());
/// let mut validator = Validator::new(expectations, reader.header());
/// for event in reader {
///     validator.observe(&event?);
/// }
/// let validation = validator.finish();
/// assert_eq!((validation.frames, validation.rows), (73, 190));
/// assert_eq!(validation.verdict(Strictness::Strict), Verdict::Pass);
/// # Ok::<(), grpc_capture::file::FileError>(())
/// ```
#[derive(Debug)]
pub struct Validator {
    expect: Expectations,
    slice: Option<SliceOf>,
    /// Wall-clock time of offset 0; 0 where it is not known.
    anchor_unix_ns: u64,
    offsets: Offsets,
    layout: Layout,
    frames: Frames,
    log: FindingLog,
    open: BTreeMap<u32, Call>,
    service: ServiceCalls,
    methods: Methods,
    witness: Witness,
    totals: Totals,
    /// True when the header says that the capture is about a Focus job.
    is_of_job: bool,
}

/// The outcome of a validation.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Validation {
    /// The findings, worst first: by severity, then by count, then by place.
    pub findings: Vec<Finding>,
    /// Calls that carried a spectrogram stream.
    pub calls: u32,
    /// Calls of other methods.
    pub other_calls: u32,
    /// Messages that were received on spectrogram streams.
    pub messages: u64,
    /// Messages of these that could be decoded.
    pub frames: u64,
    /// Rows in them.
    pub rows: u64,
    /// Bytes of the messages as on the wire.
    pub message_bytes: u64,
    /// The expectations, with the source of each.
    pub expected: Vec<ExpectedItem>,
    /// The observed properties that a later stream can be expected to have.
    pub observed: Observed,
    /// Messages that calls of other methods received.
    pub(crate) other_messages: u64,
    /// True when the capture is about a service without spectrograms.
    pub(crate) is_service: bool,
}

impl Validation {
    /// Whether the findings fail the validation.
    #[must_use]
    pub fn verdict(&self, strictness: Strictness) -> Verdict {
        let fails = match strictness {
            Strictness::Normal => Severity::Error,
            Strictness::Strict => Severity::Warning,
        };
        if self.findings.iter().any(|finding| finding.severity >= fails) {
            Verdict::Fail
        } else {
            Verdict::Pass
        }
    }

    /// How many findings have this severity.
    #[must_use]
    pub fn count(&self, severity: Severity) -> usize {
        self.findings
            .iter()
            .filter(|finding| finding.severity == severity)
            .count()
    }
}

impl Validator {
    /// Makes a validator for a capture with this header, or for a stream that is being recorded under it.
    ///
    /// The header tells whether offsets are those of a delivery ([`Attribute::TIMING`]); what it expects of the stream
    /// comes in by [`Expectations::from_header`], so that a caller can leave it out or put something on top. It tells,
    /// too, whether the capture is a slice: what a slice leaves out is not missed.
    #[must_use]
    pub fn new(expectations: Expectations, header: &Header) -> Self {
        let offsets = match header.text(Attribute::TIMING) {
            Some("rows") => Offsets::Rows,
            _ => Offsets::Delivery,
        };
        let slice = header.slice();
        let is_cut = slice.as_ref().is_some_and(|slice| slice.origin_ns > 0);
        let source = match offsets {
            Offsets::Delivery => TimingSource::Delivery,
            Offsets::Rows => TimingSource::Rows,
        };
        Self {
            log: FindingLog::new(expectations.levels.clone()),
            expect: expectations,
            slice,
            anchor_unix_ns: header.anchor_unix_ns,
            offsets,
            layout: Layout::default(),
            frames: Frames::default(),
            open: BTreeMap::new(),
            service: ServiceCalls::new(header),
            methods: Methods::new(source, is_cut),
            witness: Witness::default(),
            totals: Totals::default(),
            is_of_job: OF_JOB.iter().any(|name| header.get(name).is_some()),
        }
    }

    /// Reads `pandadatastream` payloads with a known layout; the default is a guess, and a finding says so.
    #[must_use]
    pub fn with_layout(mut self, layout: Layout) -> Self {
        self.layout = layout;
        self.frames = Frames::with_layout(layout);
        self
    }

    /// Accepts messages up to this many bytes, compressed or not, as the recorder does.
    #[must_use]
    pub fn with_max_message_bytes(mut self, bytes: u64) -> Self {
        self.frames = self.frames.with_max_message_bytes(bytes);
        self.service.set_max_message_bytes(bytes);
        self
    }

    /// The state of the validation while the stream is still arriving: how many errors were noticed so far, and rule
    /// and place of the latest; `None` when there was none.
    #[must_use]
    pub fn latest_error(&self) -> Option<(u64, &'static str, Place)> {
        self.log.latest_error()
    }

    /// Ends the validation of a capture that was read to its end, or of a stream that has ended, and returns the
    /// result; each place with its time by the header's clock.
    #[must_use]
    pub fn finish(self) -> Validation {
        self.finish_at(&ReadTo::End)
    }

    /// Does the same as [`Self::finish`] for a capture that could be read only up to `read_to`.
    #[must_use]
    pub fn finish_at(self, read_to: &ReadTo) -> Validation {
        let anchor_unix_ns = self.anchor_unix_ns;
        let origin_ns = self.slice.as_ref().map(|slice| slice.origin_ns);
        let mut validation = self.judge(read_to);
        for finding in &mut validation.findings {
            finding.first = finding.first.on_clock(anchor_unix_ns, origin_ns);
            finding.last = finding.last.on_clock(anchor_unix_ns, origin_ns);
        }
        validation
    }

    fn judge(mut self, read_to: &ReadTo) -> Validation {
        let last_ns = self.totals.last_ns;
        for (_, call) in std::mem::take(&mut self.open) {
            self.close(call, last_ns, Err(read_to));
        }
        self.service.finish(
            &mut Context {
                log: &mut self.log,
                expect: &self.expect,
                offsets: self.offsets,
                layout: self.layout,
                anchor_unix_ns: self.anchor_unix_ns,
            },
            last_ns,
            read_to,
        );
        let is_of_job =
            self.is_of_job || self.witness.is_of_job() || self.totals.calls > 0 || self.expect.want_spectrograms();
        let Self {
            expect,
            slice,
            offsets,
            mut log,
            witness,
            totals,
            service,
            methods,
            ..
        } = self;
        let table = methods.finish();
        if let ReadTo::Damage(what) = read_to {
            let last = Place {
                offset_ns: Some(last_ns),
                ..Place::default()
            };
            endings::damaged(&mut log, last, what);
        }
        let audience = if is_of_job {
            Audience::Job
        } else {
            Audience::Service(service.totals.answered)
        };
        let cause = causes(&mut log, &witness, &totals, audience);
        if !is_of_job && service.is_silent() {
            service_rules::zero_messages(&mut log, &no_answer(&service.totals), cause == Cause::Told);
        }
        if matches!(read_to, ReadTo::End | ReadTo::CutOff) {
            judge_limits(&mut log, &expect, &table);
        }
        if is_of_job {
            nothing_came(&mut log, &totals, &witness, (slice.is_some(), read_to), cause);
        }
        expected::out_of_range_frequency(&mut log, &expect);
        if totals.frames > 0 {
            let length = expected::Length {
                frames: totals.frames,
                rows: totals.rows,
                complete_rows: totals.complete_rows.filter(|_| !totals.incomplete),
            };
            if matches!(read_to, ReadTo::End | ReadTo::CutOff) {
                expected::short_stream(&mut log, &expect, length);
            }
            let panda = Dialect::PandaDataStream as u8;
            let is_parted = totals.streams.iter().any(|(dialect, _)| *dialect == panda);
            let is_explicit = expect
                .sensors
                .as_ref()
                .is_some_and(|sensors| sensors.source.is_explicit());
            let over_all = is_parted || expect.streams.as_ref().is_some_and(|streams| streams.value > 1);
            let seen = &totals.sensors;
            if over_all && (slice.is_none() || is_explicit) {
                sensors::lacking_over_all(&mut log, &expect, &totals.observed.sensors);
            }
            let streams = totals.streams.len() as u32;
            expected::missing_stream(&mut log, &expect, streams, is_parted && slice.is_none());
            let lacks_streams = is_parted && expect.streams.as_ref().is_some_and(|all| streams < all.value);
            if slice.is_none() && !lacks_streams && !seen.is_empty() {
                sensors::never_seen(&mut log, &expect, seen);
                asked::channels(&mut log, &expect, seen);
                asked::frequencies(&mut log, &expect);
            }
        }
        Validation {
            findings: log.finish(),
            calls: totals.calls,
            other_calls: totals.other_calls,
            messages: totals.messages,
            frames: totals.frames,
            rows: totals.rows,
            message_bytes: totals.bytes,
            expected: expect.list(),
            observed: Observed {
                methods: observed(&table),
                ..totals.observed(offsets)
            },
            other_messages: service.totals.messages,
            is_service: !is_of_job,
        }
    }

    fn close(&mut self, mut call: Call, offset_ns: u64, ending: Result<&crate::model::event::Ending, &ReadTo>) {
        let mut context = Context {
            log: &mut self.log,
            expect: &self.expect,
            offsets: self.offsets,
            layout: self.layout,
            anchor_unix_ns: self.anchor_unix_ns,
        };
        let unhealthy = self.witness.unhealthy(&call.authority);
        let cause = if unhealthy.is_some() || self.witness.has_failure() {
            Cause::Told
        } else {
            Cause::Unknown
        };
        let verdict = call.end(&mut context, offset_ns, ending, cause);
        if let Some(said) = unhealthy.filter(|_| call.tally.messages == 0) {
            origin::unhealthy_job(context.log, said.place, &said.text, false);
            self.totals.unhealthy = true;
        }
        let is_part = call.opening.is_cut(ending.ok()) && verdict != endings::Verdict::Failed;
        self.totals.cut_calls += u32::from(is_part);
        self.totals.add(&call, verdict);
    }
}

/// Reports that no stream of a job has frames; `cause` says whether it is known why.
fn nothing_came(
    log: &mut FindingLog,
    totals: &Totals,
    witness: &Witness,
    (is_slice, read_to): (bool, &ReadTo),
    cause: Cause,
) {
    if totals.calls == 0 {
        let what = no_stream(totals.other_calls, witness, cause);
        structure::zero_frames(log, Place::default(), &what, cause);
    }
    if *read_to != ReadTo::End && totals.calls > 0 && totals.messages == 0 {
        // Of single calls it is not told: they may have just been opened.
        let what = if read_to.is_growing() {
            "no stream has carried a frame so far"
        } else {
            "no stream carried a frame in what can be read"
        };
        structure::zero_frames(log, Place::default(), what, cause);
    } else if is_slice && totals.messages == 0 && totals.cut_calls > 0 {
        structure::zero_frames(log, Place::default(), "the slice holds no frame", cause);
    }
}

impl Observer for Validator {
    fn observe(&mut self, event: &Event) {
        // Taken out for as long as a frame borrows from them.
        let mut frames = std::mem::take(&mut self.frames);
        frames.show(event, &mut [self]);
        self.frames = frames;
    }
}

impl FrameObserver for Validator {
    fn observe_frame(&mut self, event: &Event, seen: &Seen<'_>) {
        let at = event.offset_ns;
        self.totals.last_ns = self.totals.last_ns.max(at);
        self.methods.event(event);
        let mut context = Context {
            log: &mut self.log,
            expect: &self.expect,
            offsets: self.offsets,
            layout: self.layout,
            anchor_unix_ns: self.anchor_unix_ns,
        };
        match (seen, &event.kind) {
            (_, EventKind::CallStart(start)) => {
                if let Some(dialect) = Dialect::from_method(&start.method) {
                    self.totals.calls += 1;
                    let opening = Opening::of(self.slice.as_ref(), at);
                    let call = Call::new(event.call, dialect, (at, &start.authority), opening, &self.expect);
                    self.open.insert(event.call, call);
                } else {
                    self.totals.other_calls += 1;
                    self.witness.see(event);
                    self.service.start(&context, event, start);
                }
            }
            (_, EventKind::End(ending)) => {
                if let Some(call) = self.open.remove(&event.call) {
                    self.close(call, at, Ok(ending));
                } else {
                    self.service.see(&mut context, event);
                    self.witness.see(event);
                }
            }
            (seen, kind) => {
                let Some(call) = self.open.get_mut(&event.call) else {
                    self.service.see(&mut context, event);
                    return self.witness.see(event);
                };
                match (seen, kind) {
                    (Seen::Frame(place, frame), EventKind::Message(message)) => {
                        let place = call.received(&mut context, place);
                        call.frame(&mut context, place, message, frame);
                    }
                    (Seen::Malformed(place, error), _) => {
                        let place = call.received(&mut context, place);
                        structure::malformed(context.log, place, error);
                        call.lose_messages(1);
                    }
                    (Seen::NotInflated(place, error), _) => {
                        let place = call.received(&mut context, place);
                        structure::not_inflated(context.log, place, error);
                        call.lose_messages(1);
                    }
                    (_, EventKind::Headers(headers)) => {
                        if let Some(encoding) = crate::grpc::protocol::message_encoding(&headers.metadata) {
                            encoding.clone_into(&mut call.encoding);
                        }
                    }
                    (_, EventKind::Message(message)) if message.direction == Direction::Sent => call.sent(message),
                    (_, EventKind::Gap(gap)) if gap.direction == Direction::Received => call.gap(&mut context, at, gap),
                    _ => {}
                }
            }
        }
    }
}

#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
