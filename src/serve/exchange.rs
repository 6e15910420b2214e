//! One client's call of any method: the recorded call that it means, and the due time of each step.
//!
//! A recorded step of the server is due when its time has come and the client has sent everything that preceded the
//! step in the recording.

use std::{
    future::Future as _,
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use tokio::time::{Instant, Sleep};

use super::{
    asked::{ClientItem, ClientItems},
    catalog::Catalog,
    faults::Drip,
    matching::Reducer,
    plan::{CallMatcher, Choice, KnownMethod, Place},
    player::{Act, PlayedEnding, Step},
    request_log::{How, LoggedCall, Matched},
    served::Counters,
    share::CallFeed,
    variation::Variation,
};
use crate::{
    grpc::status::{ABORTED, INTERNAL, NOT_FOUND, RESOURCE_EXHAUSTED},
    model::event::Status,
};

/// Time that a client has to send the message that decides between two recorded calls, when the one that was recorded
/// first waits for more and the other does not: messages that a client sends together come together.
const GRACE: Duration = Duration::from_millis(50);
/// Time after which a warning says that a call waits for its client.
const SOON: Duration = Duration::from_secs(5);
/// Longest time that a call waits for a client that sends less than the recorded one did. Ten times the length of the
/// recorded call is allowed in any case, for clients that are slower.
const MOST_WAIT: Duration = Duration::from_secs(60);
const SLOWER: u32 = 10;

/// Opens the recording of a call.
pub(super) type Open = Box<dyn FnMut(Place) -> io::Result<(CallFeed, Decided)> + Send + Sync>;
/// How often this client has made a call, including this time.
pub(super) type Turns = Box<dyn Fn(Place) -> usize + Send + Sync>;

/// Access of an exchange to recorded calls.
pub(super) struct Access {
    pub(super) open: Open,
    pub(super) turns: Turns,
    /// Reduces requests to the fields that identify them, where there are rules.
    pub(super) reducer: Option<Arc<Reducer>>,
    /// The call in the log of requests.
    pub(super) logged: Arc<LoggedCall>,
}

/// The recorded call that is played, once it is decided.
#[derive(Debug)]
pub(super) struct Decided {
    /// Index of its capture.
    pub(super) source: usize,
    /// Slows its bytes down, for a drip fault.
    pub(super) drip: Option<Drip>,
}

/// The state of a client's call.
pub(super) struct Exchange {
    catalog: Arc<Catalog>,
    method: String,
    asked: Arc<ClientItems>,
    matcher: CallMatcher,
    open: Open,
    turns: Turns,
    /// The steps being played, and their call.
    playing: Option<(Place, Box<CallFeed>)>,
    /// A decision that nobody has read yet.
    decided: Option<Decided>,
    counters: Arc<Counters>,
    /// Number of steps sent to the client, and number of steps of the current call that the client received from
    /// another one.
    sent: usize,
    skip: usize,
    waiting: Option<Step>,
    timer: Option<(Wait, Pin<Box<Sleep>>)>,
    /// True when steps are those of the recording, so that those of different calls can be compared.
    as_recorded: bool,
    /// Time since which nothing was sent.
    since: Instant,
    /// True when something was due.
    began: bool,
    /// True when the client was refused: no recorded call is meant, or it could not go on.
    refused: bool,
    /// The match, once it was logged.
    noted: Option<(Place, How)>,
    logged: Arc<LoggedCall>,
    /// The recorded call that this one counts for.
    asked_for: Option<Place>,
    variation: Variation,
}

/// The purpose of a timer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wait {
    Grace,
    Soon,
    End,
    /// No timer: only the client ends this.
    Never,
}

impl Exchange {
    pub(super) fn new(
        catalog: Arc<Catalog>,
        method: String,
        asked: Arc<ClientItems>,
        matcher: CallMatcher,
        access: Access,
        counters: Arc<Counters>,
        as_recorded: bool,
    ) -> Self {
        let Access {
            open,
            turns,
            reducer,
            logged,
        } = access;
        Self {
            catalog,
            method,
            asked,
            matcher,
            open,
            turns,
            playing: None,
            decided: None,
            counters,
            sent: 0,
            skip: 0,
            waiting: None,
            timer: None,
            as_recorded,
            since: Instant::now(),
            began: false,
            refused: false,
            noted: None,
            logged,
            asked_for: None,
            variation: Variation::new(reducer),
        }
    }

    /// The decision made since the last query.
    pub(super) fn decided(&mut self) -> Option<Decided> {
        self.decided.take()
    }

    /// True when the client was refused.
    pub(super) const fn is_refused(&self) -> bool {
        self.refused
    }

