//! Visits every place of an event with bytes or text.

use base64::{
    Engine as _,
    alphabet::STANDARD,
    engine::{
        DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig,
        general_purpose::{STANDARD as STANDARD_BASE64, STANDARD_NO_PAD as BASE64_NO_PAD},
    },
};

use super::SecretValues;
use crate::{
    grpc::status::percent_decode,
    model::event::{Ending, EventKind, Metadata},
};

/// Base64 with or without padding.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// The decoded metadata value of a `-bin` name; `None` for other names, and for what is not base64.
pub(super) fn binary(name: &str, value: &[u8]) -> Option<Vec<u8>> {
    if !name.ends_with("-bin") {
        return None;
    }
    BASE64.decode(value).ok()
}

/// Removes known values from a metadata value; `None` when it holds none. Under a `-bin` name they are blanked, so that
/// an encoded status stays one.
pub(super) fn clean(values: &SecretValues, name: &str, value: &[u8]) -> Option<Vec<u8>> {
    if let Some(inner) = binary(name, value) {
        let blank = values.blank(&inner)?;
        let padded = value.len().is_multiple_of(4);
        let encoded = if padded {
            STANDARD_BASE64.encode(blank)
        } else {
            BASE64_NO_PAD.encode(blank)
        };
        return Some(encoded.into_bytes());
    }
    match std::str::from_utf8(value) {
        Ok(text) => values.replace(text).map(String::into_bytes),
        Err(_) => values.blank(value),
    }
}

/// Passes every text of an event to `look`, with its kind; messages are not among them.
pub(super) fn texts(kind: &EventKind, look: &mut impl FnMut(&str, &[u8])) {
    match kind {
        EventKind::CallStart(start) => {
            look("method", start.method.as_bytes());
            look("authority", start.authority.as_bytes());
            look("peer", start.peer.as_bytes());
            metadata(&start.metadata, look);
            start.attributes.iter().for_each(|(name, value)| look(name, value));
        }
        EventKind::Headers(headers) => metadata(&headers.metadata, look),
        EventKind::End(Ending::Status(status)) => {
            look("status message", status.message.as_bytes());
            metadata(&status.trailers, look);
        }
        EventKind::End(Ending::Cancelled(end)) => look("reason", end.reason.as_bytes()),
        EventKind::End(Ending::Broken(end)) => {
            look("error", end.error.as_bytes());
            if let Some(announced) = &end.announced {
                look("debug data", &announced.data);
            }
        }
        EventKind::Gap(gap) => look("reason", gap.reason.as_bytes()),
        EventKind::Note(note) => {
            look("author", note.author.as_bytes());
            look("note", note.text.as_bytes());
        }
        EventKind::End(Ending::Deadline(_)) | EventKind::Message(_) | EventKind::HalfClose => {}
    }
}

fn metadata(metadata: &Metadata, look: &mut impl FnMut(&str, &[u8])) {
    for (name, value) in metadata.iter() {
        let what = format!("metadata {name}");
        look(&what, name.as_bytes());
        look(&what, value);
        if let Some(inner) = binary(name, value) {
            look(&what, &inner);
        } else if value.contains(&b'%') {
            look(&what, percent_decode(value).as_bytes());
        }
    }
}
