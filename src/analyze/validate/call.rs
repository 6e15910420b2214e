//! Validation of one call: its state, and the order in which its frames are checked.

use super::{
    clock::{Clock, RowTime},
    context::{Context, Offsets},
    opening::Opening,
    reading::ReadTo,
    rules::{
        amplitude, delivery, drift, endings, expected,
        extremes::{self, Excuse},
        frozen::{self, Repeats, Speech},
        payload::{self, Standing},
        sensors::{Met, Roster},
        stamps,
        structure::{self, Cause},
        timing,
        values::{self, Lifeless},
    },
    scan::{Lanes, Scan, mark},
    tally::Tally,
};
use crate::das::expect::{Expectations, methods::allowed};
use crate::{
    das::{
        dialect::{Dialect, pandadatastream},
        frames::MessagePlace,
        spectrogram::{Frame, Row},
    },
    model::{
        event::{Ending, Gap, Message},
        finding::Place,
    },
};

/// One spectrogram call.
#[derive(Debug)]
pub(super) struct Call {
    pub(super) number: u32,
    pub(super) dialect: Dialect,
    pub(super) stream: i32,
    pub(super) encoding: String,
    /// Authority to which the call was sent.
    pub(super) authority: String,
    /// Messages that are known to be lost.
    lost: u64,
    pub(super) tally: Tally,
    pub(super) roster: Roster,
    pub(super) clock: Clock,
    started_ns: u64,
    pub(super) opening: Opening,
    layout_told: bool,
    /// The largest number of rows in a message.
    largest: u64,
    drift: drift::Memory,
    running: extremes::Running,
    frozen: frozen::Memory,
    scans: Vec<Scan>,
    marks: Vec<u64>,
}

/// The facts about a frame that are known so far.
#[derive(Debug)]
struct Facts {
    scan: Scan,
    excuse: Excuse,
}

/// The facts about a row, found in one pass over its values.
#[derive(Debug, Clone, Copy)]
struct Seen {
    scan: Scan,
    /// A spectrum starts with zero, and may be all zero.
    zero: bool,
    /// All spectra are equally long.
    even: bool,
}

impl Call {
    /// Starts the validation of a call to `authority`.
    pub(super) fn new(
        number: u32,
        dialect: Dialect,
        (started_ns, authority): (u64, &str),
        opening: Opening,
        expect: &Expectations,
    ) -> Self {
        Self {
            number,
            dialect,
            stream: 0,
            encoding: String::from("identity"),
            authority: authority.to_owned(),
            lost: 0,
            tally: Tally::default(),
            roster: Roster::new(expect, dialect),
            clock: Clock::new(expect.lines_dt_s.as_ref().map(|dt| dt.value)),
            started_ns,
            opening,
            layout_told: false,
            largest: 1,
            drift: drift::Memory::default(),
            running: extremes::Running::default(),
            frozen: frozen::Memory::default(),
            scans: Vec::new(),
            marks: Vec::new(),
        }
    }

    /// Number of bins of the last row.
    pub(super) const fn bins(&self) -> Option<usize> {
        self.drift.bins
    }

    /// Notes a message to the server.
    pub(super) fn sent(&mut self, message: &Message) {
        if self.dialect == Dialect::PandaDataStream && !message.compressed {
            self.stream = pandadatastream::requested_stream(&message.data).unwrap_or(0);
        }
    }

    /// Notes a received message of any content; the place of its findings.
    pub(super) fn received(&mut self, context: &mut Context<'_>, at: &MessagePlace) -> Place {
        let place = Place::call(at.call, at.offset_ns).at_message(at.message);
        let tally = &mut self.tally;
        if tally.messages == 0 {
            tally.first_ns = at.offset_ns;
            tally.first_bytes = at.wire_bytes as u64;
            tally.waited_ns = at.offset_ns.saturating_sub(self.started_ns);
            if context.offsets == Offsets::Delivery && self.opening == Opening::Whole {
                delivery::late_first_frame(context.log, place, tally.waited_ns, context.expect);
            }
        } else {
            let silence_ns = at.offset_ns.saturating_sub(tally.last_ns);
            tally.largest_gap_ns = tally.largest_gap_ns.max(silence_ns);
            if context.offsets == Offsets::Delivery {
                delivery::stall(context.log, place, silence_ns, context.expect);
            }
        }
        tally.messages += 1;
        tally.bytes += at.wire_bytes as u64;
        tally.last_ns = at.offset_ns;
        place
    }

