//! The first pass, which plans the slice: what of which call is kept.

use std::{
    collections::BTreeMap,
    fmt,
    io::{Read, Seek},
};

use super::{Cut, Range, SliceError};
use crate::{
    das::{
        focus::Span,
        frames::{Frames, Seen},
    },
    file::{CallOverview, Reader},
    model::event::{Direction, EventKind},
};

/// The plan of a slice.
#[derive(Debug, Default)]
pub(super) struct Plan {
    /// Range of the slice, in offsets of the source.
    pub(super) from_ns: u64,
    pub(super) to_ns: u64,
    pub(super) calls: BTreeMap<u32, CallPlan>,
    /// Calls that are left out, and their received messages.
    pub(super) left_out: u64,
    pub(super) messages_left_out: u64,
}

/// The kept part of a call.
#[derive(Debug, Clone, Copy)]
pub(super) struct CallPlan {
    /// Range of the kept part, in offsets.
    pub(super) from_ns: u64,
    pub(super) to_ns: u64,
    /// Indexes of the kept received messages: the first of the call has 0.
    pub(super) first: u64,
    pub(super) last: u64,
    /// Number of received messages in the source.
    pub(super) received: u64,
    /// Offset of the call's opening.
    pub(super) opened_ns: u64,
    /// Offset of the call's ending, if the source contains it.
    pub(super) ends_ns: Option<u64>,
}

impl Plan {
    pub(super) fn make<R: Read + Seek>(reader: &mut Reader<R>, cut: &Cut) -> Result<Self, SliceError> {
        let overview = reader.overview()?;
        let known: Vec<_> = overview.calls.iter().map(|call| call.call).collect();
        if let Some(call) = cut.calls.iter().copied().find(|call| !known.contains(call)) {
            return Err(SliceError::NoCall {
                call,
                known: listed(&known),
            });
        }
        let (from_ns, to_ns) = match cut.range {
            Range::Time { from_ns, to_ns } => (from_ns, to_ns.min(overview.last_offset_ns)),
            _ => (0, overview.last_offset_ns),
        };
        if matches!(cut.range, Range::Time { from_ns, to_ns } if to_ns < from_ns) {
            return Err(SliceError::Reversed);
        }
        if to_ns < from_ns {
            return Err(SliceError::BeyondEnd {
                ends_s: to_ns as f64 / 1e9,
                from_s: from_ns as f64 / 1e9,
            });
        }
        let found = match cut.range {
            Range::Whole | Range::Time { .. } => None,
            Range::Rows(span) | Range::Frames(span) if span.max < span.min => return Err(SliceError::Reversed),
            Range::Rows(span) => Some((find(reader, Unit::Rows, span)?, span, Unit::Rows)),
            Range::Frames(span) => Some((find(reader, Unit::Frames, span)?, span, Unit::Frames)),
        };
        let mut plan = Self {
            from_ns,
            to_ns,
            ..Self::default()
        };
        for call in &overview.calls {
            let chosen = cut.calls.is_empty() || cut.calls.contains(&call.call);
            let planned = match &found {
                None => within(call, from_ns, to_ns),
                Some((found, ..)) => of_messages(call, found.get(&call.call)),
            };
            if let Some(planned) = planned.filter(|_| chosen) {
                plan.calls.insert(call.call, planned);
            } else {
                plan.left_out += 1;
                plan.messages_left_out += call.received;
            }
        }
        if let Some((found, span, unit)) = found {
            let kept = || plan.calls.keys().filter_map(|call| found.get(call));
            let has_frames = found.values().any(|found| found.units > 0);
            if has_frames && kept().all(|found| found.messages.is_none()) {
                let most = found.values().map(|found| found.units).max().unwrap_or(0);
                let what = format!("{unit} {span}");
                return Err(SliceError::Nothing {
                    what,
                    most: format!("{most} {unit}, counted from {}", unit.first()),
                });
            }
            plan.from_ns = plan
                .calls
                .values()
                .map(|call| call.from_ns.max(call.opened_ns))
                .min()
                .unwrap_or(0);
            let end = |call: &CallPlan| call.to_ns.min(call.ends_ns.unwrap_or(to_ns));
            let last = plan.calls.values().map(end).max().unwrap_or(to_ns);
            // In a file whose times run backwards, the last message may be earlier than the first.
            plan.to_ns = last.max(plan.from_ns);
        }
        Ok(plan)
    }
}

