//! Errors of the library with the flags and commands that help; the errors themselves name none.

use std::error::Error;

mod analyze;
mod das;
mod report;
mod tap;
mod transform;

/// The error itself without its causes, with the flags and commands that help.
pub(crate) fn told(error: &(dyn Error + 'static)) -> String {
    const ROOMS: [fn(&(dyn Error + 'static)) -> Option<&'static str>; 4] =
        [analyze::remedy, das::remedy, report::remedy, transform::remedy];
    if let Some(text) = tap::told(error) {
        return text;
    }
    match ROOMS.iter().find_map(|remedy| remedy(error)) {
        Some(remedy) => format!("{error}; {remedy}"),
        None => error.to_string(),
    }
}
