//! State shared by all calls of a server: the settings, the clock, and the counts.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering::Relaxed},
    },
    time::Duration,
};

use serde_json::{Value, json};

use super::{
    control::Control, encoding::Gzip, faults::Running, fidelity::Meter, matching::Reducers, options::Playback,
    ready::Readiness, request_log::RequestLog, schemas::Schemas, served::Counters, sessions::Sessions,
    share::Deliveries,
};

/// Settings of gRPC and HTTP/2.
#[derive(Debug, Clone, Copy)]
pub(super) struct WireSettings {
    pub(super) gzip: Gzip,
    pub(super) keepalive: Option<Duration>,
    pub(super) max_request_bytes: usize,
}

/// The state that all calls of a server share.
pub(super) struct ServerState {
    pub(super) playback: Arc<Playback>,
    pub(super) control: Arc<Control>,
    pub(super) deliveries: Deliveries,
    pub(super) readiness: Readiness,
    pub(super) sessions: Arc<Sessions>,
    pub(super) counters: Arc<Counters>,
    pub(super) meter: Arc<Meter>,
    pub(super) wire: WireSettings,
    pub(super) faults: Running,
    pub(super) reducers: Arc<Reducers>,
    pub(super) schemas: Arc<Schemas>,
    pub(super) log: Arc<RequestLog>,
    pub(super) connections: AtomicU32,
}

impl ServerState {
    /// The number of the next connection, counted from 1.
    pub(super) fn next_connection(&self) -> u32 {
        self.connections.fetch_add(1, Relaxed).wrapping_add(1)
    }

    /// The playback status and its fidelity.
    pub(super) fn status(&self) -> Value {
        let mut status = self.control.status();
        if let Some(body) = status.as_object_mut() {
            body.insert("rate".to_owned(), json!(self.playback.rate.to_string()));
            body.insert("served".to_owned(), json!(self.counters.served()));
            body.insert("fidelity".to_owned(), json!(self.meter.read()));
        }
        status
    }
}
