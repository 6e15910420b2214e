//! The drip fault, which sends bytes slowly: a body's data in small pieces, at this many bytes a second.

use std::{
    collections::VecDeque,
    future::Future as _,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::Bytes;
use tokio::time::{Instant, Sleep};

use super::{Kind, plan::Running};

/// Number of pieces per second: often enough that a client sees a trickle, and no timer is pressed.
const PIECES_PER_S: u64 = 20;

/// Slows the bytes of a call down.
#[derive(Debug)]
pub(in crate::serve) struct Drip {
    bytes_per_s: u64,
    waiting: VecDeque<Bytes>,
    /// Time of the next piece; pieces are spaced from the first, so that delays do not add up.
    next: Instant,
    sleep: Pin<Box<Sleep>>,
}

impl Drip {
    /// The drip of a recorded call, if the plan has one for it.
    pub(in crate::serve) fn of(running: &Running, call: u32) -> Option<Self> {
        let faults = running.faults().iter().enumerate();
        let mut rates = faults.filter_map(|(at, fault)| match fault.kind {
            Kind::Drip { bytes_per_s } if fault.call.is_none_or(|only| only == call) => Some((at, bytes_per_s)),
            _ => None,
        });
        let (at, bytes_per_s) = rates.next()?;
        running.struck(at);
        let next = Instant::now();
        Some(Self {
            bytes_per_s,
            waiting: VecDeque::new(),
            next,
            sleep: Box::pin(tokio::time::sleep_until(next)),
        })
    }

    /// Appends bytes to those that wait.
    pub(in crate::serve) fn push(&mut self, data: Bytes) {
        if !data.is_empty() {
            self.waiting.push_back(data);
        }
    }

    /// The next piece when it is due; `None` when nothing waits.
    pub(in crate::serve) fn poll_piece(&mut self, cx: &mut Context<'_>) -> Poll<Option<Bytes>> {
        let Some(data) = self.waiting.front_mut() else {
            return Poll::Ready(None);
        };
        if self.sleep.deadline() != self.next {
            self.sleep.as_mut().reset(self.next);
        }
        ready!(self.sleep.as_mut().poll(cx));
        let most = usize::try_from((self.bytes_per_s / PIECES_PER_S).max(1)).unwrap_or(usize::MAX);
        let piece = data.split_to(most.min(data.len()));
        if data.is_empty() {
            self.waiting.pop_front();
        }
        let takes = Duration::from_secs_f64(piece.len() as f64 / self.bytes_per_s as f64);
        // Whoever was slow to ask loses that time: a drip does not catch up.
        self.next = self.next.max(Instant::now()) + takes;
        Poll::Ready(Some(piece))
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use super::*;
    use crate::serve::FaultPlan;

    #[tokio::test(start_paused = true)]
    async fn bytes_keep_to_the_rate_and_none_is_lost() {
        let plan = FaultPlan::new(0).fault("drip:rate=1000,call=2".parse().unwrap());
        let running = Running::new(plan);
        assert!(Drip::of(&running, 1).is_none());
        let mut drip = Drip::of(&running, 2).unwrap();
        let began = Instant::now();
        let data: Vec<u8> = (0..3000_u16).map(|at| at as u8).collect();
        drip.push(Bytes::copy_from_slice(&data[..10]));
        drip.push(Bytes::copy_from_slice(&data[10..]));
        let mut got = Vec::new();
        while let Some(piece) = poll_fn(|cx| drip.poll_piece(cx)).await {
            assert!(piece.len() <= 50);
            got.extend_from_slice(&piece);
        }
        assert!(got == data && drip.waiting.is_empty());
        let seconds = began.elapsed().as_secs_f64();
        assert!((2.9..3.1).contains(&seconds), "{seconds}");
    }
}
