//! `capture note`: an operator's remark, or a schema that the recording did not have.

use std::fs::File;

use crate::{
    file::{CaptureState, Digest, Reader},
    model::{event::Note, text::printable},
    transform::slice::note::copy,
};
use serde::Serialize;

use super::{
    Done, Outcome, input,
    output::{self, NewCapture},
    schema,
};
use crate::cli::flags::merge::NoteArgs;

#[derive(Serialize)]
struct Report {
    capture: String,
    /// The content digest before the note was added; `None` when the source was not finished.
    digest_before: Option<Digest>,
    digest: Digest,
    /// Methods that were called and that the embedded schema has.
    #[serde(skip_serializing_if = "Option::is_none")]
    schema_methods: Option<u64>,
    #[serde(flatten)]
    source: CaptureState,
}

pub(crate) fn run(args: &NoteArgs) -> Done {
    let given = schema::given(&args.given)?;
    let new = NewCapture::new(&args.output, args.force, &[&args.capture])?;
    input::read(&args.capture, |reader| add(args, given.as_deref(), new, reader))
}

fn add(args: &NoteArgs, given: Option<&[u8]>, new: NewCapture, reader: &mut Reader<File>) -> Done {
    let at_ns = args.at.map(|at| u64::try_from(at.0.as_nanos()).unwrap_or(u64::MAX));
    let remark = args.text.clone().map(|text| Note {
        author: args.author.clone(),
        text,
    });
    let schema_methods = given.map(|given| schema::give_known(reader, given)).transpose()?;
    let (capture, made) = (new.name(), copy(reader, at_ns, remark, |header| new.begin(header)));
    let (summary, source) = new.settle(made)?;
    let report = Report {
        capture,
        digest_before: reader.summary()?.map(|summary| summary.digest),
        digest: summary.digest,
        schema_methods,
        source,
    };
    output::print(args.format.format, &report, |report| {
        let before = match report.digest_before {
            Some(before) if before == report.digest => " (as before)".to_owned(),
            Some(before) => format!(" (it was {before})"),
            None => String::new(),
        };
        let schema = report.schema_methods.map(|methods| {
            let methods = output::counted(methods, "method");
            format!("the schema of {methods} was embedded")
        });
        let note = args.text.as_ref().map(|_| "the note was added".to_owned());
        let added: Vec<_> = note.into_iter().chain(schema).collect();
        let added = added.join(", and ");
        format!(
            "{}: {added}\ndigest {}{before}",
            printable(&report.capture),
            report.digest
        )
    })?;
    Ok(Outcome::Ok)
}
