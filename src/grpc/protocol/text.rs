//! The base64 of gRPC-Web's text form, as it arrives. Pure.

use base64::{Engine as _, engine::general_purpose::STANDARD, engine::general_purpose::STANDARD_NO_PAD};

/// Number of characters of one group.
const GROUP: usize = 4;

/// Decodes base64 piece by piece. Each sender pads what it writes at a time, so padding may stand anywhere.
#[derive(Debug, Default)]
pub(crate) struct TextDecoder {
    /// The beginning of an incomplete group.
    rest: Vec<u8>,
}

/// Bytes that are not base64.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("its text is not base64")]
pub(crate) struct NotBase64;

impl TextDecoder {
    /// Decodes the whole groups up to the end of `text`.
    pub(crate) fn push(&mut self, text: &[u8]) -> Result<Vec<u8>, NotBase64> {
        self.rest.extend_from_slice(text);
        let whole = self.rest.len() / GROUP * GROUP;
        let groups: Vec<u8> = self.rest.drain(..whole).collect();
        let mut left = &groups[..];
        let mut out = Vec::with_capacity(whole / GROUP * 3);
        while !left.is_empty() {
            let padded = left.iter().position(|byte| *byte == b'=');
            let end = padded.map_or(left.len(), |at| (at / GROUP + 1) * GROUP);
            let (part, after) = left.split_at(end);
            STANDARD.decode_vec(part, &mut out).map_err(|_| NotBase64)?;
            left = after;
        }
        Ok(out)
    }

    /// Decodes what is left at the end: a last group may lack its padding.
    pub(crate) fn finish(&mut self) -> Result<Vec<u8>, NotBase64> {
        STANDARD_NO_PAD
            .decode(std::mem::take(&mut self.rest))
            .map_err(|_| NotBase64)
    }
}

/// Encodes a piece of a body, with padding.
pub(crate) fn encode(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn padding_may_stand_anywhere_and_pieces_be_cut_anywhere() {
        let text = [STANDARD.encode("a"), STANDARD.encode("bcd"), STANDARD.encode("ef")].concat();
        for cut in 0..=text.len() {
            let mut decoder = TextDecoder::default();
            let mut out = decoder.push(&text.as_bytes()[..cut]).unwrap();
            out.extend(decoder.push(&text.as_bytes()[cut..]).unwrap());
            out.extend(decoder.finish().unwrap());
            assert_eq!(out, b"abcdef", "cut at {cut}");
        }
    }

    #[test]
    fn a_last_group_may_lack_its_padding_and_what_is_not_base64_is_told() {
        let mut decoder = TextDecoder::default();
        assert_eq!(decoder.push(b"YQ").unwrap(), b"");
        assert_eq!(decoder.finish().unwrap(), b"a");
        assert_eq!(decoder.push(b"Y Q="), Err(NotBase64));
        assert_eq!(TextDecoder::default().push(b"=AAA"), Err(NotBase64));
        let mut cut = TextDecoder::default();
        cut.push(b"Y").unwrap();
        assert_eq!(cut.finish(), Err(NotBase64));
    }
}
