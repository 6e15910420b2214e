//! Sessions: streams of a job that one client began together.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

use super::restamp::Shifts;

/// Streams of a job that begin within this time belong to one session: production consumers start all of them together.
const TOGETHER: Duration = Duration::from_secs(2);

/// The shift of row timestamps, shared by the streams of a job that begin together.
#[derive(Debug, Default)]
pub(super) struct Sessions(Mutex<HashMap<String, Session>>);

#[derive(Debug)]
struct Session {
    seeks: u64,
    began: Instant,
    shifts: Arc<Shifts>,
}

impl Sessions {
    pub(super) fn shifts(&self, job_id: &str, seeks: u64, now: Instant) -> Arc<Shifts> {
        let mut sessions = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(session) = sessions.get(job_id)
            && session.seeks == seeks
            && now.saturating_duration_since(session.began) <= TOGETHER
        {
            return Arc::clone(&session.shifts);
        }
        let shifts = Arc::<Shifts>::default();
        let session = Session {
            seeks,
            began: now,
            shifts: Arc::clone(&shifts),
        };
        sessions.insert(job_id.to_owned(), session);
        shifts
    }
}
