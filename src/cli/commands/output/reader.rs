//! Readers of the results, and what happens when they go away.

use std::{
    error::Error,
    fmt,
    io::{self, Write},
};

/// What a command does when its reader goes away, as `head` does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Gone {
    /// The command goes on, since the reader has what it wanted: what is still written is dropped, and the command
    /// comes to its verdict.
    GoOn,
    /// The command stops, since there is nothing else to do: the command ends, and well.
    Stop,
}

/// The error that the reader of a command that [stops](Gone::Stop) has gone away.
#[derive(Debug)]
pub(crate) struct ReaderGone;

impl fmt::Display for ReaderGone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("nobody reads the output any more")
    }
}

impl Error for ReaderGone {}

impl ReaderGone {
    /// True when an error of a [`Pipe`] has this cause.
    pub(crate) fn is(error: &io::Error) -> bool {
        error.get_ref().and_then(|inner| inner.downcast_ref::<Self>()).is_some()
    }
}

/// An output whose reader may go away.
#[derive(Debug)]
pub(super) struct Pipe<W> {
    inner: W,
    gone: Gone,
}

impl<W> Pipe<W> {
    pub(super) const fn new(inner: W, gone: Gone) -> Self {
        Self { inner, gone }
    }

    /// Returns `done` instead of the error, when the reader has gone and the command is to go on.
    fn judge<T>(&self, result: io::Result<T>, done: T) -> io::Result<T> {
        match (result, self.gone) {
            (Err(error), Gone::GoOn) if error.kind() == io::ErrorKind::BrokenPipe => Ok(done),
            (Err(error), Gone::Stop) if error.kind() == io::ErrorKind::BrokenPipe => {
                Err(io::Error::new(io::ErrorKind::BrokenPipe, ReaderGone))
            }
            (result, _) => result,
        }
    }
}

impl<W: Write> Write for Pipe<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.inner.write(bytes);
        self.judge(written, bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        let flushed = self.inner.flush();
        self.judge(flushed, ())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A writer that always fails in one way, for tests.
    struct Fails(io::ErrorKind);

    impl Write for Fails {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(self.0.into())
        }

        fn flush(&mut self) -> io::Result<()> {
            Err(self.0.into())
        }
    }

    #[test]
    fn a_reader_that_went_away_stops_only_what_has_nothing_else_to_do() {
        let closed = || Fails(io::ErrorKind::BrokenPipe);
        let mut verdict = Pipe::new(closed(), Gone::GoOn);
        assert!(verdict.write_all(b"abc").is_ok() && verdict.flush().is_ok());
        let mut stream = Pipe::new(closed(), Gone::Stop);
        assert!(ReaderGone::is(&stream.write_all(b"abc").unwrap_err()));
        assert!(ReaderGone::is(&stream.flush().unwrap_err()));
    }

    #[test]
    fn another_error_is_one_to_both() {
        for gone in [Gone::GoOn, Gone::Stop] {
            let mut full = Pipe::new(Fails(io::ErrorKind::StorageFull), gone);
            let error = full.write_all(b"abc").unwrap_err();
            assert_eq!(
                (error.kind(), ReaderGone::is(&error)),
                (io::ErrorKind::StorageFull, false)
            );
        }
        assert!(
            !ReaderGone::is(&io::ErrorKind::BrokenPipe.into()),
            "a socket's is not a reader's"
        );
    }
}
