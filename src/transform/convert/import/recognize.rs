//! Detection of a file's format by its first bytes.

use prost::Message as _;

use crate::{
    grpc::protobuf::Fields,
    model::varint,
    transform::convert::binlog::{Framing, GrpcLogEntry},
};

/// Number of first bytes that are inspected; a longer look tells no more.
pub(crate) const LOOK_BYTES: usize = 1 << 16;

/// The format of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Form {
    /// Length-delimited messages, or an unknown format.
    Frames,
    /// A gRPC binary log.
    Binlog(Framing),
    /// An MCAP file.
    Mcap,
    /// Something else.
    Other(Kind),
}

/// A file format that cannot be imported.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kind {
    /// Name with its article.
    pub name: &'static str,
    /// The remedy.
    pub remedy: Remedy,
}

/// The remedy for a file of another format.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Remedy {
    /// The file is a capture already.
    AsItIs,
    /// Another program unpacks the file: its command.
    Unpack(&'static str),
    /// The file is a pointer, and its content must be fetched.
    Fetch,
    /// The file contains HTTP/2 as captured from a network.
    Dissect,
    /// The file may be a bundle, or another archive.
    Open,
    /// The file cannot be converted to a capture.
    None,
}

const fn kind(name: &'static str, remedy: Remedy) -> Kind {
    Kind { name, remedy }
}

/// Fewer zeros than this may be empty messages.
const LEAST_ZEROS: usize = 16;

const MCAP: &[u8] = b"\x89MCAP0\r\n";

/// Beginnings that no length-delimited message can have: each is long enough, or a message that begins so is no
/// protobuf.
const BEGINNINGS: [(&[u8], Kind); 43] = [
    (b"\x1f\x8b\x08", kind("a gzip file", Remedy::Unpack("gunzip"))),
    (b"\x28\xb5\x2f\xfd", kind("a zstd file", Remedy::Unpack("unzstd"))),
    (b"\xfd7zXZ\x00", kind("an xz file", Remedy::Unpack("unxz"))),
    (b"BZh", kind("a bzip2 file", Remedy::Unpack("bunzip2"))),
    (b"\x04\x22\x4d\x18", kind("an lz4 file", Remedy::Unpack("unlz4"))),
    (
        b"\xff\x06\x00\x00sNaPpY",
        kind("a snappy file", Remedy::Unpack("snzip -d")),
    ),
    (b"7z\xbc\xaf\x27\x1c", kind("a 7-Zip archive", Remedy::Unpack("7z x"))),
    (b"Rar!\x1a\x07", kind("a RAR archive", Remedy::Unpack("unrar x"))),
    (b"PK\x03\x04", kind("a zip archive", Remedy::Open)),
    (b"PK\x05\x06", kind("an empty zip archive", Remedy::None)),
    (
        b"version https://git-lfs",
        kind("a Git LFS pointer, not the file itself", Remedy::Fetch),
    ),
    (b"\xd4\xc3\xb2\xa1", kind("a packet capture (pcap)", Remedy::Dissect)),
    (b"\xa1\xb2\xc3\xd4", kind("a packet capture (pcap)", Remedy::Dissect)),
    (b"\x4d\x3c\xb2\xa1", kind("a packet capture (pcap)", Remedy::Dissect)),
    (b"\xa1\xb2\x3c\x4d", kind("a packet capture (pcap)", Remedy::Dissect)),
    (b"\x0a\x0d\x0d\x0a", kind("a packet capture (pcapng)", Remedy::Dissect)),
    (b"PAR1", kind("a Parquet table", Remedy::None)),
    (b"ARROW1\x00\x00", kind("an Arrow file", Remedy::None)),
    (b"ORC\x11", kind("an ORC table", Remedy::None)),
    (b"Obj\x01", kind("an Avro file", Remedy::None)),
    (b"\x89HDF\r\n\x1a\n", kind("an HDF5 file", Remedy::None)),
    (b"CDF\x01", kind("a NetCDF file", Remedy::None)),
    (b"CDF\x02", kind("a NetCDF file", Remedy::None)),
    (b"\x93NUMPY", kind("a NumPy array", Remedy::None)),
    (b"TDSm", kind("a TDMS file", Remedy::None)),
    (b"MATLAB 5.0 MAT-file", kind("a MATLAB file", Remedy::None)),
    (
        b"SQLite format 3\x00",
        kind("an SQLite database (a ROS 2 bag, perhaps)", Remedy::None),
    ),
    (
        b"#ROSBAG V2.0",
        kind("a ROS bag", Remedy::Unpack("mcap convert FILE.bag FILE.mcap")),
    ),
    (b"\x89PNG\r\n\x1a\n", kind("a PNG picture", Remedy::None)),
    (b"\xff\xd8\xff", kind("a JPEG picture", Remedy::None)),
    (b"GIF8", kind("a GIF picture", Remedy::None)),
    (b"II*\x00", kind("a TIFF picture", Remedy::None)),
    (b"MM\x00*", kind("a TIFF picture", Remedy::None)),
    (b"RIFF", kind("a RIFF file (sound or video)", Remedy::None)),
    (b"%PDF-", kind("a PDF document", Remedy::None)),
    (b"%!PS", kind("a PostScript document", Remedy::None)),
    (b"{\\rtf", kind("an RTF document", Remedy::None)),
    (
        b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1",
        kind("a Microsoft Office document", Remedy::None),
    ),
    (b"\x7fELF", kind("a program (ELF)", Remedy::None)),
    (b"\xcf\xfa\xed\xfe", kind("a program (Mach-O)", Remedy::None)),
    (b"\xca\xfe\xba\xbe", kind("a program (Mach-O or Java)", Remedy::None)),
    (b"\x00asm", kind("a program (WebAssembly)", Remedy::None)),
    (b"!<arch>\n", kind("an archive of a compiler", Remedy::None)),
];

