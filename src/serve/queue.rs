//! The read-ahead of one call: a queue bounded in bytes, from a reader to an async body.
//!
//! A slow client fills its own queue, and only its own reader waits. A waiting reader needs no thread, so that there
//! can be thousands.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Waker},
};

use super::player::{Act, Step};

/// Memory of a step besides its payload: the bound must hold for millions of tiny messages, too.
const STEP_BYTES: usize = 96;

/// Opens a queue that holds at most `limit` bytes, or one step when that is larger.
pub(super) fn bounded(limit: usize) -> (Producer, Consumer) {
    let shared = Arc::new(Shared {
        limit,
        state: Mutex::default(),
    });
    (Producer(Arc::clone(&shared)), Consumer(shared))
}

/// Resumes the reader when there is room again.
pub(super) type Resume = Box<dyn FnOnce() + Send>;

struct Shared {
    limit: usize,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    steps: VecDeque<Step>,
    bytes: usize,
    #[cfg(test)]
    most_bytes: usize,
    parked: Option<Resume>,
    producer_gone: bool,
    consumer_gone: bool,
    waker: Option<Waker>,
}

impl Shared {
    /// Locks the state, which stays valid after a panic: every change is a few plain assignments.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn cost(step: &Step) -> usize {
    match &step.act {
        Act::Message { data, .. } => STEP_BYTES + data.len(),
        _ => STEP_BYTES,
    }
}

/// The reader's side of the queue.
pub(super) struct Producer(Arc<Shared>);

/// Why a step was not taken.
#[derive(Debug, PartialEq)]
pub(super) enum NotTaken {
    /// The queue is full.
    Full(Box<Step>),
    /// The consumer is gone.
    Gone,
}

impl Producer {
    /// Adds a step if there is room.
    pub(super) fn offer(&self, step: Step) -> Result<(), NotTaken> {
        let bytes = cost(&step);
        let mut state = self.0.lock();
        if state.consumer_gone {
            return Err(NotTaken::Gone);
        }
        if state.bytes > 0 && state.bytes + bytes > self.0.limit {
            return Err(NotTaken::Full(Box::new(step)));
        }
        state.bytes += bytes;
        #[cfg(test)]
        {
            state.most_bytes = state.most_bytes.max(state.bytes);
        }
        state.steps.push_back(step);
        let waker = state.waker.take();
        drop(state);
        if let Some(waker) = waker {
            waker.wake();
        }
        Ok(())
    }
}

impl Producer {
    /// The queue for a reader that pauses until there is room.
    pub(super) fn parking(&self) -> Parking {
        Parking(Arc::clone(&self.0))
    }
}

/// A place where a reader waits for room.
pub(super) struct Parking(Arc<Shared>);

impl Parking {
    /// Keeps `resume` until there is room for `step`; back when there is some by now. The queue drops it with the
    /// client.
    pub(super) fn park(&self, step: &Step, resume: Resume) -> Option<Resume> {
        let mut state = self.0.lock();
        if state.bytes == 0 || state.bytes + cost(step) <= self.0.limit || state.consumer_gone {
            return Some(resume);
        }
        state.parked = Some(resume);
        None
    }
}

impl Drop for Producer {
    fn drop(&mut self) {
        let mut state = self.0.lock();
        state.producer_gone = true;
        let waker = state.waker.take();
        drop(state);
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

/// The consumer's side of the queue.
pub(super) struct Consumer(Arc<Shared>);

impl Consumer {
    /// The next step; `None` when the producer is gone and everything was taken.
    pub(super) fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Step>> {
        let mut state = self.0.lock();
        let Some(step) = state.steps.pop_front() else {
            if state.producer_gone {
                return Poll::Ready(None);
            }
            state.waker = Some(cx.waker().clone());
            return Poll::Pending;
        };
        state.bytes -= cost(&step);
        // Half empty before the reader goes on: starting it costs more than moving a message.
        let half_empty = state.bytes <= self.0.limit / 2;
        let resume = half_empty.then(|| state.parked.take()).flatten();
        drop(state);
        if let Some(resume) = resume {
            tokio::task::spawn_blocking(resume);
        }
        Poll::Ready(Some(step))
    }

    /// Largest number of bytes that were queued.
    #[cfg(test)]
    pub(super) fn most_bytes(&self) -> usize {
        self.0.lock().most_bytes
    }
}

impl Drop for Consumer {
    fn drop(&mut self) {
        let mut state = self.0.lock();
        state.consumer_gone = true;
        let (steps, parked) = (std::mem::take(&mut state.steps), state.parked.take());
        drop(state);
        // A reader that is let go looks at the queue once more.
        drop((steps, parked));
    }
}

impl std::fmt::Debug for Consumer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Consumer").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
