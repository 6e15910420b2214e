//! Pause, resume and seek: the clock by which all calls are played, and the notification of its changes.
//!
//! The clock stops while the server is paused. Every schedule is anchored to it, so a pause moves all that follows by
//! exactly its length, and no lateness adds up.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    task::Waker,
    time::Duration,
};

use serde_json::{Value, json};
use tokio::time::Instant;

/// Whether a server starts playing at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Start {
    /// It plays at once.
    #[default]
    Playing,
    /// It waits for [`resume`](super::ReplayServer::resume) or `POST /replay/resume`.
    Paused,
}

/// A reading of the playback clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ClockView {
    /// Number of pauses, resumes and seeks so far.
    pub(super) generation: u64,
    pub(super) paused: bool,
    /// Number of seeks, and the position of the last one.
    pub(super) seeks: u64,
    pub(super) sought: Duration,
    base: Instant,
    /// Total time of pauses, up to now or to the current pause.
    stood: Duration,
    since: Option<Instant>,
}

impl ClockView {
    /// Playing time as of `now`.
    pub(super) fn played(&self, now: Instant) -> Duration {
        let now = self.since.unwrap_or(now);
        now.saturating_duration_since(self.base).saturating_sub(self.stood)
    }
}

/// The playback clock, and the calls that it controls.
#[derive(Debug)]
pub(super) struct Control {
    generation: AtomicU64,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    view: ClockView,
    calls: BTreeMap<u64, Registered>,
    next_id: u64,
}

#[derive(Debug)]
struct Registered {
    label: Label,
    offset_ns: Arc<AtomicU64>,
    waker: Option<Waker>,
}

/// The label of a call in the status.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Label {
    pub(super) job_id: String,
    pub(super) method: String,
    pub(super) stream_id: Option<i32>,
}

impl Control {
    pub(super) fn new(start: Start) -> Arc<Self> {
        let now = Instant::now();
        let view = ClockView {
            generation: 0,
            paused: start == Start::Paused,
            seeks: 0,
            sought: Duration::ZERO,
            base: now,
            stood: Duration::ZERO,
            since: (start == Start::Paused).then_some(now),
        };
        Arc::new(Self {
            generation: AtomicU64::new(0),
            state: Mutex::new(State {
                view,
                calls: BTreeMap::new(),
                next_id: 0,
            }),
        })
    }

    /// Pauses the clock. False when it is paused already.
    pub(super) fn pause(&self) -> bool {
        self.change(|view, now| {
            let changes = !view.paused;
            if changes {
                (view.paused, view.since) = (true, Some(now));
            }
            changes
        })
    }

    /// Resumes the clock. False when it runs already.
    pub(super) fn resume(&self) -> bool {
        self.change(|view, now| {
            let changes = view.paused;
            if let Some(since) = view.since.take() {
                view.stood += now.saturating_duration_since(since);
            }
            view.paused = false;
            changes
        })
    }

    /// Moves every running call to `position` after its opening.
    pub(super) fn seek(&self, position: Duration) {
        self.change(|view, _| {
            view.seeks += 1;
            view.sought = position;
            true
        });
    }

    fn change(&self, change: impl FnOnce(&mut ClockView, Instant) -> bool) -> bool {
        let mut state = self.lock();
        let changed = change(&mut state.view, Instant::now());
        if changed {
            state.view.generation += 1;
            self.generation.store(state.view.generation, Ordering::Release);
            let wakers: Vec<Waker> = state.calls.values_mut().filter_map(|call| call.waker.take()).collect();
            drop(state);
            wakers.into_iter().for_each(Waker::wake);
        }
        changed
    }

    pub(super) fn view(&self) -> ClockView {
        self.lock().view
    }

    /// True when the view is current; cheap: whether `view` still holds.
    pub(super) fn is_current(&self, view: &ClockView) -> bool {
        self.generation.load(Ordering::Acquire) == view.generation
    }

    /// Registers a call; it is listed until the guard is dropped.
    pub(super) fn register(self: &Arc<Self>, label: Label) -> Listed {
        let offset_ns = Arc::new(AtomicU64::new(0));
        let mut state = self.lock();
        let id = state.next_id;
        state.next_id += 1;
        state.calls.insert(
            id,
            Registered {
                label,
                offset_ns: Arc::clone(&offset_ns),
                waker: None,
            },
        );
        Listed {
            control: Arc::clone(self),
            id,
            offset_ns,
            woken_by: None,
        }
    }

    /// The state, the playing time, and the position of each running call.
    pub(super) fn status(&self) -> Value {
        let state = self.lock();
        let calls: Vec<Value> = state
            .calls
            .values()
            .map(|call| {
                let offset_ns = call.offset_ns.load(Ordering::Relaxed);
                json!({
                    "job_id": call.label.job_id,
                    "method": call.label.method,
                    "stream_id": call.label.stream_id,
                    "offset_s": Duration::from_nanos(offset_ns).as_secs_f64(),
                })
            })
            .collect();
        json!({
            "state": if state.view.paused { "paused" } else { "playing" },
            "played_s": state.view.played(Instant::now()).as_secs_f64(),
            "calls": calls,
        })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A call that is registered with the clock.
#[derive(Debug)]
pub(super) struct Listed {
    control: Arc<Control>,
    id: u64,
    offset_ns: Arc<AtomicU64>,
    woken_by: Option<(u64, Waker)>,
}

impl Listed {
    pub(super) fn control(&self) -> &Control {
        &self.control
    }

    /// Sets the position of the call: nanoseconds after its opening.
    pub(super) fn at(&self, offset_ns: u64) {
        self.offset_ns.store(offset_ns, Ordering::Relaxed);
    }

    /// Wakes `waker` at the next change. Ask [`Control::is_current`] afterwards: a change may have come before.
    pub(super) fn wake_on_change(&mut self, waker: &Waker, generation: u64) {
        let known = self
            .woken_by
            .as_ref()
            .is_some_and(|(of, known)| *of == generation && known.will_wake(waker));
        if !known {
            if let Some(call) = self.control.lock().calls.get_mut(&self.id) {
                call.waker = Some(waker.clone());
            }
            self.woken_by = Some((generation, waker.clone()));
        }
    }
}

impl Drop for Listed {
    fn drop(&mut self) {
        self.control.lock().calls.remove(&self.id);
    }
}

#[cfg(test)]
mod tests;
