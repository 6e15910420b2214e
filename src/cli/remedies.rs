//! Errors of the library with the flags and commands that help; the errors themselves name none.

use std::error::Error;

mod analyze;
mod das;
mod file;
mod record;
mod report;
mod tap;
mod transform;

pub(in crate::cli) use file::of_write;

/// The text of an error without its causes, with the flags and commands that help.
pub(crate) fn told(error: &(dyn Error + 'static)) -> String {
    const TOLD: [fn(&(dyn Error + 'static)) -> Option<String>; 3] = [file::told, record::told, tap::told];
    const REMEDIES: [fn(&(dyn Error + 'static)) -> Option<&'static str>; 4] =
        [analyze::remedy, das::remedy, report::remedy, transform::remedy];
    if let Some(told) = TOLD.iter().find_map(|told| told(error)) {
        return told;
    }
    match REMEDIES.iter().find_map(|remedy| remedy(error)) {
        Some(remedy) => format!("{error}; {remedy}"),
        None => error.to_string(),
    }
}

/// The text of an error with its causes, each with the flags and commands that help.
pub(crate) fn with_causes(error: &(dyn Error + 'static)) -> String {
    let mut said = told(error);
    let mut cause = error.source();
    while let Some(error) = cause {
        let (bare, told) = (error.to_string(), told(error));
        match (said.find(&bare), told.strip_prefix(&bare)) {
            (Some(at), Some(remedy)) if !said.contains(remedy) => said.insert_str(at + bare.len(), remedy),
            (Some(_), _) => {}
            (None, _) => {
                said.push_str(": ");
                said.push_str(&told);
            }
        }
        cause = error.source();
    }
    said
}
