//! Reads any stored bytes after a chunk head with correct checksums. The reader gives a result or an error.
//!
//! The head is written by hand, according to FORMAT.md, so that the fuzzer reaches the decoders after the checksums.
//! Half of the inputs are valid zstd frames around the bytes of the fuzzer, so that it also reaches the plan of a float
//! chunk.

#![no_main]

use std::io::Cursor;

use grpc_capture::file::{Codec, Header, Reader, Writer, WriterOptions, recover, verify};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let Some(([codec, framed, raw @ ..], data)) = input.split_first_chunk::<5>() else {
        return;
    };
    let [a, b, c] = *raw;
    // A megabyte at most: the limits of larger ones are tested elsewhere, and cost the fuzzer its speed.
    let raw_len = u64::from(u32::from_le_bytes([a, b, c, 0])) >> 4;
    let stored = if framed % 2 == 0 { data.to_vec() } else { frames(data) };
    let options = WriterOptions {
        codec: Codec::Float,
        ..WriterOptions::default()
    };
    let (mut file, _) = Writer::new(Vec::new(), &Header::new(0), options)
        .and_then(Writer::finish_into)
        .unwrap();
    file.truncate(file.len() - 144);
    let mut body = Vec::new();
    body.extend([0; 16]); // number, first event
    body.extend(1_u32.to_le_bytes()); // events
    body.extend([0; 16]); // offsets
    body.push(0); // control
    body.extend(0_u64.to_le_bytes()); // calls
    body.push(codec % 6);
    body.extend(raw_len.to_le_bytes());
    body.extend((stored.len() as u64).to_le_bytes());
    body.extend(crc32c::crc32c(&stored).to_le_bytes());
    body.extend([0; 32]); // SHA-256
    let mut part = [&[0x5c, 0x2a, 0x4d, 0x18][..], &(body.len() as u32 + 8).to_le_bytes(), b"CHNK", &body].concat();
    part.extend(crc32c::crc32c(&part).to_le_bytes());
    file.extend(part);
    file.extend(stored);
    let _ = Reader::new(Cursor::new(&file)).unwrap().collect::<Result<Vec<_>, _>>();
    let _ = Reader::new(Cursor::new(&file)).unwrap().parallel(1).unwrap().count();
    assert!(!verify(Cursor::new(&file)).unwrap().is_whole());
    let _ = recover(Cursor::new(&file), |header| Writer::new(Vec::new(), header, options));
});

/// zstd frames of raw blocks, each of a length that the data gives before it.
fn frames(mut data: &[u8]) -> Vec<u8> {
    let mut stored = Vec::new();
    while let Some(([low, high], rest)) = data.split_first_chunk() {
        let len = usize::from(u16::from_le_bytes([*low, *high]) % 2048).min(rest.len());
        let (content, rest) = rest.split_at(len);
        data = rest;
        stored.extend([0x28, 0xb5, 0x2f, 0xfd, 0b1100_0000, 7 << 3]);
        stored.extend((len as u64).to_le_bytes());
        stored.extend(&((1 | (len as u32) << 3).to_le_bytes())[..3]);
        stored.extend(content);
    }
    stored
}
