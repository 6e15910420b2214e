//! Numbered names of captures.

use std::{
    collections::BTreeMap,
    fs::File,
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

use crate::file::{Existing, Identity, NewFile, create_first, create_private, is_locked};

/// Makes the names `NAME.000001.gcap`, `NAME.000002.gcap`, … and creates files under them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Names {
    path: PathBuf,
    existing: Existing,
    /// The files that had these names at the beginning: that may be replaced, and nothing else.
    standing: Arc<BTreeMap<PathBuf, Identity>>,
}

impl Names {
    /// Numbered names of `path`. With `force`, files that exist now are replaced as their numbers come up.
    #[must_use]
    pub(crate) fn new(path: impl Into<PathBuf>, force: bool) -> Self {
        let mut names = Self {
            path: path.into(),
            existing: Existing::forced(force),
            standing: Arc::default(),
        };
        // A folder that cannot be read holds nothing that could be replaced.
        let standing = names.all().unwrap_or_default().into_iter();
        let standing = standing.filter_map(|path| Some((path.clone(), Identity::of(&path).ok()??)));
        names.standing = Arc::new(standing.collect());
        names
    }

    /// The name with this number.
    #[must_use]
    pub(crate) fn path(&self, number: u64) -> PathBuf {
        self.named(&format!(".{number:06}.gcap"), "")
    }

    /// An existing capture of this name, when it must not be replaced: better known before a recording begins.
    ///
    /// # Errors
    /// When the folder cannot be read; when another process is writing one of the captures.
    pub(crate) fn taken(&self) -> io::Result<Option<PathBuf>> {
        let all = self.all()?;
        if self.existing == Existing::Keep {
            return Ok(all.into_iter().next());
        }
        let Some(busy) = all.into_iter().find(|path| is_locked(path)) else {
            return Ok(None);
        };
        let text = format!("another process is writing {}", busy.display());
        Err(io::Error::new(io::ErrorKind::ResourceBusy, text))
    }

    /// The existing captures with such names.
    fn all(&self) -> io::Result<Vec<PathBuf>> {
        let stem = self.path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let mut all = Vec::new();
        for entry in std::fs::read_dir(self.folder())? {
            let name = entry?.file_name();
            let text = name.to_string_lossy();
            let number = text
                .strip_prefix(&stem)
                .and_then(|rest| rest.strip_prefix('.')?.strip_suffix(".gcap"));
            if number.is_some_and(|number| number.len() >= 6 && number.bytes().all(|byte| byte.is_ascii_digit())) {
                all.push(self.path.with_file_name(name));
            }
        }
        all.sort();
        Ok(all)
    }

    /// Begins the file with this number.
    pub(super) fn create(&self, number: u64) -> io::Result<NewFile> {
        let path = self.path(number);
        let standing = self.standing.get(&path).copied();
        let file = NewFile::create_over(path.clone(), self.existing, standing);
        file.map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", path.display())))
    }

    /// Creates a temporary file: hidden, named after the capture and this process, so that recorders do not collide. A
    /// file left by an earlier process with the same number stays and can be read.
    pub(super) fn create_temporary(&self, number: u64) -> io::Result<(PathBuf, File)> {
        let process = std::process::id();
        let name = |again| match again {
            0 => self.named(&format!(".ring-{process}-{number:06}.gcap.part"), "."),
            again => self.named(&format!(".ring-{process}-{number:06}-{again}.gcap.part"), "."),
        };
        let file = create_first(create_private, name);
        file.map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", name(0).display())))
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
