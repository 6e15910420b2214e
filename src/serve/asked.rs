//! The client's messages on one call: read as it comes, and kept as hashes.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, PoisonError},
    task::Waker,
};

use bytes::Bytes;
use http_body::Body;
use http_body_util::BodyExt as _;

use super::{matching::Reducer, read_request::ReadRequest, request_log::LoggedCall};
use crate::grpc::Deframer;

/// An item from the client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum ClientItem {
    /// A request.
    Request(ReadRequest),
    /// The end of the client's requests.
    HalfClose,
    /// Data that is not a request, or a request that is too large.
    Unreadable(String),
}

/// The client's items that have not been read.
#[derive(Debug, Default)]
pub(super) struct ClientItems(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    said: VecDeque<ClientItem>,
    waker: Option<Waker>,
}

impl ClientItems {
    fn say(&self, said: ClientItem) {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        state.said.push_back(said);
        let waker = state.waker.take();
        drop(state);
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// Takes the items since the last call; `waker` is called when there is more.
    pub(super) fn take(&self, waker: &Waker) -> VecDeque<ClientItem> {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        state.waker = Some(waker.clone());
        std::mem::take(&mut state.said)
    }
}

/// How the requests of a call are read.
#[derive(Debug)]
pub(super) struct Reading {
    /// The encoding of compressed ones.
    pub(super) encoding: String,
    /// The largest that is read, in bytes.
    pub(super) limit: usize,
    /// Reduces them to the fields that identify them, where there are rules.
    pub(super) reducer: Option<Arc<Reducer>>,
    /// The call in the log of requests.
    pub(super) logged: Arc<LoggedCall>,
}

/// Reads a request body to its end.
pub(super) async fn read<B>(mut body: B, asked: Arc<ClientItems>, reading: Reading)
where
    B: Body<Data = Bytes> + Unpin,
{
    let Reading {
        encoding,
        limit,
        reducer,
        logged,
    } = reading;
    let mut deframer = Deframer::new(limit);
    let mut readable = true;
    loop {
        while readable {
            match deframer.next_frame() {
                Ok(Some(frame)) => {
                    let (compressed, data) = (frame.compressed, &frame.data);
                    // Before it is answered: the log has it when the client has the answer.
                    logged.request(compressed, data).await;
                    let request = ReadRequest::of(&encoding, compressed, data, limit, reducer.as_deref());
                    asked.say(ClientItem::Request(request));
                }
                Ok(None) => break,
                Err(error) => {
                    asked.say(ClientItem::Unreadable(error.to_string()));
                    readable = false;
                }
            }
        }
        match body.frame().await {
            Some(Ok(frame)) => {
                if let Ok(data) = frame.into_data() {
                    deframer.push(data);
                }
            }
            // The client is gone, and nothing is sent to it any more.
            Some(Err(_)) => return,
            None => {
                logged.half_close();
                asked.say(ClientItem::HalfClose);
                return;
            }
        }
    }
}
