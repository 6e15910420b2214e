//! The recorder of one call's events: numbered, gaps in place, one ending.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, atomic::Ordering};

use super::{
    Overflow,
    command::Admission,
    queue::{Queue, Refused},
};
use crate::model::event::{Broken, CallStart, Direction, Ending, EventKind, Gap, Headers, Message, Note};

/// Records the events of one call. Shared by the tasks that watch its two directions.
///
/// Dropped without an ending, the call ends as broken: every call has exactly one ending.
#[derive(Debug)]
pub struct CallRecorder {
    queue: Arc<Queue>,
    id: u32,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    seq: u64,
    /// Number of messages left out since the last gap was written, sent and received.
    lost: [u64; 2],
    /// Number of messages that waited because the queue was full, and their total wait.
    held: u64,
    blocked_ns: u64,
    /// Number of messages that waited in the spool file.
    spooled: u64,
    ended: bool,
}

impl State {
    fn check_open(&self) -> Result<(), Refused> {
        if self.ended { Err(Refused::Ended) } else { Ok(()) }
    }
}

impl CallRecorder {
    pub(super) fn open(queue: Arc<Queue>, start: CallStart) -> Result<Self, Refused> {
        let mut order = queue.order();
        let id = queue.counters.calls.load(Ordering::Relaxed) + 1;
        order.push(id, 1, EventKind::CallStart(start), None)?;
        queue.counters.calls.store(id, Ordering::Relaxed);
        drop(order);
        Ok(Self {
            queue,
            id,
            state: Mutex::new(State {
                seq: 1,
                ..State::default()
            }),
        })
    }

    /// The call's number.
    #[must_use]
    pub const fn id(&self) -> u32 {
        self.id
    }

    /// Records one event and returns its offset in nanoseconds. Only a message ever waits, and only under
    /// [`Overflow::Block`]; a message that [`Overflow::Gap`] leaves out is answered with the present offset.
    pub async fn record(&self, kind: EventKind) -> Result<u64, Refused> {
        match kind {
            EventKind::Message(message) => self.message(message).await,
            EventKind::End(ending) => self.end(ending),
            EventKind::Gap(gap) => self.gap(gap),
            kind => self.control(kind),
        }
    }

    /// Records a message; see [`CallRecorder::record`].
    pub async fn message(&self, message: Message) -> Result<u64, Refused> {
        if let Some(why) = self.queue.counters.refusal()
            && why != Refused::Overflow
        {
            if why == Refused::SinkFailed {
                // It came, and it is not in the capture.
                self.queue.counters.gaps.fetch_add(1, Ordering::Relaxed);
            }
            return self.control(EventKind::Message(message));
        }
        let Some(admission) = self.admit(&message).await? else {
            self.leave_out(message.direction);
            return match self.queue.on_overflow {
                Overflow::Abort => {
                    self.queue.overflow();
                    Err(Refused::Overflow)
                }
                Overflow::Block | Overflow::Gap => Ok(self.queue.now()),
            };
        };
        let mut state = self.state();
        state.check_open()?;
        let mut order = self.queue.order();
        self.fill_gaps(&mut state, &mut order)?;
        let offset = order.push(self.id, state.seq + 1, EventKind::Message(message), Some(admission))?;
        state.seq += 1;
        Ok(offset)
    }

    /// Records the server's initial metadata.
    pub fn headers(&self, headers: Headers) -> Result<u64, Refused> {
        self.control(EventKind::Headers(headers))
    }

    /// Records that no more messages will be sent.
    pub fn half_close(&self) -> Result<u64, Refused> {
        self.control(EventKind::HalfClose)
    }

    /// Records a remark on this call.
    pub fn note(&self, author: &str, text: impl Into<String>) -> Result<u64, Refused> {
        self.control(EventKind::Note(Note {
            author: author.to_owned(),
            text: text.into(),
        }))
    }

    /// Records lost messages, with another reason than a full queue.
    pub fn gap(&self, gap: Gap) -> Result<u64, Refused> {
        self.queue.counters.gaps.fetch_add(gap.messages, Ordering::Relaxed);
        self.control(EventKind::Gap(gap))
    }

