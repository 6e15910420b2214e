//! The feed of one client: the steps of a call that is known, or those of an exchange that is still to be matched.

use std::task::{Context, Poll};

use super::{
    exchange::{Decided, Exchange},
    player::Step,
    share::CallFeed,
};

/// The steps that answer one client's call.
#[derive(Debug)]
pub(super) enum Feed {
    /// Steps of a recorded call that was known from the start.
    Call(CallFeed),
    /// Steps of a call that is still to be matched with a recorded one.
    Exchange(Box<Exchange>),
}

impl Feed {
    pub(super) fn poll_due(&mut self, cx: &mut Context<'_>) -> Poll<Step> {
        match self {
            Self::Call(feed) => feed.poll_due(cx),
            Self::Exchange(exchange) => exchange.poll_due(cx),
        }
    }

    /// True while it is undecided which recorded call is played.
    pub(super) const fn is_exchange(&self) -> bool {
        matches!(self, Self::Exchange(_))
    }

    /// See [`Exchange::decided`].
    pub(super) fn decided(&mut self) -> Option<Decided> {
        match self {
            Self::Call(_) => None,
            Self::Exchange(exchange) => exchange.decided(),
        }
    }

    /// True when no recorded call matches, so that the client was refused.
    pub(super) fn is_refused(&self) -> bool {
        matches!(self, Self::Exchange(exchange) if exchange.is_refused())
    }

    /// See [`Exchange::is_silent`].
    pub(super) fn is_silent(&self) -> bool {
        matches!(self, Self::Exchange(exchange) if exchange.is_silent())
    }

    /// Returns a step that was taken too early.
    pub(super) fn put_back(&mut self, step: Step) {
        match self {
            Self::Call(feed) => feed.put_back(step),
            Self::Exchange(exchange) => exchange.put_back(step),
        }
    }
}
