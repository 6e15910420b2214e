//! Compares size and speed of the capture file with the mcap crate and plain zstd, on one thread, in one run.
//!
//! ```text
//! cargo bench --bench codec                       # the shipped recordings and four synthetic ones
//! cargo bench --bench codec -- FILE.dstream.bin…  # recordings as length-delimited messages
//! cargo bench --bench codec -- --ours FILE…       # for a profiler: writes only our default codec, at least 400 MB
//! ```
//!
//! Each figure is a median over several rounds, in processor time of one thread. In each round, all candidates run in
//! turns. Our figures include SHA-256 and CRC-32C for writing, and CRC-32C for reading. The figures of mcap include its
//! CRC-32. `verify` also checks the SHA-256 of every event. No data is repeated within a file. All candidates write
//! into memory that is already allocated.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a bench prints its table, and stops when a recording is not whole"
)]

use std::{borrow::Cow, collections::BTreeMap, fs::File, hint::black_box, io::Cursor, path::Path};

use bytes::Bytes;
use grpc_capture::{
    file::{Codec, Header, Reader, Writer, WriterOptions, verify},
    model::{Direction, Event, EventKind, Message},
    transform::DelimitedReader,
};

#[path = "codec/synthetic.rs"]
mod synthetic;

/// Rounds; the table shows medians.
const ROUNDS: usize = 7;

/// A recording's name, and its messages.
struct Recording {
    name: String,
    messages: Vec<Bytes>,
}

fn main() {
    // An allocator that gave a large piece back once keeps what comes after it: otherwise half of the time of a small file
    // is the kernel's, for handing out the same pages again and again to whoever writes it.
    drop(black_box(vec![1_u8; 30 << 20]));
    let arguments = std::env::args().skip(1).filter(|argument| !argument.starts_with("--"));
    let mut recordings: Vec<_> = arguments.map(|path| recording(Path::new(&path))).collect();
    if recordings.is_empty() {
        let shipped = concat!(env!("CARGO_MANIFEST_DIR"), "/captures");
        recordings.extend(["optodas-quake", "febus-jitter"].map(|name| capture(shipped, name)));
        recordings.extend(synthetic::recordings());
    }
    if std::env::args().any(|argument| argument == "--ours") {
        for recording in &recordings {
            let raw: usize = recording.messages.iter().map(Bytes::len).sum();
            let mut file = Vec::new();
            let rates: Vec<_> = (0..400_000_000_usize.div_ceil(raw))
                .map(|_| {
                    let started = cpu_seconds();
                    file = write(recording, Way::Ours(Codec::Float), std::mem::take(&mut file));
                    raw as f64 / (cpu_seconds() - started) / 1e6
                })
                .collect();
            let ratio = raw as f64 / file.len() as f64;
            println!("{} write {:.0} MB/s, ratio {ratio:.3}", recording.name, median(&rates));
        }
        return;
    }
    println!(
        "ratio = raw bytes / stored bytes; MB/s of raw bytes and processor time of one thread, medians of {ROUNDS} rounds"
    );
    let mut sizes = Vec::new();
    for recording in &recordings {
        sizes.push(table(recording));
    }
    let mean = sizes.iter().map(|size| size.ln()).sum::<f64>() / sizes.len() as f64;
    let least = sizes.iter().copied().fold(f64::INFINITY, f64::min);
    println!(
        "\nsize of mcap zstd over float: geometric mean {:.3}, least {least:.3}",
        mean.exp()
    );
}

fn recording(path: &Path) -> Recording {
    let file = File::open(path).unwrap_or_else(|error| panic!("could not open {}: {error}", path.display()));
    let name = path
        .file_name()
        .map_or(Cow::Borrowed(""), std::ffi::OsStr::to_string_lossy);
    let messages = DelimitedReader::new(file).collect::<Result<_, _>>();
    let messages = messages.unwrap_or_else(|error| panic!("could not read {}: {error}", path.display()));
    Recording {
        name: name.split('.').next().unwrap_or_default().to_owned(),
        messages,
    }
}

fn capture(folder: &str, name: &str) -> Recording {
    let reader = Reader::open(format!("{folder}/{name}.gcap")).expect("the capture is shipped");
    let received = reader.filter_map(|event| match event.expect("the capture is whole").kind {
        EventKind::Message(message) if message.direction == Direction::Received => Some(message.data),
        _ => None,
    });
    Recording {
        name: name.to_owned(),
        messages: received.collect(),
    }
}

/// How a recording is stored.
#[derive(Clone, Copy)]
enum Way {
    Ours(Codec),
    Mcap(Option<mcap::Compression>),
    Zstd(i32),
}

const WAYS: [(&str, Way); 9] = [
    ("float (default)", Way::Ours(Codec::Float)),
    ("float, fast", Way::Ours(Codec::FloatFast)),
    ("gcap zstd -3", Way::Ours(Codec::Zstd(3))),
    ("gcap stored", Way::Ours(Codec::Stored)),
    ("mcap zstd default", Way::Mcap(Some(mcap::Compression::Zstd))),
    ("mcap lz4", Way::Mcap(Some(mcap::Compression::Lz4))),
    ("plain zstd -1", Way::Zstd(1)),
    ("plain zstd -3", Way::Zstd(3)),
    ("plain zstd -9", Way::Zstd(9)),
];

