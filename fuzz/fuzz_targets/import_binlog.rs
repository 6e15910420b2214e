//! Reads any bytes as a gRPC binary log with either framing. The import gives a result or an error and never panics.
//! The resulting events can be written and read again.

#![no_main]

use std::io::Cursor;

use grpc_capture::transform::{BinlogReader, BinlogWriter, Framing};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    for framing in [Framing::Fixed, Framing::Varint] {
        let Ok(mut reader) = BinlogReader::new(Cursor::new(input), framing) else {
            continue;
        };
        let mut writer = BinlogWriter::new(Vec::new(), reader.anchor_unix_ns());
        let mut failed = false;
        for event in reader.by_ref() {
            assert!(!failed, "nothing follows an error");
            match event {
                Ok(event) => writer.write(&event).unwrap(),
                Err(_) => failed = true,
            }
        }
        let _ = reader.losses().to_string();
        let log = writer.finish().unwrap();
        if log.is_empty() {
            continue;
        }
        let again = BinlogReader::new(Cursor::new(log), Framing::Fixed).unwrap();
        assert!(again.filter(Result::is_err).count() == 0, "what was written is read");
    }
});