    /// Notes a message that could not be decoded into a frame: its rows are not reported as missing.
    pub(super) const fn lose_messages(&mut self, messages: u64) {
        self.clock.lose(messages.saturating_mul(self.largest));
    }

    pub(super) fn gap(&mut self, context: &mut Context<'_>, offset_ns: u64, gap: &Gap) {
        let place = Place::call(self.number, offset_ns).at_message(self.tally.messages + 1);
        endings::gap(context.log, place, gap);
        self.lost = self.lost.saturating_add(gap.messages);
        self.lose_messages(gap.messages);
    }

    /// Checks a frame. A cause with several effects is reported once: see the table in [`super`].
    pub(super) fn frame(&mut self, context: &mut Context<'_>, place: Place, message: &Message, frame: &Frame<'_>) {
        self.tally.frames += 1;
        drift::unknown_fields(context.log, place, frame);
        let standing = self.block(context, place, frame);
        if frame.rows.is_empty() {
            if standing != Standing::Broken {
                structure::empty_frame(context.log, place, "row");
            }
            return self.lose_messages(1);
        }
        self.largest = self.largest.max(frame.rows.len() as u64);
        let speech = Speech {
            dialect: self.dialect,
            layout: context.layout,
            encoding: &self.encoding,
        };
        let repeats = self.frozen.compare(speech, frame);
        let mut facts = Facts {
            scan: Scan::EMPTY,
            excuse: Excuse::None,
        };
        let mut lifeless = true;
        for (at, row) in frame.rows.iter().enumerate() {
            let place = place.at_row(self.tally.rows);
            self.tally.rows += 1;
            let before = at.checked_sub(1).and_then(|at| frame.rows.get(at));
            let repeated = match before {
                _ if repeats == Repeats::Frame => true,
                None => repeats == Repeats::FirstRow,
                Some(before) => frozen::same_row(before, row) && frozen::goes_on(before, row),
            };
            lifeless &= self.row(context, place, row, standing, repeated, &mut facts);
            if repeated && repeats != Repeats::Frame && !lifeless && frozen::says_something(row) {
                frozen::frozen(context.log, place);
                facts.excuse = Excuse::Other;
            }
            self.time(context, place, row);
        }
        if repeats == Repeats::Frame && !lifeless && frame.rows.iter().any(frozen::says_something) {
            frozen::frozen(context.log, place);
            facts.excuse = Excuse::Other;
        }
        if standing != Standing::Broken {
            let running = &mut self.running;
            extremes::judge(context.log, running, place, frame, facts.scan, facts.excuse);
        }
        self.frozen.remember(message, frame);
    }

    fn block(&mut self, context: &mut Context<'_>, place: Place, frame: &Frame<'_>) -> Standing {
        let Some(block) = &frame.block else {
            return Standing::Sound;
        };
        drift::job_change(context.log, &mut self.drift, place, block.job_id);
        let mapped = context.expect.channels.of_stream(self.stream);
        let standing = payload::judge(context.log, place, block, frame, mapped);
        if standing != Standing::Broken && !self.layout_told {
            self.layout_told = true;
            payload::guessed_layout(context.log, place, block, frame);
        }
        standing
    }

