//! Replay: a capture as a local server.
