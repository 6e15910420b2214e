//! Output of commands: results go to stdout, messages about the work to stderr.

#![expect(
    clippy::disallowed_methods,
    reason = "only here does the command line write to stdout and stderr"
)]

use std::{
    fs::OpenOptions,
    io::{self, BufWriter, Write},
    path::{Path, PathBuf},
};

pub(crate) use crate::model::text::{counted, grouped};
use crate::{
    file::{Existing, NewFile},
    model::text::{printable, printable_json, printable_lines},
};
use serde::Serialize;

mod reader;
mod rewrite;
mod verdict;

use reader::Pipe;
pub(crate) use reader::{Gone, ReaderGone};
pub(crate) use rewrite::NewCapture;
pub(crate) use verdict::{is_coloured, print_verdict, put_verdict, width};

use super::Failure;
use crate::cli::{flags::Format, remedies::of_write};

/// Prints a result: as text made by `text`, or as one line of JSON.
pub(crate) fn print<T: Serialize>(format: Format, value: &T, text: impl FnOnce(&T) -> String) -> Result<(), Failure> {
    put(format, lines(format, value, text)?)
}

/// Prints a result as [`print`] does, but on stderr: stdout is another command's.
pub(crate) fn print_beside<T: Serialize>(
    format: Format,
    value: &T,
    text: impl FnOnce(&T) -> String,
) -> Result<(), Failure> {
    write_results(Shown::new(Stderr, format), lines(format, value, text)?.as_bytes())
}

fn lines<T: Serialize>(format: Format, value: &T, text: impl FnOnce(&T) -> String) -> Result<String, Failure> {
    let mut line = match format {
        Format::Text => text(value),
        Format::Json => serde_json::to_string(value)?,
    };
    if !line.ends_with('\n') {
        line.push('\n');
    }
    Ok(line)
}

/// stdout for people or programs: text, or JSON.
fn stdout(format: Format) -> Shown<Pipe<io::StdoutLock<'static>>> {
    Shown::new(Pipe::new(io::stdout().lock(), Gone::GoOn), format)
}

/// Writes results to stdout. A reader that has gone away is not a failure; any other write error is.
pub(crate) fn put(format: Format, results: impl AsRef<[u8]>) -> Result<(), Failure> {
    write_results(stdout(format), results.as_ref())
}

/// Writes results that must not be changed to stdout.
pub(crate) fn put_as_it_is(results: impl AsRef<[u8]>) -> Result<(), Failure> {
    write_results(Pipe::new(io::stdout().lock(), Gone::GoOn), results.as_ref())
}

fn write_results(mut out: impl Write, results: &[u8]) -> Result<(), Failure> {
    let written = out.write_all(results).and_then(|()| out.flush());
    written.map_err(|error| format!("could not write the results to stdout: {error}; they are incomplete").into())
}

/// A writer that escapes control characters: whatever text is written into it, no character reaches the terminal that
/// would steer it. Ends of lines pass; values that come from elsewhere are made printable where they enter a text.
#[derive(Debug)]
pub(crate) struct Shown<W> {
    out: W,
    format: Format,
}

impl<W: Write> Shown<W> {
    pub(crate) const fn new(out: W, format: Format) -> Self {
        Self { out, format }
    }
}

impl<W: Write> Write for Shown<W> {
    /// Writes all bytes: a text that is formatted comes in pieces that end between characters.
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(bytes);
        let shown = match self.format {
            Format::Text => printable_lines(&text),
            Format::Json => printable_json(&text),
        };
        self.out.write_all(shown.as_bytes())?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

/// How much a command says on stderr.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verbosity {
    /// Errors, remarks, and progress on a terminal.
    Normal,
    /// Errors only.
    Quiet,
}

impl Verbosity {
    pub(crate) const fn is_quiet(self) -> bool {
        matches!(self, Self::Quiet)
    }

    /// True when progress can be drawn.
    pub(crate) fn is_interactive(self) -> bool {
        !self.is_quiet() && io::IsTerminal::is_terminal(&io::stderr())
    }
}

/// The standard error stream. A closed stderr is not an error: writes to it always succeed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Stderr;

