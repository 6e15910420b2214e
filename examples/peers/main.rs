//! The other side of the benchmarks: a server that is faster than any recorder, and the peers that do the same work.
//!
//! `benches/table.py` runs it; each subcommand prints one line of JSON. Frames are made of real recordings: every pass
//! over one is shifted in time and level and gets fresh noise in the bits that are noise anyhow, so that nothing repeats.
//!
//! ```text
//! peers serve RECORDING SIZE TOTAL [FPS]   frames of SIZE bytes, TOTAL bytes per call, FPS per second or at full speed
//! peers drop ADDR CALLS                    a bare tonic client that drops the same bytes
//! peers mcap ADDR OUT zstd|lz4             our own tap with the mcap crate's writer behind it
//! peers codec RECORDING                    size and speed on one recording, against mcap and plain zstd
//! peers make RECORDING SIZE TOTAL OUT      a capture of TOTAL bytes of messages
//! peers seek CAPTURE                       open and seek to many offsets
//! ```
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a benchmark stops by panicking and prints for a script"
)]

mod codec;
mod drop;
mod frames;
mod mcap_tap;
mod raw;
mod seek;
mod serve;

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    match args[..] {
        ["serve", recording, size, total] => serve::run(recording, number(size), number(total), None),
        ["serve", recording, size, total, fps] => serve::run(recording, number(size), number(total), Some(number(fps))),
        ["drop", addr, calls] => drop::run(addr, number(calls)),
        ["mcap", addr, out, compression] => mcap_tap::run(addr, out, compression),
        ["codec", recording] => codec::run(recording),
        ["make", recording, size, total, out] => seek::make(recording, number(size), number(total), out),
        ["seek", capture] => seek::run(capture),
        _ => panic!("see the head of examples/peers/main.rs for the subcommands"),
    }
}

fn number(text: &str) -> usize {
    text.parse().unwrap_or_else(|error| panic!("`{text}`: {error}"))
}