    /// Checks a row's values; true when there is no life in them.
    fn row(
        &mut self,
        context: &mut Context<'_>,
        place: Place,
        row: &Row<'_>,
        standing: Standing,
        repeated: bool,
        facts: &mut Facts,
    ) -> bool {
        drift::canvas_change(context.log, &mut self.drift, place, row);
        if row.sensors.iter().all(|sensor| sensor.intensity.is_empty()) {
            // A block whose values are not read has rows without sensors.
            if self.dialect == Dialect::DataStream {
                let lacks = if row.sensors.is_empty() { "sensor" } else { "bin" };
                structure::empty_frame(context.log, place, lacks);
                facts.excuse = Excuse::Other;
            }
            return false;
        }
        let known = self.sensors(context, place, row, standing, facts);
        let seen = self.scan(row);
        let scan = seen.scan;
        self.judge_bins(context, place, row, seen.even, facts);
        facts.scan = facts.scan.and(scan);
        self.tally.see(scan);
        let bounds = context.expect.amplitude_db.as_ref().map(|bounds| bounds.value);
        let beyond = bounds.filter(|bounds| f64::from(scan.min) < bounds.min || f64::from(scan.max) > bounds.max);
        let unusual = seen.zero || scan.nan || scan.has_infinity();
        let mut lifeless = Lifeless::No;
        if unusual || beyond.is_some() {
            // Only now each sensor is looked at for itself.
            let spectra = row.sensors.iter().map(|sensor| Scan::of(&sensor.intensity));
            self.scans.clear();
            self.scans.extend(spectra);
        }
        if unusual {
            lifeless = values::unusual(context.log, place, row, &self.scans);
        }
        if lifeless == Lifeless::Zero {
            facts.excuse = Excuse::Other;
        }
        if let Some(bounds) = beyond {
            amplitude::out_of_range(context.log, place, row, &self.scans, &bounds);
        }
        if known && !repeated && lifeless == Lifeless::No {
            self.stuck(context, place, row);
        }
        lifeless != Lifeless::No
    }

    /// Checks which sensors a row holds; true when they are those of the roster, in its order.
    fn sensors(
        &mut self,
        context: &mut Context<'_>,
        place: Place,
        row: &Row<'_>,
        standing: Standing,
        facts: &mut Facts,
    ) -> bool {
        if standing == Standing::OtherChannels {
            return false;
        }
        let same = self.roster.is(row);
        if !same && structure::duplicate_sensor(context.log, place, row) {
            facts.excuse = facts.excuse.or(Excuse::Fewer);
            return false;
        }
        if self.roster.meet(context.log, place, row, same) == Met::Flawed {
            facts.excuse = facts.excuse.or(Excuse::Fewer);
        }
        true
    }

    fn judge_bins(&mut self, context: &mut Context<'_>, place: Place, row: &Row<'_>, even: bool, facts: &mut Facts) {
        let first = row.sensors.first().map_or(0, |sensor| sensor.intensity.len());
        let expected = context.expect.bins.as_ref();
        if !even {
            let known = expected.map(|bins| bins.value as usize).or(self.drift.bins);
            let known = known.filter(|bins| row.sensors.iter().any(|sensor| sensor.intensity.len() == *bins));
            structure::ragged(context.log, place, row, known.unwrap_or(first));
            facts.excuse = facts.excuse.or(Excuse::Fewer);
            return;
        }
        let unexpected = expected.is_some_and(|bins| expected::unexpected_bins(context.log, place, first, bins));
        let changed = expected.is_none() && drift::shape_change(context.log, &mut self.drift, place, first);
        if unexpected || changed {
            facts.excuse = facts.excuse.or(Excuse::Fewer);
        }
        self.drift.bins = Some(first);
    }

    /// Scans a row's values in one pass.
    fn scan(&mut self, row: &Row<'_>) -> Seen {
        self.marks.clear();
        let first = row.sensors.first().map_or(0, |sensor| sensor.intensity.len());
        let (mut lanes, mut zero, mut even) = (Lanes::new(), false, true);
        for sensor in &row.sensors {
            lanes.add(&sensor.intensity);
            even &= sensor.intensity.len() == first;
            zero |= sensor.intensity.get(0).is_some_and(|value| value == 0.0);
            self.marks.push(mark(&sensor.intensity));
        }
        let scan = lanes.total();
        Seen { scan, zero, even }
    }

