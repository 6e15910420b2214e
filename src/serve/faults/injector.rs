//! Applies the faults of one call between its steps and the output. Pure: steps in, steps out.

use std::{collections::VecDeque, time::Duration};

use bytes::Bytes;

use super::{
    Fault, FaultTarget, Kind,
    payload::{last_row, strike},
    plan::Running,
    random::Random,
};
use crate::{
    das::dialect::Dialect,
    grpc::{self, MAX_INFLATED, NO_ENCODING},
    model::event::Status,
    serve::player::{Act, PlayedEnding, Step},
};

/// An item to send: a step, and the number of its message.
#[derive(Debug)]
struct Item {
    /// Number of the message in playing order, counted from 1; 0 for what is not a message.
    number: u64,
    step: Step,
}

/// Applies the faults of one call.
#[derive(Debug)]
pub(in crate::serve) struct Injector {
    running: Running,
    call: u32,
    dialect: Option<Dialect>,
    encoding: String,
    messages: u64,
    states: Vec<State>,
    ended: bool,
}

/// State of a fault within its call.
#[derive(Debug, Default)]
struct State {
    /// Delayed messages, and how many messages must pass before the first of them is sent.
    waiting: VecDeque<(u64, Item)>,
    /// The values of the last row, once a freeze begins.
    row: Option<Vec<u8>>,
}

impl Injector {
    /// An injector for the recorded call `call` of `method`, after `messages` messages were sent before.
    pub(in crate::serve) fn new(running: &Running, call: u32, method: &str, messages: u64) -> Self {
        Self {
            call,
            dialect: Dialect::from_method(method),
            encoding: NO_ENCODING.to_owned(),
            messages,
            states: running.faults().iter().map(|_| State::default()).collect(),
            running: running.clone(),
            ended: false,
        }
    }

    /// True when the call has ended, in the recording or by a fault: nothing follows.
    pub(in crate::serve) const fn ended(&self) -> bool {
        self.ended
    }

    /// Takes the next step and adds the resulting items to `out`.
    pub(in crate::serve) fn take(&mut self, step: Step, out: &mut Vec<Step>) {
        if self.running.faults().is_empty() {
            self.ended |= matches!(step.act, Act::End(_));
            out.push(step);
            return;
        }
        let number = match &step.act {
            Act::Message { .. } => {
                self.messages += 1;
                self.messages
            }
            Act::Headers(metadata) => {
                let encoding = crate::grpc::protocol::message_encoding(metadata).unwrap_or(NO_ENCODING);
                encoding.clone_into(&mut self.encoding);
                0
            }
            Act::End(_) => 0,
        };
        let mut items = vec![Item { number, step }];
        for at in 0..self.states.len() {
            let mut passed = Vec::with_capacity(items.len());
            for item in items {
                self.pass(at, item, &mut passed);
            }
            items = passed;
        }
        for item in items {
            if self.ended {
                return;
            }
            self.ended = matches!(item.step.act, Act::End(_));
            out.push(item.step);
        }
    }

