//! The events that `cat` shows.

use std::{collections::BTreeSet, fs::File, path::Path};

use crate::{
    file::{CallOverview, Header, Reader},
    grpc::{self, MethodPattern, is_support_method},
    model::event::{Direction, Ending, Event, EventKind},
};

use super::super::{Failure, input, output, schema::few};
use crate::cli::flags::{
    cat::{CatArgs, DirectionArg, SelectArgs},
    value::Moment,
};

/// What the flags select.
pub(super) struct Selection {
    /// The calls that fit; `None` for all.
    calls: Option<BTreeSet<u32>>,
    /// The methods of calls that become known as they begin, with `--follow`.
    methods: Vec<MethodPattern>,
    /// The numbers of such calls; empty for all.
    numbers: BTreeSet<u32>,
    messages: BTreeSet<u64>,
    direction: Option<Direction>,
    /// Events before it are skipped until the first at or after it; they number and explain what follows.
    since_ns: Option<u64>,
    until_ns: u64,
    last_ns: u64,
    met: bool,
}

impl Selection {
    /// Reads the flags, and restricts the reader to the calls that fit.
    ///
    /// # Errors
    /// When a call or a method does not exist, or a time cannot be found in the capture.
    pub(super) fn of(args: &CatArgs, reader: &mut Reader<File>) -> Result<Self, Failure> {
        let select = &args.select;
        let start_ns = select.start_offset.map(|start| ns(start.0));
        let since_ns = select.since.map(|since| offset_ns(since, "--since", reader.header()));
        let until_ns = select.until.map(|until| offset_ns(until, "--until", reader.header()));
        let (since_ns, until_ns) = (since_ns.transpose()?.or(start_ns), until_ns.transpose()?);
        if let (Some(since_ns), Some(until_ns)) = (since_ns, until_ns)
            && until_ns < since_ns
        {
            return Err(Failure::Usage(format!(
                "--until is {} before --since; exchange them",
                output::seconds(since_ns - until_ns)
            )));
        }
        let methods: Vec<_> = select.method.iter().map(MethodPattern::new).collect();
        let mut selection = Self {
            calls: None,
            methods: Vec::new(),
            numbers: select.call.iter().copied().collect(),
            messages: select.message.iter().copied().collect(),
            direction: match (select.direction, args.raw) {
                (Some(DirectionArg::Both), _) | (None, false) => None,
                (Some(DirectionArg::Received), _) | (None, true) => Some(Direction::Received),
                (Some(DirectionArg::Sent), _) => Some(Direction::Sent),
            },
            since_ns,
            until_ns: until_ns.unwrap_or(u64::MAX),
            last_ns: 0,
            met: false,
        };
        if select.call.is_empty() && select.method.is_empty() && select.status.is_empty() {
            return Ok(selection);
        }
        if !args.follow {
            let calls = calls_of(&args.capture, select, &methods, reader)?;
            reader.only_calls(calls.iter().copied());
            selection.calls = Some(calls);
        } else if methods.is_empty() {
            // The other calls tell how late it is.
            if until_ns.is_none() {
                reader.only_calls(selection.numbers.iter().copied());
            }
            selection.calls = Some(std::mem::take(&mut selection.numbers));
        } else {
            (selection.calls, selection.methods) = (Some(BTreeSet::new()), methods);
        }
        Ok(selection)
    }

    /// Whether an event is of the calls and the time that are selected.
    pub(super) fn covers(&mut self, event: &Event) -> bool {
        self.last_ns = self.last_ns.max(event.offset_ns);
        if let (EventKind::CallStart(start), Some(calls)) = (&event.kind, &mut self.calls)
            && (self.numbers.is_empty() || self.numbers.contains(&event.call))
            && self.methods.iter().any(|pattern| pattern.matches(&start.method))
        {
            calls.insert(event.call);
        }
        if self.calls.as_ref().is_some_and(|calls| !calls.contains(&event.call)) {
            return false;
        }
        if let (EventKind::End(_), false, Some(calls)) = (&event.kind, self.methods.is_empty(), &mut self.calls) {
            calls.remove(&event.call);
        }
        self.met = true;
        if self.since_ns.is_some_and(|since_ns| event.offset_ns < since_ns) {
            return false;
        }
        self.since_ns = None;
        event.offset_ns <= self.until_ns
    }

