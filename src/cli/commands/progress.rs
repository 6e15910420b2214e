//! The line on stderr that shows how far a file has been read.

use std::{
    fs::File,
    io::{self, Read, Seek, SeekFrom},
    path::Path,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use indicatif::{ProgressBar, ProgressStyle};

use super::output::{self, Verbosity};
use crate::file::ReadWatch;

/// Work that is done before this has no line: it would only flicker.
const PATIENCE: Duration = Duration::from_secs(1);

/// How often the line is drawn again.
const REDRAW: Duration = Duration::from_millis(200);

/// Who shows how far a file has been read; `None` where stderr is no terminal, and where only errors are wanted.
pub(crate) fn of(path: &Path) -> Option<Arc<dyn ReadWatch>> {
    // With `-q`, the log shows errors only.
    let is_shown = Verbosity::Normal.is_interactive() && tracing::enabled!(tracing::Level::WARN);
    is_shown.then(|| Arc::new(Line::new(path)) as _)
}

/// The line, which is there while something is read.
#[derive(Debug)]
struct Line {
    name: String,
    began: Instant,
    pass: Mutex<Option<Pass>>,
}

/// A way through the file.
#[derive(Debug)]
struct Pass {
    began: Instant,
    /// Byte at which it began.
    from: u64,
    drawn: Option<(Instant, ProgressBar)>,
}

impl Line {
    fn new(path: &Path) -> Self {
        let name = path.file_name().map_or(path, Path::new);
        Self {
            name: output::shown(name),
            began: Instant::now(),
            pass: Mutex::new(None),
        }
    }
}

impl ReadWatch for Line {
    fn at(&self, byte: u64, len: u64) {
        let now = Instant::now();
        let mut pass = self.pass.lock().unwrap_or_else(PoisonError::into_inner);
        let pass = pass.get_or_insert(Pass {
            began: now,
            from: byte,
            drawn: None,
        });
        let is_due = match &pass.drawn {
            Some((drawn, _)) => now.duration_since(*drawn) >= REDRAW,
            None => now.duration_since(self.began) >= PATIENCE,
        };
        if is_due {
            let bar = pass.drawn.take().map_or_else(bar, |(_, bar)| bar);
            let elapsed = now.duration_since(pass.began);
            bar.set_message(text(&self.name, byte, len, byte.saturating_sub(pass.from), elapsed));
            bar.tick();
            pass.drawn = Some((now, bar));
        }
    }

    fn done(&self) {
        let pass = self.pass.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some((_, bar)) = pass.and_then(|pass| pass.drawn) {
            bar.finish_and_clear();
        }
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        self.done();
    }
}

fn bar() -> ProgressBar {
    let bar = ProgressBar::new_spinner();
    if let Ok(style) = ProgressStyle::with_template("{spinner} {wide_msg}") {
        bar.set_style(style);
    }
    bar
}

/// How far the reading is, how fast it is, and how long the rest takes at that rate.
fn text(name: &str, byte: u64, len: u64, read: u64, elapsed: Duration) -> String {
    let percent = (u128::from(byte) * 100 / u128::from(len.max(1))).min(100);
    let (byte, left) = (output::bytes(byte), len.saturating_sub(byte));
    let len = output::bytes(len);
    let rate = read as f64 / elapsed.as_secs_f64();
    let mut text = format!("{name}  {percent} %  {byte} of {len}");
    if rate.is_finite() && rate >= 1.0 {
        let (rate, left_s) = (output::bytes(rate as u64), (left as f64 / rate).ceil());
        text.push_str(&format!("  {rate}/s  {left_s:.0} s left"));
    }
    text
}

/// A file that is read by somebody who tells nobody how far it is.
#[derive(Debug)]
pub(crate) struct Watched {
    file: File,
    at: u64,
    len: u64,
    line: Option<Arc<dyn ReadWatch>>,
}

impl Watched {
    pub(crate) fn new(file: File, path: &Path) -> Self {
        let len = file.metadata().map_or(0, |found| found.len());
        // Of a pipe or a device there is no length to come to.
        let line = if len > 0 { of(path) } else { None };
        Self { file, at: 0, len, line }
    }

    /// The line that shows how far it is, where there is one.
    pub(crate) fn line(&self) -> Option<Arc<dyn ReadWatch>> {
        self.line.clone()
    }
}

impl Read for Watched {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read(into)?;
        self.at = self.at.saturating_add(read as u64);
        if let Some(line) = &self.line {
            line.at(self.at, self.len);
        }
        Ok(read)
    }
}

impl Seek for Watched {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.at = self.file.seek(to)?;
        Ok(self.at)
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        if let Some(line) = &self.line {
            line.done();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_tells_how_far_how_fast_and_how_long_yet() {
        let second = Duration::from_secs(1);
        assert_eq!(
            text("x.gcap", 4_200_000_000, 10_000_000_000, 1_000_000_000, 2 * second),
            "x.gcap  42 %  4.20 GB of 10.0 GB  500 MB/s  12 s left"
        );
        assert_eq!(text("x", 0, 0, 0, Duration::ZERO), "x  0 %  0 B of 0 B");
        // A file that grows while it is read.
        assert_eq!(
            text("x", 300, 100, 300, second),
            "x  100 %  300 B of 100 B  300 B/s  0 s left"
        );
    }

    #[test]
    fn short_work_has_no_line() {
        let line = Line::new(Path::new("/a/b.gcap"));
        line.at(1, 2);
        let pass = line.pass.lock().unwrap().take();
        assert!(line.name == "b.gcap" && pass.unwrap().drawn.is_none());
    }

    #[test]
    fn a_watched_file_is_read_as_the_file_itself() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x");
        std::fs::write(&path, b"0123456789").unwrap();
        let mut watched = Watched::new(File::open(&path).unwrap(), &path);
        let mut text = String::new();
        watched.seek(SeekFrom::Start(4)).unwrap();
        watched.read_to_string(&mut text).unwrap();
        assert_eq!((text.as_str(), watched.at, watched.len), ("456789", 10, 10));
    }
}
