//! What a capture of a Focus job says of itself.

use crate::{
    das::{dialect::Dialect, proto::FOCUS_DESCRIPTOR_SET},
    file::{Attribute, Header},
};

/// A header as every capture of a Focus job has it.
pub(crate) fn header(dialect: Dialect, job_id: &str, anchor_unix_ns: u64) -> Header {
    let mut header = Header::new(anchor_unix_ns);
    header.set(Attribute::TOOL, concat!("grpc-capture ", env!("CARGO_PKG_VERSION")));
    header.set(Attribute::DIALECT, dialect.name());
    header.set(Attribute::JOB_ID, job_id);
    header.set_descriptor_set(FOCUS_DESCRIPTOR_SET);
    header
}
