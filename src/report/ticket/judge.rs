//! Validation of the capture in a bundle.

use std::{fs::File, path::Path};

use super::{error::TicketError, options::Watched};
use crate::{
    analyze::validate::{Expectations, ReadTo, Rule, Validator},
    file::FileError,
    model::event::Observer as _,
    report::validation::Report,
};

/// Name of the capture within a bundle.
pub(crate) const CAPTURE: &str = "capture.gcap";

/// Validates a file of the bundle as `capture validate` does.
pub(crate) fn validate(file: &Path, options: &Watched) -> Result<Report, FileError> {
    let mut reader = options.open(file)?;
    // Whoever opens the bundle has what was expected as a file, and is told so.
    let file = Expectations::parse_toml(&options.expectations.to_toml(), &Rule::NAMES);
    let given = file.unwrap_or_else(|_| options.expectations.clone());
    let expected = Expectations::from_header(reader.header()).merge(given);
    let mut validator = Validator::new(expected, reader.header()).with_layout(options.layout);
    while let Some(event) = reader.next_event()? {
        validator.observe(&event);
    }
    let read_to = ReadTo::of(reader.state()?, false, None);
    let found = validator.finish_at(&read_to);
    Ok(Report::new(CAPTURE.to_owned(), found, options.fails_from, &read_to))
}

/// The size of a file in bytes.
pub(crate) fn size(path: &Path) -> Result<u64, TicketError> {
    let found = File::open(path).and_then(|file| file.metadata());
    found.map(|found| found.len()).map_err(|source| TicketError::Scratch {
        path: path.to_owned(),
        source,
    })
}
