//! The trailers of gRPC-Web: the last frame of a body. Pure.

use crate::model::event::Metadata;

/// Reads the payload of a frame of trailers: lines `name: value`. What is not such a line is passed over.
pub(crate) fn trailers(payload: &[u8]) -> Metadata {
    let mut trailers = Metadata::default();
    for line in payload.split(|byte| *byte == b'\n') {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let Some(colon) = line.iter().position(|byte| *byte == b':') else {
            continue;
        };
        let (name, value) = line.split_at(colon);
        let name = String::from_utf8_lossy(name.trim_ascii()).to_ascii_lowercase();
        let value = value.get(1..).unwrap_or_default().trim_ascii();
        if !name.is_empty() {
            trailers.push(name, value);
        }
    }
    trailers
}

/// Writes the payload of a frame of trailers. Names that begin with a colon are ours, and are left out.
pub(crate) fn payload(trailers: &Metadata) -> Vec<u8> {
    let mut out = Vec::new();
    for (name, value) in trailers.iter().filter(|(name, _)| !name.starts_with(':')) {
        out.extend_from_slice(name.as_bytes());
        out.extend_from_slice(b": ");
        out.extend_from_slice(value);
        out.extend_from_slice(b"\r\n");
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trailers_are_read_however_they_are_written() {
        let canonical = b"grpc-status: 5\r\ngrpc-message: not here\r\nx: 1\r\nx: 2\r\n";
        let read = trailers(canonical);
        assert_eq!(read.get_text("grpc-message"), Some("not here"));
        assert_eq!(read.0.len(), 4);
        assert_eq!(payload(&read), canonical);
        for other in [
            &b"Grpc-Status:5\nGRPC-Message:not here\nX:1\nx:  2"[..],
            b"grpc-status:5\r\ngrpc-message: not here\r\nno line of trailers\r\nx: 1\r\nx:2\r\n\r\n",
        ] {
            assert_eq!(trailers(other), read);
        }
        assert!(trailers(b"\r\n: 1\r\n\xff").is_empty());
    }
}
