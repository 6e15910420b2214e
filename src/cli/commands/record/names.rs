//! Default names of captures.

use std::path::{Path, PathBuf};

/// `NAME-TIME.gcap`.
pub(crate) fn default_path(name: &str) -> PathBuf {
    Path::new(&format!("{}.gcap", timed(name))).to_owned()
}

/// `NAME-TIME`, the default name of a file or a folder.
pub(super) fn timed(name: &str) -> String {
    let time = jiff::Timestamp::now().strftime("%Y%m%dT%H%M%SZ");
    format!("{}-{time}", file_name(name))
}

/// Replaces characters that some file systems do not accept in names.
pub(super) fn file_name(name: &str) -> String {
    crate::model::text::file_name(name).unwrap_or_else(|| "capture".to_owned())
}
