//! Writes any messages with any codec and reads them again. They are the same.

#![no_main]

use std::io::Cursor;

use bytes::Bytes;
use grpc_capture::{model::{Direction, Event, EventKind, Message}, file::{Codec, Header, Reader, Writer, WriterOptions, verify}};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let Some(([codec, wrap, repeat, split], data)) = input.split_first_chunk() else {
        return;
    };
    let codec = match codec % 4 {
        0 => Codec::Zstd(1),
        1 => Codec::Stored,
        2 => Codec::FloatFast,
        _ => Codec::Float,
    };
    let data = Bytes::copy_from_slice(data);
    let pieces = data.chunks(usize::from(*split) * 4 + 1).map(|piece| data.slice_ref(piece));
    let messages = pieces.map(|piece| (0..wrap % 4).fold(piece, |inner, _| packed(&inner)));
    let messages: Vec<_> = messages.collect();
    let repeated = (0..=repeat % 8).flat_map(|_| messages.iter());
    let events = (1..).zip(repeated).map(|(seq, data)| Event {
        call: seq as u32 % 3,
        seq,
        offset_ns: seq,
        kind: EventKind::Message(Message::plain(Direction::Received, data.clone())),
    });
    let events: Vec<_> = events.collect();
    let options = WriterOptions {
        codec,
        ..WriterOptions::default()
    };
    let mut writer = Writer::new(Vec::new(), &Header::new(0), options).unwrap();
    for event in &events {
        writer.write(event).unwrap();
    }
    let (file, _) = writer.finish_into().unwrap();
    let read: Vec<_> = Reader::new(Cursor::new(&file)).unwrap().map(Result::unwrap).collect();
    assert!(read == events);
    assert!(verify(Cursor::new(&file)).unwrap().is_whole());
});

/// A message of one field, as packed floats or a nested message are.
fn packed(inner: &[u8]) -> Bytes {
    let mut message = vec![0x0a];
    let mut len = inner.len();
    while len >= 0x80 {
        message.push(len as u8 | 0x80);
        len >>= 7;
    }
    message.push(len as u8);
    message.extend(inner);
    message.into()
}
