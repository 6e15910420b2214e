//! Redaction of a whole capture into a new one, which is then searched for the removed values.

use std::{
    collections::BTreeSet,
    io::{Read, Seek},
};

use serde::Serialize;

use super::{AUTHOR, FieldError, Redactor, Rules, SecretScan, SecretValues, scan};
use crate::{
    file::{Attribute, CaptureState, Digest, FileError, Header, Reader, Storage, Writer},
    model::event::{CAPTURE_CALL, Event, EventKind, Note},
    model::text::counted,
};

/// The result of a redaction.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Redacted {
    /// The rules that found something, with their counts.
    pub changes: Vec<RedactionCount>,
    /// Messages that could not be decoded and so were left out.
    pub withheld: u64,
    /// The reasons, each with the number of messages.
    pub withheld_for: Vec<Withheld>,
    /// The given rules that found nothing: a name that is mistyped hides nothing.
    pub unmatched: Vec<String>,
    /// Content digest of the new capture; `None` when nothing was written.
    pub digest: Option<Digest>,
    /// The search of the new capture for the removed values; `None` when nothing was written.
    pub scan: Option<SecretScan>,
    /// Whether the source is finished; what is made of an unfinished capture is unfinished as well.
    #[serde(flatten)]
    pub source: CaptureState,
    /// The removed values, so that texts about the capture (such as its file name) can be searched for them.
    #[serde(skip)]
    pub values: SecretValues,
}

/// The number of times that a rule found something.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RedactionCount {
    /// Name of the rule.
    pub rule: String,
    /// Number of times.
    pub count: u64,
}

/// Messages that were left out for one reason.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Withheld {
    /// The reason.
    pub reason: String,
    /// Number of messages.
    pub messages: u64,
}

