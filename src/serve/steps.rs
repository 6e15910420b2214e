//! The steps of a call, each when it is due: read ahead, held by the server's clock, measured.

use std::{
    future::Future as _,
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::{Duration, SystemTime},
};

use tokio::time::{Instant, Sleep};

use super::{
    control::{ClockView, Listed},
    encoding::Encoding,
    faults::{Injector, Running},
    fidelity::Meter,
    options::{Loops, Playback, Restamp},
    player::{Act, MaxFrames, PlayedEnding, Step},
    queue::Consumer,
    reader,
    restamp::Restamper,
    script::Call,
    sessions::Sessions,
    timeline::{Head, Timeline, is_job},
};
use crate::das::dialect::Dialect;
use crate::replay::{
    pace::{KEPT_SILENCE, Schedule},
    source::CaptureSource,
};

/// Longest time of a timer; a step that is due later is waited for in several turns.
const LONGEST_SLEEP: Duration = Duration::from_secs(24 * 3600);

/// The data needed to read a call, from its beginning or from any position.
#[derive(Debug)]
pub(super) struct CallReading {
    pub(super) source: CaptureSource,
    pub(super) job_id: String,
    pub(super) call: Call,
    pub(super) max_frames: MaxFrames,
    /// True when the call's messages are used up, and only the ending is left.
    pub(super) drained: bool,
    pub(super) playback: Arc<Playback>,
    pub(super) encoding: Encoding,
    pub(super) faults: Running,
    pub(super) sessions: Arc<Sessions>,
    /// Largest read-ahead in bytes.
    pub(super) limit: usize,
}

/// The start position of a reading.
#[derive(Debug, Clone, Copy)]
enum From {
    Beginning,
    /// At this time after the opening, with or without the initial metadata already sent, after this many messages.
    Position(Duration, Head, u64),
}

impl CallReading {
    /// Starts to read; the schedule's time 0 is now. `seeks` tells which of the job's streams belong together.
    fn open(&self, from: From, seeks: u64) -> io::Result<(Consumer, Schedule)> {
        let mut timeline = Timeline::new(&self.call, self.max_frames, &self.playback);
        let place = self.call.place.filter(|_| matches!(from, From::Beginning));
        if let From::Position(position, head, messages) = from {
            timeline = timeline.starting_at(position, head).after(messages);
        }
        if self.drained {
            timeline = timeline.drained(
                self.call
                    .end
                    .clone()
                    .map(|(_, ending)| PlayedEnding::of(ending, is_job(&self.call.method))),
            );
        }
        let (_, line_ns) = timeline.begins_at();
        let schedule = Schedule::new(self.playback.rate, line_ns);
        if let (Restamp::Now, Some(dialect)) = (self.playback.restamp, Dialect::from_method(&self.call.method)) {
            let shifts = self.sessions.shifts(&self.job_id, seeks, Instant::now());
            timeline = timeline.restamped(Restamper::new(dialect, shifts, schedule, epoch_ms()));
        }
        let had = match from {
            From::Beginning => 0,
            From::Position(_, _, messages) => messages,
        };
        let injector = Injector::new(&self.faults, self.call.call, &self.call.method, had);
        let encoder = self.encoding.encoder(self.call.answer_encoding.as_deref());
        let queue = match &self.call.packed {
            // Faults and repetitions can make much of little.
            Some(packed) if self.faults.is_empty() && self.playback.loops == Loops::default() => {
                reader::read_whole(&self.source.packed(packed.clone()), timeline, injector, encoder)
            }
            _ => reader::spawn(self.source.clone(), place, timeline, injector, encoder, self.limit)?,
        };
        Ok((queue, schedule))
    }
}

