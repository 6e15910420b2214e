//! A running call of any protocol: what the two sides send in, its events out.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use http::HeaderMap;

use super::{
    answer::{Head, Kind},
    ending::Cut,
    fields::Fields,
    hub::Hub,
    log::Log,
    tape::{DirectionRecorder, Unfinished},
};
use crate::{
    grpc::{
        protocol::{self, Protocol, connect},
        status::{self, Block as StatusBlock},
    },
    model::event::{Direction, Ending, Gap, GoAway, Message, Status},
    tap::dial::TargetPeer,
};

/// A call that is being recorded.
pub(super) struct Call {
    log: Log,
    protocol: Protocol,
    limit: usize,
    sent: tokio::sync::Mutex<DirectionRecorder>,
    received: tokio::sync::Mutex<DirectionRecorder>,
    progress: Mutex<Progress>,
}

/// Progress of a call.
#[derive(Debug, Default)]
struct Progress {
    half_closed: bool,
    /// Head of the answer.
    answer: Option<Arc<Head>>,
    ended: bool,
}

impl Call {
    /// Records the start of a call; `None` when it is none, or when nothing is recorded (any more).
    pub(super) async fn open(hub: &Arc<Hub>, request: Fields, peer: &TargetPeer, connection: u32) -> Option<Arc<Self>> {
        let left_out = request.left_out;
        let query = request.path.split_once('?').map(|(_, query)| query.to_owned());
        let compressed = names_encoding(&request.metadata);
        let (log, protocol) = Log::open(hub, request, peer, connection)?;
        log.left_out(left_out);
        let limit = hub.max_message_bytes;
        let recorder = |direction, compressed| DirectionRecorder::new(direction, protocol, compressed, limit);
        if protocol == Protocol::ConnectGet
            && let Some(found) = query.as_deref().and_then(connect::message)
        {
            let message = Message {
                direction: Direction::Sent,
                compressed: found.compressed,
                data: found.data.into(),
            };
            let _ = log.message(message).await;
        }
        Some(Arc::new(Self {
            protocol,
            limit,
            sent: tokio::sync::Mutex::new(recorder(Direction::Sent, compressed)),
            received: tokio::sync::Mutex::new(recorder(Direction::Received, false)),
            log,
            progress: Mutex::default(),
        }))
    }

    fn progress(&self) -> MutexGuard<'_, Progress> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Handles the end of what the client sends.
    pub(super) async fn half_close(&self) {
        if std::mem::replace(&mut self.progress().half_closed, true) {
            return;
        }
        // The message of a GET is recorded already.
        if self.protocol != Protocol::Grpc && self.protocol != Protocol::ConnectGet {
            self.sent.lock().await.complete(&self.log).await;
        }
        self.log.half_close();
    }

    /// Stops recording the call.
    pub(super) fn lose(&self, why: &(dyn std::error::Error + Sync)) {
        self.log.gap(Gap {
            direction: Direction::Received,
            messages: 1,
            reason: format!("an unknown number of messages may have followed; they were passed on unread: {why}"),
        });
    }

    /// True for the first ending, which is the one that counts.
    fn ends(&self) -> bool {
        !std::mem::replace(&mut self.progress().ended, true)
    }

    /// Ends the call where one side broke it off.
    pub(super) async fn cut(&self, cut: &Cut, goaway: Option<&GoAway>) {
        if !self.ends() {
            return;
        }
        let unfinished = if cut.loses_answer() {
            Unfinished::Lost
        } else {
            Unfinished::GivenUp
        };
        self.sent.lock().await.end(&self.log, Unfinished::GivenUp);
        self.received.lock().await.end(&self.log, unfinished);
        self.log.cut(cut, goaway);
    }

    /// Handles a block of fields of the target: the head of the answer, or trailers. True when the call is over.
    pub(super) async fn answer(&self, fields: Fields, end: bool, goaway: Option<&GoAway>) -> bool {
        self.log.left_out(fields.left_out);
        let known = self.progress().answer.clone();
        if let Some(head) = known {
            if end {
                self.answered(Some(fields), &head, goaway).await;
            }
            return end;
        }
        let code = fields.status.unwrap_or(200);
        if (100..200).contains(&code) {
            // The head of the answer itself is still to come.
            return false;
        }
        let mut metadata = fields.metadata;
        let head = Arc::new(Head::new(self.protocol, code, &metadata));
        if code != 200 {
            // What HTTP says is kept where it is not what gRPC always says.
            let status = (protocol::STATUS.to_owned(), code.to_string().into_bytes());
            metadata.0.insert(0, status);
        }
        let status = (end && !self.protocol.is_unary())
            .then(|| status::status(&head.headers, StatusBlock::TrailersOnly))
            .flatten();
        if let Some(status) = status {
            if self.ends() {
                self.log.end(Ending::Status(Status {
                    trailers: metadata,
                    ..status
                }));
            }
            return true;
        }
        if self.protocol != Protocol::Grpc {
            *self.received.lock().await = match head.kind {
                Kind::Frames(protocol) | Kind::Message(protocol) => {
                    DirectionRecorder::new(Direction::Received, protocol, names_encoding(&metadata), self.limit)
                }
                Kind::Grpc | Kind::Foreign(_) | Kind::Error(_) => DirectionRecorder::of_error(),
            };
        }
        self.log.headers(metadata);
        self.progress().answer = Some(Arc::clone(&head));
        if end {
            self.answered(None, &head, goaway).await;
        }
        end
    }

    /// Handles data of one side.
    pub(super) async fn data(&self, from: Direction, data: &Bytes) {
        if data.is_empty() {
            return;
        }
        match from {
            Direction::Sent => self.sent.lock().await.look(&self.log, data).await,
            Direction::Received => {
                let holds_messages = {
                    let progress = self.progress();
                    let head = progress.answer.as_ref();
                    !head.is_some_and(|head| matches!(head.kind, Kind::Foreign(_)))
                };
                // What is no gRPC holds no messages.
                if holds_messages {
                    self.received.lock().await.look(&self.log, data).await;
                }
            }
        }
    }

    /// Handles the end of the answer's body, without trailers.
    pub(super) async fn finish(&self, goaway: Option<&GoAway>) {
        let head = self.progress().answer.clone();
        let head = head.unwrap_or_else(|| {
            Arc::new(Head {
                headers: HeaderMap::new(),
                kind: Kind::Grpc,
            })
        });
        self.answered(None, &head, goaway).await;
    }

    /// Ends the answer.
    async fn answered(&self, trailers: Option<Fields>, head: &Head, announced: Option<&GoAway>) {
        if !self.ends() {
            return;
        }
        let tail = {
            let mut received = self.received.lock().await;
            if self.protocol != Protocol::Grpc {
                received.complete(&self.log).await;
            }
            received.end(&self.log, Unfinished::Lost);
            received.take_tail()
        };
        let ending = head.ending(trailers, &tail, announced, self.limit as u64, |note| {
            self.log.note(note);
        });
        self.log.end(ending);
    }
}

/// True when a body that is one message is compressed.
fn names_encoding(metadata: &crate::model::event::Metadata) -> bool {
    metadata
        .get_text("content-encoding")
        .is_some_and(|encoding| encoding != "identity")
}
