//! The output of a capture writer.

use std::{
    fs::File,
    io::{self, Cursor, Write},
};

/// The output of a capture writer: a byte sink that can be made durable.
pub trait Storage: Write {
    /// Makes everything written so far survive a power failure. Does nothing where that has no meaning.
    fn sync(&mut self) -> io::Result<()> {
        Ok(())
    }

    /// Checks that everything written so far is intact.
    fn check(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Storage for File {
    fn sync(&mut self) -> io::Result<()> {
        self.sync_data()
    }
}

impl Storage for Vec<u8> {}
impl Storage for Cursor<Vec<u8>> {}

impl<S: Storage + ?Sized> Storage for Box<S> {
    fn sync(&mut self) -> io::Result<()> {
        (**self).sync()
    }

    fn check(&mut self) -> io::Result<()> {
        (**self).check()
    }
}
