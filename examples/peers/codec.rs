//! Compares our capture file, mcap and plain zstd for one recording, on one thread: size, write and read speed in MB/s.

use std::{
    collections::BTreeMap,
    hint::black_box,
    io::{BufReader, Cursor},
    time::Instant,
};

use bytes::Bytes;
use grpc_capture::{
    file::{Header, Reader, Writer, WriterOptions},
    model::{Direction, Event, EventKind, Message},
};
use mcap::{MessageStream, records::MessageHeader};
use serde_json::{Value, json};

use super::{frames, mcap_tap};

/// Runs of each, in turn; the median counts.
const RUNS: usize = 5;

/// zstd levels that people use.
const LEVELS: [i32; 3] = [1, 3, 9];

/// Makes a file.
type Write = dyn Fn(&[Bytes]) -> Vec<u8>;
/// Reads it; the bytes of its messages.
type Read = dyn Fn(&[u8]) -> usize;

/// What is measured: makes a file, and reads it back.
struct Peer {
    name: String,
    write: Box<Write>,
    read: Box<Read>,
}

pub(crate) fn run(recording: &str) {
    let messages = frames::messages(recording);
    let bytes: usize = messages.iter().map(Bytes::len).sum();
    let mut peers = vec![Peer {
        name: "capture".to_owned(),
        write: Box::new(ours),
        read: Box::new(|file| {
            let mut reader = Reader::new(Cursor::new(file)).unwrap();
            std::iter::from_fn(|| reader.next_event().unwrap())
                .map(|event| size(&event))
                .sum()
        }),
    }];
    for compression in ["zstd", "lz4"] {
        peers.push(Peer {
            name: format!("mcap {compression}"),
            write: Box::new(move |messages| mcap(messages, compression)),
            read: Box::new(|file| {
                MessageStream::new(file)
                    .unwrap()
                    .map(|message| message.unwrap().data.len())
                    .sum()
            }),
        });
    }
    for level in LEVELS {
        peers.push(Peer {
            name: format!("zstd -{level}"),
            write: Box::new(move |messages| zstd::bulk::compress(&messages.concat(), level).unwrap()),
            read: Box::new(move |file| zstd::stream::decode_all(BufReader::new(file)).unwrap().len()),
        });
    }
    let mut times = vec![(Vec::new(), Vec::new()); peers.len()];
    let mut sizes = vec![0; peers.len()];
    for _ in 0..RUNS {
        for (at, peer) in peers.iter().enumerate() {
            let began = Instant::now();
            let file = (peer.write)(&messages);
            times[at].0.push(began.elapsed().as_secs_f64());
            sizes[at] = file.len();
            let began = Instant::now();
            let read = black_box((peer.read)(&file));
            times[at].1.push(began.elapsed().as_secs_f64());
            assert!(read >= bytes, "{} lost something", peer.name);
        }
    }
    let results = peers
        .iter()
        .zip(&mut times)
        .zip(sizes)
        .map(|((peer, (write, read)), size)| {
            let speed = |times: &mut Vec<f64>| {
                times.sort_by(f64::total_cmp);
                bytes as f64 / 1e6 / times[times.len() / 2]
            };
            let speeds = (speed(write), speed(read));
            json!({"name": peer.name, "stored": size, "write_mb_s": speeds.0, "read_mb_s": speeds.1})
        });
    println!(
        "{}",
        json!({"bytes": bytes, "results": results.collect::<Vec<Value>>()})
    );
}

fn size(event: &Event) -> usize {
    match &event.kind {
        EventKind::Message(message) => message.data.len(),
        _ => 0,
    }
}

fn ours(messages: &[Bytes]) -> Vec<u8> {
    let mut writer = Writer::new(Vec::new(), &Header::new(0), WriterOptions::default()).unwrap();
    for (at, message) in messages.iter().enumerate() {
        let seq = at as u64 + 1;
        let kind = EventKind::Message(Message::plain(Direction::Received, message.clone()));
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

fn mcap(messages: &[Bytes], compression: &str) -> Vec<u8> {
    let mut file = Cursor::new(Vec::new());
    let mut writer = mcap_tap::options(compression).create(&mut file).unwrap();
    let channel_id = writer.add_channel(0, "stream", "protobuf", &BTreeMap::new()).unwrap();
    for (at, message) in messages.iter().enumerate() {
        let (sequence, log_time) = (at as u32, at as u64);
        let header = MessageHeader {
            channel_id,
            sequence,
            log_time,
            publish_time: log_time,
        };
        writer.write_to_known_channel(&header, message).unwrap();
    }
    writer.finish().unwrap();
    drop(writer);
    file.into_inner()
}
