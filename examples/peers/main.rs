//! The other side of the benchmarks: a server that is faster than any recorder, and the peers of `capture`, which do
//! the same work.
//!
//! `benches/table.py` runs this program. Each subcommand prints one line of JSON. The frames are made from real
//! recordings, which are sent again and again. Each repetition is shifted in time and level, and has new noise in the
//! bits that are noise anyway, so that nothing repeats.
//!
//! ```text
//! peers serve RECORDING SIZE TOTAL [FPS]   frames of SIZE bytes, TOTAL bytes per call, FPS per second or at full speed
//! peers drop ADDR CALLS                    a bare tonic client that discards the same bytes
//! peers mcap ADDR OUT zstd|lz4             our own tap with the writer of the mcap crate
//! peers codec RECORDING                    size and speed for one recording, compared with mcap and plain zstd
//! peers make RECORDING SIZE TOTAL OUT      a capture with TOTAL bytes of messages
//! peers seek CAPTURE                       opens a capture and seeks to many offsets
//! peers unary-serve                        answers each unary call with one message of 100 bytes
//! peers unary ADDR CALLS AT_ONCE           makes unary calls of 100 bytes on one connection
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
mod unary;

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
        ["unary-serve"] => unary::serve(),
        ["unary", addr, calls, at_once] => unary::call(addr, number(calls), number(at_once)),
        ["seek", capture] => seek::run(capture),
        _ => panic!("see the head of examples/peers/main.rs for the subcommands"),
    }
}

fn number(text: &str) -> usize {
    text.parse().unwrap_or_else(|error| panic!("`{text}`: {error}"))
}
