//! Conversion of one call's events to the steps of its replay, on the time line of the options. Pure: events in, steps
//! out.
//!
//! The [`Player`] says what is sent; the timeline says when, counted from the point where the replay begins: it cuts out the
//! window that is to be played, clips long pauses, and lays repeated passes one after the other.

use std::{num::NonZeroU64, time::Duration};

use bytes::Bytes;

use super::{
    options::{End, Loops, Playback},
    player::{Act, Hold, MaxFrames, PlayedEnding, Player, Step},
    restamp::Restamper,
    script::Call,
};
use crate::replay::pace::{KEPT_SILENCE, Rate};
use crate::{
    das::dialect::Dialect,
    grpc::{protocol, status::UNAVAILABLE},
    model::event::{Direction, Event, EventKind, Status},
};

/// Largest time by which our clock may see a deadline earlier than the client's clock.
const MOST_EARLY: Duration = Duration::from_millis(100);

/// True for the methods of a spectrogram job.
pub(super) fn is_job(method: &str) -> bool {
    Dialect::from_method(method).is_some()
}

/// The part of a call's recording that is played.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::struct_field_names, reason = "units are in names")]
struct Window {
    /// Offset of the call's opening, nanoseconds: its initial metadata is looked for from here.
    opening_ns: u64,
    /// Offset at which a pass begins.
    start_ns: u64,
    /// Offset at which a pass ends, when that is before the recorded ending.
    end_ns: Option<u64>,
    /// Offset of the recorded ending; the largest there is when the capture holds none.
    ended_ns: u64,
    /// Offset at which the deadline of the recorded client had passed; the largest there is without one.
    deadline_ns: u64,
}

/// The role of an event in a timeline.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Head,
    Message,
    End,
    /// An event that is not sent.
    Unsent,
}

impl Kind {
    fn of(kind: &EventKind) -> Self {
        match kind {
            EventKind::Headers(_) => Self::Head,
            EventKind::Message(message) if message.direction == Direction::Received => Self::Message,
            EventKind::End(_) => Self::End,
            _ => Self::Unsent,
        }
    }
}

/// Converts the events of a capture to the steps of one call.
#[derive(Debug)]
pub(super) struct Timeline {
    player: Player,
    window: Window,
    line: Line,
    passes_left: Loops,
    pass: u64,
    pass_messages: u64,
    /// True when initial metadata, or a trailers-only ending in its place, has been seen.
    headed: bool,
    /// The recorded ending, when nothing is sent before it.
    only_end: Option<PlayedEnding>,
    end: End,
    idles: bool,
    restamper: Option<Restamper>,
    state: State,
}

/// State of the timeline.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Playing,
    /// The pass has ended and another one follows.
    PassOver,
    Over,
}

/// Whether a client has received the initial metadata.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Head {
    Sent,
    Owed,
}

/// Where the reader continues.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Next {
    /// With the next event.
    Read,
    /// With the first event at or after this offset, nanoseconds.
    Seek(u64),
    /// Nowhere: everything was said.
    Stop,
}

impl Timeline {
    /// The timeline of a whole call.
    pub(super) fn new(call: &Call, max_frames: MaxFrames, playback: &Playback) -> Self {
        let opening_ns = call.start_ns;
        let ended_ns = call.end.as_ref().map_or(u64::MAX, |(offset_ns, _)| *offset_ns);
        let start_ns = opening_ns
            .saturating_add(nanoseconds(playback.start_offset))
            .min(ended_ns);
        let end_ns = playback
            .playback_duration
            .map(|length| start_ns.saturating_add(nanoseconds(length)));
        Self {
            player: Player::new(call.call, max_frames, is_job(&call.method)),
            window: Window {
                opening_ns,
                start_ns,
                end_ns,
                ended_ns,
                deadline_ns: deadline(call),
            },
            line: Line::new(start_ns, longest_gap(playback)),
            passes_left: playback.loops,
            pass: 0,
            pass_messages: 0,
            headed: false,
            only_end: None,
            end: playback.end,
            idles: playback.idle_goaway.is_some(),
            restamper: None,
            state: State::Playing,
        }
    }

    /// Starts at `position` after the opening of the call instead; later passes begin where they always do.
    pub(super) fn starting_at(mut self, position: Duration, head: Head) -> Self {
        let start_ns = self.window.opening_ns.saturating_add(nanoseconds(position));
        let start_ns = start_ns.min(self.window.ended_ns);
        self.line = Line::new(start_ns, self.line.longest_gap_ns);
        self.headed = head == Head::Sent;
        self
    }

