//! HTTP/2 error codes (RFC 9113 §7) and GOAWAY frames, with their texts.

use bytes::Bytes;

use crate::model::event::GoAway;

/// The error code of an orderly shutdown.
pub(crate) const NO_ERROR: u32 = 0;
/// The error code of a cancelled stream.
pub(crate) const CANCEL: u32 = 8;
/// The error code for a peer that makes too much work, such as by pinging too often.
pub(crate) const ENHANCE_YOUR_CALM: u32 = 11;
/// Largest part of the debug data that is shown, in bytes; more of it says no more.
const MOST_DATA: usize = 1024;

/// Names by code.
const NAMES: [&str; 14] = [
    "NO_ERROR",
    "PROTOCOL_ERROR",
    "INTERNAL_ERROR",
    "FLOW_CONTROL_ERROR",
    "SETTINGS_TIMEOUT",
    "STREAM_CLOSED",
    "FRAME_SIZE_ERROR",
    "REFUSED_STREAM",
    "CANCEL",
    "COMPRESSION_ERROR",
    "CONNECT_ERROR",
    "ENHANCE_YOUR_CALM",
    "INADEQUATE_SECURITY",
    "HTTP_1_1_REQUIRED",
];

/// The name of an error code, or `CODE_n` for one that HTTP/2 does not define.
pub(crate) fn name(code: u32) -> String {
    let name = NAMES.get(code as usize);
    name.map_or_else(|| format!("CODE_{code}"), |name| (*name).to_owned())
}

impl GoAway {
    /// Decodes the payload of a GOAWAY frame; `None` when that is too short.
    pub(crate) fn read(payload: &Bytes) -> Option<Self> {
        let number = |at: usize| {
            let bytes = payload.get(at..at + 4)?;
            Some(u32::from_be_bytes(bytes.try_into().ok()?))
        };
        Some(Self {
            last_stream: number(0)? & 0x7fff_ffff,
            code: number(4)?,
            // A copy: the frame may lie in a buffer that is far larger.
            data: Bytes::copy_from_slice(payload.get(8..)?.get(..MOST_DATA).unwrap_or(payload.get(8..)?)),
        })
    }

    /// True for an orderly shutdown.
    pub(crate) const fn is_orderly(&self) -> bool {
        self.code == NO_ERROR
    }

    /// Describes what the GOAWAY means for a call.
    pub(crate) fn told(&self) -> String {
        let data = String::from_utf8_lossy(&self.data);
        let because = if data.is_empty() {
            String::new()
        } else {
            format!(": {}", data.escape_debug())
        };
        if self.is_orderly() {
            format!("the server announced the end (GOAWAY{because}) and closed the connection")
        } else {
            let name = name(self.code);
            format!("the server closed the connection (GOAWAY {name}{because})")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_goaway_is_told_with_its_code_and_its_text() {
        let payload = Bytes::from_static(b"\x80\0\0\x07\0\0\0\x0btoo_many\x1bpings");
        let goaway = GoAway::read(&payload).unwrap();
        assert_eq!((goaway.last_stream, goaway.code), (7, 11));
        assert_eq!(GoAway::read(&payload.slice(..7)), None);
        assert_eq!(
            goaway.told(),
            "the server closed the connection (GOAWAY ENHANCE_YOUR_CALM: too_many\\u{1b}pings)"
        );
        let drain = GoAway::read(&Bytes::from_static(b"\0\0\0\x01\0\0\0\0lb drain")).unwrap();
        assert_eq!(
            drain.told(),
            "the server announced the end (GOAWAY: lb drain) and closed the connection"
        );
    }

    #[test]
    fn codes_have_their_names() {
        assert_eq!((name(8).as_str(), name(99).as_str()), ("CANCEL", "CODE_99"));
    }
}
