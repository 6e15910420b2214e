//! Threads that complete files while their writer threads continue with other recordings.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    thread,
};

/// Largest number of files that are completed at a time. A disk gains nothing from more, and the memory allocator keeps
/// half a megabyte for each thread: 200 recordings that ended at once took 50 MB more with a thread each.
const MOST_AT_A_TIME: usize = 8;

/// Completes one file.
type Work = Box<dyn FnOnce() + Send>;

/// Completes files, at most [`MOST_AT_A_TIME`] at a time. Clones share one queue; without work there is no thread.
#[derive(Clone, Default)]
pub(super) struct Finishers(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    threads: usize,
    waiting: VecDeque<Work>,
}

impl Finishers {
    /// Does this work soon, on another thread; on this one when no thread can be started.
    pub(super) fn run(&self, work: Work) {
        let mut state = self.lock();
        state.waiting.push_back(work);
        if state.threads >= MOST_AT_A_TIME {
            return;
        }
        state.threads += 1;
        drop(state);
        let finishers = self.clone();
        let started = thread::Builder::new()
            .name("capture-finish".into())
            .spawn(move || finishers.work());
        if started.is_err() {
            self.work();
        }
    }

    /// Works until nothing waits.
    fn work(&self) {
        while let Some(work) = self.next() {
            work();
        }
    }

    /// The next work; `None` ends this thread.
    fn next(&self) -> Option<Work> {
        let mut state = self.lock();
        let work = state.waiting.pop_front();
        if work.is_none() {
            state.threads -= 1;
        }
        work
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl std::fmt::Debug for Finishers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Finishers").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{
        Barrier,
        atomic::{AtomicUsize, Ordering},
        mpsc,
    };

    use super::*;

    #[test]
    fn all_work_is_done_and_never_more_at_a_time_than_allowed() {
        let finishers = Finishers::default();
        let (busy, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        // The first ones meet, so that the threads are known to work side by side.
        let meeting = Arc::new(Barrier::new(MOST_AT_A_TIME));
        let (done, told) = mpsc::channel();
        for number in 0..100 {
            let (busy, most) = (Arc::clone(&busy), Arc::clone(&most));
            let (meeting, done) = (Arc::clone(&meeting), done.clone());
            finishers.run(Box::new(move || {
                most.fetch_max(busy.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                if number < MOST_AT_A_TIME {
                    meeting.wait();
                }
                busy.fetch_sub(1, Ordering::SeqCst);
                done.send(number).unwrap();
            }));
        }
        drop(done);
        let mut numbers: Vec<_> = told.iter().collect();
        numbers.sort_unstable();
        assert_eq!(numbers, (0..100).collect::<Vec<_>>());
        assert_eq!(most.load(Ordering::SeqCst), MOST_AT_A_TIME);
    }
}
