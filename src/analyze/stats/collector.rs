//! The collector of statistics: one pass over the events.

use super::{
    Stats, StatsOptions, TimingSource, Undecodable,
    amplitude::{Amplitudes, Extremes},
    calls::Calls,
    declared::Declared,
    delivery::Delivery,
    methods::Methods,
    rows::{RequestedTime, Rows},
    structure::Structures,
};
use crate::{
    das::{
        dialect::Dialect,
        focus::{ConfigureRequest, ConfigureResponse, Period, parse_body},
        frames::{FrameObserver, Frames, MessagePlace, Seen},
        spectrogram::{Frame, Values},
    },
    file::{Attribute, Header},
    model::{
        event::{Event, EventKind, Observer},
        finding::Place,
    },
};

/// Undecodable messages that are listed; further ones are counted.
pub(crate) const MAX_LISTED_UNDECODABLE: usize = 16;

/// Collects statistics, live as an observer of a recorder or from a capture that is read.
///
/// ```
/// use grpc_capture::{model::Observer, file::Reader, analyze::{StatsCollector, StatsOptions}};
///
/// let mut reader = Reader::open("captures/febus-jitter.gcap")?;
/// let mut collector = StatsCollector::new(reader.header(), StatsOptions::default());
/// while let Some(event) = reader.next_event()? {
///     collector.observe(&event);
/// }
/// let stats = collector.finish();
/// assert_eq!((stats.totals.frames, stats.totals.rows), (18, 50));
/// assert_eq!(stats.amplitude.negative_infinite, 2000);
/// # Ok::<(), grpc_capture::file::FileError>(())
/// ```
#[derive(Debug)]
pub struct StatsCollector {
    frames: Frames,
    dialect: Option<String>,
    content: Content,
}

/// Capacity, in values of a spectrum, that is kept from one spectrum to the next: more than any job has.
const KEPT_VALUES: usize = 1 << 20;

/// The statistics under construction; apart from the decoder, from which frames borrow.
#[derive(Debug)]
struct Content {
    /// Wall-clock time of offset 0, and its offset in the capture that this one was cut from.
    clock: (u64, Option<u64>),
    calls: Calls,
    methods: Methods,
    structures: Structures,
    amplitudes: Amplitudes,
    declared: Declared,
    delivery: Delivery,
    rows: Rows,
    undecodable: Vec<Undecodable>,
    /// Rows seen in each call, so that places can name them.
    row_numbers: std::collections::BTreeMap<u32, u64>,
    /// The values of the current spectrum.
    run: Vec<f32>,
}

impl StatsCollector {
    /// Makes a collector for a capture with this header; of it the dialect, what was configured and what the offsets
    /// are.
    #[must_use]
    pub fn new(header: &Header, options: StatsOptions) -> Self {
        let source = match header.text(Attribute::TIMING) {
            Some("rows") => TimingSource::Rows,
            _ => TimingSource::Delivery,
        };
        let mut delivery = Delivery::new(source);
        let is_cut = header.slice().is_some_and(|slice| slice.origin_ns > 0);
        if is_cut {
            delivery.begin_cut();
        }
        Self {
            frames: Frames::with_layout(options.layout),
            dialect: header.text(Attribute::DIALECT).map(str::to_owned),
            content: Content {
                clock: (header.anchor_unix_ns, header.slice().map(|slice| slice.origin_ns)),
                calls: Calls::new(options.digests),
                methods: Methods::new(source, is_cut),
                structures: Structures::default(),
                amplitudes: Amplitudes::new(options.exact_values),
                declared: Declared::default(),
                delivery,
                rows: Rows::new(asked(header)),
                undecodable: Vec::new(),
                row_numbers: std::collections::BTreeMap::new(),
                run: Vec::new(),
            },
        }
    }

    /// Returns the statistics of all events so far.
    #[must_use]
    pub fn finish(self) -> Stats {
        let content = self.content;
        let (totals, calls) = content.calls.finish();
        let (amplitude, sensors) = content.amplitudes.finish();
        Stats {
            stats: super::result::SCHEMA,
            dialect: self.dialect,
            totals,
            calls,
            methods: content.methods.finish(),
            structure: content.structures.finish(&sensors),
            amplitude,
            sensors,
            declared: content.declared,
            timing: content.delivery.finish(),
            rows: content.rows.finish(),
            undecodable: content.undecodable,
        }
    }
}

