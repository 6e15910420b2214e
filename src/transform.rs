//! Captures made from captures and from other files: parts, joins, redaction, import and export.

pub(crate) mod convert;
pub(crate) mod redact;
pub(crate) mod slice;

#[cfg(feature = "mcap")]
pub use convert::mcap::{McapReadError, McapReader, McapSchemas, McapWriteError, McapWriter};
#[cfg(feature = "parquet")]
pub use convert::parquet::{ParquetExportError, write as write_parquet};
pub use convert::{
    FramesCheck, Import, ImportError, ImportOptions, Loss, Losses,
    binlog::{BinlogError, BinlogReader, BinlogWriter, Framing},
    delimited::{DelimitedError, DelimitedReader},
    import::recognize::{Form, recognize},
    numpy::{NumpyError, shapes as array_shapes, write_npy, write_npz},
};
pub use redact::{
    Action, MetadataPolicy, RedactError, Redacted, RedactionRule, Redactor, Rules, RulesError, SecretValues, Secrets,
    rewrite as redact,
};
pub use slice::{
    Cut, Range, SliceError, Sliced,
    merge::{Merged, merge},
    note::{NoteError, note},
    slice,
};
