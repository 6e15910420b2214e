//! Faults that refuse connections.

use std::sync::atomic::{AtomicU64, Ordering};

use super::{Kind, plan::Running, random::Random};

/// Decides about connections, in the order of arrival.
#[derive(Debug, Default)]
pub(in crate::serve) struct Gate {
    running: Running,
    seen: AtomicU64,
}

/// Whether a connection is accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::serve) enum Admission {
    Granted,
    Refused,
}

impl Gate {
    pub(in crate::serve) fn new(running: Running) -> Self {
        Self {
            running,
            seen: AtomicU64::new(0),
        }
    }

    /// Decides about the next connection.
    pub(in crate::serve) fn admit(&self) -> Admission {
        let number = self.seen.fetch_add(1, Ordering::Relaxed) + 1;
        let faults = self.running.faults().iter().enumerate();
        for (at, fault) in faults.filter(|(_, fault)| fault.kind == Kind::Refuse) {
            let mut random = Random::at(self.running.seed(), &[at as u64, 0, number]);
            if fault.when.strikes(number, &mut random) {
                self.running.struck(at);
                return Admission::Refused;
            }
        }
        Admission::Granted
    }
}
