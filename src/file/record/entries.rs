//! The encoding of pairs of names and values.

use crate::model::event::Metadata;

/// Pairs of names and values.
pub(super) type Entries<'a> = Vec<(&'a str, &'a [u8])>;

pub(super) fn entries(metadata: &Metadata) -> Entries<'_> {
    metadata.iter().collect()
}

pub(super) fn metadata_of(entries: Entries<'_>) -> Metadata {
    let owned = entries
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value.to_owned()));
    Metadata(owned.collect())
}