impl Observer for StatsCollector {
    fn observe(&mut self, event: &Event) {
        let mut frames = std::mem::take(&mut self.frames);
        frames.show(event, &mut [self]);
        self.frames = frames;
    }
}

impl FrameObserver for StatsCollector {
    fn observe_frame(&mut self, event: &Event, seen: &Seen<'_>) {
        self.content.see(event, seen);
    }
}

impl Content {
    fn see(&mut self, event: &Event, seen: &Seen<'_>) {
        self.calls.event(event);
        self.methods.event(event);
        match &event.kind {
            EventKind::CallStart(start) if Dialect::from_method(&start.method).is_some() => {
                self.delivery.start(event.call, event.offset_ns);
                self.rows.start(event.call);
            }
            EventKind::End(_) => self.end(event.call),
            _ => {}
        }
        match seen {
            Seen::Frame(place, frame) => self.frame(place, frame),
            Seen::Malformed(place, error) => self.damaged(place, error),
            Seen::NotInflated(place, error) => self.damaged(place, error),
            Seen::Other => {}
        }
        self.run.shrink_to(KEPT_VALUES);
        self.amplitudes.shrink_to(KEPT_VALUES);
    }

    fn end(&mut self, call: u32) {
        self.delivery.end(call);
        self.rows.end(call);
        self.structures.end(call);
        self.row_numbers.remove(&call);
    }

    fn frame(&mut self, at: &MessagePlace, frame: &Frame<'_>) {
        let rows = frame.rows.len() as u64;
        let mut place = self.place(at);
        self.calls.frame(at.call, rows);
        self.delivery.message(at.call, at.offset_ns, rows, at.wire_bytes as u64);
        self.structures.frame(frame, &place);
        let number = self.row_numbers.entry(at.call).or_default();
        let mut extremes = Extremes::default();
        for row in &frame.rows {
            place.row = Some(*number);
            *number += 1;
            self.structures.row(row, &place);
            self.rows.row(at.call, row);
            for sensor in &row.sensors {
                read(&sensor.intensity, &mut self.run);
                extremes.join(self.amplitudes.add(sensor.id, &self.run));
            }
        }
        place.row = None;
        self.declared
            .add(|| place, frame.declared_max, frame.declared_min, extremes);
    }

    fn damaged(&mut self, at: &MessagePlace, problem: &dyn std::fmt::Display) {
        self.calls.undecodable(at.call);
        self.delivery.message(at.call, at.offset_ns, 0, at.wire_bytes as u64);
        if self.undecodable.len() < MAX_LISTED_UNDECODABLE {
            self.undecodable.push(Undecodable {
                place: self.place(at),
                problem: problem.to_string(),
            });
        }
    }

    fn place(&self, at: &MessagePlace) -> Place {
        let (anchor_unix_ns, origin_ns) = self.clock;
        Place::call(at.call, at.offset_ns)
            .at_message(at.message)
            .on_clock(anchor_unix_ns, origin_ns)
    }
}

/// Reads the values of a spectrum into the buffer, replacing those of the last one.
fn read(values: &Values<'_>, run: &mut Vec<f32>) {
    run.clear();
    match values {
        Values::Wire(bytes) => run.extend(bytes.as_chunks().0.iter().map(|four| f32::from_le_bytes(*four))),
        Values::Owned(values) => run.extend_from_slice(values),
    }
}

/// The configured job, as far as the header's request can be read; that it can is for the validator to judge.
fn asked(header: &Header) -> RequestedTime {
    let json = |name| header.get(name).and_then(|body| parse_body(body).ok());
    let request = json(Attribute::CONFIGURE_REQUEST).and_then(|body| ConfigureRequest::parse(&body).ok());
    // A slice is a part of what was asked for, by intent.
    let request = request.filter(|_| header.slice().is_none());
    let window_s = request.and_then(|request| match request.job.period {
        Period::Recorded { start_s, end_s } => Some((start_s, end_s)),
        Period::Live => None,
    });
    let lines_dt_s = json(Attribute::CONFIGURE_RESPONSE).and_then(|body| ConfigureResponse::from(body).lines_dt_s());
    RequestedTime { window_s, lines_dt_s }
}
