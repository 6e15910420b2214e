//! Distribution of a call's messages among clients: every client gets all of them, one client gets all of them, or clients compete for them.

use std::{
    collections::{HashMap, HashSet, VecDeque},
    io,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll},
};

use tokio::sync::{Notify, mpsc};
use tokio_util::sync::CancellationToken;

use super::{
    encoding::Encoder,
    options::Delivery,
    player::{Act, MaxFrames, PlayedEnding, Step},
    steps::Steps,
};

/// A recorded call: its job and its number in the capture.
pub(super) type CallKey = (String, u32);

/// The calls that have been given out, and their clients.
#[derive(Debug)]
pub(super) struct Deliveries {
    delivery: Delivery,
    taken: Mutex<HashSet<CallKey>>,
    queues: Mutex<HashMap<CallKey, Arc<Queue>>>,
    stop: CancellationToken,
}

/// The share of a client in a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Share {
    Whole,
    /// Nothing: the messages are used up.
    Nothing,
    Part,
}

impl Deliveries {
    pub(super) fn new(delivery: Delivery, stop: CancellationToken) -> Self {
        Self {
            delivery,
            taken: Mutex::default(),
            queues: Mutex::default(),
            stop,
        }
    }

    /// True when every client receives the whole call.
    pub(super) fn is_broadcast(&self) -> bool {
        self.delivery == Delivery::Broadcast
    }

    /// The share of the next client of a call.
    pub(super) fn take(&self, key: &CallKey) -> Share {
        match self.delivery {
            Delivery::Broadcast => Share::Whole,
            Delivery::Compete => Share::Part,
            Delivery::Once => {
                let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
                if taken.insert(key.clone()) {
                    Share::Whole
                } else {
                    Share::Nothing
                }
            }
        }
    }

    /// Adds a client that competes for a call; `open` starts its replay for the first of them.
    pub(super) fn join(
        &self,
        key: CallKey,
        max_frames: MaxFrames,
        encoder: Encoder,
        open: impl FnOnce() -> io::Result<Steps>,
    ) -> io::Result<CallFeed> {
        let mut queues = self.queues.lock().unwrap_or_else(PoisonError::into_inner);
        let queue = if let Some(queue) = queues.get(&key) {
            Arc::clone(queue)
        } else {
            let queue = Arc::<Queue>::default();
            let (steps, shared) = (open()?, Arc::clone(&queue));
            let stop = self.stop.clone();
            tokio::spawn(async move { stop.run_until_cancelled(deal(steps, &shared)).await });
            queues.insert(key, Arc::clone(&queue));
            queue
        };
        drop(queues);
        Ok(CallFeed::Part(queue.join(max_frames, encoder)))
    }

    /// Forgets the job's calls when it is configured again: its frames are there again.
    pub(super) fn reset(&self, job_id: &str) {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        taken.retain(|(job, _)| job != job_id);
        let mut queues = self.queues.lock().unwrap_or_else(PoisonError::into_inner);
        queues.retain(|(job, _), _| job != job_id);
    }
}

/// Distributes the steps of a call, each message to the next client with room.
async fn deal(mut steps: Steps, queue: &Queue) {
    loop {
        let step = std::future::poll_fn(|cx| steps.poll_due(cx)).await;
        match step.act {
            Act::Headers(_) => queue.head(&step),
            Act::End(ending) => {
                queue.end(ending);
                return;
            }
            Act::Message { .. } => {
                let mut waiting = Some(step);
                while let Some(step) = waiting.take() {
                    waiting = queue.offer(step);
                    if waiting.is_some() {
                        queue.room.notified().await;
                    }
                }
            }
        }
    }
}

/// A call for which clients compete.
#[derive(Debug, Default)]
pub(super) struct Queue {
    members: Mutex<Members>,
    /// Notifies that a client arrived, or has room again.
    room: Notify,
}

#[derive(Debug, Default)]
struct Members {
    senders: VecDeque<mpsc::Sender<Step>>,
    head: Option<Step>,
    end: Option<PlayedEnding>,
}

