//! Readiness of jobs: at once, or some time after it was configured.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use tokio::{sync::Notify, time::Instant};

/// The jobs that are still starting.
#[derive(Debug)]
pub(super) struct Readiness {
    delay: Duration,
    /// The time at which each job becomes ready, where that is delayed.
    at: Mutex<HashMap<String, Instant>>,
    changed: Notify,
}

impl Readiness {
    /// Starts all jobs now.
    pub(super) fn new<'a>(delay: Duration, job_ids: impl IntoIterator<Item = &'a str>) -> Self {
        let readiness = Self {
            delay,
            at: Mutex::default(),
            changed: Notify::new(),
        };
        job_ids.into_iter().for_each(|job_id| readiness.starts(job_id));
        readiness
    }

    /// Notes that the job was configured: it starts now.
    pub(super) fn starts(&self, job_id: &str) {
        if !self.delay.is_zero() {
            let mut at = self.at.lock().unwrap_or_else(PoisonError::into_inner);
            at.insert(job_id.to_owned(), Instant::now() + self.delay);
            drop(at);
            self.changed.notify_one();
        }
    }

    /// Time until the job is ready; `None` when it is.
    pub(super) fn left(&self, job_id: &str) -> Option<Duration> {
        let at = self.at.lock().unwrap_or_else(PoisonError::into_inner);
        left(*at.get(job_id)?)
    }

    /// Time until every job is ready; `None` when they are.
    pub(super) fn left_of_all(&self) -> Option<Duration> {
        let at = self.at.lock().unwrap_or_else(PoisonError::into_inner);
        at.values().filter_map(|at| left(*at)).max()
    }

    /// Waits until a job is configured.
    pub(super) async fn changed(&self) {
        self.changed.notified().await;
    }

    /// True when jobs are ready at once.
    pub(super) const fn is_instant(&self) -> bool {
        self.delay.is_zero()
    }
}

fn left(at: Instant) -> Option<Duration> {
    Some(at.saturating_duration_since(Instant::now())).filter(|left| !left.is_zero())
}