/// Prints the table of one recording; size of mcap's zstd default over ours.
fn table(recording: &Recording) -> f64 {
    let raw: usize = recording.messages.iter().map(Bytes::len).sum();
    let mut seconds = vec![[Vec::new(), Vec::new()]; WAYS.len()];
    let (mut sizes, mut verified) = (vec![0; WAYS.len()], Vec::new());
    let mut file = Vec::new();
    for _ in 0..ROUNDS {
        for (number, (_, way)) in WAYS.iter().enumerate() {
            let started = cpu_seconds();
            file = write(recording, *way, file);
            seconds[number][0].push(cpu_seconds() - started);
            sizes[number] = file.len();
            let started = cpu_seconds();
            assert_eq!(read(&file, *way), raw, "every byte comes back");
            seconds[number][1].push(cpu_seconds() - started);
            if number == 0 {
                let started = cpu_seconds();
                assert!(verify(Cursor::new(&file)).expect("it is a capture").is_whole());
                verified.push(cpu_seconds() - started);
            }
        }
    }
    let rate = |seconds: &[f64]| raw as f64 / median(seconds) / 1e6;
    let mcap = WAYS
        .iter()
        .position(|(name, _)| *name == "mcap zstd default")
        .unwrap_or_default();
    let (mcap_write, mcap_read) = (rate(&seconds[mcap][0]), rate(&seconds[mcap][1]));
    println!(
        "\n{} ({} messages, {raw} bytes)",
        recording.name,
        recording.messages.len()
    );
    println!(
        "{:<20}{:>8}{:>9}{:>9}   against mcap zstd: smaller, write, read",
        "", "ratio", "write", "read"
    );
    for (number, (name, _)) in WAYS.iter().enumerate() {
        let (written, read) = (rate(&seconds[number][0]), rate(&seconds[number][1]));
        println!(
            "{name:<20}{:>8.3}{written:>9.0}{read:>9.0}   {:>6.3}x {:>6.2}x {:>6.2}x",
            raw as f64 / sizes[number] as f64,
            sizes[mcap] as f64 / sizes[number] as f64,
            written / mcap_write,
            read / mcap_read,
        );
    }
    println!(
        "{:<37}{:>9.0}   {:>23.2}x",
        "float, SHA-256 verified",
        rate(&verified),
        rate(&verified) / mcap_read
    );
    sizes[mcap] as f64 / sizes[0] as f64
}

/// Processor time of this thread, in seconds: what other load on the machine takes is not counted.
fn cpu_seconds() -> f64 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}

fn median(seconds: &[f64]) -> f64 {
    let mut sorted = seconds.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted[sorted.len() / 2]
}

/// Writes a file into the memory of an earlier one: what it costs to get memory from the kernel is nobody's merit.
fn write(recording: &Recording, way: Way, mut file: Vec<u8>) -> Vec<u8> {
    file.clear();
    match way {
        Way::Ours(codec) => {
            let options = WriterOptions {
                codec,
                ..WriterOptions::default()
            };
            let mut writer = Writer::new(file, &Header::new(0), options).expect("a vector takes everything");
            for (seq, data) in (1..).zip(&recording.messages) {
                let kind = EventKind::Message(Message::plain(Direction::Received, data.clone()));
                let event = Event {
                    call: 1,
                    seq,
                    offset_ns: seq,
                    kind,
                };
                writer.write(&event).expect("a vector takes everything");
            }
            writer.finish_into().expect("a vector takes everything").0
        }
        Way::Mcap(compression) => {
            let options = mcap::WriteOptions::new()
                .compression(compression)
                .compression_threads(0);
            let mut writer = options.create(Cursor::new(file)).expect("a vector takes everything");
            let channel = writer
                .add_channel(0, "stream", "protobuf", &BTreeMap::new())
                .expect("the first channel");
            for (sequence, data) in (1..).zip(&recording.messages) {
                let header = mcap::records::MessageHeader {
                    channel_id: channel,
                    sequence,
                    log_time: u64::from(sequence),
                    publish_time: u64::from(sequence),
                };
                writer
                    .write_to_known_channel(&header, data)
                    .expect("a vector takes everything");
            }
            writer.finish().expect("a vector takes everything");
            writer.into_inner().into_inner()
        }
        Way::Zstd(level) => {
            let whole: Vec<u8> = recording
                .messages
                .iter()
                .flat_map(|message| message.iter().copied())
                .collect();
            for chunk in whole.chunks(1 << 20) {
                let frame = zstd::bulk::compress(chunk, level).expect("memory suffices");
                file.extend((frame.len() as u32).to_le_bytes());
                file.extend(frame);
            }
            file
        }
    }
}

/// Reads every message; their bytes in all.
fn read(file: &[u8], way: Way) -> usize {
    match way {
        Way::Ours(_) => {
            let reader = Reader::new(Cursor::new(file)).expect("it is a capture");
            let lens = reader.map(|event| match event.expect("it is whole").kind {
                EventKind::Message(message) => black_box(message.data).len(),
                _ => 0,
            });
            lens.sum()
        }
        Way::Mcap(_) => {
            let messages = mcap::MessageStream::new(file).expect("it is an MCAP file");
            messages
                .map(|message| black_box(message.expect("it is whole").data).len())
                .sum()
        }
        Way::Zstd(_) => {
            let (mut rest, mut len) = (file, 0);
            while let Some((prefix, behind)) = rest.split_first_chunk() {
                let (frame, behind) = behind.split_at(u32::from_le_bytes(*prefix) as usize);
                len += black_box(zstd::bulk::decompress(frame, 1 << 20).expect("it is whole")).len();
                rest = behind;
            }
            len
        }
    }
}