    /// Counts `messages` that the client received earlier.
    pub(super) fn after(mut self, messages: u64) -> Self {
        self.player.count(messages);
        self
    }

    /// Sends no messages: the messages are gone, and only the ending is left.
    pub(super) fn drained(mut self, ending: Option<PlayedEnding>) -> Self {
        self.only_end = Some(ending.unwrap_or_else(PlayedEnding::complete));
        self
    }

    /// Shifts the timestamps of rows.
    pub(super) fn restamped(mut self, restamper: Restamper) -> Self {
        self.restamper = Some(restamper);
        self
    }

    /// Start offsets of the reading and of the time line: nanoseconds.
    pub(super) const fn begins_at(&self) -> (u64, u64) {
        let read_from = if self.headed {
            self.line.start_ns
        } else {
            self.window.opening_ns
        };
        (read_from, self.line.start_ns)
    }

    /// Converts the next event of the capture and adds the steps to `out`.
    pub(super) fn take(&mut self, event: Event, out: &mut Vec<Step>) -> Next {
        if self.state != State::Playing || event.call != self.player.call() {
            return self.next();
        }
        let kind = Kind::of(&event.kind);
        if kind == Kind::Unsent {
            self.player.take(event, &mut Vec::new());
            return Next::Read;
        }
        if !self.headed {
            self.headed = true;
            if kind == Kind::Head {
                self.play(event, out);
                return self.begin(out);
            }
            match self.begin(out) {
                Next::Read => {}
                // There is nothing after it to go on with.
                Next::Seek(from_ns) if kind == Kind::End && event.offset_ns < from_ns => {}
                next => return next,
            }
        } else if kind == Kind::Head {
            return Next::Read;
        }
        match self.window.end_ns {
            Some(end_ns) if event.offset_ns >= end_ns => self.pass_over(PlayedEnding::complete(), end_ns, out),
            _ => self.play(event, out),
        }
        self.next()
    }

    /// Notes that the initial metadata was sent: where the rest begins.
    fn begin(&mut self, out: &mut Vec<Step>) -> Next {
        if let Some(ending) = self.only_end.take() {
            self.play_ending(ending, self.line.start_ns, out);
            return Next::Stop;
        }
        if self.line.start_ns > self.window.opening_ns {
            Next::Seek(self.line.start_ns)
        } else {
            Next::Read
        }
    }

    /// Notes the end of the capture.
    pub(super) fn finish(&mut self, out: &mut Vec<Step>) {
        if self.state == State::Playing {
            let mut steps = Vec::new();
            self.player.finish(&mut steps);
            self.put_all(steps, out);
            self.state = State::Over;
        }
    }

    /// Handles a capture that cannot be read further.
    pub(super) fn fail(&mut self, error: &dyn std::error::Error, out: &mut Vec<Step>) {
        if self.state == State::Playing {
            let mut steps = Vec::new();
            self.player.fail(error, &mut steps);
            self.put_all(steps, out);
            self.state = State::Over;
        }
    }

    fn next(&mut self) -> Next {
        match self.state {
            State::Playing => Next::Read,
            State::Over => Next::Stop,
            State::PassOver => {
                self.state = State::Playing;
                self.pass += 1;
                self.pass_messages = 0;
                self.player.rewind();
                self.line.rewind(self.window.start_ns);
                Next::Seek(self.window.start_ns)
            }
        }
    }

    fn play(&mut self, event: Event, out: &mut Vec<Step>) {
        let mut steps = Vec::new();
        let recorded_end = matches!(event.kind, EventKind::End(_));
        self.player.take(event, &mut steps);
        for step in steps {
            match step.act {
                Act::End(ending) if recorded_end => self.pass_over(ending, step.offset_ns, out),
                // The client asked for no more than this: an ending of its own, whatever the options say.
                Act::End(ending) => {
                    self.put(Act::End(ending), step.offset_ns, out);
                    self.state = State::Over;
                }
                act => self.put(act, step.offset_ns, out),
            }
        }
    }

    /// Ends a pass; `ending` is how the call ends when no other follows.
    fn pass_over(&mut self, ending: PlayedEnding, offset_ns: u64, out: &mut Vec<Step>) {
        let again = match self.passes_left {
            Loops::Forever => true,
            Loops::Times(times) => {
                let left = NonZeroU64::new(times.get() - 1);
                self.passes_left = Loops::Times(left.unwrap_or(NonZeroU64::MIN));
                left.is_some()
            }
        };
        // A pass without a message would be repeated in no time, for ever.
        if again && self.pass_messages > 0 {
            self.line.place(offset_ns, PauseKind::AsClipped);
            self.state = State::PassOver;
        } else {
            self.play_ending(ending, offset_ns, out);
        }
    }

