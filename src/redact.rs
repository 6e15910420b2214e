//! Redaction: rules that turn an event into an event without its secrets.