    fn stuck(&mut self, context: &mut Context<'_>, place: Place, row: &Row<'_>) {
        let states = self.roster.states.iter_mut().zip(&self.marks);
        for (sensor, (state, mark)) in row.sensors.iter().zip(states) {
            state.see(context.log, place, sensor, *mark);
        }
    }

    fn time(&mut self, context: &mut Context<'_>, place: Place, row: &Row<'_>) {
        if !structure::end_before_start(context.log, place, row) {
            return self.clock.lose(1);
        }
        let Some((start_ms, end_ms)) = stamps::times(context.log, place, row) else {
            return self.clock.lose(1);
        };
        if let Some(start_ms) = start_ms {
            let arrival_ms = context.arrival_ms(place);
            stamps::date(context.log, place, start_ms, arrival_ms, context.expect.requested.time);
        }
        let first = row.sensors.first().map_or(0, |sensor| mark(&sensor.intensity));
        let last = row.sensors.last().map_or(0, |sensor| mark(&sensor.intensity));
        let irregular = self.clock.push(RowTime {
            index: row.index,
            start_ms,
            end_ms,
            mark: first ^ last.rotate_left(17),
            place,
            lost: 0,
        });
        self.tell(context, irregular);
    }

    fn tell(&mut self, context: &mut Context<'_>, irregular: Vec<super::clock::Irregular>) {
        let explicit = context
            .expect
            .lines_dt_s
            .as_ref()
            .is_some_and(|dt| dt.source.is_explicit());
        for irregular in irregular {
            self.tally.irregular += 1;
            timing::irregular(context.log, irregular, explicit);
        }
    }

    /// Ends the call, at its ending or where the capture could not be read further; `cause` is known beside it. Whether
    /// the server had no more to say.
    pub(super) fn end(
        &mut self,
        context: &mut Context<'_>,
        offset_ns: u64,
        ending: Result<&Ending, &ReadTo>,
        cause: Cause,
    ) -> endings::Verdict {
        let irregular = self.clock.finish();
        self.tell(context, irregular);
        let Tally {
            messages,
            bytes,
            first_bytes,
            first_ns,
            last_ns,
            ..
        } = self.tally;
        let place = Place::call(self.number, offset_ns);
        if context.offsets == Offsets::Delivery {
            let flow = (
                messages.saturating_sub(1),
                bytes - first_bytes,
                last_ns.saturating_sub(first_ns),
            );
            delivery::low_throughput(context.log, place, flow, context.expect);
        }
        let before = self.opening.before(endings::Before {
            messages,
            silence_ns: offset_ns.saturating_sub(if messages == 0 { self.started_ns } else { last_ns }),
        });
        let subject = endings::Subject {
            method: None,
            allowed: allowed(&context.expect.methods, self.dialect.method()),
        };
        let ending = match ending {
            Ok(ending) => ending,
            Err(ReadTo::Damage(_)) => return endings::Verdict::Stopped,
            Err(read_to) => {
                endings::unended(context.log, place, messages, read_to.is_growing(), subject);
                return endings::Verdict::Stopped;
            }
        };
        let verdict = endings::judge(context.log, place, ending, before, subject);
        if messages == 0 && verdict != endings::Verdict::Failed && !self.opening.is_cut(Some(ending)) {
            let cause = if self.lost > 0 { Cause::Told } else { cause };
            let what = format!("call {} carried no frame", self.number);
            structure::zero_frames(context.log, place, &what, cause);
        }
        verdict
    }
}

impl Excuse {
    /// Returns the stronger of two causes.
    const fn or(self, other: Self) -> Self {
        match self {
            Self::None => other,
            known => known,
        }
    }
}