/// The beginning of a capture, a zstd skippable frame: its magic number, four bytes of length, and these letters.
const CAPTURE_PART: &[u8] = b"\x5c\x2a\x4d\x18";
const CAPTURE_LETTERS: &[u8] = b"GCAP";

/// Detects the format of a file that begins with `start`, up to `LOOK_BYTES` bytes of it.
///
/// ```
/// use grpc_capture::transform::{Form, recognize};
/// assert_eq!(recognize(b"\x89MCAP0\r\n"), Form::Mcap);
/// let Form::Other(kind) = recognize(b"\x1f\x8b\x08\x00") else { panic!() };
/// assert_eq!(kind.name, "a gzip file");
/// assert_eq!(recognize(b"\x02\x0a\x00"), Form::Frames);
/// ```
#[must_use]
pub fn recognize(start: &[u8]) -> Form {
    if start.starts_with(MCAP) {
        return Form::Mcap;
    }
    if start.starts_with(CAPTURE_PART) && start.get(8..12) == Some(CAPTURE_LETTERS) {
        return Form::Other(kind("a capture already", Remedy::AsItIs));
    }
    if let Some(framing) = binlog(start) {
        return Form::Binlog(framing);
    }
    // As delimited messages, these are empty ones.
    if start.len() >= LEAST_ZEROS && start.iter().all(|byte| *byte == 0) {
        return Form::Other(kind("nothing but zeros", Remedy::None));
    }
    if grpc_framed(start) {
        return Form::Other(kind("a file of messages behind gRPC's five-byte prefix", Remedy::None));
    }
    if are_frames(start) {
        return Form::Frames;
    }
    let begins = BEGINNINGS.iter().find(|(begin, _)| start.starts_with(begin));
    let other = begins
        .map(|(_, kind)| *kind)
        .or_else(|| weak(start))
        .or_else(|| text(start));
    other.map_or(Form::Frames, Form::Other)
}

/// The framing with which the first entry is valid in a binary log: its type is known, and has a payload of its own.
fn binlog(start: &[u8]) -> Option<Framing> {
    let is_entry = |bytes: &[u8]| GrpcLogEntry::decode(bytes).is_ok_and(|entry| entry.call_id > 0 && entry.fits());
    let fixed = start.first_chunk().map(|length| u32::from_be_bytes(*length) as usize);
    let fixed = fixed.and_then(|length| start.get(4..4 + length));
    if fixed.is_some_and(is_entry) {
        return Some(Framing::Fixed);
    }
    let (length, rest) = announced(start)?;
    rest.get(..usize::try_from(length).ok()?)
        .is_some_and(is_entry)
        .then_some(Framing::Varint)
}

