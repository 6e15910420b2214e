//! Comparison of the schema in a capture with another one: is what was recorded still read, and as the same?
//!
//! Compared are the methods that were called and all types that they reach, by the rules of `buf breaking`; then the
//! recorded messages are read with both schemas, and what becomes of each field's values is counted. The capture is read
//! twice, and memory grows with the schemas, not with the capture.
//!
//! # JSON
//!
//! [`SchemaDrift`] serializes as one object; `drift` is the version of this schema, and keys may be added within a version.
//!
//! | key | holds |
//! |---|---|
//! | `drift` | 1 |
//! | `verdict` | `identical`, `additive` or `breaking`: the worst of the following |
//! | `schema_verdict` | the same by the definitions alone: `breaking` where `buf breaking` with its category WIRE objects, or a recorded method is gone |
//! | `requests`, `answers` | the same for each direction: whether the server reads the recorded requests, and a client of today the recorded answers |
//! | `breaking`, `additive` | number of findings |
//! | `compared` | `methods`, `methods_without_schema`, `undefined` (names), `messages`, `enums` (counts) |
//! | `findings`, `more` | `rule` `category` `severity` `path` `direction` (`requests`, `answers`, `both`) `method` `recorded` `live` `message`; at most 1,000, and how many more |
//! | `evidence` | `messages` `unreadable` `json` `refused`, `totals`, `fields` (`path` `number` `direction`, the counts, `first` with `place` `method` `recorded` `live`), `more`, `is_partial` |
//! | `rest` | null, or `verdict`, `keys` and `findings` of the REST answers |
//!
//! The counts of values are `values` `changed` `vanished` `unknown` `renamed` `became_known` `refused`.

mod closure;
mod evidence;
mod rest;
mod result;
mod rules;
mod scan;
mod schema;

use std::io::{Read, Seek};

use crate::{
    file::{Attribute, FileError, Reader},
    grpc::descriptors::{DescriptorError, LeftOut},
};
use evidence::Evidence;
pub(crate) use rest::compare as compare_rest;
use result::ComparedParts;
pub(crate) use result::{DriftDirection, DriftFinding, DriftVerdict, FieldEvidence, SchemaDrift, ValueCounts};
pub(crate) use schema::SchemaTypes;

/// Errors of a comparison that cannot be made.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DriftError {
    /// The capture cannot be read.
    #[error(transparent)]
    File(#[from] FileError),
    /// The capture holds no schema.
    #[error("the capture holds no schema")]
    NoSchema,
    /// Its schema cannot be read.
    #[error("the capture's schema cannot be read: {0}")]
    BadSchema(#[from] DescriptorError),
    /// No call was recorded of which anything could be compared.
    #[error("the capture holds no call besides health checks and reflection, so there is nothing to compare")]
    NoCalls,
    /// The schema does not have the methods that were called.
    #[error("the capture's schema does not have the recorded {}", named(.0))]
    NotInSchema(Vec<String>),
}

fn named(methods: &[String]) -> String {
    match methods {
        [one] => format!("method {one}"),
        [first, ..] => format!("{} methods, such as {first}", methods.len()),
        [] => "methods".to_owned(),
    }
}

/// A comparison of schemas, with what else was found in the capture.
#[derive(Debug)]
pub(crate) struct Drifted {
    pub(crate) drift: SchemaDrift,
    /// Files of the capture's schema that cannot be read.
    pub(crate) left_out: Vec<LeftOut>,
    /// The recorded REST answer to the configuration of a job.
    pub(crate) answer: Option<Vec<u8>>,
}

/// Compares the schema of a capture with another. The capture is read twice from the beginning.
///
/// # Errors
/// When the capture cannot be read, or holds nothing to compare.
pub(crate) fn drift<R: Read + Seek>(reader: &mut Reader<R>, live: &SchemaTypes) -> Result<Drifted, DriftError> {
    let scan::Overview {
        methods: called,
        answer,
    } = scan::overview(reader)?;
    if called.is_empty() {
        return Err(DriftError::NoCalls);
    }
    let set = reader.header().get(Attribute::DESCRIPTOR_SET);
    let recorded = SchemaTypes::read(set.ok_or(DriftError::NoSchema)?)?;
    let (methods, without): (std::collections::BTreeSet<_>, Vec<_>) = {
        let (known, unknown): (Vec<_>, Vec<_>) = called
            .into_iter()
            .partition(|method| recorded.methods.contains_key(method));
        (known.into_iter().collect(), unknown)
    };
    if methods.is_empty() {
        return Err(DriftError::NotInSchema(without));
    }
    let mut evidence = Evidence::new(&recorded, live);
    scan::messages(reader, &methods, &mut evidence)?;
    let (evidence, in_any) = evidence.finish();
    let closure = closure::closure(&recorded, &methods, &in_any);
    let judged = rules::compare(&recorded, live, &methods, &closure, &in_any);
    let compared = ComparedParts {
        methods: methods.into_iter().collect(),
        methods_without_schema: without,
        messages: closure.messages.len() as u64,
        enums: closure.enums.len() as u64,
        undefined: judged.undefined.iter().cloned().collect(),
    };
    Ok(Drifted {
        drift: SchemaDrift::new(compared, judged, evidence),
        left_out: recorded.left_out,
        answer,
    })
}

/// The parts of the other capture that are compared.
#[derive(Debug)]
pub(crate) struct CaptureSchema {
    /// Its descriptor set.
    pub(crate) set: Vec<u8>,
    /// Its REST answer to the configuration of a job.
    pub(crate) answer: Option<Vec<u8>>,
}

/// The schema of a capture, which is read to its end; `None` when it holds none.
///
/// # Errors
/// When the capture cannot be read.
pub(crate) fn schema_of<R: Read + Seek>(reader: &mut Reader<R>) -> Result<Option<CaptureSchema>, FileError> {
    let answer = scan::overview(reader)?.answer;
    let set = reader.header().get(Attribute::DESCRIPTOR_SET);
    Ok(set.map(|set| CaptureSchema {
        set: set.to_vec(),
        answer,
    }))
}
