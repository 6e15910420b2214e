//! The header of an imported capture of a Focus job.

use crate::{
    das::{dialect::Dialect, proto::FOCUS_DESCRIPTOR_SET},
    file::{Attribute, Header},
};

/// Makes the header that every capture of a Focus job has.
pub(crate) fn header(dialect: Dialect, job_id: &str, anchor_unix_ns: u64) -> Header {
    let mut header = Header::new(anchor_unix_ns);
    header.set(Attribute::TOOL, concat!("grpc-capture ", env!("CARGO_PKG_VERSION")));
    header.set(Attribute::DIALECT, dialect.name());
    header.set(Attribute::JOB_ID, job_id);
    header.set_descriptor_set(FOCUS_DESCRIPTOR_SET);
    header
}
