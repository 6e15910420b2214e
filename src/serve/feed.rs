//! The feed of one client: the steps of a call that is known, or those of an exchange that is still to be matched.

use std::task::{Context, Poll};

use super::{
    exchange::{Decided, Exchange},
    kept_answer::KeptAnswer,
    player::Step,
    share::CallFeed,
};

/// The steps that answer one client's call.
#[derive(Debug)]
pub(super) struct Feed {
    kind: Kind,
    /// The log's part in it.
    kept: KeptAnswer,
}

#[derive(Debug)]
enum Kind {
    /// Steps of a recorded call that was known from the start.
    Call(CallFeed),
    /// Steps of a call that is still to be matched with a recorded one.
    Exchange(Box<Exchange>),
}

impl Feed {
    /// The steps of a recorded call that was known from the start.
    pub(super) const fn of_call(feed: CallFeed, kept: KeptAnswer) -> Self {
        Self {
            kind: Kind::Call(feed),
            kept,
        }
    }

    /// The steps of a call that is still to be matched with a recorded one.
    pub(super) const fn of_exchange(exchange: Box<Exchange>, kept: KeptAnswer) -> Self {
        Self {
            kind: Kind::Exchange(exchange),
            kept,
        }
    }

    pub(super) fn poll_due(&mut self, cx: &mut Context<'_>) -> Poll<Step> {
        let Self { kind, kept } = self;
        kept.poll(cx, |cx| match kind {
            Kind::Call(feed) => feed.poll_due(cx),
            Kind::Exchange(exchange) => exchange.poll_due(cx),
        })
    }

    /// True while it is undecided which recorded call is played.
    pub(super) const fn is_exchange(&self) -> bool {
        matches!(self.kind, Kind::Exchange(_))
    }

    /// See [`Exchange::decided`].
    pub(super) fn decided(&mut self) -> Option<Decided> {
        match &mut self.kind {
            Kind::Call(_) => None,
            Kind::Exchange(exchange) => exchange.decided(),
        }
    }

    /// True when no recorded call matches, so that the client was refused.
    pub(super) fn is_refused(&self) -> bool {
        matches!(&self.kind, Kind::Exchange(exchange) if exchange.is_refused())
    }

    /// See [`Exchange::is_silent`].
    pub(super) fn is_silent(&self) -> bool {
        matches!(&self.kind, Kind::Exchange(exchange) if exchange.is_silent())
    }

    /// Returns a step that was taken too early.
    pub(super) fn put_back(&mut self, step: Step) {
        self.kept.put_back();
        match &mut self.kind {
            Kind::Call(feed) => feed.put_back(step),
            Kind::Exchange(exchange) => exchange.put_back(step),
        }
    }
}
