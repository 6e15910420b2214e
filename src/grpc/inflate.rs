//! Decompression of compressed messages for inspection; the recording path never does.

use std::io::{self, Read};

use bytes::Bytes;
use flate2::{
    Compression,
    bufread::ZlibDecoder,
    read::{GzEncoder, MultiGzDecoder, ZlibEncoder},
};

/// Largest inflated size of one message: what a message may have by default that travels as it is, so that a few
/// kilobytes cannot fill the memory.
pub(crate) const MAX_INFLATED: u64 = super::DEFAULT_MAX_MESSAGE_BYTES as u64;

/// The encoding of a call whose metadata names none. A message that is flagged as compressed all the same is damaged,
/// by gRPC's own rule, and cannot be inflated.
pub(crate) const NO_ENCODING: &str = "(none named)";

/// Errors of inflating a message.
#[derive(Debug, thiserror::Error)]
pub enum InflateError {
    /// The encoding is none that is known, or none in which messages can be written.
    #[error("its encoding `{0}` is unknown; gzip, deflate, zstd, snappy, br and identity are supported")]
    UnknownEncoding(String),
    /// The bytes are not valid for the encoding.
    #[error("its {encoding} bytes cannot be inflated: {source}")]
    Damaged {
        /// The encoding.
        encoding: String,
        /// The error of the decoder.
        source: io::Error,
    },
    /// The inflated message is larger than the limit.
    #[error("it inflates to more than {limit} bytes")]
    TooLarge {
        /// The limit in bytes.
        limit: u64,
    },
}

/// Inflates a message with the given `encoding` (`grpc-encoding`) to at most `limit` bytes.
///
/// # Errors
/// When the encoding is unknown, the bytes are damaged, or the content is larger than the limit.
///
/// ```
/// let error = grpc_capture::grpc::inflate("gzip", b"not gzip", 100).unwrap_err();
/// assert!(error.to_string().contains("gzip"));
/// ```
pub fn inflate(encoding: &str, bytes: &[u8], limit: u64) -> Result<Bytes, InflateError> {
    let mut inflated = Vec::new();
    let read = match encoding {
        "identity" => return Ok(Bytes::copy_from_slice(bytes)),
        // Several gzip members are one content, as most gRPC libraries read them.
        "gzip" => MultiGzDecoder::new(bytes).take(limit + 1).read_to_end(&mut inflated),
        "deflate" => {
            let mut decoder = ZlibDecoder::new(bytes);
            let read = decoder.by_ref().take(limit + 1).read_to_end(&mut inflated);
            match read {
                Ok(read) if read as u64 <= limit && !decoder.into_inner().is_empty() => {
                    Err(io::Error::new(io::ErrorKind::InvalidData, "bytes follow its end"))
                }
                read => read,
            }
        }
        "zstd" => zstd::stream::read::Decoder::new(bytes).and_then(|mut decoder| {
            decoder.window_log_max(ZSTD_WINDOW_LOG)?;
            decoder.take(limit + 1).read_to_end(&mut inflated)
        }),
        "snappy" => snappy(bytes, limit, &mut inflated),
        "br" => brotli_decompressor::Decompressor::new(bytes, BUFFER_BYTES)
            .take(limit + 1)
            .read_to_end(&mut inflated),
        _ => return Err(InflateError::UnknownEncoding(encoding.to_owned())),
    };
    read.map_err(|source| InflateError::Damaged {
        encoding: encoding.to_owned(),
        source,
    })?;
    if inflated.len() as u64 > limit {
        return Err(InflateError::TooLarge { limit });
    }
    Ok(inflated.into())
}

/// The first bytes of snappy's framed form.
const SNAPPY_FRAMES: &[u8] = b"\xff\x06\x00\x00sNaPpY";
/// Largest window of zstd, 8 MiB: what RFC 9659 allows in HTTP, so that a small message cannot ask for much memory.
const ZSTD_WINDOW_LOG: u32 = 23;
/// Size of a decoder's buffer.
const BUFFER_BYTES: usize = 16 * 1024;

/// Inflates snappy: most libraries of gRPC write its frames, and some a bare block.
fn snappy(bytes: &[u8], limit: u64, inflated: &mut Vec<u8>) -> io::Result<usize> {
    if bytes.is_empty() {
        return Ok(0);
    }
    if bytes.starts_with(SNAPPY_FRAMES) {
        return snap::read::FrameDecoder::new(bytes)
            .take(limit + 1)
            .read_to_end(inflated);
    }
    let size = snap::raw::decompress_len(bytes)?;
    if size as u64 > limit {
        // One byte more than allowed says so to the caller.
        inflated.resize(usize::try_from(limit).unwrap_or(usize::MAX).saturating_add(1), 0);
        return Ok(inflated.len());
    }
    *inflated = snap::raw::Decoder::new().decompress_vec(bytes)?;
    Ok(inflated.len())
}

