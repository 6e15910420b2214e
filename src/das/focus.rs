//! The REST contract of a Focus Server, as tolerant types: what is asked for, what is answered, what is refused.
//!
//! Pure: no network here. Unknown fields are kept, numbers may come as strings, and only what a field must hold is asked
//! of it.

mod json;
mod keys;

pub(crate) mod job;
pub(crate) mod job_error;
pub(crate) mod job_spec;
mod names;
mod readdress;
pub(crate) mod refusal;
pub(crate) mod request;
pub(crate) mod response;
mod sensors;
pub(crate) mod words;

/// Name of the replay server in its REST answers (HTTP's `Server`).
pub(crate) const REPLAY_SERVER: &str = concat!("grpc-capture/", env!("CARGO_PKG_VERSION"));

/// True when a server of this name is a replay server, of any version.
#[must_use]
pub(crate) fn is_replay(server: &str) -> bool {
    server.starts_with("grpc-capture/")
}

pub use job_error::JobError;
pub use job_spec::JobSpec;
pub use json::parse_body;
pub(crate) use json::{BodyError, MAX_BODY_BYTES};
pub use readdress::readdress;
pub use refusal::{error_text, refusal};
pub use request::{ConfigureRequest, RequestError};
pub(crate) use response::EndpointScheme;
pub use response::{ConfigureResponse, Endpoint, EndpointError};
pub use sensors::SensorSet;
pub use words::{Format, Period, Span, View};

#[cfg(test)]
mod examples {
    #[test]
    fn example_of_is_replay() {
        use crate::das::focus::{REPLAY_SERVER, is_replay};
        assert!(is_replay(REPLAY_SERVER) && !is_replay("uvicorn"));
    }
}
