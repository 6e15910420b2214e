//! Reads any bytes as bodies of parts with correct checksums: header, chunk head, index and summary, in any order.

#![no_main]

use std::io::Cursor;

use grpc_capture::file::{Reader, Writer, WriterOptions, recover, verify};
use libfuzzer_sys::fuzz_target;

const TAGS: [&[u8; 4]; 8] = [b"GCAP", b"HEAD", b"CHNK", b"INDX", b"DONE", b"ZZZZ", b"schm", b"zonE"];

fuzz_target!(|input: &[u8]| {
    let mut file = Vec::new();
    part(&mut file, b"GCAP", b"\x01\0\0\x000.1.0\0\0\0\0\0\0\0");
    let mut rest = input;
    while let Some(([tag, low, high], behind)) = rest.split_first_chunk() {
        let len = usize::from(u16::from_le_bytes([*low, *high]) % 4096).min(behind.len());
        let (body, behind) = behind.split_at(len);
        rest = behind;
        match tag {
            // Bytes between the parts, and chunks' stored bytes.
            250.. => file.extend(body),
            _ => part(&mut file, TAGS[usize::from(*tag) % TAGS.len()], body),
        }
    }
    let _ = verify(Cursor::new(&file));
    if let Ok(mut reader) = Reader::new(Cursor::new(&file)) {
        let _ = reader.overview();
        let _ = reader.seek(1_000_000);
        let _ = reader.take(1000).count();
    }
    let _ = recover(Cursor::new(&file), |header| {
        Writer::new(Vec::new(), header, WriterOptions::default())
    });
});

fn part(file: &mut Vec<u8>, tag: &[u8; 4], body: &[u8]) {
    let mut part = [
        &[0x5c, 0x2a, 0x4d, 0x18][..],
        &(body.len() as u32 + 8).to_le_bytes(),
        tag,
        body,
    ]
    .concat();
    part.extend(crc32c::crc32c(&part).to_le_bytes());
    file.extend(part);
}
