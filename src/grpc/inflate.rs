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
    /// The encoding is not one of `identity`, `gzip` and `deflate`.
    #[error("its encoding `{0}` is unknown; gzip, deflate and identity are supported")]
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
/// When the encoding is unknown.
pub fn deflate(encoding: &str, bytes: &[u8]) -> Result<Vec<u8>, InflateError> {
    let (level, mut small) = (Compression::default(), Vec::new());
    let read = match encoding {
        "identity" => return Ok(bytes.to_vec()),
        "gzip" => GzEncoder::new(bytes, level).read_to_end(&mut small),
        "deflate" => ZlibEncoder::new(bytes, level).read_to_end(&mut small),
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
        assert!(inflate("snappy", b"x", 100).unwrap_err().to_string().contains("snappy"));
    }
}
