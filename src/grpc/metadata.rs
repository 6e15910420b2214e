//! Conversion between HTTP header maps and [`Metadata`].

use http::{HeaderMap, HeaderName, HeaderValue};

use crate::model::event::Metadata;

/// Largest number of entries for which memory is reserved in advance.
const MOST_RESERVED: usize = 256;

/// Converts a header map to metadata, values byte for byte, in the map's order: names in order of first appearance,
/// with the values of a repeated name together and in wire order (all that the map keeps).
#[must_use]
pub fn metadata(headers: &HeaderMap) -> Metadata {
    Metadata(
        headers
            .iter()
            .map(|(name, value)| (name.as_str().to_owned(), value.as_bytes().to_vec()))
            .collect(),
    )
}

/// Converts `metadata` to a header map, in order. Entries that HTTP cannot carry (and so never came off a wire) are
/// left out.
#[must_use]
pub(crate) fn header_map(metadata: &Metadata) -> HeaderMap {
    // A map takes no more than 24,576 names; it would panic at more.
    let mut headers = HeaderMap::with_capacity(metadata.0.len().min(MOST_RESERVED));
    for (name, value) in metadata.iter() {
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::from_bytes(value))
            && headers.try_append(name, value).is_err()
        {
            break;
        }
    }
    headers
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_repeats_and_bytes_survive_the_way_there_and_back() {
        let mut there = Metadata::default();
        there.push("x-b", "1");
        there.push("x-a", b"\xff\x80 high bytes".to_vec());
        there.push("trace-bin", "AAEC/w==");
        there.push("x-z", "first");
        there.push("x-z", "second");
        assert_eq!(metadata(&header_map(&there)), there);
    }

    #[test]
    fn entries_that_http_cannot_carry_are_left_out() {
        let mut odd = Metadata::default();
        odd.push("bad name", "x");
        odd.push("ok", "line\nbreak");
        assert!(metadata(&header_map(&odd)).is_empty());
    }
}