fn epoch_ms() -> i64 {
    let since = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

/// The steps of a call, each when it is due.
#[derive(Debug)]
pub(super) struct Steps {
    tape: CallReading,
    queue: Consumer,
    schedule: Schedule,
    /// Reading of the clock when the schedule began.
    began: Duration,
    sleep: Pin<Box<Sleep>>,
    next: Option<Step>,
    /// True when the next step has been taken before.
    taken: bool,
    /// Recorded offset of the last step, and the reading of the clock when it was taken.
    last: Option<(u64, Duration)>,
    head: Head,
    messages: u64,
    view: ClockView,
    listed: Listed,
    meter: Arc<Meter>,
}

impl Steps {
    /// Starts to read; `began` is when the client called.
    pub(super) fn open(tape: CallReading, began: Instant, listed: Listed, meter: Arc<Meter>) -> io::Result<Self> {
        let view = listed.control().view();
        let (queue, schedule) = tape.open(From::Beginning, view.seeks)?;
        Ok(Self {
            tape,
            queue,
            schedule,
            began: view.played(began),
            sleep: Box::pin(tokio::time::sleep_until(began)),
            next: None,
            taken: false,
            last: None,
            head: Head::Owed,
            messages: 0,
            view,
            listed,
            meter,
        })
    }

    /// Returns a step that was taken too early.
    pub(super) fn put_back(&mut self, step: Step) {
        if matches!(step.act, Act::Message { .. }) {
            self.messages = self.messages.saturating_sub(1);
        }
        // It has been held back once.
        self.next = Some(Step {
            hold: super::player::Hold::default(),
            ..step
        });
        self.taken = true;
    }

    pub(super) fn poll_due(&mut self, cx: &mut Context<'_>) -> Poll<Step> {
        loop {
            if let Err(step) = self.follow() {
                return Poll::Ready(*step);
            }
            if !self.view.paused
                && let Poll::Ready(step) = self.poll_playing(cx)
            {
                return Poll::Ready(step);
            }
            self.listed.wake_on_change(cx.waker(), self.view.generation);
            if self.listed.control().is_current(&self.view) {
                return Poll::Pending;
            }
        }
    }

    /// Applies the pauses, resumes and seeks since the last check. `Err` = the ending, as it could not be done.
    fn follow(&mut self) -> Result<(), Box<Step>> {
        if self.listed.control().is_current(&self.view) {
            return Ok(());
        }
        let before = std::mem::replace(&mut self.view, self.listed.control().view());
        if self.view.seeks == before.seeks {
            return Ok(());
        }
        let from = From::Position(self.view.sought, self.head, self.messages);
        let (queue, schedule) = self
            .tape
            .open(from, self.view.seeks)
            .map_err(|error| Box::new(Step::lost(format!("could not seek: {error}"))))?;
        (self.queue, self.schedule) = (queue, schedule);
        self.began = self.view.played(Instant::now());
        (self.next, self.taken, self.last) = (None, false, None);
        Ok(())
    }

    fn poll_playing(&mut self, cx: &mut Context<'_>) -> Poll<Step> {
        let step = match self.next.take() {
            Some(step) => step,
            None => ready!(self.queue.poll_next(cx))
                .unwrap_or_else(|| Step::lost("the capture's reader stopped before the call's ending".to_owned())),
        };
        let due = self.schedule.due(step.offset_ns).max(self.silence_before(&step));
        let last = self.last.map(|(_, played)| played.saturating_sub(self.began));
        let due = step.hold.due(due, last);
        if let Some(idle) = self.idle_end(&step, due) {
            if self.poll_until(idle, cx).is_pending() {
                self.next = Some(step);
                return Poll::Pending;
            }
            let act = Act::End(PlayedEnding::Break { goaway: true });
            return Poll::Ready(Step { act, ..step });
        }
        if let Some(due) = due
            && self.poll_until(due, cx).is_pending()
        {
            self.next = Some(step);
            return Poll::Pending;
        }
        self.note(&step, due);
        Poll::Ready(step)
    }

    fn note(&mut self, step: &Step, due: Option<Duration>) {
        let now = self.view.played(Instant::now());
        if matches!(step.act, Act::Message { .. }) {
            self.messages += 1;
            if let (false, Some(due)) = (self.taken, due) {
                self.meter.late(nanoseconds(now.saturating_sub(self.began + due)));
            }
        }
        let (offset_ns, played) = self.last.unwrap_or((self.schedule.first_ns(), self.began));
        self.meter.went_on(
            step.offset_ns.saturating_sub(offset_ns),
            nanoseconds(now.saturating_sub(played)),
        );
        self.listed.at(step.offset_ns.saturating_sub(self.tape.call.start_ns));
        (self.taken, self.head) = (false, Head::Sent);
        self.last = Some((step.offset_ns, now));
    }

    /// Time at which a job that is idle before `step` is closed, from the start of the schedule.
    fn idle_end(&self, step: &Step, due: Option<Duration>) -> Option<Duration> {
        let last = self.last.map_or(self.began, |(_, played)| played);
        let end = last.saturating_sub(self.began) + self.tape.playback.idle_goaway?;
        let idle = match &step.act {
            Act::End(PlayedEnding::Hold) => true,
            _ => due.is_some_and(|due| due > end),
        };
        idle.then_some(end)
    }

    /// Earliest time at which a connection that broke after a silence may break again, from the start of the schedule.
    fn silence_before(&self, step: &Step) -> Option<Duration> {
        let (Act::End(PlayedEnding::Break { .. }), Some((offset_ns, played))) = (&step.act, self.last) else {
            return None;
        };
        let recorded = Duration::from_nanos(step.offset_ns.saturating_sub(offset_ns));
        Some(played.saturating_sub(self.began) + recorded.min(KEPT_SILENCE))
    }

    /// Waits until `due`, counted from the start of the schedule.
    fn poll_until(&mut self, due: Duration, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            let now = Instant::now();
            let left = (self.began + due).saturating_sub(self.view.played(now));
            if left.is_zero() {
                return Poll::Ready(());
            }
            let deadline = now + left.min(LONGEST_SLEEP);
            let armed = self.sleep.deadline();
            if armed <= now || armed > deadline {
                self.sleep.as_mut().reset(deadline);
            }
            ready!(self.sleep.as_mut().poll(cx));
        }
    }
}

impl Step {
    /// The ending of a call that cannot be read further.
    fn lost(message: String) -> Self {
        let act = Act::End(PlayedEnding::lost(message));
        Self::new(0, act)
    }
}

fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}
