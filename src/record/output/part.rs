//! One file of a series or ring: a slice of it.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    CaptureTemplate, RecordedCapture,
    continued::ContinuedCalls,
    naming::{Naming, NamingMoment},
    template::Lasting,
};
use crate::{
    file::{NewFile, SliceOf},
    model::event::{CAPTURE_CALL, Cancelled, Ending, Event, EventKind, Note, RECORDER_AUTHOR},
    record::{
        Sink as _, SinkError,
        pipeline::{Pipeline, Written},
        sync::RecordedFile,
    },
};

/// Writes events of a recording into a separate capture, with offsets and numbers that start there.
#[derive(Debug)]
pub(super) struct Part {
    naming: Naming,
    writer: Pipeline<Lasting>,
    /// Stored bytes at the beginning of the part.
    began_bytes: u64,
    from_ns: u64,
    last_ns: u64,
    /// Last event number of each call, and of the capture itself.
    seqs: BTreeMap<u32, u64>,
    open: BTreeSet<u32>,
}

/// The description of a part.
#[derive(Debug)]
pub(super) struct Plan<'a> {
    pub(super) template: &'a CaptureTemplate,
    /// Kind and number of the part, for [`SliceOf::range`].
    pub(super) range: String,
    pub(super) from_ns: u64,
    /// End of the part, when it is known.
    pub(super) to_ns: u64,
    /// The open calls at its beginning.
    pub(super) open_calls: &'a ContinuedCalls,
    /// A note about the part as a whole.
    pub(super) note: Option<String>,
    /// When the part gets its name.
    pub(super) named: NamingMoment,
}

impl Part {
    /// Begins a file: header, note, and what opened the calls that go on.
    pub(super) fn begin(file: NewFile, plan: &Plan<'_>) -> Result<Self, SinkError> {
        let mut header = plan.template.header.clone();
        header.anchor_unix_ns = header.anchor_unix_ns.saturating_add(plan.from_ns);
        header.set_slice(&SliceOf {
            range: plan.range.clone(),
            from_ns: plan.from_ns,
            to_ns: plan.to_ns,
            origin_ns: plan.from_ns,
            ..SliceOf::default()
        });
        let file = RecordedFile::new(file)?;
        let naming = Naming::new(file.clone(), plan.template.files.clone(), plan.from_ns, plan.named);
        let mut part = Self {
            writer: plan.template.capture(file, &header)?,
            naming,
            began_bytes: 0,
            from_ns: plan.from_ns,
            last_ns: plan.from_ns,
            seqs: BTreeMap::new(),
            open: BTreeSet::new(),
        };
        if let Some(note) = &plan.note {
            part.say(CAPTURE_CALL, plan.from_ns, note.clone())?;
        }
        for (number, call) in plan.open_calls.calls() {
            part.open.insert(number);
            for kind in call.opening() {
                part.put(number, plan.from_ns, kind)?;
            }
            let (sent, received) = call.left_out();
            let earlier = plan.from_ns.saturating_sub(call.opened_ns) as f64 / 1e9;
            let text = format!(
                "this call started {earlier:.3} s before this capture; of its earlier messages, {received} received \
                 and {sent} sent are not in it"
            );
            part.say(number, plan.from_ns, text)?;
        }
        part.began_bytes = part.writer.stored_bytes();
        Ok(part)
    }

    /// Appends an event of the recording.
    pub(super) fn write(&mut self, event: &Event) -> Result<(), SinkError> {
        match event.kind {
            EventKind::CallStart(_) => drop(self.open.insert(event.call)),
            EventKind::End(_) => drop(self.open.remove(&event.call)),
            _ => {}
        }
        self.put(event.call, event.offset_ns, event.kind.clone())?;
        if self.naming.is_due(event) {
            // What has a name holds something.
            self.writer.flush()?;
            self.naming.name()?;
        }
        Ok(())
    }

    /// Appends a remark of the recorder.
    pub(super) fn say(&mut self, call: u32, at_ns: u64, text: String) -> Result<(), SinkError> {
        self.remark(call, at_ns, RECORDER_AUTHOR, text)
    }

    /// Appends a remark with an author.
    pub(super) fn remark(&mut self, call: u32, at_ns: u64, author: &str, text: String) -> Result<(), SinkError> {
        let author = author.to_owned();
        self.put(call, at_ns, EventKind::Note(Note { author, text }))
    }

    fn put(&mut self, call: u32, at_ns: u64, kind: EventKind) -> Result<(), SinkError> {
        let seq = self.seqs.entry(call).or_default();
        *seq += 1;
        let seq = *seq;
        if matches!(kind, EventKind::End(_)) {
            self.seqs.remove(&call);
        }
        self.last_ns = self.last_ns.max(at_ns);
        let offset_ns = self.last_ns - self.from_ns;
        self.writer.write(&Event {
            call,
            seq,
            offset_ns,
            kind,
        })
    }

    pub(super) fn check(&mut self) -> Result<(), SinkError> {
        self.writer.check()
    }

    pub(super) fn pressure(&mut self, percent: u8) {
        self.writer.pressure(percent);
    }

    pub(super) fn flush(&mut self) -> Result<(), SinkError> {
        self.writer.flush()
    }

    pub(super) fn stored_bytes(&self) -> u64 {
        self.writer.stored_bytes()
    }

    /// Whether the part has this size, and contains more than its own beginning: that may be larger than the size.
    pub(super) fn has_reached(&self, size: u64) -> bool {
        self.stored_bytes() >= size.max(2 * self.began_bytes)
    }

    pub(super) const fn begins_ns(&self) -> u64 {
        self.from_ns
    }

    /// Completes the file. Open calls continue in another file, and end here as cut. Returns `None` when the file was
    /// empty and was deleted; an empty file is kept only on request.
    pub(super) fn finish(
        mut self,
        at_ns: u64,
        keep_empty: bool,
    ) -> Result<Option<(RecordedCapture, Written)>, SinkError> {
        let seconds = at_ns.saturating_sub(self.from_ns) as f64 / 1e9;
        for call in std::mem::take(&mut self.open) {
            self.put(
                call,
                at_ns,
                EventKind::End(Ending::Cancelled(Cancelled::by_slice(seconds))),
            )?;
        }
        let written = self.writer.finish()?;
        if !self.naming.finish(keep_empty)? {
            return Ok(None);
        }
        let file = self.naming.captured(written.summary, self.from_ns);
        Ok(Some((file, written)))
    }
}
