//! The two dialects of a Focus job: wire bytes to frames, and request building.