/// Compresses a message with the given encoding, after its content was changed.
///
/// ```
/// use grpc_capture::grpc::{deflate, inflate};
/// let small = deflate("gzip", b"rows rows rows rows")?;
/// assert_eq!(&inflate("gzip", &small, 100)?[..], b"rows rows rows rows");
/// # Ok::<(), grpc_capture::grpc::InflateError>(())
/// ```
///
/// # Errors
/// When the encoding is unknown, or is `br`, which is only read.
pub fn deflate(encoding: &str, bytes: &[u8]) -> Result<Vec<u8>, InflateError> {
    let (level, mut small) = (Compression::default(), Vec::new());
    let read = match encoding {
        "identity" => return Ok(bytes.to_vec()),
        "gzip" => GzEncoder::new(bytes, level).read_to_end(&mut small),
        "deflate" => ZlibEncoder::new(bytes, level).read_to_end(&mut small),
        "zstd" => zstd::stream::read::Encoder::new(bytes, zstd::DEFAULT_COMPRESSION_LEVEL)
            .and_then(|mut encoder| encoder.read_to_end(&mut small)),
        "snappy" => snap::read::FrameEncoder::new(bytes).read_to_end(&mut small),
        _ => return Err(InflateError::UnknownEncoding(encoding.to_owned())),
    };
    read.map_err(|source| InflateError::Damaged {
        encoding: encoding.to_owned(),
        source,
    })?;
    Ok(small)
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::{Compression, write::GzEncoder, write::ZlibEncoder};

    use super::*;

    fn gzip(content: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(content).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn gzip_deflate_and_identity_give_the_content_back() {
        let mut zlib = ZlibEncoder::new(Vec::new(), Compression::fast());
        zlib.write_all(b"rows").unwrap();
        let cases = [
            ("gzip", gzip(b"rows")),
            ("deflate", zlib.finish().unwrap()),
            ("identity", b"rows".to_vec()),
        ];
        for (encoding, bytes) in cases {
            assert_eq!(&inflate(encoding, &bytes, 4).unwrap()[..], b"rows", "{encoding}");
        }
    }

    #[test]
    fn encodings_of_other_libraries_are_read() {
        let text = "rows and rows and rows".repeat(100);
        for encoding in ["zstd", "snappy", "gzip", "deflate"] {
            let small = deflate(encoding, text.as_bytes()).unwrap();
            assert!(small.len() < text.len() / 4, "{encoding}");
            assert_eq!(inflate(encoding, &small, 10_000).unwrap(), text, "{encoding}");
            let cut = &small[..small.len() - 3];
            assert!(inflate(encoding, cut, 10_000).is_err(), "{encoding}");
            let over = inflate(encoding, &small, 100).unwrap_err();
            assert!(
                matches!(over, InflateError::TooLarge { limit: 100 }),
                "{encoding}: {over}"
            );
        }
        let block = snap::raw::Encoder::new().compress_vec(text.as_bytes()).unwrap();
        assert_eq!(inflate("snappy", &block, 10_000).unwrap(), text);
        assert!(matches!(
            inflate("snappy", &block, 100),
            Err(InflateError::TooLarge { .. })
        ));
        // What brotli writes for "rows".
        let brotli = [0x8b, 1, 0x80, b'r', b'o', b'w', b's', 3];
        assert_eq!(&inflate("br", &brotli, 4).unwrap()[..], b"rows");
        assert!(matches!(inflate("br", &brotli, 3), Err(InflateError::TooLarge { .. })));
        assert!(inflate("br", &brotli[..5], 100).is_err());
        assert!(inflate("snappy", b"\xff\xff\xff\xff\x0fx", 100).is_err());
    }

    #[test]
    fn what_follows_the_compressed_content_is_not_passed_over() {
        let two = [gzip(b"rows "), gzip(b"and more")].concat();
        assert_eq!(&inflate("gzip", &two, 100).unwrap()[..], b"rows and more");
        let mut zlib = ZlibEncoder::new(Vec::new(), Compression::fast());
        zlib.write_all(b"rows").unwrap();
        for (encoding, whole) in [("gzip", gzip(b"rows")), ("deflate", zlib.finish().unwrap())] {
            let more = [&whole[..], b"hunter2"].concat();
            let error = inflate(encoding, &more, 100).unwrap_err();
            assert!(matches!(error, InflateError::Damaged { .. }), "{encoding}: {error}");
        }
    }

    #[test]
    fn a_bomb_is_stopped_at_the_limit() {
        let bomb = gzip(&vec![0; 1 << 20]);
        assert!(matches!(
            inflate("gzip", &bomb, 1000),
            Err(InflateError::TooLarge { limit: 1000 })
        ));
    }

    #[test]
    fn damage_and_unknown_encodings_are_errors_that_name_them() {
        let mut damaged = gzip(b"rows");
        damaged.truncate(12);
        assert!(matches!(
            inflate("gzip", &damaged, 100),
            Err(InflateError::Damaged { .. })
        ));
        assert!(inflate("lz4", b"x", 100).unwrap_err().to_string().contains("lz4"));
    }
}
