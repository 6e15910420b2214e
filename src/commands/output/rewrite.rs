//! A new capture that is made from another one.

use std::{
    cell::Cell,
    fs::File,
    path::{Path, PathBuf},
};

use grpc_capture::file::{FileError, Header, Writer, WriterOptions};

use super::{Failure, apart, is_special};

/// A capture that does not exist yet; it is created when its header is known, and removed when the work fails.
#[derive(Debug)]
pub(crate) struct NewCapture {
    path: PathBuf,
    force: bool,
    created: Cell<bool>,
}

impl NewCapture {
    /// Refuses a name that cannot be written, or that is one of the inputs.
    pub(crate) fn new(path: &Path, force: bool, inputs: &[&Path]) -> Result<Self, Failure> {
        for input in inputs {
            apart(input, path)?;
        }
        if is_special(path) {
            return Err(format!("{} is no regular file; choose another name with -o", path.display()).into());
        }
        if !force && path.exists() {
            return Err(format!(
                "{} exists; choose another name with -o, or --force to replace it",
                path.display()
            )
            .into());
        }
        Ok(Self {
            path: path.to_owned(),
            force,
            created: Cell::new(false),
        })
    }

    /// Begins the file.
    pub(crate) fn begin(&self, header: &Header) -> Result<Writer<File>, FileError> {
        if self.force {
            // What cannot be removed cannot be created either, and that says why.
            let _ = std::fs::remove_file(&self.path);
        }
        let writer = Writer::create(&self.path, header, WriterOptions::default())?;
        self.created.set(true);
        Ok(writer)
    }

    /// Takes a half-written capture away when the work failed.
    pub(crate) fn settle<T, E: Into<Failure>>(&self, result: Result<T, E>) -> Result<T, Failure> {
        if result.is_err() && self.created.get() {
            // It would only be in the way; the error that is reported is the one that matters.
            let _ = std::fs::remove_file(&self.path);
        }
        result.map_err(Into::into)
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Its name, for reports.
    pub(crate) fn name(&self) -> String {
        self.path.display().to_string()
    }
}
