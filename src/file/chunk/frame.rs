//! zstd frames: compressed ones, raw ones made by hand, and their content.

use std::io::{self, Cursor, Read as _};

use zstd::bulk::{Compressor, Decompressor};

/// Contents up to this size are decompressed into a buffer of their declared size at once; larger ones grow a buffer,
/// so that a hostile head cannot make the reader allocate a gigabyte that the stored bytes do not hold.
const TRUSTED_RAW: u64 = 64 << 20;

/// Magic number of a zstd frame (RFC 8878, 3.1.1).
const FRAME_MAGIC: [u8; 4] = [0x28, 0xB5, 0x2F, 0xFD];

/// Frame header descriptor: content size of eight bytes, a window, no checksum, no dictionary; and the window, 128 KiB,
/// which every decoder affords whatever the content's size.
const RAW_DESCRIPTOR: [u8; 2] = [0b1100_0000, 7 << 3];

/// The largest block that RFC 8878 (3.1.1.2.4) allows.
const MAX_BLOCK: usize = 128 << 10;

/// A compression context, kept from frame to frame.
#[derive(Default)]
pub(super) struct Compressors {
    current: Option<(i32, Compressor<'static>)>,
}

impl Compressors {
    /// Appends `raw` to `into` as one zstd frame with its content size and checksum.
    pub(super) fn append(&mut self, raw: &[u8], level: i32, into: &mut Vec<u8>) -> io::Result<()> {
        let compressor = match &mut self.current {
            Some((held, compressor)) if *held == level => compressor,
            current => {
                let mut compressor = Compressor::new(level)?;
                compressor.include_checksum(true)?;
                &mut current.insert((level, compressor)).1
            }
        };
        let at = into.len();
        into.reserve(zstd::zstd_safe::compress_bound(raw.len()));
        let mut out = Cursor::new(into);
        out.set_position(at as u64);
        compressor.compress_to_buffer(raw, &mut out).map(drop)
    }
}

/// Appends `raw` to `into` as one zstd frame of raw blocks.
pub(super) fn append_raw(raw: &[u8], into: &mut Vec<u8>) {
    into.reserve(raw.len() + raw.len() / MAX_BLOCK * 3 + 20);
    into.extend_from_slice(&FRAME_MAGIC);
    into.extend_from_slice(&RAW_DESCRIPTOR);
    into.extend_from_slice(&(raw.len() as u64).to_le_bytes());
    let mut rest = raw;
    loop {
        let (block, behind) = rest.split_at(rest.len().min(MAX_BLOCK));
        // Last block, type 0 (raw), size; RFC 8878, 3.1.1.2.
        let header = u32::from(behind.is_empty()) | (block.len() as u32) << 3;
        into.extend_from_slice(&header.to_le_bytes()[..3]);
        into.extend_from_slice(block);
        if behind.is_empty() {
            return;
        }
        rest = behind;
    }
}

/// The content of frames that promise `raw_len` bytes; more than that is never unpacked.
pub(super) fn content(stored: &[u8], raw_len: u64) -> io::Result<Vec<u8>> {
    if raw_len <= TRUSTED_RAW {
        return Decompressor::new()?.decompress(stored, raw_len as usize);
    }
    let mut raw = Vec::new();
    zstd::stream::read::Decoder::new(stored)?
        .take(raw_len + 1)
        .read_to_end(&mut raw)?;
    Ok(raw)
}