impl Queue {
    fn lock(&self) -> MutexGuard<'_, Members> {
        self.members.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn join(self: &Arc<Self>, max_frames: MaxFrames, encoder: Encoder) -> Member {
        let (sender, receiver) = mpsc::channel(1);
        let mut members = self.lock();
        if members.end.is_none() {
            members.senders.push_back(sender);
        }
        let first = members.head.clone().map(|head| encoder.encode(head));
        drop(members);
        self.room.notify_one();
        Member {
            queue: Arc::clone(self),
            encoder,
            receiver,
            next: first.into_iter().collect(),
            left: match max_frames {
                MaxFrames::Unlimited => None,
                MaxFrames::First(max) | MaxFrames::AsRecorded(max) => Some(max),
            },
        }
    }

    fn head(&self, step: &Step) {
        let mut members = self.lock();
        members.head = Some(step.clone());
        // It is the first step, so each has room for it.
        members
            .senders
            .retain(|sender| !matches!(sender.try_send(step.clone()), Err(mpsc::error::TrySendError::Closed(_))));
    }

    /// Offers a step to the client whose turn it is; back when none has room.
    fn offer(&self, mut step: Step) -> Option<Step> {
        let mut members = self.lock();
        for _ in 0..members.senders.len() {
            let Some(sender) = members.senders.pop_front() else {
                break;
            };
            match sender.try_send(step) {
                Ok(()) => {
                    members.senders.push_back(sender);
                    return None;
                }
                Err(mpsc::error::TrySendError::Full(back)) => {
                    members.senders.push_back(sender);
                    step = back;
                }
                Err(mpsc::error::TrySendError::Closed(back)) => step = back,
            }
        }
        Some(step)
    }

    fn end(&self, ending: PlayedEnding) {
        let mut members = self.lock();
        members.end = Some(ending);
        // Each finds the ending when it has taken what it was given.
        members.senders.clear();
    }
}

/// One of the clients that compete for a call.
#[derive(Debug)]
pub(super) struct Member {
    queue: Arc<Queue>,
    /// The encoder of the client; the queue contains what was recorded.
    encoder: Encoder,
    receiver: mpsc::Receiver<Step>,
    next: VecDeque<Step>,
    left: Option<u64>,
}

impl Member {
    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Step> {
        if self.left == Some(0) && self.next.is_empty() {
            let act = Act::End(PlayedEnding::complete());
            return Poll::Ready(Step::new(0, act));
        }
        let step = if let Some(step) = self.next.pop_front() {
            step
        } else if let Some(step) = std::task::ready!(self.receiver.poll_recv(cx)) {
            self.queue.room.notify_one();
            self.encoder.encode(step)
        } else {
            let ending = self.queue.lock().end.clone();
            let act = Act::End(ending.unwrap_or_else(PlayedEnding::complete));
            Step::new(0, act)
        };
        if let (Act::Message { .. }, Some(left)) = (&step.act, &mut self.left) {
            *left = left.saturating_sub(1);
        }
        Poll::Ready(step)
    }

    fn put_back(&mut self, step: Step) {
        if let (Act::Message { .. }, Some(left)) = (&step.act, &mut self.left) {
            *left += 1;
        }
        self.next.push_front(step);
    }
}

/// The feed of one recorded call for one client.
#[derive(Debug)]
pub(super) enum CallFeed {
    Whole(Box<Steps>),
    Part(Member),
}

impl CallFeed {
    pub(super) fn poll_due(&mut self, cx: &mut Context<'_>) -> Poll<Step> {
        match self {
            Self::Whole(steps) => steps.poll_due(cx),
            Self::Part(member) => member.poll_next(cx),
        }
    }

    /// Returns a step that was taken too early.
    pub(super) fn put_back(&mut self, step: Step) {
        match self {
            Self::Whole(steps) => steps.put_back(step),
            Self::Part(member) => member.put_back(step),
        }
    }
}
