//! The log's part in one answer: its steps are recorded before they are sent, and its ending is noted.

use std::{
    future::Future,
    pin::Pin,
    sync::{Arc, Mutex},
    task::{Context, Poll, ready},
};

use super::{
    player::{Act, PlayedEnding, Step},
    request_log::LoggedCall,
};
use crate::model::event::{Broken, Cancelled, Ending, Headers, Party};

type Recording = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Notes the steps of an answer in the log of requests.
pub(super) struct KeptAnswer {
    call: Arc<LoggedCall>,
    /// A message that waits for room in the recording. The lock is never taken: it makes the future shareable.
    waiting: Mutex<Option<(Recording, Step)>>,
    /// True when the next step was returned after it had been noted.
    is_noted: bool,
}

impl KeptAnswer {
    pub(super) fn new(call: Arc<LoggedCall>) -> Self {
        Self {
            call,
            waiting: Mutex::new(None),
            is_noted: false,
        }
    }

    /// Takes the next step from `next` and notes it.
    pub(super) fn poll(
        &mut self,
        cx: &mut Context<'_>,
        next: impl FnOnce(&mut Context<'_>) -> Poll<Step>,
    ) -> Poll<Step> {
        if self.waiting().is_none() {
            let step = ready!(next(cx));
            if std::mem::take(&mut self.is_noted) {
                return Poll::Ready(step);
            }
            match &step.act {
                Act::Headers(metadata) => self.call.headers(Headers {
                    metadata: metadata.clone(),
                }),
                Act::Message { compressed, data } if self.call.records() => {
                    let (call, compressed, data) = (Arc::clone(&self.call), *compressed, data.clone());
                    let recording: Recording = Box::pin(async move { call.answer(compressed, data).await });
                    *self.waiting() = Some((recording, step));
                    return self.poll_waiting(cx);
                }
                Act::Message { .. } => {}
                Act::End(ending) => {
                    if let Some(ending) = ended(ending) {
                        self.call.end(ending);
                    }
                }
            }
            return Poll::Ready(step);
        }
        self.poll_waiting(cx)
    }

    fn poll_waiting(&mut self, cx: &mut Context<'_>) -> Poll<Step> {
        match self.waiting().take() {
            Some((mut recording, step)) => {
                if recording.as_mut().poll(cx).is_pending() {
                    *self.waiting() = Some((recording, step));
                    return Poll::Pending;
                }
                Poll::Ready(step)
            }
            None => Poll::Pending,
        }
    }

    fn waiting(&mut self) -> &mut Option<(Recording, Step)> {
        self.waiting
            .get_mut()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// Notes that a step was returned: it comes again.
    pub(super) const fn put_back(&mut self) {
        self.is_noted = true;
    }
}

impl std::fmt::Debug for KeptAnswer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("KeptAnswer")
            .field("call", &self.call)
            .finish_non_exhaustive()
    }
}

/// The ending as the client sees it; `None` for a call that is held open until the client leaves.
fn ended(ending: &PlayedEnding) -> Option<Ending> {
    let by_server = |code| {
        Ending::Cancelled(Cancelled {
            code,
            ..Cancelled::new(Party::Server, "as it was recorded")
        })
    };
    let broken = |goaway| Broken {
        goaway,
        ..Broken::new("the connection was closed, as it was recorded")
    };
    Some(match ending {
        PlayedEnding::Status(status) => Ending::Status(status.clone()),
        PlayedEnding::NoStatus => Ending::Broken(Broken {
            ended: true,
            ..Broken::new("the stream ended without a status, as it was recorded")
        }),
        PlayedEnding::Cancel => by_server(None),
        PlayedEnding::Reset { code } => by_server(Some(*code)),
        PlayedEnding::Break { goaway } | PlayedEnding::Sever { goaway } => Ending::Broken(broken(*goaway)),
        PlayedEnding::Hold => return None,
    })
}
