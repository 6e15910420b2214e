//! The capture file.
