//! State shared by all connections of a proxy: where calls go, where they are recorded, and what became of them.

use std::sync::{
    Arc, Mutex, MutexGuard, PoisonError,
    atomic::{AtomicBool, AtomicU64, Ordering},
};

use http::HeaderMap;

use super::{allowance::Allowance, filter::MethodFilter};
use crate::{
    model::event::{Ending, FAILURE_AUTHOR, PROXY_AUTHOR},
    record::{RecordingHandle, Refused},
    tap::client::Stop,
};

/// Largest number of endings that are kept: enough to read, whatever comes after them is counted.
const ENDINGS_KEPT: usize = 1000;

/// A proxied call that has ended.
#[derive(Debug, Clone)]
pub struct CallEnd {
    /// Number of the call in the capture.
    pub call: u32,
    /// Method path.
    pub method: String,
    /// The recorded ending.
    pub ending: Ending,
    /// Messages from the client.
    pub messages_sent: u64,
    /// Messages from the server.
    pub messages_received: u64,
    /// Payload bytes of both, as on the wire.
    pub message_bytes: u64,
    /// Messages that arrived only in part or were too large to record; each is a gap in the capture.
    pub lost: u64,
    /// Time of the ending, in nanoseconds since the capture began.
    pub end_offset_ns: u64,
}

/// The outcome of a proxy's calls.
#[derive(Debug, Clone, Default)]
pub struct ProxyOutcome {
    /// Number of accepted client connections.
    pub connections: u64,
    /// Calls that ended and were recorded.
    pub calls: u64,
    /// The first thousand of these calls, in the order of their endings.
    pub endings: Vec<CallEnd>,
    /// Messages that could not be recorded; each is a gap in the capture.
    pub lost: u64,
    /// Size of the largest message that was too large to record, in bytes; 0 when there was none.
    pub largest_refused_bytes: u64,
    /// Requests that were forwarded and not recorded, because they are not gRPC.
    pub not_grpc: u64,
    /// Calls that were forwarded and not recorded, because the filter excludes their methods.
    pub filtered: u64,
    /// Connections that were forwarded and could not be followed to their ends, because header blocks could not be
    /// decoded.
    pub lost_connections: u64,
    /// Calls that were forwarded and not recorded, because they came on such a connection.
    pub unrecorded_calls: u64,
    /// Metadata fields that were forwarded and not recorded, because their call, or all calls together, exceeded a
    /// limit.
    pub unrecorded_fields: u64,
}

/// State shared by all connections and calls.
pub(super) struct Hub {
    pub(super) recorder: Option<RecordingHandle>,
    pub(super) max_message_bytes: usize,
    pub(super) max_bytes: Option<u64>,
    methods: MethodFilter,
    list_ok: bool,
    pub(super) stop: Stop,
    pub(super) outcome: Mutex<ProxyOutcome>,
    allowance: Allowance,
    bytes: AtomicU64,
    refused: AtomicBool,
    /// Why the target was unreachable the last time.
    unreachable: Mutex<Option<String>>,
    /// Number of client connections that are open.
    pub(super) open: Arc<AtomicU64>,
}

impl Hub {
    pub(super) fn new(
        recorder: Option<RecordingHandle>,
        max_message_bytes: usize,
        max_bytes: Option<u64>,
        (methods, list_ok): (MethodFilter, bool),
        stop: Stop,
    ) -> Self {
        Self {
            recorder,
            max_message_bytes,
            max_bytes,
            methods,
            list_ok,
            stop,
            outcome: Mutex::default(),
            allowance: Allowance::default(),
            bytes: AtomicU64::new(0),
            refused: AtomicBool::new(false),
            unreachable: Mutex::default(),
            open: Arc::default(),
        }
    }

    pub(super) fn outcome(&self) -> MutexGuard<'_, ProxyOutcome> {
        self.outcome.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether a call that ends so belongs into the list of endings.
    pub(super) fn lists(&self, ending: &Ending) -> bool {
        let is_ok = matches!(ending, Ending::Status(status) if status.code == 0);
        (self.list_ok || !is_ok) && self.outcome().endings.len() < ENDINGS_KEPT
    }

    /// Counts a recorded call and its lost messages; `end` is added to the list of endings.
    pub(super) fn ended(&self, lost: u64, end: Option<CallEnd>) {
        let mut outcome = self.outcome();
        outcome.calls += 1;
        outcome.lost += lost;
        if let Some(end) = end
            && outcome.endings.len() < ENDINGS_KEPT
        {
            outcome.endings.push(end);
        }
    }

