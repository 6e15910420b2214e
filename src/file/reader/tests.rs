use std::io::{self, Cursor, Read, Seek, SeekFrom};

use super::*;
use crate::{
    event::{Direction, EventKind, Message},
    file::{Writer, WriterOptions},
};

/// A file that shows only its beginning, until a reader has come to the end of that and looks elsewhere.
struct Growing {
    file: Cursor<Vec<u8>>,
    visible: u64,
    at_end: bool,
}

impl Growing {
    fn grow(&mut self) {
        if self.at_end {
            self.visible = self.file.get_ref().len() as u64;
        }
    }
}

impl Read for Growing {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        self.grow();
        let left = self.visible.saturating_sub(self.file.position());
        let read = self.file.by_ref().take(left).read(into)?;
        self.at_end |= read == 0 && !into.is_empty();
        Ok(read)
    }
}

impl Seek for Growing {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.grow();
        match to {
            SeekFrom::End(_) => Ok(self.visible),
            to => self.file.seek(to),
        }
    }
}

#[test]
fn a_chunk_that_is_completed_while_it_is_read_is_no_damage() {
    let options = WriterOptions {
        chunk_bytes: 1,
        ..WriterOptions::default()
    };
    let mut writer = Writer::new(Vec::new(), &Header::new(0), options).unwrap();
    let start = writer.stored_bytes();
    for seq in 1..=4 {
        let message = Message::plain(Direction::Received, vec![seq as u8; 100]);
        let kind = EventKind::Message(message);
        writer
            .write(&Event {
                call: 1,
                seq,
                offset_ns: seq,
                kind,
            })
            .unwrap();
    }
    let (bytes, summary) = writer.finish_into().unwrap();
    for visible in start..bytes.len() as u64 {
        let growing = Growing {
            file: Cursor::new(bytes.clone()),
            visible,
            at_end: false,
        };
        let mut reader = Reader::new(growing).unwrap();
        let mut seqs = Vec::new();
        // A reader that comes to the end for now is asked again, as `--follow` does.
        while !matches!(reader.tail(), Tail::Finished(_)) {
            while let Some(event) = reader
                .next_event()
                .unwrap_or_else(|error| panic!("{visible} bytes: {error}"))
            {
                seqs.push(event.seq);
            }
        }
        assert_eq!(seqs.len() as u64, summary.events, "{visible} bytes visible at first");
    }
}
