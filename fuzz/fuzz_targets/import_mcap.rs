//! Reads any bytes as an MCAP file, and any lines and messages inside a valid MCAP file. The import gives a result or
//! an error and never panics.

#![no_main]

use std::{collections::BTreeMap, io::Cursor};

use grpc_capture::transform::{McapReader, McapSchemas};
use libfuzzer_sys::fuzz_target;
use mcap::{WriteOptions, records::MessageHeader};

fuzz_target!(|input: &[u8]| {
    read(input);
    if let Some(file) = made(input) {
        read(&file);
    }
});

fn read(file: &[u8]) {
    let schemas = McapSchemas::read(Cursor::new(file)).unwrap();
    let _ = schemas.descriptor_set();
    for reader in [
        McapReader::new(Cursor::new(file)),
        McapReader::with_schemas(Cursor::new(file), schemas),
    ] {
        let Ok(mut reader) = reader else { continue };
        let errors = reader.by_ref().filter(Result::is_err).count();
        assert!(errors <= 1);
        let _ = reader.losses().to_string();
    }
}

/// A file with a header of ours and what the input says: pieces of three bytes of head (channel, call, time) and a length.
fn made(mut input: &[u8]) -> Option<Vec<u8>> {
    let mut writer = WriteOptions::new().compression(None).create(Cursor::new(Vec::new())).ok()?;
    let none = BTreeMap::new();
    let lines = writer.add_channel(0, "json", &none).ok()?;
    let ways = ["sent", "received"].map(|way| {
        let said = BTreeMap::from([("grpc-capture.direction".to_owned(), way.to_owned())]);
        writer.add_channel(0, way, "", &said)
    });
    let [sent, received] = ways;
    let channels = [lines, sent.ok()?, received.ok()?];
    let start = br#"{"event":"capture_start","layout":1,"anchor_unix_ns":3,"attributes":[]}"#;
    let mut put = |channel_id, sequence, log_time, data: &[u8]| {
        let header = MessageHeader {
            channel_id,
            sequence,
            log_time,
            publish_time: log_time,
        };
        writer.write_to_known_channel(&header, data).ok()
    };
    put(lines, 0, 3, start)?;
    while let Some(([channel, call, at, length], rest)) = input.split_first_chunk() {
        let (data, rest) = rest.split_at(rest.len().min(usize::from(*length)));
        input = rest;
        put(channels[usize::from(channel % 3)], u32::from(*call), u64::from(*at), data)?;
    }
    writer.finish().ok()?;
    Some(writer.into_inner().into_inner())
}