    /// Counts a forwarded request that is not a call.
    pub(super) fn not_grpc(&self, what: &str) {
        let mut outcome = self.outcome();
        outcome.not_grpc += 1;
        if outcome.not_grpc == 1 {
            drop(outcome);
            tracing::warn!(
                "`{what}` is not a gRPC call, nor one of gRPC-Web or Connect: such requests are forwarded, and not recorded"
            );
            self.note(format!(
                "`{what}` was not a gRPC call, nor one of gRPC-Web or Connect; such requests are not recorded"
            ));
        }
    }

    /// Whether calls of a method are recorded; one that is not is counted.
    pub(super) fn wants(&self, method: &str) -> bool {
        let wanted = self.methods.admits(method);
        if !wanted {
            self.outcome().filtered += 1;
        }
        wanted
    }

    /// Whether the limits allow to keep this many bytes of metadata that cost their sender nothing.
    pub(super) fn allows(&self, bytes: usize) -> bool {
        let recorder = self.recorder.as_ref();
        recorder.is_some_and(|recorder| self.allowance.take(bytes, recorder.now()))
    }

    /// Counts a connection that cannot be followed any further.
    pub(super) fn lost_connection(&self, text: String) {
        tracing::error!("{text}");
        self.outcome().lost_connections += 1;
        self.failed(text);
    }

    /// Counts a call that is not recorded, because its connection can no longer be followed.
    pub(super) fn unrecorded_call(&self) {
        self.outcome().unrecorded_calls += 1;
    }

    /// Counts metadata fields that are not recorded.
    pub(super) fn unrecorded_fields(&self, call: u32, fields: u64) {
        let mut outcome = self.outcome();
        let first = outcome.unrecorded_fields == 0;
        outcome.unrecorded_fields += fields;
        drop(outcome);
        if first {
            let text = format!(
                "metadata of call {call}, and maybe of others, was passed on and not recorded: there was too much of it; a note \
                 of each such call says how much"
            );
            tracing::warn!("{text}");
            self.failed(text);
        }
    }

    /// Counts recorded bytes of a message.
    pub(super) fn recorded(&self, bytes: u64) {
        let total = self.bytes.fetch_add(bytes, Ordering::Relaxed) + bytes;
        if let Some(max) = self.max_bytes.filter(|max| total >= *max) {
            self.stop.stop(format!("the limit of {max} bytes was reached"));
        }
    }

    /// Notes a message of `size` bytes that was too large to record.
    pub(super) fn too_large(&self, size: u64) {
        let mut outcome = self.outcome();
        outcome.largest_refused_bytes = outcome.largest_refused_bytes.max(size);
    }

    /// Notes that the recorder refused an event. A finished recording is not a failure; any other reason is reported
    /// once, as an error.
    pub(super) fn refused(&self, why: Refused) {
        let fails = matches!(why, Refused::SinkFailed | Refused::Overflow);
        if fails && !self.refused.swap(true, Ordering::Relaxed) {
            tracing::error!("RECORDING HAS STOPPED: {why}. The traffic goes on, unrecorded");
        }
    }

    /// Notes that the target could not be reached: said once for each way in which it fails.
    pub(super) fn unreachable(&self, error: &str) {
        let mut last = self.unreachable.lock().unwrap_or_else(PoisonError::into_inner);
        if last.as_deref() != Some(error) {
            tracing::warn!("a client was refused: {error}");
            self.note(format!("a client was refused: {error}"));
            *last = Some(error.to_owned());
        }
    }

    /// Notes that the target was reached.
    pub(super) fn reached(&self) {
        *self.unreachable.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// Records an exchange of the REST side, without its secrets.
    pub(super) fn exchange(&self, headers: &HeaderMap, text: &str) {
        let Some(recorder) = &self.recorder else { return };
        let secrets = recorder.secrets();
        for (name, value) in headers {
            secrets.learn(name.as_str(), value.as_bytes());
        }
        if let Err(refused) = recorder.note(PROXY_AUTHOR, secrets.exchange(text)) {
            self.refused(refused);
        }
    }

    /// Notes in the capture that data is missing.
    pub(super) fn failed(&self, text: String) {
        if let Some(recorder) = &self.recorder {
            let _ = recorder.note(FAILURE_AUTHOR, text);
        }
    }

    /// Adds a remark of the recorder to the capture.
    pub(super) fn note(&self, text: String) {
        if let Some(recorder) = &self.recorder {
            let _ = recorder.note("recorder", text);
        }
    }
}