/// True when the bytes are valid length-delimited protobuf messages, as far as they go.
fn are_frames(start: &[u8]) -> bool {
    let mut bytes = start;
    while let Some((length, rest)) = announced(bytes) {
        let whole = usize::try_from(length)
            .ok()
            .and_then(|length| rest.split_at_checked(length));
        let Some((message, after)) = whole else {
            // The last one reaches beyond the look.
            return start.len() >= LOOK_BYTES && is_protobuf_so_far(rest);
        };
        if !is_protobuf(message) {
            return false;
        }
        bytes = after;
    }
    bytes.is_empty()
}

fn is_protobuf(message: &[u8]) -> bool {
    let mut fields = Fields::new("message", message);
    loop {
        match fields.next_field() {
            Ok(Some(_)) => {}
            Ok(None) => return true,
            Err(_) => return false,
        }
    }
}

/// True when a truncated message contains at least one whole field.
fn is_protobuf_so_far(message: &[u8]) -> bool {
    matches!(Fields::new("message", message).next_field(), Ok(Some(_)))
}

/// Splits a length off the start of the bytes.
fn announced(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let mut at = 0;
    let length = varint::read(bytes, &mut at)?;
    Some((length, bytes.get(at..)?))
}

/// The format of a text.
fn text(start: &[u8]) -> Option<Kind> {
    let plain = start.strip_prefix(b"\xef\xbb\xbf").unwrap_or(start);
    let text = match std::str::from_utf8(plain) {
        Ok(text) => text,
        // The look may end within a character.
        Err(error) if error.error_len().is_none() => std::str::from_utf8(&plain[..error.valid_up_to()]).ok()?,
        Err(_) => return None,
    };
    let printable = |c: char| !c.is_control() || matches!(c, '\t' | '\n' | '\r' | '\x0c');
    if text.is_empty() || !text.chars().all(printable) {
        return None;
    }
    let text = text.trim_start();
    let begins = |start: &str| {
        text.get(..start.len())
            .is_some_and(|begin| begin.eq_ignore_ascii_case(start))
    };
    Some(if begins("<!doctype html") || begins("<html") {
        kind("an HTML page", Remedy::None)
    } else if text.starts_with("<?xml") {
        kind("an XML document", Remedy::None)
    } else if text
        .lines()
        .take(2)
        .filter(|line| line.starts_with('{') && line.ends_with('}'))
        .count()
        == 2
    {
        kind("a file of JSON lines", Remedy::None)
    } else if text.starts_with(['{', '[']) {
        kind("a JSON document", Remedy::None)
    } else {
        kind("a text file", Remedy::None)
    })
}

/// Formats with short, unreliable beginnings.
fn weak(start: &[u8]) -> Option<Kind> {
    let (pairs, _) = start.as_chunks::<2>();
    let wide = |high: usize| pairs.len() > 1 && pairs[1..].iter().take(32).all(|pair| pair[high] == 0);
    if (start.starts_with(b"\xff\xfe") && wide(1)) || (start.starts_with(b"\xfe\xff") && wide(0)) {
        return Some(kind("a text file in UTF-16", Remedy::None));
    }
    if start.get(257..262) == Some(b"ustar") {
        return Some(kind("a tar archive", Remedy::Unpack("tar -xf")));
    }
    if start.starts_with(b"MZ") {
        return Some(kind("a program (Windows)", Remedy::None));
    }
    None
}

/// True for messages with gRPC's length prefix: a flag and four bytes of length, big end first.
fn grpc_framed(start: &[u8]) -> bool {
    let (mut bytes, mut messages) = (start, 0);
    while let Some((&[0, a, b, c, d], rest)) = bytes.split_first_chunk() {
        let Some((message, after)) = rest.split_at_checked(u32::from_be_bytes([a, b, c, d]) as usize) else {
            return messages > 0 && start.len() >= LOOK_BYTES;
        };
        if !is_protobuf(message) {
            return false;
        }
        messages += usize::from(!message.is_empty());
        bytes = after;
    }
    messages > 0 && bytes.is_empty()
}

#[cfg(test)]
mod tests;
