//! Tests of the whole validator.
