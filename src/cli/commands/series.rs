//! Series of captures and flight recorders (rings).

use std::{path::Path, time::Duration};

use crate::{
    analyze::validate::{Expectations, Validator},
    file::Header,
    model::{
        event::{Event, Observer},
        text::printable,
    },
    record::{
        OnError, RecordedCapture, RecordingHandle, RecordingLayout, RecordingSummary, RingOptions, RotateOptions,
        StoredFiles, Trigger, TriggerQueue,
    },
};
use serde_json::{Value, json};
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::{Failure, output};
use crate::cli::flags::series::{SeriesArgs, TriggerArg};

/// Smallest file size: below it, files would be little more than their headers.
const SMALLEST_FILE: u64 = 64 << 10;
/// Shortest file duration: below it, there would be more files than messages.
const SHORTEST_FILE: Duration = Duration::from_millis(100);

/// The layout of files that the flags describe.
pub(crate) fn layout(args: &SeriesArgs) -> Result<RecordingLayout, Failure> {
    if !args.is_numbered() && args.keep.is_some() {
        let text = "--keep belongs to --rotate-size, --rotate-interval or --ring";
        return Err(Failure::Usage(text.to_owned()));
    }
    if args.rotate_size.is_some_and(|size| size.0 < SMALLEST_FILE) {
        return Err(Failure::Usage("--rotate-size is at least 64KiB".to_owned()));
    }
    if args.rotate_interval.is_some_and(|span| span.0 < SHORTEST_FILE) {
        return Err(Failure::Usage("--rotate-interval is at least 100ms".to_owned()));
    }
    let keep = args.keep.map(|keep| keep as usize);
    Ok(if let Some(bound) = args.ring {
        RecordingLayout::Ring(RingOptions {
            post_roll: args.post_roll.0,
            on_error: if args.trigger.contains(&TriggerArg::Status) {
                OnError::Dump
            } else {
                OnError::Ignore
            },
            stall: args.trigger_stall.map(|span| span.0),
            keep,
            ..RingOptions::new(bound)
        })
    } else if args.is_numbered() {
        RecordingLayout::Series(RotateOptions {
            size: args.rotate_size.map(|size| size.0),
            interval: args.rotate_interval.map(|span| span.0),
            keep,
        })
    } else {
        RecordingLayout::Single
    })
}

/// Other sources of dumps of a ring: findings and SIGUSR1.
pub(crate) struct DumpRequests {
    signal: Signal,
    findings: bool,
}

impl DumpRequests {
    /// The dump requests of a recording, `None` without a ring. From here on SIGUSR1 asks for a dump; before, it would
    /// end the process.
    pub(crate) fn of(args: &SeriesArgs) -> std::io::Result<Option<Self>> {
        let requests = args.ring.is_some().then(|| {
            Ok(Self {
                signal: signal(SignalKind::user_defined1())?,
                findings: args.trigger.contains(&TriggerArg::Finding),
            })
        });
        requests.transpose()
    }

    /// An observer that requests a dump at each finding of severity error; it runs on the writer's thread, so that a
    /// finding in the last message still comes in time.
    pub(crate) fn observer(
        &self,
        triggers: TriggerQueue,
        expectations: Expectations,
        header: &Header,
        max_message_bytes: u64,
    ) -> Option<Box<dyn Observer>> {
        self.findings.then(|| -> Box<dyn Observer> {
            Box::new(Alarm {
                validator: Validator::new(expectations, header).with_max_message_bytes(max_message_bytes),
                heard: 0,
                triggers,
            })
        })
    }

    /// Listens for SIGUSR1.
    pub(crate) fn listen(self, triggers: TriggerQueue, recording: RecordingHandle) {
        let mut signal = self.signal;
        tokio::spawn(async move {
            while signal.recv().await.is_some() {
                triggers.push(Trigger {
                    offset_ns: recording.now(),
                    what: "SIGUSR1".to_owned(),
                });
            }
        });
    }
}

struct Alarm {
    validator: Validator,
    /// Number of errors for which a dump was requested.
    heard: u64,
    triggers: TriggerQueue,
}

impl Observer for Alarm {
    fn observe(&mut self, event: &Event) {
        self.validator.observe(event);
        if let Some((errors, rule, place)) = self.validator.latest_error()
            && errors > self.heard
        {
            self.heard = errors;
            self.triggers.push(Trigger {
                offset_ns: event.offset_ns,
                what: format!("finding {rule}: {place}"),
            });
        }
    }
}

/// The captures of a series as JSON.
pub(crate) fn files_json(files: &[RecordedCapture]) -> Value {
    let file = |file: &RecordedCapture| {
        let mut object = json!({
            "capture": file.path.display().to_string(),
            "from_ns": file.from_ns,
            "calls": file.summary.calls,
            "messages": file.summary.messages,
            "message_bytes": file.summary.message_bytes,
            "stored_bytes": file.summary.stored_bytes,
            "digest": file.finished.then_some(file.summary.digest),
            "finished": file.finished,
        });
        if let Some(trigger) = &file.trigger {
            object["trigger"] = json!({ "offset_ns": trigger.offset_ns, "what": trigger.what });
        }
        object
    };
    files.iter().map(file).collect()
}

/// The captures of a series as lines of text; what a flight recorder that was not triggered says, too.
pub(crate) fn files_text(
    args: &SeriesArgs,
    path: &Path,
    written: Option<&RecordingSummary>,
    held: Option<&StoredFiles>,
) -> String {
    let Some(files) = written.map(|written| &written.files).or(held.map(|held| &held.files)) else {
        return String::new();
    };
    if !args.is_numbered() {
        return String::new();
    }
    let mut text = String::new();
    for file in files {
        let (messages, stored) = (file.summary.messages, file.summary.stored_bytes);
        text.push_str(&format!(
            "  {}: {} received, {} on disk{}{}\n",
            output::shown(&file.path),
            output::counted(messages, "message"),
            output::bytes(stored),
            if file.finished { "" } else { ", not finished" },
            file.trigger.as_ref().map_or_else(String::new, |trigger| format!(
                ", {} at {}",
                printable(&trigger.what),
                output::seconds(trigger.offset_ns)
            ))
        ));
    }
    let Some(written) = written else { return text };
    match (args.ring.is_some(), written.files.len() as u64 + written.removed) {
        (true, 0) => text.push_str(&format!(
            "  nothing triggered the flight recorder, so there is no file {}\n",
            output::shown(&output::beside(path, ".*.gcap"))
        )),
        (true, dumps) => text.push_str(&format!("  {}", output::counted(dumps, "dump"))),
        (false, captures) => text.push_str(&format!("  {}", output::counted(captures, "capture"))),
    }
    if written.removed > 0 {
        text.push_str(&format!(
            ", {} removed again by --keep",
            output::grouped(written.removed)
        ));
    }
    if !text.ends_with('\n') {
        text.push('\n');
    }
    text
}