    fn play_ending(&mut self, recorded: PlayedEnding, offset_ns: u64, out: &mut Vec<Step>) {
        let ending = match self.end {
            _ if self.idles && !recorded.is_error() => PlayedEnding::Hold,
            End::Recorded => recorded,
            End::Ok => PlayedEnding::complete(),
            End::Hold => PlayedEnding::Hold,
            End::Unavailable => PlayedEnding::Status(Status {
                code: UNAVAILABLE,
                message: "the job was ended here on purpose, as this replay server was told to do".to_owned(),
                ..Status::default()
            }),
        };
        self.put(Act::End(ending), offset_ns, out);
        self.state = State::Over;
    }

    fn put_all(&mut self, steps: Vec<Step>, out: &mut Vec<Step>) {
        for step in steps {
            self.put(step.act, step.offset_ns, out);
        }
    }

    fn put(&mut self, act: Act, offset_ns: u64, out: &mut Vec<Step>) {
        let mut hold = Hold::default();
        // What came after the deadline of its client, no client saw, at any rate.
        if offset_ns >= self.window.deadline_ns {
            hold.opening = Duration::from_nanos(offset_ns.saturating_sub(self.window.opening_ns));
        }
        let pause = match &act {
            Act::End(PlayedEnding::Break { .. }) => PauseKind::Silence,
            _ => PauseKind::AsClipped,
        };
        let offset_ns = self.line.place(offset_ns, pause);
        let act = match act {
            Act::Message { compressed, data } => {
                self.pass_messages += 1;
                Act::Message {
                    compressed,
                    data: self.restamp(compressed, data, offset_ns),
                }
            }
            act => act,
        };
        out.push(Step {
            after: self.player.came(),
            hold,
            ..Step::new(offset_ns, act)
        });
    }

    fn restamp(&mut self, compressed: bool, data: Bytes, offset_ns: u64) -> Bytes {
        match &mut self.restamper {
            Some(restamper) if !compressed => restamper.message(&data, self.pass, offset_ns).unwrap_or(data),
            _ => data,
        }
    }
}

/// The schedule of recorded offsets: never backwards, and without pauses beyond the longest that is wanted.
#[derive(Debug, Clone, Copy)]
#[expect(clippy::struct_field_names, reason = "units are in names")]
struct Line {
    start_ns: u64,
    longest_gap_ns: Option<u64>,
    recorded_ns: u64,
    played_ns: u64,
}

/// Which pauses are shortened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum PauseKind {
    AsClipped,
    /// A meaningful silence: so much of it stays.
    Silence,
}

impl Line {
    const fn new(start_ns: u64, longest_gap_ns: Option<u64>) -> Self {
        Self {
            start_ns,
            longest_gap_ns,
            recorded_ns: start_ns,
            played_ns: start_ns,
        }
    }

    fn place(&mut self, offset_ns: u64, pause: PauseKind) -> u64 {
        let mut gap_ns = offset_ns.saturating_sub(self.recorded_ns);
        if let Some(longest_ns) = self.longest_gap_ns {
            let least_ns = if pause == PauseKind::Silence {
                nanoseconds(KEPT_SILENCE)
            } else {
                0
            };
            gap_ns = gap_ns.min(longest_ns.max(least_ns));
        }
        self.recorded_ns = self.recorded_ns.max(offset_ns);
        self.played_ns = self.played_ns.saturating_add(gap_ns);
        self.played_ns
    }

    /// Continues with events recorded after `start_ns`.
    fn rewind(&mut self, start_ns: u64) {
        self.recorded_ns = start_ns;
    }
}

/// Time at which the recorded client's deadline had passed: a little before, for its clock began before its request
/// came.
fn deadline(call: &Call) -> u64 {
    let timeout = protocol::deadline(&call.metadata);
    timeout.map_or(u64::MAX, |timeout| {
        let early = (timeout / 8).min(MOST_EARLY);
        call.start_ns.saturating_add(nanoseconds(timeout.saturating_sub(early)))
    })
}

/// The longest recorded pause that is not shortened.
fn longest_gap(playback: &Playback) -> Option<u64> {
    let wait = nanoseconds(playback.max_wait?);
    Some(match playback.rate {
        Rate::Max => wait,
        Rate::Times(factor) => (wait as f64 * factor.get()) as u64,
    })
}

fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
