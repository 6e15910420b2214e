//! The REST contract of a Focus Server, as tolerant types.
