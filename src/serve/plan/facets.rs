//! Facets of a request's metadata: hashes of entries that distinguish one call from another.

use super::hash;
use crate::model::event::Metadata;

const TIMEOUT: &str = "grpc-timeout";
/// Similar deadlines differ by at most this many powers of two: a client sends what is left of its own, which on a busy
/// machine may be an eighth.
const ALIKE: u32 = 3;
/// Number of bits of the shortest deadline that is distinguished from shorter ones, about a millisecond: nobody sets
/// one that is shorter. What is left of a longer one is so short when it took almost all of it to connect.
const SHORTEST_BITS: u32 = 20;

/// The facets of a request's metadata, one per entry. Deadlines count by their magnitude, for no two are equal, and to
/// have none says something, too.
pub(in crate::serve) fn facets(metadata: &Metadata) -> Vec<u64> {
    let entries = metadata.iter().map(|(name, value)| facet(name, value));
    let endless = metadata.get(TIMEOUT).is_none().then(|| limit(None));
    entries.chain(endless).collect()
}

fn facet(name: &str, value: &[u8]) -> u64 {
    if name == TIMEOUT {
        return limit(Some(magnitude(value)));
    }
    hash(&(name, value))
}

/// Number of bits of a deadline's nanoseconds.
fn magnitude(value: &[u8]) -> u32 {
    let timeout = crate::grpc::timeout::parse(value).unwrap_or_default();
    (u128::BITS - timeout.as_nanos().leading_zeros()).max(SHORTEST_BITS)
}

/// The facet of a deadline with this many bits, or of none.
fn limit(bits: Option<u32>) -> u64 {
    hash(&(TIMEOUT, bits))
}

/// The facets of deadlines about as long as this client's, or the facet of having none.
pub(super) fn alike(metadata: &Metadata) -> Box<[u64]> {
    match metadata.get(TIMEOUT).map(magnitude) {
        Some(bits) => (bits.saturating_sub(ALIKE)..=bits + ALIKE)
            .map(|bits| limit(Some(bits)))
            .collect(),
        None => [limit(None)].into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn timeout(value: &str) -> Metadata {
        let mut metadata = Metadata::default();
        metadata.push(TIMEOUT, value);
        metadata
    }

    #[test]
    fn deadlines_are_alike_by_their_magnitude_and_none_is_like_none() {
        let (endless, short) = (Metadata::default(), timeout("1m"));
        let are_alike = |recorded: &Metadata, asked: &Metadata| {
            let asked = facets(asked);
            alike(recorded).iter().any(|facet| asked.contains(facet))
        };
        assert!(are_alike(&endless, &endless) && are_alike(&short, &timeout("180u")));
        assert!(!are_alike(&endless, &short) && !are_alike(&short, &endless));
        assert!(!are_alike(&short, &timeout("40m")));
        // What was left of a millisecond after the connection was made.
        let rest = timeout("9u");
        assert!(are_alike(&rest, &short) && are_alike(&short, &rest) && are_alike(&rest, &timeout("0n")));
        assert!(!are_alike(&rest, &timeout("40m")) && !are_alike(&rest, &endless));
    }
}
