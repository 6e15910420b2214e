//! `--validate`: the validator watches the stream while it is recorded.

use crate::{
    analyze::validate::{Expectations, ReadTo, Validator},
    file::Header,
    model::{event::Observer, finding::Severity},
    record::BackgroundObserver,
    report::validation::Report,
};

use super::{Failure, RecordArgs};
use crate::cli::commands::expect;

/// A validator that runs on its own thread.
pub(super) struct Judge {
    observer: BackgroundObserver<Validator>,
    fails_from: Severity,
}

/// Starts the validator; the observer is for the recorder.
pub(super) fn start(args: &RecordArgs, header: &Header) -> Result<(Box<dyn Observer>, Judge), Failure> {
    let expected = expectations(args, header)?;
    let (observer, background) =
        BackgroundObserver::start(Validator::new(expected, header).with_max_message_bytes(args.dial.max_msg_sz.0))?;
    let fails_from = if args.expect.strict {
        Severity::Warning
    } else {
        Severity::Error
    };
    let judge = Judge {
        observer: background,
        fails_from,
    };
    Ok((observer, judge))
}

/// The expectations for the stream: what was configured, with what the flags say over it.
pub(super) fn expectations(args: &RecordArgs, header: &Header) -> Result<Expectations, Failure> {
    Ok(Expectations::from_header(header).merge(expect::expectations(&args.expect)?))
}

impl Judge {
    /// Waits for the result, after the recorder has finished.
    pub(super) fn finish(self) -> Result<Report, Failure> {
        let validator = self
            .observer
            .join()
            .ok_or("the validator stopped unexpectedly; `capture validate` judges the capture")?;
        Ok(Report::new(
            "the stream".to_owned(),
            validator.finish(),
            self.fails_from,
            &ReadTo::End,
        ))
    }
}
