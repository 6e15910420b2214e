//! Synthetic streams for the tests.