impl Write for Stderr {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let _ = io::stderr().write_all(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Prints a message on stderr, always as one line.
pub(crate) fn say(text: impl AsRef<str>) {
    let _ = writeln!(Stderr, "{}", printable(text.as_ref()));
}

/// Prints a message of several lines on stderr.
pub(crate) fn say_lines(text: impl AsRef<str>) {
    let _ = writeln!(Stderr, "{}", printable_lines(text.as_ref()));
}

/// A path as one line of text.
pub(crate) fn shown(path: &Path) -> String {
    printable(&path.display().to_string())
}

/// Opens stdout, or a new file beside its name, which [`finish`] renames when all is written. `gone` is what a reader
/// that goes away means: of stdout, or of a pipe that is named.
pub(crate) fn sink(
    output: Option<&Path>,
    force: bool,
    gone: Gone,
) -> Result<(Box<dyn Write>, Option<NewFile>), Failure> {
    match output {
        // A device or a pipe is written into, and never replaced.
        Some(path) if is_special(path) => {
            let open = OpenOptions::new().write(true).open(path);
            let file = open.map_err(|error| format!("could not open {}: {error}", path.display()))?;
            Ok((Box::new(BufWriter::new(Pipe::new(file, gone))), None))
        }
        Some(path) if path != Path::new("-") => {
            let new = begin(path, force)?;
            Ok((Box::new(BufWriter::new(new.file().try_clone()?)), Some(new)))
        }
        _ => Ok((Box::new(BufWriter::new(Pipe::new(io::stdout().lock(), gone))), None)),
    }
}

/// Begins an output file under a temporary name, which [`finish`] renames; dropped before, it is removed. What is there
/// stays until then, and is replaced only with `force`.
pub(crate) fn begin(path: &Path, force: bool) -> Result<NewFile, Failure> {
    check_name(path)?;
    NewFile::create(path, Existing::forced(force)).map_err(|error| refusal("create", path, &error))
}

/// Gives a complete file its name.
pub(crate) fn finish(file: NewFile) -> Result<(), Failure> {
    let path = file.path().to_owned();
    let size = file.file().metadata().map_or(0, |found| found.len());
    file.commit()
        .inspect(|()| tracing::info!("wrote {}: {}", path.display(), bytes(size)))
        .map_err(|error| match error.kind() {
            io::ErrorKind::AlreadyExists => {
                let path = path.display();
                format!("another program created {path} meanwhile, and its file is kept; choose another name with -o")
                    .into()
            }
            _ => refusal("write", &path, &error),
        })
}

/// Writes a result that is not a secret, completely or not at all: a golden, a baseline, a test report. A device or a pipe
/// is written into, and `-` is stdout.
pub(crate) fn write_shared(path: &Path, existing: Existing, content: &[u8]) -> Result<(), Failure> {
    if path == Path::new("-") || is_special(path) {
        let (mut out, _) = sink(Some(path), false, Gone::GoOn)?;
        let written = out.write_all(content).and_then(|()| out.flush());
        return written.map_err(|error| unwritten(path, &error));
    }
    let mut file = NewFile::create_shared(path, existing).map_err(|error| refusal("create", path, &error))?;
    file.write_all(content).map_err(|error| unwritten(path, &error))?;
    finish(file)
}

/// Does the same as [`write_shared`], replacing an earlier result of the same kind, which `is_ours` recognizes by its
/// first bytes: another file stays.
pub(crate) fn write_again(path: &Path, is_ours: fn(&[u8]) -> bool, kind: &str, content: &[u8]) -> Result<(), Failure> {
    if path != Path::new("-") && !is_special(path) {
        let mut head = [0; 256];
        let there = std::fs::File::open(path).and_then(|mut file| io::Read::read(&mut file, &mut head));
        if let Ok(read @ 1..) = there
            && !is_ours(head.get(..read).unwrap_or_default())
        {
            let path = path.display();
            return Err(format!("{path} exists and is not a {kind}, so it is kept; choose another name").into());
        }
    }
    write_shared(path, Existing::Replace, content)
}

/// Converts an error that occurred while `path` was written: when the disk took no more, that is what it is about, with
/// what helps.
pub(crate) fn while_making(path: &Path, failure: Failure) -> Failure {
    let Failure::Error(error) = &failure else {
        return failure;
    };
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(error.as_ref());
    while let Some(error) = cause {
        // Kinds that nobody gets who reads.
        let full = |error: &&io::Error| {
            use io::ErrorKind::{FileTooLarge, QuotaExceeded, StorageFull};
            matches!(error.kind(), StorageFull | QuotaExceeded | FileTooLarge)
        };
        if let Some(error) = error.downcast_ref::<io::Error>().filter(full) {
            return unwritten(path, error);
        }
        cause = error.source();
    }
    failure
}

/// The error that a file could not be made, with the remedy.
pub(crate) fn refusal(act: &str, path: &Path, error: &io::Error) -> Failure {
    let path = path.display();
    if error.kind() == io::ErrorKind::AlreadyExists {
        return format!("{path} exists; choose another name with -o, or --force to replace it").into();
    }
    let remedy = of_write(error).map_or_else(String::new, |remedy| format!("; {remedy}"));
    format!("could not {act} {path}: {error}{remedy}").into()
}

/// Refuses stdout, devices and pipes where a regular file is needed.
fn check_name(path: &Path) -> Result<(), Failure> {
    if path == Path::new("-") {
        let text = "-o - means stdout, where the report goes; name a file with -o (./- for a file of that name)";
        return Err(Failure::Usage(text.to_owned()));
    }
    if is_special(path) {
        return Err(format!("{} is not a regular file; choose another name with -o", path.display()).into());
    }
    Ok(())
}

/// The error that a file could not be written, with the remedy.
pub(crate) fn unwritten(path: &Path, error: &io::Error) -> Failure {
    let remedy = of_write(error).map_or_else(String::new, |remedy| format!("; {remedy}"));
    format!("could not write {}: {error}{remedy}", path.display()).into()
}

/// Refuses a name that is not suitable for a capture.
pub(crate) fn check_capture(path: &Path) -> Result<(), Failure> {
    let shown = path.display();
    if path == Path::new("-") {
        let text = "-o - means stdout, and a recording needs a file, which survives a crash; name a file with -o";
        return Err(Failure::Usage(text.to_owned()));
    }
    if path.is_dir() {
        return Err(Failure::Usage(format!("{shown} is a folder; -o names a file")));
    }
    if is_special(path) {
        let text = format!("{shown} is not a regular file; -o names the file of the capture");
        return Err(Failure::Usage(text));
    }
    Ok(())
}

/// True for a device, a pipe or a socket: with `--force`, `/dev/null` would be unlinked.
pub(crate) fn is_special(path: &Path) -> bool {
    std::fs::metadata(path).is_ok_and(|found| !found.is_file() && !found.is_dir())
}

/// Refuses to write a result over its own input.
pub(crate) fn apart(input: &Path, output: &Path) -> Result<(), Failure> {
    let same = match (input.canonicalize(), output.canonicalize()) {
        (Ok(input), Ok(output)) => input == output,
        _ => false,
    };
    if same {
        return Err(Failure::Usage(format!(
            "{} is both input and output; choose another -o",
            output.display()
        )));
    }
    Ok(())
}

/// The path with another extension: `name.ext` in the same folder.
pub(crate) fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.file_stem().unwrap_or_default().to_owned();
    name.push(ending);
    path.with_file_name(name)
}

/// Formats bytes for people: `3.98 MB`.
pub(crate) fn bytes(count: u64) -> String {
    const UNITS: [&str; 4] = ["kB", "MB", "GB", "TB"];
    let mut value = count as f64;
    let mut unit = "B";
    for next in UNITS {
        if value < 999.5 {
            break;
        }
        value /= 1000.0;
        unit = next;
    }
    match unit {
        "B" => format!("{count} B"),
        _ if value < 9.995 => format!("{value:.2} {unit}"),
        _ if value < 99.95 => format!("{value:.1} {unit}"),
        _ => format!("{value:.0} {unit}"),
    }
}

/// Formats nanoseconds as seconds with three decimals: `9.950 s`.
pub(crate) fn seconds(ns: u64) -> String {
    format!("{}.{:03} s", ns / 1_000_000_000, ns / 1_000_000 % 1000)
}

/// Warns that the recorder slowed the stream, so that intervals and throughput are not the server's.
pub(crate) fn waited(ns: u64) -> String {
    match ns {
        0 => String::new(),
        _ => format!(
            "  messages waited {} in total, because codec and disk did not keep up and --on-overflow is block; this \
             slowed the stream down beyond what buffers could hold\n",
            seconds(ns)
        ),
    }
}

/// Describes how messages in the spool file were saved, and what would avoid it.
pub(crate) fn spilled(messages: u64) -> String {
    match messages {
        0 => String::new(),
        _ => format!(
            "  {} waited in a spool file, because codec and disk did not keep up\n",
            counted(messages, "message")
        ),
    }
}

/// Formats nanoseconds since the epoch as UTC time; the number itself where no calendar reaches.
pub(crate) fn wall_clock(unix_ns: u64) -> String {
    let time = jiff::Timestamp::from_nanosecond(i128::from(unix_ns));
    time.map_or_else(|_| format!("{unix_ns} ns"), |time| time.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_with_three_digits() {
        for (count, text) in [
            (0, "0 B"),
            (999, "999 B"),
            (1000, "1.00 kB"),
            (3_980_703, "3.98 MB"),
            (32_268_110, "32.3 MB"),
            (999_600, "1.00 MB"),
        ] {
            assert_eq!(bytes(count), text);
        }
    }

    #[test]
    fn nothing_that_is_written_steers_a_terminal() {
        let text = "a\u{1b}[31m\u{9b}2J\u{202e}\r\nb\n";
        let mut out = Vec::new();
        let mut shown = Shown::new(BufWriter::with_capacity(3, &mut out), Format::Text);
        write!(shown, "{text}é\u{feff}").unwrap();
        shown.flush().unwrap();
        drop(shown);
        assert_eq!(
            String::from_utf8(out).unwrap(),
            "a\\u{1b}[31m\\u{9b}2J\\u{202e}\\r\nb\né\\u{feff}"
        );
        let mut out = Vec::new();
        let json = serde_json::json!({ "x": text });
        writeln!(Shown::new(&mut out, Format::Json), "{json}").unwrap();
        assert!(out.is_ascii());
        assert_eq!(serde_json::from_slice::<serde_json::Value>(&out).unwrap(), json);
    }

    #[test]
    fn counts_are_grouped_and_nouns_agree() {
        assert_eq!(counted(1, "call"), "1 call");
        assert_eq!(counted(1_234_567, "message"), "1,234,567 messages");
        assert_eq!(seconds(9_950_400_000), "9.950 s");
    }
}