fn listed(calls: &[u32]) -> String {
    match calls {
        [] => "none".to_owned(),
        [one] => format!("call {one}"),
        [first, .., last] => format!("{} calls, {first} to {last}", calls.len()),
    }
}

/// The plan for a whole call.
fn whole(call: &CallOverview) -> CallPlan {
    CallPlan {
        from_ns: 0,
        to_ns: u64::MAX,
        first: 0,
        last: u64::MAX,
        received: call.received,
        opened_ns: call.start_offset_ns,
        ends_ns: call.ending.as_ref().map(|_| call.end_offset_ns),
    }
}

/// The plan for a call that was open within the window.
fn within(call: &CallOverview, from_ns: u64, to_ns: u64) -> Option<CallPlan> {
    let call = whole(call);
    let ends_ns = call.ends_ns.unwrap_or(u64::MAX);
    (call.opened_ns <= to_ns && ends_ns >= from_ns).then_some(CallPlan { from_ns, to_ns, ..call })
}

/// The plan for a call with selected messages; one that received none at all is kept as it is.
fn of_messages(call: &CallOverview, found: Option<&Found>) -> Option<CallPlan> {
    let plan = whole(call);
    if call.received == 0 {
        return Some(plan);
    }
    let Wanted {
        first,
        last,
        from_ns,
        to_ns,
    } = found?.messages?;
    Some(CallPlan {
        from_ns: if first == 0 { 0 } else { from_ns },
        to_ns: if last + 1 >= call.received { u64::MAX } else { to_ns },
        first,
        last,
        ..plan
    })
}

/// The unit of a range.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Unit {
    Rows,
    Frames,
}

impl Unit {
    /// Number of the first element.
    const fn first(self) -> u64 {
        match self {
            Self::Rows => 0,
            Self::Frames => 1,
        }
    }
}

impl fmt::Display for Unit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Rows => "rows",
            Self::Frames => "frames",
        })
    }
}

/// The range found in a call.
#[derive(Debug, Default)]
struct Found {
    received: u64,
    units: u64,
    messages: Option<Wanted>,
}

/// The messages with the range: first and last, and their offsets.
#[derive(Debug, Clone, Copy)]
struct Wanted {
    first: u64,
    last: u64,
    from_ns: u64,
    to_ns: u64,
}

fn find<R: Read + Seek>(
    reader: &mut Reader<R>,
    unit: Unit,
    span: Span<u64>,
) -> Result<BTreeMap<u32, Found>, SliceError> {
    let mut calls = BTreeMap::<u32, Found>::new();
    let mut frames = Frames::default();
    while let Some(event) = reader.next_event()? {
        let rows = match unit {
            Unit::Frames => 1,
            Unit::Rows => match frames.see(&event) {
                Seen::Frame(_, frame) => frame.rows.len() as u64,
                _ => 0,
            },
        };
        let EventKind::Message(message) = &event.kind else {
            continue;
        };
        if message.direction == Direction::Sent {
            continue;
        }
        let call = calls.entry(event.call).or_default();
        let (index, before) = (call.received, call.units);
        call.received += 1;
        call.units += rows;
        let number = before + unit.first();
        if rows > 0 && number <= span.max && number + rows > span.min {
            let at = event.offset_ns;
            let wanted = call.messages.get_or_insert(Wanted {
                first: index,
                last: index,
                from_ns: at,
                to_ns: at,
            });
            (wanted.last, wanted.to_ns) = (index, at);
        }
    }
    Ok(calls)
}
