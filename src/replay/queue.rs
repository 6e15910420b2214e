//! The read-ahead of one call: a queue bounded in bytes, from a reading thread to an async body.
//!
//! A slow client fills its own queue, and only its own reader waits.

use std::{
    collections::VecDeque,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Waker},
};

use super::player::{Act, Step};

/// What a step costs besides its payload: the bound must hold for millions of tiny messages, too.
const STEP_BYTES: usize = 96;

/// Opens a queue that holds at most `limit` bytes, or one step when that is larger.
pub(super) fn bounded(limit: usize) -> (Producer, Consumer) {
    let shared = Arc::new(Shared {
        limit,
        state: Mutex::default(),
        room: Condvar::new(),
    });
    (Producer(Arc::clone(&shared)), Consumer(shared))
}

#[derive(Debug)]
struct Shared {
    limit: usize,
    state: Mutex<State>,
    room: Condvar,
}

#[derive(Debug, Default)]
struct State {
    steps: VecDeque<Step>,
    bytes: usize,
    #[cfg(test)]
    most_bytes: usize,
    producer_waits: bool,
    producer_gone: bool,
    consumer_gone: bool,
    waker: Option<Waker>,
}

impl Shared {
    /// The state stays whole whatever panicked: every change is a few plain assignments.
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

/// The reading side.
#[derive(Debug)]
pub(super) struct Producer(Arc<Shared>);

/// The other side does not want any more.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Gone;

impl Producer {
    /// Adds a step, and blocks while there is no room for it.
    pub(super) fn push(&self, step: Step) -> Result<(), Gone> {
        let bytes = cost(&step);
        let mut state = self.0.lock();
        while state.bytes > 0 && state.bytes + bytes > self.0.limit && !state.consumer_gone {
            state.producer_waits = true;
            state = self.0.room.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        if state.consumer_gone {
            return Err(Gone);
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

/// The sending side.
#[derive(Debug)]
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
        // Half empty before the reader goes on: waking a thread costs more than moving a message.
        if state.producer_waits && state.bytes <= self.0.limit / 2 {
            state.producer_waits = false;
            self.0.room.notify_one();
        }
        Poll::Ready(Some(step))
    }

    /// The most bytes that were ever held.
    #[cfg(test)]
    pub(super) fn most_bytes(&self) -> usize {
        self.0.lock().most_bytes
    }
}

impl Drop for Consumer {
    fn drop(&mut self) {
        let mut state = self.0.lock();
        state.consumer_gone = true;
        state.steps = VecDeque::new();
        self.0.room.notify_one();
    }
}

#[cfg(test)]
mod tests;
