//! What changes in mid-stream and should not.

use crate::{
    analyze::validate::{
        book::{Book, Kind, Note, Text},
        rule::Rule,
    },
    das::spectrogram::{Frame, Row},
    model::finding::{Place, Severity},
};

/// Another number of bins.
pub(in crate::analyze::validate) const SHAPE_CHANGE: Rule = Rule {
    id: "shape-change",
    severity: Severity::Warning,
    otherwise: None,
    title: "the number of bins stays",
    unit: "times",
    doc: "The spectra of a row have another number of bins than those of the row before it, and no expectation says how \
          many there are. A change and the way back are two.",
    hint: "the job was configured anew, or the port was recycled for another job",
};

/// Another canvas.
pub(in crate::analyze::validate) const CANVAS_CHANGE: Rule = Rule {
    id: "canvas-change",
    severity: Severity::Warning,
    otherwise: None,
    title: "the canvas stays",
    unit: "times",
    doc: "canvasId differs from the row before it. A change and the way back are two.",
    hint: "the view was opened anew, or two views are mixed",
};

/// Another job.
pub(in crate::analyze::validate) const JOB_CHANGE: Rule = Rule {
    id: "job-change",
    severity: Severity::Warning,
    otherwise: None,
    title: "the job stays",
    unit: "times",
    doc: "job_id (pandadatastream) differs from the frame before it.",
    hint: "the port was recycled: these are the frames of another job",
};

/// Fields that the schema does not know.
pub(in crate::analyze::validate) const UNKNOWN_FIELDS: Rule = Rule {
    id: "unknown-fields",
    severity: Severity::Warning,
    otherwise: None,
    title: "every field is in the schema",
    unit: "fields",
    doc: "A message holds field numbers that the schema does not know; they are counted by message, number and wire type. \
          The bytes are kept in the capture as they are.",
    hint: "the server speaks a newer schema: get its .proto",
};

/// What is remembered of a call.
#[derive(Debug, Default)]
pub(in crate::analyze::validate) struct Memory {
    canvas: Option<String>,
    pub(in crate::analyze::validate) bins: Option<usize>,
    job: Option<i32>,
}

pub(in crate::analyze::validate) fn unknown_fields(book: &mut Book, place: Place, frame: &Frame<'_>) {
    for field in &frame.unknown {
        book.note(Note::new(&UNKNOWN_FIELDS, place).kind(Kind::Field(*field)), || {
            Text::new(format!("fields that the schema does not know, the first in {place}")).seen(format!(
                "{} field {}, wire type {}",
                field.message, field.number, field.wire_type
            ))
        });
    }
}

pub(in crate::analyze::validate) fn canvas_change(book: &mut Book, memory: &mut Memory, place: Place, row: &Row<'_>) {
    let Some(canvas) = row.canvas.as_deref() else { return };
    match memory.canvas.as_deref() {
        Some(before) if before == canvas => return,
        Some(before) => book.note(Note::new(&CANVAS_CHANGE, place), || {
            Text::new(format!("the canvas changes from `{before}` to `{canvas}` at {place}"))
                .seen(canvas)
                .expected(before)
        }),
        None => {}
    }
    memory.canvas = Some(canvas.to_owned());
}

pub(in crate::analyze::validate) fn job_change(book: &mut Book, memory: &mut Memory, place: Place, job: Option<i32>) {
    let Some(job) = job else { return };
    if let Some(before) = memory.job.replace(job).filter(|before| *before != job) {
        book.note(Note::new(&JOB_CHANGE, place), || {
            Text::new(format!("the job changes from {before} to {job} at {place}"))
                .seen(job)
                .expected(before)
        });
    }
}

pub(in crate::analyze::validate) fn shape_change(
    book: &mut Book,
    memory: &mut Memory,
    place: Place,
    bins: usize,
) -> bool {
    let changed = memory.bins.replace(bins).filter(|before| *before != bins);
    let Some(before) = changed else { return false };
    book.note(Note::new(&SHAPE_CHANGE, place), || {
        Text::new(format!("the bins change from {before} to {bins} at {place}"))
            .seen(bins)
            .expected(before)
    });
    true
}
