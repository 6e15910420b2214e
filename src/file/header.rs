//! The header of a capture: its statements about itself.

/// The header: a capture's statements about itself before its first event.
///
/// ```
/// use grpc_capture::file::{Header, Attribute};
/// let mut header = Header::new(1_698_400_000_000_000_000);
/// header.set(Attribute::DIALECT, "datastream");
/// assert_eq!(header.text(Attribute::DIALECT), Some("datastream"));
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Header {
    /// Wall-clock time of offset 0, nanoseconds since the Unix epoch.
    pub anchor_unix_ns: u64,
    /// Names and values; the well-known names are in [`Attribute`]. Unknown ones are kept.
    pub attributes: Vec<(String, Vec<u8>)>,
}

/// The well-known attribute names.
#[derive(Debug)]
pub enum Attribute {}

impl Attribute {
    /// Dialect of the Focus job: `datastream` or `pandadatastream`.
    pub const DIALECT: &str = "dialect";
    /// Source of the events: the address that was dialled, or the file that was imported.
    pub const SOURCE: &str = "source";
    /// Name and version of the tool that wrote the capture.
    pub const TOOL: &str = "tool";
    /// A serialized `google.protobuf.FileDescriptorSet` for the recorded methods.
    pub const DESCRIPTOR_SET: &str = "descriptor-set";
    /// SHA-256 of [`Self::DESCRIPTOR_SET`], hexadecimal.
    pub const DESCRIPTOR_SHA256: &str = "descriptor-sha256";
    /// The JSON body that was posted to `/configure`.
    pub const CONFIGURE_REQUEST: &str = "configure.request";
    /// The JSON body of the response.
    pub const CONFIGURE_RESPONSE: &str = "configure.response";
    /// Name of the REST server in its response (HTTP's `Server`).
    pub const CONFIGURE_SERVER: &str = "configure.server";
    /// The job's name.
    pub const JOB_ID: &str = "job-id";
    /// `rows` when offsets were derived from the rows' own timestamps, so that they do not show the delivery.
    pub const TIMING: &str = "timing";
    /// Path of the capture that this one continues, at that time; see [`Continues`](crate::file::Continues).
    pub const CONTINUES: &str = "continues";
    /// Content digest of its readable part, hexadecimal.
    pub const CONTINUES_SHA256: &str = "continues.sha256";
    /// Offset of its last readable event, nanoseconds, in decimal.
    pub const CONTINUES_LAST_OFFSET: &str = "continues.last-offset";
    /// Wall-clock time of its offset 0, nanoseconds since the Unix epoch, in decimal.
    pub const CONTINUES_ANCHOR: &str = "continues.anchor";
    /// Origin of a slice: JSON, see [`SliceOf`](crate::file::SliceOf).
    pub const SLICE: &str = "slice";
    /// The redaction rules that found something.
    pub const REDACTED: &str = "redacted";
    /// Prefix of the names of the user's own tags.
    pub const TAG_PREFIX: &str = "tag.";
}

impl Header {
    /// A header without attributes. `anchor_unix_ns` is the wall-clock time of offset 0.
    #[must_use]
    pub const fn new(anchor_unix_ns: u64) -> Self {
        Self {
            anchor_unix_ns,
            attributes: Vec::new(),
        }
    }

    /// The value of an attribute.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&[u8]> {
        let found = self.attributes.iter().find(|(key, _)| key == name);
        found.map(|(_, value)| value.as_slice())
    }

    /// The value of an attribute as text; `None` when it is absent or is not UTF-8.
    #[must_use]
    pub fn text(&self, name: &str) -> Option<&str> {
        self.get(name).and_then(|value| std::str::from_utf8(value).ok())
    }

    /// Sets an attribute, in place of an earlier value.
    pub fn set(&mut self, name: impl Into<String>, value: impl Into<Vec<u8>>) {
        let (name, value) = (name.into(), value.into());
        match self.attributes.iter_mut().find(|(key, _)| *key == name) {
            Some(entry) => entry.1 = value,
            None => self.attributes.push((name, value)),
        }
    }

    /// Embeds a serialized `FileDescriptorSet` together with its SHA-256.
    pub fn set_descriptor_set(&mut self, descriptor_set: &[u8]) {
        self.set(Attribute::DESCRIPTOR_SET, descriptor_set);
        let digest = super::digest::Digest::of(descriptor_set);
        self.set(Attribute::DESCRIPTOR_SHA256, digest.to_string());
    }

    /// The user's own tags, name and value, in the order in which they were set.
    pub fn tags(&self) -> impl Iterator<Item = (&str, &str)> {
        self.attributes.iter().filter_map(|(name, value)| {
            let name = name.strip_prefix(Attribute::TAG_PREFIX)?;
            Some((name, std::str::from_utf8(value).ok()?))
        })
    }
}
