//! A new capture that is made from another one.

use std::{
    fs::File,
    path::{Path, PathBuf},
};

use crate::file::{FileError, Header, NewFile, Writer, WriterOptions};

use super::{Failure, apart, begin, finish};

/// A capture under construction, which gets its name when the work is done and is deleted when the work fails.
#[derive(Debug)]
pub(crate) struct NewCapture {
    file: NewFile,
}

impl NewCapture {
    /// Begins a capture. Refuses a name that cannot be written, or that is one of the inputs.
    pub(crate) fn new(path: &Path, force: bool, inputs: &[&Path]) -> Result<Self, Failure> {
        for input in inputs {
            apart(input, path)?;
        }
        Ok(Self {
            file: begin(path, force)?,
        })
    }

    /// Writes its header.
    pub(crate) fn begin(&self, header: &Header) -> Result<Writer<File>, FileError> {
        Writer::with_new_file(&self.file, header, WriterOptions::default())?.parallel()
    }

    /// Gives the capture its name, when the work succeeded.
    pub(crate) fn settle<T, E: Into<Failure>>(self, result: Result<T, E>) -> Result<T, Failure> {
        let result = result.map_err(Into::into)?;
        finish(self.file)?;
        Ok(result)
    }

    /// The current path of the file.
    pub(crate) fn place(&self) -> PathBuf {
        self.file.place().to_owned()
    }

    /// The name of the capture, for reports.
    pub(crate) fn name(&self) -> String {
        self.file.path().display().to_string()
    }
}
