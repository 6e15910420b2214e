//! The second pass, which makes the slice: events of the source in, events of the slice out.

use std::collections::BTreeMap;

use super::{
    Cut, SliceError, Sliced, SlicedCall,
    error::EncodeError,
    plan::{CallPlan, Plan},
    sensors::{Filtered, SensorFilter},
};
use crate::{
    file::{CaptureState, Summary},
    model::event::{CAPTURE_CALL, Cancelled, Direction, Ending, Event, EventKind, Message},
    model::text::counted,
};

/// Number of calls that a note describes one by one; of more it gives the totals.
const MAX_TOLD: usize = 8;

#[derive(Debug)]
pub(super) struct Machine {
    from_ns: u64,
    to_ns: u64,
    calls: BTreeMap<u32, Call>,
    /// Last event number of each call, and of the capture itself.
    seqs: BTreeMap<u32, u64>,
    filter: Option<SensorFilter>,
    encoded_anew: u64,
    kept_whole: u64,
}

#[derive(Debug)]
struct Call {
    plan: CallPlan,
    sent: u64,
    received: u64,
    kept: u64,
    before: u64,
    state: State,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// None of its events has occurred.
    Awaited,
    Open,
    /// The call ended within the slice.
    Ended,
    /// The call continued beyond the slice.
    Cut,
}

impl Machine {
    pub(super) fn new(cut: &Cut, plan: &Plan) -> Self {
        let call = |(number, plan): (&u32, &CallPlan)| {
            let plan = *plan;
            let call = Call {
                plan,
                sent: 0,
                received: 0,
                kept: 0,
                before: 0,
                state: State::Awaited,
            };
            (*number, call)
        };
        Self {
            from_ns: plan.from_ns,
            to_ns: plan.to_ns,
            calls: plan.calls.iter().map(call).collect(),
            seqs: BTreeMap::new(),
            filter: cut.sensors.clone().map(SensorFilter::new),
            encoded_anew: 0,
            kept_whole: 0,
        }
    }

    /// Handles the next event of the source.
    pub(super) fn take(&mut self, mut event: Event, out: &mut Vec<Event>) -> Result<(), SliceError> {
        let (number, at) = (event.call, event.offset_ns);
        if number == CAPTURE_CALL {
            if at >= self.from_ns && !matches!(event.kind, EventKind::CallStart(_)) {
                out.push(self.stamp(number, at, event.kind));
            }
            return Ok(());
        }
        if let Some(filter) = &mut self.filter {
            filter.see(&event);
        }
        let Some(call) = self.calls.get_mut(&number) else {
            return Ok(());
        };
        if matches!(call.state, State::Ended | State::Cut) {
            return Ok(());
        }
        match call.judge(&event) {
            Fate::Drop => return Ok(()),
            Fate::End => {
                self.cut(number, at, out);
                return Ok(());
            }
            Fate::Keep => {}
        }
        if let EventKind::Message(message) = &mut event.kind
            && message.direction == Direction::Received
        {
            let index = call.received - 1;
            if !self.filter(number, index, message)? {
                return Ok(());
            }
            if let Some(call) = self.calls.get_mut(&number) {
                call.kept += 1;
            }
        }
        out.push(self.stamp(number, at, event.kind));
        Ok(())
    }

    /// Removes the other sensors from a message; false when nothing is left of it.
    fn filter(&mut self, call: u32, index: u64, message: &mut Message) -> Result<bool, SliceError> {
        let Some(filter) = &mut self.filter else {
            return Ok(true);
        };
        match filter.filter(call, message) {
            Ok(Filtered::Untouched) => {}
            Ok(Filtered::Nothing) => return Ok(false),
            Ok(Filtered::Anew(data)) => {
                self.encoded_anew += 1;
                (message.data, message.compressed) = (data.into(), false);
            }
            Err(EncodeError::Damaged) => self.kept_whole += 1,
            Err(EncodeError::Pieces(start, end)) => {
                let sensors = filter.wanted().clone();
                return Err(SliceError::Pieces {
                    call,
                    message: index + 1,
                    start,
                    end,
                    sensors,
                });
            }
        }
        Ok(true)
    }

    /// Ends a call that continues beyond the slice.
    fn cut(&mut self, number: u32, at: u64, out: &mut Vec<Event>) {
        let Some(call) = self.calls.get_mut(&number) else {
            return;
        };
        call.state = State::Cut;
        let seconds = self.to_ns.min(at).saturating_sub(self.from_ns) as f64 / 1e9;
        let ending = Ending::Cancelled(Cancelled::by_slice(seconds));
        out.push(self.stamp(number, at, EventKind::End(ending)));
    }

    /// Ends the slice before the source ends: calls that are open are cut here.
    pub(super) fn cut_short(&mut self, out: &mut Vec<Event>) {
        let open = |(number, call): (&u32, &Call)| (call.state == State::Open).then_some(*number);
        let open: Vec<_> = self.calls.iter().filter_map(open).collect();
        for number in open {
            self.cut(number, self.to_ns, out);
        }
    }

