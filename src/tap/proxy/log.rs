//! The recorder of one proxied call, from its start to its ending.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use super::{
    ending::{self, Cut},
    fields::Fields,
    hub::{CallEnd, Hub},
};
use crate::{
    grpc::protocol::{self, Protocol, connect},
    model::event::{CallStart, Direction, Ending, Gap, GoAway, Headers, Message, Metadata, RECORDER_AUTHOR},
    record::{CallRecorder, RecordingHandle, Refused},
    tap::dial::TargetPeer,
};

/// The method and the protocol of a request; `None` when it is not a call, or not one that is to be recorded.
pub(super) fn wanted(hub: &Hub, request: &Fields) -> Option<(String, Protocol)> {
    let method = request.path.split('?').next().unwrap_or_default();
    let Some(protocol) = Protocol::of_request(&request.method, &request.path, &request.metadata) else {
        hub.not_grpc(&format!("{} {method}", request.method));
        return None;
    };
    hub.wants(method).then(|| (method.to_owned(), protocol))
}

/// A call that is being recorded.
pub(super) struct Log {
    hub: Arc<Hub>,
    pub(super) recorder: CallRecorder,
    method: String,
    started_ns: u64,
    timeout: Option<Duration>,
    sent: AtomicU64,
    received: AtomicU64,
    bytes: AtomicU64,
    lost: AtomicU64,
}

impl Log {
    /// Records the start of a call; `None` when it is none, or when nothing is recorded (any more).
    pub(super) fn open(
        hub: &Arc<Hub>,
        request: Fields,
        peer: &TargetPeer,
        connection: u32,
    ) -> Option<(Self, Protocol)> {
        let recorder = hub.recorder.as_ref()?;
        let (method, protocol) = wanted(hub, &request)?;
        let timeout = protocol::deadline(&request.metadata);
        let authority = request.authority().to_owned();
        let mut metadata = request.metadata;
        if protocol == Protocol::ConnectGet {
            let path = connect::without_message(&request.path);
            metadata
                .0
                .insert(0, (protocol::METHOD.to_owned(), request.method.into_bytes()));
            metadata.0.insert(1, (protocol::PATH.to_owned(), path.into_bytes()));
        }
        let start = CallStart {
            method: method.clone(),
            authority,
            peer: peer.address.clone(),
            metadata,
            connection,
            certificate_sha256: peer.certificate_sha256,
            ..CallStart::default()
        };
        let started_ns = recorder.now();
        let call = recorder.call(start).map_err(|refused| hub.refused(refused)).ok()?;
        let log = Self {
            hub: Arc::clone(hub),
            recorder: call,
            method,
            started_ns,
            sent: AtomicU64::new(0),
            received: AtomicU64::new(0),
            bytes: AtomicU64::new(0),
            lost: AtomicU64::new(0),
            timeout,
        };
        Some((log, protocol))
    }

    /// Records the server's initial metadata.
    pub(super) fn headers(&self, metadata: Metadata) {
        self.keep(self.recorder.headers(Headers { metadata }));
    }

    /// Records a message; it waits only for room in the queue.
    pub(super) async fn message(&self, message: Message) -> Result<(), Refused> {
        let bytes = message.data.len() as u64;
        let count = match message.direction {
            Direction::Sent => &self.sent,
            Direction::Received => &self.received,
        };
        match self.recorder.message(message).await {
            Ok(_) => {
                count.fetch_add(1, Ordering::Relaxed);
                self.bytes.fetch_add(bytes, Ordering::Relaxed);
                self.hub.recorded(bytes);
                Ok(())
            }
            Err(refused) => {
                self.hub.refused(refused);
                Err(refused)
            }
        }
    }

    /// Records messages that are lost.
    pub(super) fn gap(&self, gap: Gap) {
        self.lost.fetch_add(gap.messages, Ordering::Relaxed);
        self.keep(self.recorder.gap(gap));
    }

    /// Notes a message of `size` bytes that was too large to record.
    pub(super) fn too_large(&self, size: u64) {
        self.hub.too_large(size);
    }

    /// Adds a note with the number of metadata fields that are not recorded.
    pub(super) fn left_out(&self, fields: u64) {
        if fields > 0 {
            let text = format!(
                "metadata fields that were passed on and are not recorded, because there was too much: {fields}"
            );
            self.keep(self.recorder.note(RECORDER_AUTHOR, text));
            self.hub.unrecorded_fields(self.recorder.id(), fields);
        }
    }

    /// Adds a remark of the recorder.
    pub(super) fn note(&self, text: String) {
        self.keep(self.recorder.note(RECORDER_AUTHOR, text));
    }

    /// Records the half-close of the client.
    pub(super) fn half_close(&self) {
        self.keep(self.recorder.half_close());
    }

    /// Records the ending for `cut`.
    pub(super) fn cut(&self, cut: &Cut, announced: Option<&GoAway>) {
        let now = self.hub.recorder.as_ref().map_or(0, RecordingHandle::now);
        let elapsed = Duration::from_nanos(now.saturating_sub(self.started_ns));
        self.end(ending::of(cut, elapsed, self.timeout, announced));
    }

    /// Records the ending.
    pub(super) fn end(&self, mut ending: Ending) {
        if let Some(recorder) = &self.hub.recorder {
            recorder.secrets().ending(&mut ending);
        }
        let listed = self.hub.lists(&ending).then(|| ending.clone());
        let recorded = self.recorder.end(ending);
        self.keep(recorded);
        if let Ok(end_offset_ns) = recorded {
            let lost = self.lost.load(Ordering::Relaxed);
            let end = listed.map(|ending| CallEnd {
                call: self.recorder.id(),
                method: self.method.clone(),
                ending,
                messages_sent: self.sent.load(Ordering::Relaxed),
                messages_received: self.received.load(Ordering::Relaxed),
                message_bytes: self.bytes.load(Ordering::Relaxed),
                lost,
                end_offset_ns,
            });
            self.hub.ended(lost, end);
        }
    }

    fn keep(&self, recorded: Result<u64, Refused>) {
        if let Err(refused) = recorded {
            self.hub.refused(refused);
        }
    }
}
