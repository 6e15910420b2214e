//! Comparison of one pair of calls.

use std::{
    collections::VecDeque,
    io::{Read, Seek},
};

use super::{
    DiffOptions, DifferenceMap, MetadataMode, WINDOW,
    align::{self, Step},
    calls::Surveyed,
    identity::{Identity, Known},
    items::{self, Head, Item, Key, MessageItem, RowItem, Source},
    message, metadata,
    requests::{self, SentDifference},
    result::{Difference, DifferenceKind, DifferenceSubject, Extreme, Found},
    row,
};
use crate::{
    das::spectrogram::Row,
    file::{FileError, Reader},
    grpc::differ,
    model::{
        event::{Direction, Event, EventKind},
        finding::Place,
    },
};

pub(super) fn compare<A: Read + Seek, B: Read + Seek>(
    (reader_a, of_a): (&mut Reader<A>, &Surveyed),
    (reader_b, of_b): (&mut Reader<B>, &Surveyed),
    options: DiffOptions,
    identity: &mut Identity,
) -> Result<(Found, DifferenceMap), FileError> {
    let sent = requests::compare((reader_a, of_a), (reader_b, of_b), identity, options)?;
    let mut comparison = Comparison::new(of_a, of_b, options, identity);
    let mut a = Source::new(reader_a, of_a, options.layout)?;
    let mut b = Source::new(reader_b, of_b, options.layout)?;
    loop {
        if a.queue.is_empty() && b.queue.is_empty() {
            match (a.next_message()?, b.next_message()?) {
                (None, None) => break,
                (Some(one), Some(other)) if same_bytes(&one, &other) => {
                    let rows = a.pass(&one, |rows| comparison.see(rows));
                    b.skip(rows);
                    comparison.passed(rows);
                    continue;
                }
                (one, other) => {
                    if let Some(event) = one {
                        a.unpack(&event, comparison.identity);
                    }
                    if let Some(event) = other {
                        b.unpack(&event, comparison.identity);
                    }
                }
            }
        }
        comparison.step(&mut a, &mut b)?;
    }
    // What comes after the last message, the ending first of all, was noted on the way to the end.
    comparison.settle_message();
    comparison.request(sent, &a.facts, &b.facts);
    for (what, text) in metadata::compare(&a.facts, &b.facts, options.metadata, &comparison.identity.ignore) {
        comparison.found.other(what, text);
    }
    Ok((comparison.found, comparison.map))
}

fn same_bytes(a: &Event, b: &Event) -> bool {
    match (&a.kind, &b.kind) {
        (EventKind::Message(a), EventKind::Message(b)) => a.compressed == b.compressed && a.data == b.data,
        _ => false,
    }
}

#[derive(Debug)]
struct Comparison<'i> {
    options: DiffOptions,
    identity: &'i mut Identity,
    /// Type of the messages that the calls receive.
    known: Option<Known>,
    found: Found,
    map: DifferenceMap,
    /// Keys that were matched last, so that a repeated one is recognized as a duplicate.
    recent: VecDeque<Key>,
    /// Two messages whose bytes differ, as long as no other difference explains it.
    suspects: Option<(Head, Place, Head, Place)>,
    regrouped: bool,
}

impl<'i> Comparison<'i> {
    fn new(a: &Surveyed, b: &Surveyed, options: DiffOptions, identity: &'i mut Identity) -> Self {
        let mut found = Found::default();
        (found.call.a, found.call.b) = (Some(a.number), Some(b.number));
        found.call.method.clone_from(&a.method);
        Self {
            options,
            known: identity.known(&a.method, Direction::Received),
            identity,
            found,
            map: DifferenceMap::new(a.number, b.number),
            recent: VecDeque::new(),
            suspects: None,
            regrouped: false,
        }
    }

    /// Counts a message that is equal on both sides.
    fn passed(&mut self, rows: u64) {
        self.settle_message();
        if rows == 0 {
            self.found.totals.messages += 1;
        }
        self.found.totals.rows += rows;
    }

    fn step<A: Read + Seek, B: Read + Seek>(
        &mut self,
        a: &mut Source<'_, A>,
        b: &mut Source<'_, B>,
    ) -> Result<(), FileError> {
        a.fill(1, self.identity)?;
        b.fill(1, self.identity)?;
        let mut step = align::step(&a.queue, &b.queue);
        if self.are_close(&a.queue, &b.queue) {
            step = Some(Step::Pair { a: 0, b: 0 });
        } else if step != Some(Step::Pair { a: 0, b: 0 }) || !same_key(&a.queue, &b.queue) {
            a.fill(WINDOW, self.identity)?;
            b.fill(WINDOW, self.identity)?;
            step = align::step(&a.queue, &b.queue);
        }
        match step {
            None => {}
            Some(Step::Missing) => {
                if let Some(item) = a.queue.pop_front() {
                    self.lone(&item, DifferenceKind::Missing);
                }
            }
            Some(Step::Extra) => {
                if let Some(item) = b.queue.pop_front() {
                    let again = self.recent.contains(&item.key());
                    self.lone(
                        &item,
                        if again {
                            DifferenceKind::Duplicated
                        } else {
                            DifferenceKind::Extra
                        },
                    );
                }
            }
            Some(Step::Pair { a: in_a, b: in_b }) => {
                if let (Some(one), Some(other)) = (a.queue.remove(in_a), b.queue.remove(in_b)) {
                    self.remember(one.key());
                    let by = in_b as i64 - in_a as i64;
                    self.matched(one, other, by);
                }
            }
        }
        Ok(())
    }

