//! Reads any bytes as the records of a chunk with correct checksums. Everything that reads captures gives a result or
//! an error.
//!
//! The first byte chooses the records around the bytes. Either there are none, and the fuzzer chooses the lengths too,
//! or there are a call start and messages, so that the fuzzer reaches the decoders of messages at once.

#![no_main]

use std::io::Cursor;

use bytes::Bytes;
use grpc_capture::{analyze::{DiffOptions, diff, snapshot, Stats, Validator}, das::{Expectations, Span}, model::{CallStart, Direction, Ending, Event, EventKind, Message, Observer as _, Status}, file::{Codec, Header, Reader, Writer, WriterOptions, recover, verify}, report::{EventJson, event_text, Schema}, transform::{Cut, Range, slice}};
use libfuzzer_sys::fuzz_target;

const METHODS: [&str; 3] = [
    "/datastream.DataStreamService/StreamSpectrograms",
    "/pandadatastream.DataStreamService/StreamData",
    "/t.S/U",
];

fuzz_target!(|input: &[u8]| {
    let Some((frame, data)) = input.split_first() else {
        return;
    };
    let file = if frame % 4 == 0 {
        chunk(data)
    } else {
        call(*frame, data)
    };
    let whole = verify(Cursor::new(&file)).is_ok_and(|verified| verified.is_whole());
    let Ok(reader) = Reader::new(Cursor::new(&file)) else {
        return;
    };
    let mut validator = Validator::new(Expectations::from_header(reader.header()), reader.header());
    let mut json = EventJson::new(Schema::default());
    for event in reader {
        let Ok(event) = event else { break };
        validator.observe(&event);
        let _ = (event_text::line(&event), json.line(&event));
    }
    let _ = validator.finish();
    let open = || Reader::new(Cursor::new(&file));
    let (Ok(mut one), Ok(mut other)) = (open(), open()) else {
        return;
    };
    let _ = Stats::of(&mut one);
    let _ = snapshot_text(&mut one);
    let same = diff(&mut one, &mut other, DiffOptions::default());
    assert!(!same.is_ok_and(|diff| diff.differs), "a capture differs from itself");
    let cut = Cut {
        range: Range::Rows(Span { min: 1, max: 3 }),
        ..Cut::default()
    };
    let _ = slice(&mut one, &cut, begin);
    let recovered = recover(Cursor::new(&file), begin);
    assert!(!whole || recovered.is_ok(), "what is whole is recovered");
});

fn begin(header: &Header) -> Result<Writer<Vec<u8>>, grpc_capture::file::FileError> {
    Writer::new(Vec::new(), header, WriterOptions::default())
}

/// A call of messages that the bytes are cut into.
fn call(frame: u8, data: &[u8]) -> Vec<u8> {
    let method = METHODS[usize::from(frame) % METHODS.len()].to_owned();
    let size = usize::from(frame >> 4).pow(3) + 1;
    let start = EventKind::CallStart(CallStart {
        method,
        ..CallStart::default()
    });
    let messages = data.chunks(size.max(data.len() / 50)).map(|piece| {
        let mut message = Message::plain(Direction::Received, Bytes::copy_from_slice(piece));
        message.compressed = frame & 8 != 0;
        EventKind::Message(message)
    });
    let kinds = std::iter::once(start).chain(messages);
    let kinds = kinds.chain([EventKind::End(Ending::Status(Status::default()))]);
    let mut header = Header::new(1);
    header.set(
        "dialect",
        if frame & 1 == 0 {
            "datastream"
        } else {
            "pandadatastream"
        },
    );
    let mut writer = Writer::new(Vec::new(), &header, WriterOptions::default()).unwrap();
    for (seq, kind) in (1..).zip(kinds) {
        writer
            .write(&Event {
                call: 1,
                seq,
                offset_ns: seq,
                kind,
            })
            .unwrap();
    }
    writer.finish_into().unwrap().0
}

/// A file of one chunk, its head by hand, as FORMAT.md states it, around the bytes as its records.
fn chunk(raw: &[u8]) -> Vec<u8> {
    let options = WriterOptions {
        codec: Codec::Stored,
        ..WriterOptions::default()
    };
    let (mut file, _) = Writer::new(Vec::new(), &Header::new(0), options)
        .and_then(Writer::finish_into)
        .unwrap();
    file.truncate(file.len() - 144);
    let mut stored = vec![0x28, 0xb5, 0x2f, 0xfd, 0b1110_0000];
    stored.extend((raw.len() as u64).to_le_bytes());
    let mut pieces = raw.chunks(100_000).peekable();
    while let Some(piece) = pieces.next() {
        let last = u32::from(pieces.peek().is_none());
        stored.extend(&((last | (piece.len() as u32) << 3).to_le_bytes())[..3]);
        stored.extend(piece);
    }
    let mut body = Vec::new();
    body.extend([0; 16]); // number, first event
    body.extend(events(raw).to_le_bytes());
    body.extend([0; 16]); // offsets
    body.push(1); // control
    body.extend(0_u64.to_le_bytes()); // calls
    body.push(3); // codec `stored`
    body.extend((raw.len() as u64).to_le_bytes());
    body.extend((stored.len() as u64).to_le_bytes());
    body.extend(crc32c::crc32c(&stored).to_le_bytes());
    body.extend([0; 32]); // SHA-256
    let mut part = [
        &[0x5c, 0x2a, 0x4d, 0x18][..],
        &(body.len() as u32 + 8).to_le_bytes(),
        b"CHNK",
        &body,
    ]
    .concat();
    part.extend(crc32c::crc32c(&part).to_le_bytes());
    file.extend(part);
    file.extend(stored);
    file
}

/// How many records the lengths come to.
fn events(mut raw: &[u8]) -> u32 {
    let mut count = 0;
    while let Some((len, rest)) = raw.split_first_chunk() {
        count += 1;
        raw = rest.get(u32::from_le_bytes(*len) as usize..).unwrap_or_default();
    }
    count
}
