//! Bytes on their way out, and the knowledge of when they are gone.
//!
//! A reset overtakes what HTTP/2 still has queued for its stream, and a closed socket loses it. Whoever passes on an end
//! that the other side made must therefore know when everything before it was written.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use bytes::{Buf, Bytes};
use tokio::sync::Notify;

/// Counts the pieces of one direction of a call that are not written yet.
#[derive(Debug, Default)]
pub(super) struct Delivery {
    waiting: AtomicUsize,
    done: Notify,
}

impl Delivery {
    /// Waits until HTTP/2 has taken every piece to the socket, or has thrown it away with its stream.
    pub(super) async fn done(&self) {
        while self.waiting.load(Ordering::Acquire) > 0 {
            self.done.notified().await;
        }
    }
}

/// A part of a body.
#[derive(Debug)]
pub(super) struct Piece {
    data: Bytes,
    delivery: Arc<Delivery>,
}

impl Piece {
    pub(super) fn new(data: Bytes, delivery: &Arc<Delivery>) -> Self {
        delivery.waiting.fetch_add(1, Ordering::AcqRel);
        Self {
            data,
            delivery: Arc::clone(delivery),
        }
    }
}

impl Drop for Piece {
    fn drop(&mut self) {
        if self.delivery.waiting.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.delivery.done.notify_one();
        }
    }
}

impl Buf for Piece {
    fn remaining(&self) -> usize {
        self.data.remaining()
    }

    fn chunk(&self) -> &[u8] {
        self.data.chunk()
    }

    fn advance(&mut self, count: usize) {
        self.data.advance(count);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_delivery_is_done_when_the_last_piece_is_gone() {
        let delivery = Arc::new(Delivery::default());
        delivery.done().await;
        let pieces = [1, 2].map(|_| Piece::new(Bytes::from_static(b"x"), &delivery));
        let waiting = tokio::spawn({
            let delivery = Arc::clone(&delivery);
            async move { delivery.done().await }
        });
        let [first, second] = pieces;
        drop(first);
        tokio::task::yield_now().await;
        assert!(!waiting.is_finished());
        drop(second);
        waiting.await.unwrap();
    }
}
