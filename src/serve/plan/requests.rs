//! The requests of one call as hashes: whole, whatever their size, and whatever the client's encoder made of them.

use bytes::Bytes;

use super::hash;
use crate::grpc;

/// The hashes by which a request is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::serve) struct Asked {
    /// Hash of its content.
    pub(in crate::serve) exact: u64,
    /// Hash of the fields that identify it; that of its content where all of it does.
    pub(in crate::serve) by_fields: u64,
}

/// Largest number of prefix hashes of one call. A call of more requests is told from others by its first ones, and by
/// all together.
const MOST_PREFIXES: usize = 1024;

/// The requests that a client sent.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(in crate::serve) struct Requests {
    /// Hashes of the first request, of the first two, and so on.
    prefixes: Vec<u64>,
    /// Hash of all requests.
    whole: u64,
    count: u64,
}

impl Requests {
    /// Adds the next request, by the hash of its content.
    pub(in crate::serve) fn take(&mut self, request: u64) {
        self.whole = hash(&(self.whole, request));
        self.count += 1;
        if self.prefixes.len() < MOST_PREFIXES {
            self.prefixes.push(self.whole);
        }
    }

    /// Number of requests.
    pub(in crate::serve) const fn count(&self) -> u64 {
        self.count
    }

    /// Hash of the first request, if there is one.
    pub(super) fn first(&self) -> Option<u64> {
        self.prefixes.first().copied()
    }

    /// Hash of all requests.
    pub(super) const fn whole(&self) -> u64 {
        self.whole
    }

    /// True when these requests may be a prefix of `others`, or all of them.
    pub(super) fn begin(&self, others: &Self) -> bool {
        if self.count > others.count {
            return false;
        }
        if self.count == others.count {
            return self.whole == others.whole;
        }
        let known = self.prefixes.len().min(others.prefixes.len());
        self.prefixes.get(..known) == others.prefixes.get(..known)
    }
}

/// The hash of a request's content. A compressed one counts as what it inflates to, where that can be told.
pub(in crate::serve) fn content(encoding: &str, compressed: bool, data: &Bytes, limit: usize) -> u64 {
    let limit = limit as u64;
    if compressed {
        match grpc::inflate(encoding, data, limit) {
            Ok(plain) => hash(&(false, &plain[..])),
            Err(_) => hash(&(true, &data[..])),
        }
    } else {
        hash(&(false, &data[..]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn requests(contents: &[u64]) -> Requests {
        let mut requests = Requests::default();
        for content in contents {
            requests.take(*content);
        }
        requests
    }

    #[test]
    fn requests_begin_those_that_go_on_from_them() {
        assert!(requests(&[]).begin(&requests(&[1])));
        assert!(requests(&[1, 2]).begin(&requests(&[1, 2, 3])));
        assert!(requests(&[1, 2]).begin(&requests(&[1, 2])));
        assert!(!requests(&[1, 3]).begin(&requests(&[1, 2, 3])));
        assert!(!requests(&[1, 2, 3]).begin(&requests(&[1, 2])));
    }

    #[test]
    fn many_requests_are_told_apart_by_all_of_them() {
        let many: Vec<u64> = (0..3000).collect();
        let mut other = many.clone();
        other[2500] = 7;
        assert!(requests(&many[..2600]).begin(&requests(&many)));
        assert!(requests(&many).begin(&requests(&many)));
        assert!(!requests(&many).begin(&requests(&other)));
    }

    #[test]
    fn a_compressed_request_is_what_it_inflates_to() {
        let plain = Bytes::from_static(b"the same, the same, the same");
        let packed = Bytes::from(grpc::deflate("gzip", &plain).unwrap());
        let limit = 1000;
        assert_eq!(
            content("gzip", true, &packed, limit),
            content("identity", false, &plain, limit)
        );
        assert_ne!(
            content("gzip", true, &packed, 3),
            content("identity", false, &plain, limit)
        );
    }
}
