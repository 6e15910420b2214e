//! Rules about changes in mid-stream.

use crate::{
    analyze::validate::{
        finding_log::{FindingLog, Kind, Note, Text},
        rule::{Rule, RulePhase},
    },
    das::spectrogram::{Frame, Row},
    model::finding::{Place, Severity},
};

/// The number of bins changed.
pub(crate) const SHAPE_CHANGE: Rule = Rule {
    id: "shape-change",
    severity: Severity::Warning,
    otherwise: None,
    phase: RulePhase::Content,
    title: "the number of bins stays the same",
    unit: "times",
    doc: "The spectra of a row have a different number of bins from those of the previous row, and no expectation \
          gives the number. A change and the change back count as two.",
    hint: "the job was reconfigured, or the port was reused for another job",
};

/// The canvas changed.
pub(crate) const CANVAS_CHANGE: Rule = Rule {
    id: "canvas-change",
    severity: Severity::Warning,
    otherwise: None,
    phase: RulePhase::Content,
    title: "the canvas stays the same",
    unit: "times",
    doc: "canvasId differs from that of the previous row. A change and the change back count as two.",
    hint: "the view was reopened, or two views are mixed",
};

/// The job changed.
pub(crate) const JOB_CHANGE: Rule = Rule {
    id: "job-change",
    severity: Severity::Warning,
    otherwise: None,
    phase: RulePhase::Identity,
    title: "the job stays the same",
    unit: "times",
    doc: "job_id (pandadatastream) differs from that of the previous frame.",
    hint: "the port was reused: these are the frames of another job",
};

/// Fields that the schema does not know.
pub(crate) const UNKNOWN_FIELDS: Rule = Rule {
    id: "unknown-fields",
    severity: Severity::Warning,
    otherwise: None,
    phase: RulePhase::Content,
    title: "every field is in the schema",
    unit: "fields",
    doc: "A message has field numbers that are not in the schema. They are counted by message, number and wire type. \
          The capture keeps their bytes.",
    hint: "the server uses a newer schema: get its .proto file",
};

/// The state of a call for these rules.
#[derive(Debug, Default)]
pub(crate) struct Memory {
    canvas: Option<String>,
    pub(crate) bins: Option<usize>,
    job: Option<i32>,
}

pub(crate) fn unknown_fields(log: &mut FindingLog, place: Place, frame: &Frame<'_>) {
    for field in &frame.unknown {
        log.note(Note::new(&UNKNOWN_FIELDS, place).kind(Kind::Field(*field)), || {
            Text::new(format!("fields that the schema does not know, the first in {place}")).seen(format!(
                "{} field {}, wire type {}",
                field.message, field.number, field.wire_type
            ))
        });
    }
}

pub(crate) fn canvas_change(log: &mut FindingLog, memory: &mut Memory, place: Place, row: &Row<'_>) {
    let Some(canvas) = row.canvas.as_deref() else { return };
    match memory.canvas.as_deref() {
        Some(before) if before == canvas => return,
        Some(before) => log.note(Note::new(&CANVAS_CHANGE, place), || {
            Text::new(format!("the canvas changes from `{before}` to `{canvas}` at {place}"))
                .seen(canvas)
                .expected(before)
        }),
        None => {}
    }
    memory.canvas = Some(canvas.to_owned());
}

pub(crate) fn job_change(log: &mut FindingLog, memory: &mut Memory, place: Place, job: Option<i32>) {
    let Some(job) = job else { return };
    if let Some(before) = memory.job.replace(job).filter(|before| *before != job) {
        log.note(Note::new(&JOB_CHANGE, place), || {
            Text::new(format!("the job changes from {before} to {job} at {place}"))
                .seen(job)
                .expected(before)
        });
    }
}

pub(crate) fn shape_change(log: &mut FindingLog, memory: &mut Memory, place: Place, bins: usize) -> bool {
    let changed = memory.bins.replace(bins).filter(|before| *before != bins);
    let Some(before) = changed else { return false };
    log.note(Note::new(&SHAPE_CHANGE, place), || {
        Text::new(format!("the bins change from {before} to {bins} at {place}"))
            .seen(bins)
            .expected(before)
    });
    true
}