    /// True when the played call has reached the point at which the recorded client gave up, or at which it is held
    /// open: nothing more is due, unless what the client says shows that it means another call.
    pub(super) fn is_silent(&self) -> bool {
        let waiting = self.waiting.as_ref().filter(|_| self.matcher.chosen().is_some());
        waiting.is_some_and(|step| matches!(step.act, Act::End(PlayedEnding::Hold)))
    }

    /// Returns a step that was taken too early.
    pub(super) fn put_back(&mut self, step: Step) {
        self.sent = self.sent.saturating_sub(1);
        self.variation.put_back();
        self.waiting = Some(step);
    }

    pub(super) fn poll_due(&mut self, cx: &mut Context<'_>) -> Poll<Step> {
        loop {
            if let Some(refusal) = self.listen(cx) {
                return Poll::Ready(refusal);
            }
            let place = match self.place() {
                Ok(place) => place,
                Err(Choice::Wait) => {
                    if self.poll_wait(cx, Wait::Grace).is_pending() {
                        return Poll::Pending;
                    }
                    if let Some(refusal) = self.waited() {
                        return Poll::Ready(refusal);
                    }
                    continue;
                }
                Err(_) => return Poll::Ready(self.refuse(NOT_FOUND, self.unknown())),
            };
            if self.playing.as_ref().is_none_or(|(playing, _)| *playing != place) {
                self.waiting = None;
                self.skip = self.sent;
                match (self.open)(place) {
                    Ok((feed, decided)) => {
                        self.playing = Some((place, Box::new(feed)));
                        self.decided = Some(decided);
                    }
                    Err(error) => {
                        return Poll::Ready(
                            self.refuse(INTERNAL, format!("could not start to read the capture: {error}")),
                        );
                    }
                }
            }
            let step = match self.waiting.take() {
                Some(step) => step,
                None => match &mut self.playing {
                    Some((_, feed)) => std::task::ready!(feed.poll_due(cx)),
                    None => return Poll::Pending,
                },
            };
            if self.skip > 0 {
                self.skip -= 1;
                continue;
            }
            let silent = matches!(step.act, Act::End(PlayedEnding::Hold));
            if silent || !self.matcher.has(step.after) {
                self.begins(silent);
                self.waiting = Some(step);
                if self.poll_wait(cx, Wait::Soon).is_pending() {
                    return Poll::Pending;
                }
                if let Some(refusal) = self.waited() {
                    return Poll::Ready(refusal);
                }
                continue;
            }
            self.begins(true);
            self.sent += 1;
            self.matcher.went_on();
            self.moved();
            let recorded = self.catalog.at(place).map(|chosen| chosen.call);
            return Poll::Ready(self.variation.answer(step, place, recorded));
        }
    }

    /// Counts the call, once something of it is due.
    fn begins(&mut self, due: bool) {
        if !due {
            return;
        }
        if !std::mem::replace(&mut self.began, true) {
            self.counters.call_began();
        }
        self.note_match();
    }

    /// Logs and counts how the call is matched, once something of it is due, and again when that changes.
    fn note_match(&mut self) {
        let how = if self.matcher.varies() {
            How::ByFields
        } else {
            How::Exact
        };
        let Some((place, _)) = self.playing.as_ref().filter(|_| self.began) else {
            return;
        };
        let now = (*place, how);
        let before = self.noted.replace(now);
        if before == Some(now) {
            return;
        }
        if how == How::ByFields && before.is_none_or(|(_, before)| before != how) {
            self.counters.matched_by_fields();
        }
        if let Some(other) = self.asked_for.take() {
            self.catalog.take_back(other);
        }
        self.asked_for = self.catalog.ask(now.0, how == How::ByFields);
        let chosen = self.catalog.at(now.0);
        let matched = Matched {
            capture: chosen
                .as_ref()
                .map_or("", |chosen| chosen.entry.source.name())
                .to_owned(),
            call: chosen.as_ref().map_or(0, |chosen| chosen.call.call),
            how,
            ignored: if how == How::ByFields {
                self.variation.ignored().to_vec()
            } else {
                Vec::new()
            },
        };
        tracing::info!(
            method = self.method,
            how = how.name(),
            capture = matched.capture,
            call = matched.call,
            ignored = matched.ignored.join(", "),
            "a call is matched"
        );
        self.logged.matched(matched);
    }

    /// Notes that the call made progress: what is waited for is waited for again.
    fn moved(&mut self) {
        self.timer = None;
        self.since = Instant::now();
    }

