//! Names of numbered captures.

use std::{
    fs::{File, OpenOptions},
    io,
    path::{Path, PathBuf},
};

/// Names captures `NAME.000001.gcap`, `NAME.000002.gcap`, … beside each other, and creates them.
///
/// ```
/// use grpc_capture::tap::recorder::output::Names;
/// let names = Names::new("night/run.gcap", false);
/// assert_eq!(names.path(7).to_str(), Some("night/run.000007.gcap"));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Names {
    path: PathBuf,
    force: bool,
}

impl Names {
    /// Numbered names of `path`. With `force`, files that exist are replaced as their numbers come up.
    #[must_use]
    pub fn new(path: impl Into<PathBuf>, force: bool) -> Self {
        let path = path.into();
        Self { path, force }
    }

    /// The name of a number.
    #[must_use]
    pub fn path(&self, number: u64) -> PathBuf {
        self.named(&format!(".{number:06}.gcap"), "")
    }

    /// A capture of this name that exists already, when it must not be replaced: better known before a recording begins.
    ///
    /// # Errors
    /// When the folder cannot be read.
    pub fn taken(&self) -> io::Result<Option<PathBuf>> {
        if self.force {
            return Ok(None);
        }
        let stem = self.path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        for entry in std::fs::read_dir(self.folder())? {
            let path = entry?.path();
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            let number = name
                .strip_prefix(&stem)
                .and_then(|rest| rest.strip_prefix('.')?.strip_suffix(".gcap"));
            if number.is_some_and(|number| number.len() >= 6 && number.bytes().all(|byte| byte.is_ascii_digit())) {
                return Ok(Some(path));
            }
        }
        Ok(None)
    }

    /// Creates the file of a number.
    pub(super) fn create(&self, number: u64) -> io::Result<(PathBuf, File)> {
        let path = self.path(number);
        if self.force
            && let Err(error) = std::fs::remove_file(&path)
            && error.kind() != io::ErrorKind::NotFound
        {
            return Err(error);
        }
        let file = OpenOptions::new().write(true).create_new(true).open(&path);
        let file = file.map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", path.display())))?;
        Ok((path, file))
    }

    /// Creates a temporary file: hidden, named after the capture and this process, so that recorders do not meet.
    pub(super) fn create_temporary(&self, number: u64) -> io::Result<(PathBuf, File)> {
        let path = self.named(&format!(".ring-{}-{number:06}.gcap.part", std::process::id()), ".");
        // One of the same name was left by a process that had our number, and is gone.
        let file = OpenOptions::new().write(true).create(true).truncate(true).open(&path);
        let file = file.map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", path.display())))?;
        Ok((path, file))
    }

    fn named(&self, ending: &str, before: &str) -> PathBuf {
        let mut name = std::ffi::OsString::from(before);
        name.push(self.path.file_stem().unwrap_or_default());
        name.push(ending);
        self.path.with_file_name(name)
    }

    fn folder(&self) -> &Path {
        match self.path.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder,
            _ => Path::new("."),
        }
    }
}