/// Errors of a redaction.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RedactError {
    /// The capture cannot be read, or the new one cannot be written.
    #[error("{0}")]
    File(#[from] FileError),
    /// The new capture cannot be opened again to be searched.
    #[error("the new capture cannot be opened to be searched: {0}")]
    Reopen(#[from] std::io::Error),
    /// A rule does not fit the capture's schema.
    #[error(transparent)]
    Field(#[from] FieldError),
    /// A removed value occurs elsewhere.
    #[error("the redacted capture still holds a removed value: {0}; add a rule for that place")]
    Left(SecretScan),
}

/// Computes the changes of a redaction without writing anything.
///
/// # Errors
/// When the capture cannot be read, or a rule does not fit its schema.
pub(crate) fn preview<R: Read + Seek>(
    reader: &mut Reader<R>,
    rules: &Rules,
    schema: Option<&[u8]>,
) -> Result<Redacted, RedactError> {
    let redactor = survey(reader, rules, schema)?;
    Ok(Redacted {
        changes: changes(&redactor),
        withheld: redactor.withheld(),
        withheld_for: withheld(&redactor),
        unmatched: redactor.unmatched(rules),
        digest: None,
        scan: None,
        source: reader.state()?,
        values: redactor.values().clone(),
    })
}

/// Redacts a capture into a new one, which `begin` creates from the new header, reopens that by `reopen`, and searches
/// it for every removed value: header, events (messages inflated), and the bytes of the file.
///
/// A value that a rule hides in one place is masked in free text (status messages, notes, other metadata and attributes)
/// wherever it stands, before and after. What a capture says of itself to everybody (names of methods and fields) is no
/// secret and is not looked for, unless the rules name it as a value.
///
/// # Errors
/// When the capture cannot be read or written, a rule does not fit its schema, or the search finds something: then the new
/// capture must not be given away.
pub fn rewrite<R: Read + Seek, S: Storage, T: Read + Seek>(
    reader: &mut Reader<R>,
    rules: &Rules,
    begin: impl FnOnce(&Header) -> Result<Writer<S>, FileError>,
    reopen: impl FnOnce() -> std::io::Result<T>,
) -> Result<Redacted, RedactError> {
    rewrite_by(reader, rules, None, begin, reopen)
}

/// Redacts as [`rewrite`] does, by another schema than the capture's own. It is not written into the new capture.
///
/// # Errors
/// As those of [`rewrite`].
pub(crate) fn rewrite_by<R: Read + Seek, S: Storage, T: Read + Seek>(
    reader: &mut Reader<R>,
    rules: &Rules,
    schema: Option<&[u8]>,
    begin: impl FnOnce(&Header) -> Result<Writer<S>, FileError>,
    reopen: impl FnOnce() -> std::io::Result<T>,
) -> Result<Redacted, RedactError> {
    let survey = survey(reader, rules, schema)?;
    let labels: Vec<_> = survey.counts().keys().cloned().collect();
    let mut redactor = Redactor::new(rules, &described(reader.header(), schema))?.knowing(survey.values().clone());
    let mut header = redactor.header(reader.header());
    header.set(Attribute::REDACTED, labels.join(", "));
    let mut writer = begin(&header)?;
    let (mut own_seq, mut last_ns) = (0, 0);
    reader.rewind();
    while let Some(event) = reader.next_event()? {
        if event.call == CAPTURE_CALL {
            own_seq = own_seq.max(event.seq);
        }
        last_ns = last_ns.max(event.offset_ns);
        writer.write(&redactor.event(event))?;
    }
    let source = reader.state()?;
    writer.write(&Event {
        call: CAPTURE_CALL,
        seq: own_seq + 1,
        offset_ns: last_ns,
        kind: EventKind::Note(note(&redactor, source)),
    })?;
    let summary = writer.finish_as(source)?;
    let scan = scan(&mut reopen()?, survey.values())?;
    if !scan.is_clean() {
        return Err(RedactError::Left(scan));
    }
    Ok(Redacted {
        changes: changes(&redactor),
        withheld: redactor.withheld(),
        withheld_for: withheld(&redactor),
        unmatched: redactor.unmatched(rules),
        digest: Some(summary.digest),
        scan: Some(scan),
        source,
        values: survey.values().clone(),
    })
}

/// The first pass over the capture: everything is redacted and thrown away, to know all values that must not stand
/// anywhere.
fn survey<R: Read + Seek>(
    reader: &mut Reader<R>,
    rules: &Rules,
    schema: Option<&[u8]>,
) -> Result<Redactor, RedactError> {
    let mut redactor = Redactor::new(rules, &described(reader.header(), schema))?;
    let mut methods = BTreeSet::new();
    let _ = redactor.header(reader.header());
    reader.rewind();
    while let Some(event) = reader.next_event()? {
        if let EventKind::CallStart(start) = &event.kind {
            methods.insert(start.method.clone());
        }
        let _ = redactor.event(event);
    }
    let mut values: SecretValues = redactor.values().clone();
    if let Some(descriptor_set) = reader.header().get(Attribute::DESCRIPTOR_SET) {
        values.forget_those_in(descriptor_set);
    }
    for method in methods {
        values.forget_those_in(method.as_bytes());
    }
    for value in &rules.values {
        values.add(value.as_bytes());
    }
    Ok(redactor.knowing(values))
}

/// The header with the schema by which messages are decoded.
fn described(header: &Header, schema: Option<&[u8]>) -> Header {
    let mut header = header.clone();
    if let Some(schema) = schema {
        header.set(Attribute::DESCRIPTOR_SET, schema);
    }
    header
}

fn changes(redactor: &Redactor) -> Vec<RedactionCount> {
    let change = |(rule, count): (&String, &u64)| RedactionCount {
        rule: rule.clone(),
        count: *count,
    };
    redactor.counts().iter().map(change).collect()
}

fn withheld(redactor: &Redactor) -> Vec<Withheld> {
    let withheld = redactor.withheld_for();
    withheld
        .map(|(reason, messages)| Withheld { reason, messages })
        .collect()
}

fn note(redactor: &Redactor, source: CaptureState) -> Note {
    let counts: Vec<_> = redactor
        .counts()
        .iter()
        .map(|(rule, count)| format!("{rule} ({count})"))
        .collect();
    let mut text = if counts.is_empty() {
        "redacted: there was nothing to hide".to_owned()
    } else {
        format!("redacted: {}", counts.join(", "))
    };
    if redactor.withheld() > 0 {
        text.push_str(&format!("; {} left out", counted(redactor.withheld(), "message")));
    }
    Note {
        author: AUTHOR.to_owned(),
        text: source.told_in(text),
    }
}