    /// Whether an event that is [covered](Self::covers) is to be shown; `number` is that of a message.
    pub(super) fn shows(&self, event: &Event, number: Option<u64>) -> bool {
        let EventKind::Message(message) = &event.kind else {
            return self.messages.is_empty();
        };
        self.direction.is_none_or(|direction| direction == message.direction)
            && (self.messages.is_empty() || number.is_some_and(|number| self.messages.contains(&number)))
    }

    /// True when nothing that follows in a growing capture is to be shown.
    pub(super) const fn is_over(&self) -> bool {
        self.last_ns > self.until_ns
    }

    /// True when an event of the selected calls was met.
    pub(super) const fn met(&self) -> bool {
        self.met
    }

    /// The start that no event has reached, and the last offset.
    pub(super) fn never_begun(&self) -> Option<u64> {
        self.since_ns.map(|_| self.last_ns)
    }
}

/// The calls of the capture that fit.
fn calls_of(
    path: &Path,
    select: &SelectArgs,
    methods: &[MethodPattern],
    reader: &mut Reader<File>,
) -> Result<BTreeSet<u32>, Failure> {
    let all = reader.overview()?.calls;
    // 0 is the capture itself, with the notes about it.
    if let Some(call) = select
        .call
        .iter()
        .find(|wanted| **wanted != 0 && all.iter().all(|call| call.call != **wanted))
    {
        return Err(input::no_call(path, reader, *call)?);
    }
    let by_number = |call: &&CallOverview| select.call.is_empty() || select.call.contains(&call.call);
    let method = |call: &CallOverview| call.start.as_ref().map_or("", |start| &start.method).to_owned();
    let by_method = |call: &&CallOverview| {
        let method = method(call);
        methods.is_empty() || methods.iter().any(|pattern| pattern.matches(&method))
    };
    let by_status = |call: &&CallOverview| {
        let Some(Ending::Status(status)) = &call.ending else {
            return select.status.is_empty();
        };
        select.status.is_empty() || select.status.iter().any(|wanted| wanted.0 == status.code)
    };
    let named: Vec<_> = all.iter().filter(by_number).filter(by_method).collect();
    if named.is_empty() && !methods.is_empty() {
        let methods: BTreeSet<_> = all.iter().map(method).collect();
        let mut methods: Vec<_> = methods.into_iter().collect();
        methods.sort_by_key(|method| is_support_method(method));
        return Err(format!(
            "{} holds no call that fits --method {}; it holds calls of {}",
            path.display(),
            select.method.join(" --method "),
            few(&methods)
        )
        .into());
    }
    let mut calls: BTreeSet<_> = named.iter().copied().filter(by_status).map(|call| call.call).collect();
    if calls.is_empty() && !select.status.is_empty() {
        output::say(format!(
            "no call ended with {}; {}",
            select
                .status
                .iter()
                .map(|status| grpc::status::name(status.0))
                .collect::<Vec<_>>()
                .join(" or "),
            endings(&named)
        ));
    }
    if select.call.contains(&0) {
        calls.insert(0);
    }
    Ok(calls)
}

fn ns(time: std::time::Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

/// A moment as nanoseconds after the start of the capture; what is before its start is its start.
fn offset_ns(moment: Moment, flag: &str, header: &Header) -> Result<u64, Failure> {
    match moment {
        Moment::After(after) => Ok(ns(after)),
        Moment::At(_) if header.anchor_unix_ns == 0 => Err(Failure::Usage(format!(
            "{flag} is a time on the clock, and the capture does not say when it began; write a length of time after its \
             start, such as 90s"
        ))),
        Moment::At(at) => {
            let after = at.as_nanosecond() - i128::from(header.anchor_unix_ns);
            Ok(u64::try_from(after.max(0)).unwrap_or(u64::MAX))
        }
    }
}

/// How calls ended, in words: the most frequent endings first.
fn endings(calls: &[&CallOverview]) -> String {
    let mut counts = std::collections::BTreeMap::<String, u64>::new();
    for call in calls {
        let how = match &call.ending {
            Some(Ending::Status(status)) => grpc::status::name(status.code),
            Some(ending) => ending.name().to_owned(),
            None => "no ending".to_owned(),
        };
        *counts.entry(how).or_default() += 1;
    }
    let mut counts: Vec<_> = counts.into_iter().collect();
    counts.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    let told: Vec<_> = counts
        .into_iter()
        .map(|(how, count)| format!("{} {how}", output::grouped(count)))
        .collect();
    match told.as_slice() {
        [] => "there is no call".to_owned(),
        told => format!("calls by ending: {}", told.join(", ")),
    }
}