    /// Compares two rows that correspond.
    fn see(&mut self, rows: &[Row<'_>]) {
        self.map.same(rows);
        for key in rows.iter().filter_map(items::key) {
            self.remember(key);
        }
    }

    fn remember(&mut self, key: Key) {
        self.recent.push_back(key);
        if self.recent.len() > WINDOW {
            self.recent.pop_front();
        }
    }

    /// Records an item that only one side holds.
    fn lone(&mut self, item: &Item, kind: DifferenceKind) {
        let totals = &mut self.found.totals;
        let count = match (kind, item.is_row()) {
            (DifferenceKind::Missing, true) => &mut totals.rows_missing,
            (DifferenceKind::Duplicated, true) => &mut totals.rows_duplicated,
            (_, true) => &mut totals.rows_extra,
            (DifferenceKind::Missing, false) => &mut totals.messages_missing,
            (DifferenceKind::Duplicated, false) => &mut totals.messages_duplicated,
            (_, false) => &mut totals.messages_extra,
        };
        *count += 1;
        let which = if kind == DifferenceKind::Missing {
            "first"
        } else {
            "second"
        };
        let (what, text) = match item {
            Item::Row(row) => {
                self.map.lone(kind, row);
                (
                    DifferenceSubject::Row,
                    format!("only the {which} capture holds it: {}", told(row)),
                )
            }
            Item::Message(message) => (DifferenceSubject::Message, told_message(message, which)),
        };
        let text = if kind == DifferenceKind::Duplicated {
            format!("it occurs once more: {}", text_of(item))
        } else {
            text
        };
        let place = Some(item.place());
        let (a, b) = if kind == DifferenceKind::Missing {
            (place, None)
        } else {
            (None, place)
        };
        self.found.note(Difference { kind, what, a, b, text });
        if item.is_row() {
            // The bytes around it differ for this reason.
            self.suspects = None;
        }
    }

    /// Compares two items that correspond, the second one `by` places later.
    fn matched(&mut self, a: Item, b: Item, by: i64) {
        let (place_a, place_b) = (Some(a.place()), Some(b.place()));
        let what = if a.is_row() {
            DifferenceSubject::Row
        } else {
            DifferenceSubject::Message
        };
        if by != 0 {
            let totals = &mut self.found.totals;
            *(if a.is_row() {
                &mut totals.rows_moved
            } else {
                &mut totals.messages_moved
            }) += 1;
            let (noun, when) = (
                if by.abs() == 1 { "place" } else { "places" },
                if by > 0 { "later" } else { "earlier" },
            );
            let text = format!("it comes {} {noun} {when}: {}", by.abs(), text_of(&a));
            let (kind, a, b) = (DifferenceKind::Moved, place_a, place_b);
            self.found.note(Difference { kind, what, a, b, text });
        }
        let text = match (a, b) {
            (Item::Row(a), Item::Row(b)) => self.rows(*a, *b, by != 0),
            (Item::Message(a), Item::Message(b)) => self.messages(&a, &b),
            // Only things of a kind are matched.
            _ => None,
        };
        if let Some(text) = text {
            let (kind, a, b) = (DifferenceKind::Changed, place_a, place_b);
            self.found.note(Difference { kind, what, a, b, text });
        }
    }

    fn rows(&mut self, mut a: RowItem, mut b: RowItem, moved: bool) -> Option<String> {
        self.found.totals.rows += 1;
        let heads = (a.head.take(), b.head.take());
        let mut differs = moved;
        if heads.0.is_some() || heads.1.is_some() {
            if heads.0.is_some() == heads.1.is_some() {
                self.settle_message();
            } else {
                self.regroup(a.place, b.place);
            }
        }
        if let (Some(one), Some(other)) = heads
            && (one.message.data != other.message.data || one.message.compressed != other.message.compressed)
        {
            for text in row::compare_heads(&one, &other, self.options) {
                differs = true;
                self.found.totals.messages_changed += 1;
                let (kind, what) = (DifferenceKind::Changed, DifferenceSubject::Message);
                let (a, b) = (Some(a.place), Some(b.place));
                self.found.note(Difference { kind, what, a, b, text });
            }
            // Where rows come in other messages, those differ by that.
            self.suspects = (!self.regrouped).then_some((one, a.place, other, b.place));
        }
        let diff = row::compare(&a, &b, self.options);
        self.found.totals.values_changed += diff.values;
        self.found.max_abs = Extreme::larger(self.found.max_abs, diff.max_abs);
        self.found.max_rel = Extreme::larger(self.found.max_rel, diff.max_rel);
        self.map.row(&a, &diff.by_sensor, moved);
        if differs || diff.bits || !diff.texts.is_empty() {
            self.suspects = None;
        }
        if diff.texts.is_empty() {
            return None;
        }
        self.found.totals.rows_changed += 1;
        Some(diff.texts.join("; "))
    }

    /// Handles equal rows that are grouped into other messages; the difference is reported once.
    fn regroup(&mut self, a: Place, b: Place) {
        self.suspects = None;
        if std::mem::replace(&mut self.regrouped, true)
            || self.found.totals.rows_missing + self.found.totals.rows_extra > 0
        {
            return;
        }
        self.found.totals.messages_changed += 1;
        self.found.note(Difference {
            kind: DifferenceKind::Changed,
            what: DifferenceSubject::Message,
            a: Some(a),
            b: Some(b),
            text: "from here on, rows are distributed over messages differently".to_owned(),
        });
    }

    /// Finishes a message: reports a difference when its bytes differ and no other difference explains it.
    fn settle_message(&mut self) {
        let Some((a, place_a, b, place_b)) = self.suspects.take() else {
            return;
        };
        self.found.totals.messages_changed += 1;
        let text = if a.message.compressed == b.message.compressed {
            let (a, b) = differ::told(&a.message.data, &b.message.data).unwrap_or_default();
            format!("all rows are equal, but the bytes differ (unknown fields, or another encoding): {a} and {b}")
        } else {
            "one of them is compressed".to_owned()
        };
        self.found.note(Difference {
            kind: DifferenceKind::Changed,
            what: DifferenceSubject::Message,
            a: Some(place_a),
            b: Some(place_b),
            text,
        });
    }

    fn messages(&mut self, a: &MessageItem, b: &MessageItem) -> Option<String> {
        self.found.totals.messages += 1;
        let text = match self.compare(a, b) {
            None if a.compressed != b.compressed => Some("one of them is compressed".to_owned()),
            text => text,
        };
        self.found.totals.messages_changed += u64::from(text.is_some());
        text
    }

    fn compare(&self, a: &MessageItem, b: &MessageItem) -> Option<String> {
        if a.mark == b.mark {
            return None;
        }
        let ignore = &self.identity.ignore;
        message::compare(self.known.as_ref(), ignore, self.options, (&a.data, &b.data))
    }

    /// True when the next messages differ by no more than the tolerance. Then no later message is searched for a match.
    fn are_close(&self, a: &VecDeque<Item>, b: &VecDeque<Item>) -> bool {
        let is_exact = self.options.abs <= 0.0 && self.options.rel <= 0.0;
        match (a.front(), b.front()) {
            (Some(Item::Message(a)), Some(Item::Message(b))) if !is_exact => self.compare(a, b).is_none(),
            _ => false,
        }
    }

    fn request(&mut self, sent: Option<SentDifference>, a: &items::Facts, b: &items::Facts) {
        if self.options.metadata == MetadataMode::All && a.start.authority != b.start.authority {
            let text = format!("authority `{}` and `{}`", a.start.authority, b.start.authority);
            self.found.other(DifferenceSubject::Request, text);
        }
        if let Some(SentDifference { a, b, text }) = sent {
            self.found.placed(DifferenceSubject::Request, (a, b), text);
        }
    }
}

fn same_key(a: &VecDeque<Item>, b: &VecDeque<Item>) -> bool {
    matches!((a.front(), b.front()), (Some(a), Some(b)) if a.key() == b.key())
}

fn told(row: &RowItem) -> String {
    let sensors = row.sensors.len();
    match (row.key, row.start_ms) {
        (Key::Row { index: Some(index), .. }, Some(start)) => {
            format!("row {index}, start {start} ms, {sensors} sensors")
        }
        (Key::Row { index: Some(index), .. }, None) => format!("row {index}, {sensors} sensors"),
        (_, Some(start)) => format!("start {start} ms, {sensors} sensors"),
        (_, None) => format!("a row of {sensors} sensors"),
    }
}

fn text_of(item: &Item) -> String {
    match item {
        Item::Row(row) => told(row),
        Item::Message(message) => format!("a message of {} bytes", message.data.len()),
    }
}

fn told_message(message: &MessageItem, which: &str) -> String {
    let text = format!(
        "only the {which} capture holds it: a message of {} bytes",
        message.data.len()
    );
    match &message.why {
        Some(why) => format!("{text} ({why})"),
        None => text,
    }
}
