//! A piece of a body for HTTP/2, which tracks its delivery.

use std::{
    io::IoSlice,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Waker},
};

use bytes::{Buf, Bytes};

/// Small messages and prefixes, then a payload that is sent without a copy.
#[derive(Debug)]
pub(in crate::serve) struct Piece {
    head: Bytes,
    payload: Bytes,
    delivery: Option<Arc<Delivery>>,
}

impl Piece {
    pub(in crate::serve) const fn plain(head: Bytes) -> Self {
        Self {
            head,
            payload: Bytes::new(),
            delivery: None,
        }
    }

    /// A piece that `delivery` tracks.
    pub(super) fn tracked(head: Bytes, payload: Bytes, delivery: &Arc<Delivery>) -> Self {
        delivery.lock().outstanding += 1;
        Self {
            head,
            payload,
            delivery: Some(Arc::clone(delivery)),
        }
    }
}

impl Drop for Piece {
    fn drop(&mut self) {
        if let Some(delivery) = &self.delivery {
            delivery.delivered();
        }
    }
}

impl Buf for Piece {
    fn remaining(&self) -> usize {
        self.head.len() + self.payload.len()
    }

    fn chunk(&self) -> &[u8] {
        if self.head.is_empty() {
            &self.payload
        } else {
            &self.head
        }
    }

    fn advance(&mut self, count: usize) {
        let of_head = count.min(self.head.len());
        self.head.advance(of_head);
        self.payload.advance(count - of_head);
    }

    fn chunks_vectored<'a>(&'a self, slices: &mut [IoSlice<'a>]) -> usize {
        let filled = self.head.chunks_vectored(slices);
        slices
            .get_mut(filled..)
            .map_or(filled, |rest| filled + self.payload.chunks_vectored(rest))
    }
}

/// Tracks the pieces of one call: a piece is dropped when HTTP/2 has written it.
#[derive(Debug, Default)]
pub(super) struct Delivery(Mutex<Way>);

#[derive(Debug, Default)]
struct Way {
    outstanding: usize,
    waker: Option<Waker>,
}

impl Delivery {
    /// Ready when every piece has been written.
    pub(super) fn poll_done(&self, cx: &mut Context<'_>) -> Poll<()> {
        let mut way = self.lock();
        if way.outstanding == 0 {
            return Poll::Ready(());
        }
        way.waker = Some(cx.waker().clone());
        Poll::Pending
    }

    fn delivered(&self) {
        let mut way = self.lock();
        way.outstanding = way.outstanding.saturating_sub(1);
        if way.outstanding == 0
            && let Some(waker) = way.waker.take()
        {
            drop(way);
            waker.wake();
        }
    }

    fn lock(&self) -> MutexGuard<'_, Way> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
