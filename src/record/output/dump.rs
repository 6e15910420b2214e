//! Writing of dumps: segments of the ring are copied into a capture, on a thread that does not delay the recording.

use std::{
    io,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc,
        mpsc::{Receiver, Sender, channel},
    },
    thread::{self, JoinHandle},
};

use super::{
    CaptureTemplate, Names, RecordedCapture, RecordingSummary, Trigger,
    continued::ContinuedCalls,
    naming::NamingMoment,
    part::{Part, Plan},
    segment::Segment,
};
use crate::{
    file::Reader,
    model::event::{CAPTURE_CALL, Event},
    record::{SinkError, pipeline},
};

/// The author of the note about a dump's trigger.
pub(super) const TRIGGER_AUTHOR: &str = "trigger";

/// A dump to write.
#[derive(Debug)]
pub(super) struct Dump {
    pub(super) number: u64,
    /// The triggers in the order of their offsets; at least one.
    pub(super) triggers: Vec<Trigger>,
    /// Number of further triggers.
    pub(super) more: u64,
    pub(super) from_ns: u64,
    pub(super) to_ns: u64,
    pub(super) segments: Vec<Arc<Segment>>,
}

/// The thread that writes dumps, one after the other.
#[derive(Debug)]
pub(super) struct Dumper {
    dumps: Sender<Dump>,
    thread: JoinHandle<Result<RecordingSummary, SinkError>>,
}

impl Dumper {
    pub(super) fn start(names: Names, template: CaptureTemplate, keep: Option<usize>) -> io::Result<Self> {
        let (dumps, waiting) = channel();
        let thread = thread::Builder::new()
            .name("capture-dump".into())
            .spawn(move || write_all(&waiting, &names, &template, keep))?;
        Ok(Self { dumps, thread })
    }

    pub(super) fn write(&self, dump: Dump) {
        // Without a receiver the thread has panicked, which `finish` tells.
        let _ = self.dumps.send(dump);
    }

    pub(super) fn finish(self) -> Result<RecordingSummary, SinkError> {
        drop(self.dumps);
        let panicked = |_| SinkError::from("the thread that writes ring captures stopped unexpectedly");
        self.thread.join().map_err(panicked)?
    }
}

/// Writes the dumps that it receives. After a failure the others are still tried; the first failure is reported at the
/// end.
fn write_all(
    dumps: &Receiver<Dump>,
    names: &Names,
    template: &CaptureTemplate,
    keep: Option<usize>,
) -> Result<RecordingSummary, SinkError> {
    let (mut written, mut failure) = (RecordingSummary::default(), None);
    for dump in dumps {
        // A panic must not take the pieces with it.
        let file = catch_unwind(AssertUnwindSafe(|| write(&dump, names, template)));
        let file = file.unwrap_or_else(|_| Err("what writes it panicked".into()));
        let made = file.and_then(|file| {
            written.add(file);
            Ok(written.keep(keep, &template.files)?)
        });
        if let Err(error) = made {
            dump.segments.iter().for_each(|segment| segment.save());
            let first = dump
                .segments
                .iter()
                .map(|segment| segment.path())
                .find(|path| path.exists());
            let place = first.map_or_else(
                || "; its parts are gone".to_owned(),
                |path| format!("; its parts stay beside it, from {} on", path.display()),
            );
            tracing::error!("dump {} could not be written: {error}{place}", dump.number);
            failure.get_or_insert_with(|| SinkError::from(format!("dump {}: {error}{place}", dump.number)));
        }
    }
    match failure {
        Some(failure) => Err(failure),
        None => Ok(written),
    }
}

fn write(
    dump: &Dump,
    names: &Names,
    template: &CaptureTemplate,
) -> Result<(RecordedCapture, pipeline::Written), SinkError> {
    let (mut file, mut part) = (Some(names.create(dump.number)?), None);
    let mut open_calls = dump
        .segments
        .first()
        .map_or_else(ContinuedCalls::default, |segment| segment.opening.clone());
    let mut begin = |open_calls: &ContinuedCalls| -> Result<Option<Part>, SinkError> {
        let Some(file) = file.take() else {
            return Ok(None);
        };
        let plan = Plan {
            template,
            range: format!("dump {}", dump.number),
            from_ns: dump.from_ns,
            to_ns: dump.to_ns,
            open_calls,
            note: None,
            named: NamingMoment::Whole,
        };
        Ok(Some(Part::begin(file, &plan)?))
    };
    let mut triggers = dump.triggers.iter().peekable();
    'all: for segment in &dump.segments {
        for event in Reader::open(segment.path())? {
            let event: Event = event?;
            if event.offset_ns > dump.to_ns {
                break 'all;
            }
            if event.offset_ns < dump.from_ns {
                open_calls.see(&event);
                continue;
            }
            if part.is_none() {
                part = begin(&open_calls)?;
            }
            let Some(part) = &mut part else { break 'all };
            while let Some(trigger) = triggers.next_if(|trigger| trigger.offset_ns < event.offset_ns) {
                say(part, trigger)?;
            }
            part.write(&event)?;
        }
    }
    if part.is_none() {
        part = begin(&open_calls)?;
    }
    let Some(mut part) = part else {
        return Err("its file was not begun".into());
    };
    for trigger in triggers {
        say(&mut part, trigger)?;
    }
    if dump.more > 0 {
        part.remark(
            CAPTURE_CALL,
            dump.to_ns,
            TRIGGER_AUTHOR,
            format!("and {} more", dump.more),
        )?;
    }
    let Some((mut file, codecs)) = part.finish(dump.to_ns, true)? else {
        return Err("its file is not there".into());
    };
    file.trigger = dump.triggers.first().cloned();
    Ok((file, codecs))
}

fn say(part: &mut Part, trigger: &Trigger) -> Result<(), SinkError> {
    let at_ns = trigger.offset_ns;
    let seconds = at_ns as f64 / 1e9;
    let text = format!("{} (at {seconds:.3} s of the recording)", trigger.what);
    part.remark(CAPTURE_CALL, at_ns, TRIGGER_AUTHOR, text)
}