    /// Passes an item through the fault with index `at`.
    fn pass(&mut self, at: usize, mut item: Item, out: &mut Vec<Item>) {
        let running = self.running.clone();
        let (Some(fault), Some(state)) = (running.faults().get(at), self.states.get_mut(at)) else {
            out.push(item);
            return;
        };
        let meant = fault.call.is_none_or(|call| call == self.call);
        if !meant || matches!(fault.kind, Kind::Refuse | Kind::Drip { .. }) {
            out.push(item);
            return;
        }
        if let FaultTarget::After(after) = fault.when {
            let due = item.number >= after && (item.number > 0 || after == 0);
            let offset_ns = item.step.offset_ns;
            let over = matches!(item.step.act, Act::End(_));
            // A head goes out before the end that comes straight after it.
            let before = item.number == 0 || item.number <= after;
            if over || !due {
                out.push(item);
                return;
            }
            if before {
                out.push(item);
            }
            running.struck(at);
            let act = Act::End(fault.ending());
            out.push(Item {
                number: 0,
                step: Step::new(offset_ns, act),
            });
            return;
        }
        if item.number == 0 {
            if matches!(item.step.act, Act::End(_)) {
                out.extend(state.waiting.drain(..).map(|(_, item)| item));
            }
            out.push(item);
            return;
        }
        let place = [at as u64 + 1, u64::from(self.call), item.number];
        let mut random = Random::at(running.seed(), &place);
        let strikes = fault.when.strikes(item.number, &mut random);
        match &fault.kind {
            Kind::Burst { size } => return state.gather(*size, item, out, || running.struck(at)),
            Kind::Reorder { by } if strikes => {
                running.struck(at);
                state.waiting.push_back((*by, item));
                return;
            }
            Kind::Freeze if !strikes => {
                if let (Some(dialect), Some(data)) = (self.dialect, plain(&self.encoding, &item.step.act)) {
                    state.row = last_row(dialect, &data);
                }
            }
            _ => {}
        }
        if !strikes {
            state.let_pass(item, out);
            return;
        }
        match &fault.kind {
            Kind::Drop => {
                running.struck(at);
                return;
            }
            Kind::Duplicate { copies } => {
                for _ in 0..*copies {
                    let step = Step::new(item.step.offset_ns, item.step.act.clone());
                    out.push(Item { step, ..item });
                }
                running.struck(at);
            }
            Kind::Delay { by } => {
                item.step.hold.late += *by;
                running.struck(at);
            }
            Kind::Jitter { by } => {
                let most = u64::try_from(by.as_nanos()).unwrap_or(u64::MAX);
                item.step.hold.late += Duration::from_nanos(random.below(most));
                running.struck(at);
            }
            Kind::Stall { length } => {
                item.step.hold.silence += *length;
                running.struck(at);
            }
            kind => {
                // What was compressed goes on plain, as gRPC allows for each message.
                let data = plain(&self.encoding, &item.step.act);
                let struck = data.and_then(|data| strike(kind, self.dialect, &data, &mut state.row, &mut random));
                if let Some(data) = struck {
                    item.step.act = Act::Message {
                        compressed: false,
                        data,
                    };
                    running.struck(at);
                }
            }
        }
        state.let_pass(item, out);
    }
}

impl State {
    /// Sends an item, and delayed items whose turn it is.
    fn let_pass(&mut self, item: Item, out: &mut Vec<Item>) {
        let offset_ns = item.step.offset_ns;
        out.push(item);
        for (left, _) in &mut self.waiting {
            *left -= 1;
        }
        while self.waiting.front().is_some_and(|(left, _)| *left == 0) {
            let Some((_, mut item)) = self.waiting.pop_front() else {
                return;
            };
            item.step.offset_ns = offset_ns;
            out.push(item);
        }
    }

    /// Buffers items until there are `size` of them.
    fn gather(&mut self, size: u64, item: Item, out: &mut Vec<Item>, struck: impl FnOnce()) {
        let offset_ns = item.step.offset_ns;
        self.waiting.push_back((0, item));
        if self.waiting.len() as u64 >= size {
            struck();
            for (_, mut item) in self.waiting.drain(..) {
                item.step.offset_ns = offset_ns;
                out.push(item);
            }
        }
    }
}

impl Fault {
    /// The ending that this fault causes.
    fn ending(&self) -> PlayedEnding {
        match &self.kind {
            Kind::Reset { code } => PlayedEnding::Reset { code: *code },
            Kind::GoAway => PlayedEnding::Sever { goaway: true },
            Kind::Close => PlayedEnding::Sever { goaway: false },
            Kind::Abort { status, message } => PlayedEnding::Status(Status {
                code: *status,
                message: message.clone(),
                ..Status::default()
            }),
            // The others have no `after`.
            _ => PlayedEnding::complete(),
        }
    }
}

impl FaultTarget {
    /// True when the fault affects number `number`, counted from 1.
    pub(super) fn strikes(self, number: u64, random: &mut Random) -> bool {
        match self {
            Self::Always => true,
            Self::Every(every) => number.is_multiple_of(every),
            Self::At { first, count } => number >= first && number - first < count,
            Self::Chance(chance) => random.chance(chance),
            Self::After(_) => false,
        }
    }
}

/// The decoded content of a message; `None` when it cannot be inflated.
fn plain(encoding: &str, act: &Act) -> Option<Bytes> {
    match act {
        Act::Message {
            compressed: false,
            data,
        } => Some(data.clone()),
        Act::Message { data, .. } => grpc::inflate(encoding, data, MAX_INFLATED).ok(),
        _ => None,
    }
}
