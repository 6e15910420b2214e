//! `capture note`: an operator's remark.

use std::fs::File;

use crate::{
    file::{CaptureState, Digest, Reader},
    model::{event::Note, text::printable},
    transform::slice::note::note,
};
use serde::Serialize;

use super::{
    Done, Outcome, input,
    output::{self, NewCapture},
};
use crate::cli::flags::merge::NoteArgs;

#[derive(Serialize)]
struct Report {
    capture: String,
    /// The content digest before the note was added; `None` when the source was not finished.
    digest_before: Option<Digest>,
    digest: Digest,
    #[serde(flatten)]
    source: CaptureState,
}

pub(crate) fn run(args: &NoteArgs) -> Done {
    let new = NewCapture::new(&args.output, args.force, &[&args.capture])?;
    input::read(&args.capture, |reader| add(args, new, reader))
}

fn add(args: &NoteArgs, new: NewCapture, reader: &mut Reader<File>) -> Done {
    let at_ns = args.at.map(|at| u64::try_from(at.0.as_nanos()).unwrap_or(u64::MAX));
    let remark = Note {
        author: args.author.clone(),
        text: args.text.clone(),
    };
    let (capture, made) = (new.name(), note(reader, at_ns, remark, |header| new.begin(header)));
    let (summary, source) = new.settle(made)?;
    let report = Report {
        capture,
        digest_before: reader.summary()?.map(|summary| summary.digest),
        digest: summary.digest,
        source,
    };
    output::print(args.format.format, &report, |report| {
        let before = report
            .digest_before
            .map_or_else(String::new, |digest| format!(" (it was {digest})"));
        format!(
            "{}: the note was added\ndigest {}{before}",
            printable(&report.capture),
            report.digest
        )
    })?;
    Ok(Outcome::Ok)
}