    /// Records the ending; everything after it is refused.
    pub fn end(&self, ending: Ending) -> Result<u64, Refused> {
        let mut state = self.state();
        state.check_open()?;
        let mut order = self.queue.order();
        self.fill_gaps(&mut state, &mut order)?;
        if state.held > 0 {
            order.push(self.id, state.seq + 1, EventKind::Note(held_up(&state)), None)?;
            state.seq += 1;
        }
        let offset = order.push(self.id, state.seq + 1, EventKind::End(ending), None)?;
        state.seq += 1;
        state.ended = true;
        Ok(offset)
    }

    fn control(&self, kind: EventKind) -> Result<u64, Refused> {
        let mut state = self.state();
        state.check_open()?;
        let offset = self.queue.order().push(self.id, state.seq + 1, kind, None)?;
        state.seq += 1;
        Ok(offset)
    }

    /// Reserves room in the queue; `None` when the message is to be left out.
    async fn admit(&self, message: &Message) -> Result<Option<Admission>, Refused> {
        let aborted = || self.queue.on_overflow == Overflow::Abort && self.queue.counters.refusal().is_some();
        if aborted() {
            return Ok(None);
        }
        let bytes = message.data.len();
        let admission = match (self.queue.try_admit(bytes), self.queue.on_overflow) {
            // Most of the time there is room, and nothing to wait for.
            (Some(admission), _) => Some(admission),
            (None, Overflow::Block) => Some(self.wait(bytes).await?),
            (None, Overflow::Gap | Overflow::Abort) => {
                let admission = self.queue.spool(&message.data).await;
                self.state().spooled += u64::from(admission.is_some());
                admission
            }
        };
        Ok(admission.filter(|_| !aborted()))
    }

    /// Waits for room and measures the wait.
    async fn wait(&self, bytes: usize) -> Result<Admission, Refused> {
        let from = self.queue.now();
        let admission = self.queue.admit(bytes).await?;
        let waited = self.queue.now().saturating_sub(from);
        self.queue.counters.blocked_ns.fetch_add(waited, Ordering::Relaxed);
        let mut state = self.state();
        state.held += 1;
        state.blocked_ns += waited;
        drop(state);
        Ok(admission)
    }

    /// Total wait of messages because the queue was full, in nanoseconds; see
    /// [`RecordingTotals::blocked_ns`](super::RecordingTotals).
    #[must_use]
    pub fn blocked_ns(&self) -> u64 {
        self.state().blocked_ns
    }

    /// Number of messages that went to the spool file because the queue was full.
    #[must_use]
    pub fn spooled(&self) -> u64 {
        self.state().spooled
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn leave_out(&self, direction: Direction) {
        self.queue.counters.gaps.fetch_add(1, Ordering::Relaxed);
        let mut state = self.state();
        let [sent, received] = &mut state.lost;
        *match direction {
            Direction::Sent => sent,
            Direction::Received => received,
        } += 1;
    }

    /// Writes pending gaps before the next event.
    fn fill_gaps(&self, state: &mut State, order: &mut super::queue::Order<'_>) -> Result<(), Refused> {
        for (at, direction) in [Direction::Sent, Direction::Received].into_iter().enumerate() {
            let Some(lost) = state.lost.get_mut(at).filter(|lost| **lost > 0) else {
                continue;
            };
            let gap = Gap {
                direction,
                messages: *lost,
                reason: Gap::OVERFLOW.to_owned(),
            };
            order.push(self.id, state.seq + 1, EventKind::Gap(gap), None)?;
            state.seq += 1;
            *lost = 0;
        }
        Ok(())
    }
}

/// The note about a stream that the recorder slowed: its intervals are not the sender's alone.
fn held_up(state: &State) -> Note {
    Note {
        author: "recorder".to_owned(),
        text: format!(
            "messages waited {:.3} ms in total for room in the recorder's queue (times: {}); this may have slowed the \
                stream down",
            state.blocked_ns as f64 / 1e6,
            state.held
        ),
    }
}

impl Drop for CallRecorder {
    fn drop(&mut self) {
        if !self.state().ended {
            let _ = self.end(Ending::Broken(Broken {
                error: "the tap dropped the call without an ending".to_owned(),
                ..Broken::default()
            }));
        }
    }
}