    /// Reads the client's items; the ending, when no recorded call is meant.
    fn listen(&mut self, cx: &Context<'_>) -> Option<Step> {
        let said = self.asked.take(cx.waker());
        if said.is_empty() || self.refused {
            return None;
        }
        self.moved();
        let catalog = Arc::clone(&self.catalog);
        let method = catalog.method(&self.method)?;
        for said in said {
            match said {
                ClientItem::Request(request) => {
                    self.matcher.request(method, request.asked);
                    self.variation.request(request);
                }
                ClientItem::HalfClose => self.matcher.half_close(method),
                ClientItem::Unreadable(error) => return Some(self.refuse(RESOURCE_EXHAUSTED, error)),
            }
            if self.matcher.is_over() {
                return Some(self.refuse(NOT_FOUND, self.unknown()));
            }
        }
        None
    }

    /// Chooses the call that is played next, or tells why there is none.
    fn place(&mut self) -> Result<Place, Choice> {
        if let Some(chosen) = self.matcher.chosen() {
            return Ok(chosen);
        }
        let catalog = Arc::clone(&self.catalog);
        let Some(method) = catalog.method(&self.method) else {
            return Err(Choice::None);
        };
        if self.as_recorded
            && let Some(mark) = self.matcher.agreed(method, self.sent)
        {
            let place = self.matcher.representative(method, self.sent).ok_or(Choice::None)?;
            // Nothing is opened before there is something to send.
            return if self.matcher.has(mark.after) {
                Ok(place)
            } else {
                Err(Choice::Wait)
            };
        }
        let at_once = self.matcher.came().half_close || self.since.elapsed() >= GRACE;
        let turns = &self.turns;
        match self.matcher.choose(method, self.sent, at_once, turns) {
            Choice::Call(place) => Ok(place),
            other => Err(other),
        }
    }

    fn poll_wait(&mut self, cx: &mut Context<'_>, first: Wait) -> Poll<()> {
        let (wait, timer) = self.timer.get_or_insert_with(|| {
            let length = if first == Wait::Grace { GRACE } else { SOON };
            (first, Box::pin(tokio::time::sleep(length)))
        });
        match wait {
            Wait::Never => Poll::Pending,
            _ => timer.as_mut().poll(cx),
        }
    }

    /// Handles an expired timer: sets the next, says that the call waits, or ends it.
    fn waited(&mut self) -> Option<Step> {
        let method = self.catalog.method(&self.method);
        let silent = self.is_silent();
        let beyond = silent && method.is_some_and(|method| self.matcher.is_beyond(method));
        let most = MOST_WAIT.max(method.map_or(Duration::ZERO, KnownMethod::longest) * SLOWER);
        let came = self.matcher.came().requests;
        let (wait, timer) = self.timer.as_mut()?;
        match wait {
            Wait::Grace => {
                *wait = Wait::Soon;
                timer.as_mut().reset(self.since + SOON);
            }
            Wait::Soon => {
                *wait = if silent && !beyond { Wait::Never } else { Wait::End };
                timer.as_mut().reset(self.since + most);
                let state = match (silent, beyond) {
                    (_, true) => "a call is silent: the recorded client gave up before it had sent as much as this one",
                    (true, false) => "a call is silent until its client leaves, as in the recording",
                    (false, false) => "a call waits: its client has sent less than the recorded client",
                };
                tracing::info!(method = self.method, requests = came, "{state}");
            }
            Wait::End => {
                let seconds = most.as_secs();
                let message = if beyond {
                    format!(
                        "the recorded client gave up before it had sent as many requests as this one ({came}), so no answer was recorded; this call was silent for {seconds} s"
                    )
                } else {
                    format!(
                        "the recorded client had sent more requests at this point: this client sent {came}, and no other within {seconds} s"
                    )
                };
                return Some(self.refuse(ABORTED, message));
            }
            Wait::Never => {}
        }
        None
    }

    fn unknown(&self) -> String {
        let came = self.matcher.came().requests;
        let recorded = self.catalog.method(&self.method).map_or(0, KnownMethod::calls);
        let (calls, what) = (
            if recorded == 1 {
                "the recorded call".to_owned()
            } else {
                format!("none of the {recorded} recorded calls")
            },
            match came {
                0 => "without a request".to_owned(),
                1 => "with this request".to_owned(),
                came => format!("with these {came} requests"),
            },
        );
        let was = if recorded == 1 { "was not made" } else { "was made" };
        format!(
            "{calls} of {} {was} {what}; an answer is replayed only to the requests that it was recorded for",
            self.method
        )
    }

    fn refuse(&mut self, code: u32, message: String) -> Step {
        self.refused = true;
        self.counters.refused();
        tracing::info!(code, message, "a call was refused");
        Step::new(
            0,
            Act::End(PlayedEnding::Status(Status {
                code,
                message,
                trailers_only: self.sent == 0,
                ..Status::default()
            })),
        )
    }
}

impl std::fmt::Debug for Exchange {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Exchange")
            .field("method", &self.method)
            .field("sent", &self.sent)
            .finish_non_exhaustive()
    }
}