    /// Numbers an event of the slice within its call.
    pub(super) fn stamp(&mut self, call: u32, at: u64, kind: EventKind) -> Event {
        let seq = self.seqs.entry(call).or_default();
        *seq += 1;
        let offset_ns = at.clamp(self.from_ns, self.to_ns) - self.from_ns;
        Event {
            call,
            seq: *seq,
            offset_ns,
            kind,
        }
    }

    /// Whether any selected sensor occurred, or no message was searched for them.
    pub(super) fn met_sensors(&self) -> bool {
        self.filter
            .as_ref()
            .is_none_or(|filter| filter.has_met() || !filter.has_looked())
    }

    /// The note about the slice: what was cut, and what is not there.
    pub(super) fn story(&self, plan: &Plan, cut: &Cut) -> String {
        let second = |ns: u64| ns as f64 / 1e9;
        let mut text = format!(
            "cut from {:.3} s to {:.3} s of a longer capture ({})",
            second(plan.from_ns),
            second(plan.to_ns),
            cut.range
        );
        let (kept, left) = self.totals(plan);
        text.push_str(&format!("; {} kept, {left} left out", counted(kept, "message")));
        if plan.left_out > 0 {
            text.push_str(&format!(" with {}", counted(plan.left_out, "call")));
        }
        if let Some(sensors) = &cut.sensors {
            text.push_str(&format!(
                "; only sensors {sensors}: {} encoded again",
                counted(self.encoded_anew, "message")
            ));
            if self.kept_whole > 0 {
                text.push_str(&format!(
                    ", {} that cannot be decoded kept as they are",
                    self.kept_whole
                ));
            }
        }
        if self.calls.len() <= MAX_TOLD {
            for (number, call) in &self.calls {
                text.push_str(&call.story(*number, self.from_ns));
            }
        }
        text
    }

    fn totals(&self, plan: &Plan) -> (u64, u64) {
        let kept: u64 = self.calls.values().map(|call| call.kept).sum();
        let received: u64 = self.calls.values().map(|call| call.plan.received).sum();
        (kept, received.saturating_sub(kept) + plan.messages_left_out)
    }

    pub(super) fn sliced(&self, plan: &Plan, summary: &Summary, source: CaptureState) -> Sliced {
        let (messages, messages_left_out) = self.totals(plan);
        let call = |(number, call): (&u32, &Call)| SlicedCall {
            call: *number,
            kept: call.kept,
            before: call.before,
            after: call.after(),
            ending: call.state == State::Ended,
        };
        Sliced {
            from_ns: plan.from_ns,
            to_ns: plan.to_ns,
            calls: self.calls.iter().map(call).collect(),
            calls_left_out: plan.left_out,
            messages,
            messages_left_out,
            encoded_anew: self.encoded_anew,
            kept_whole: self.kept_whole,
            digest: summary.digest,
            source,
        }
    }
}

/// How an event is handled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Keep,
    Drop,
    /// The slice ends for this call.
    End,
}

impl Call {
    fn judge(&mut self, event: &Event) -> Fate {
        let Self { plan, .. } = self;
        let (before, beyond) = (event.offset_ns < plan.from_ns, event.offset_ns > plan.to_ns);
        if beyond {
            return Fate::End;
        }
        let inside = if before { Fate::Drop } else { Fate::Keep };
        match &event.kind {
            EventKind::CallStart(_) => {
                self.state = State::Open;
                Fate::Keep
            }
            EventKind::Headers(_) | EventKind::HalfClose => Fate::Keep,
            EventKind::End(_) => {
                self.state = State::Ended;
                Fate::Keep
            }
            EventKind::Gap(_) | EventKind::Note(_) => inside,
            EventKind::Message(message) if message.direction == Direction::Sent => {
                self.sent += 1;
                if self.sent == 1 { Fate::Keep } else { inside }
            }
            EventKind::Message(_) => {
                let index = self.received;
                self.received += 1;
                if before || index < plan.first {
                    self.before += 1;
                    Fate::Drop
                } else if index > plan.last {
                    Fate::End
                } else {
                    Fate::Keep
                }
            }
        }
    }

    const fn after(&self) -> u64 {
        self.plan.received.saturating_sub(self.before + self.kept)
    }

    fn story(&self, number: u32, from_ns: u64) -> String {
        let mut text = format!(
            "; call {number}: {} kept, {} before and {} after left out",
            self.kept,
            self.before,
            self.after()
        );
        if self.plan.opened_ns < from_ns {
            let earlier = (from_ns - self.plan.opened_ns) as f64 / 1e9;
            text.push_str(&format!(", started {earlier:.3} s before the slice"));
        }
        if self.state == State::Cut {
            text.push_str(", continued after it");
        }
        text
    }
}
