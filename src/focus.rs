//! The REST contract of a Focus Server, as tolerant types: what is asked for, what is answered, what is refused.
//!
//! Pure: no network here. Unknown fields are kept, numbers may come as strings, and only what a field must hold is asked
//! of it.

mod json;
mod keys;

pub mod job;
mod readdress;
pub mod refusal;
pub mod request;
pub mod response;
mod sensors;
pub mod words;

pub use job::{JobError, JobSpec};
pub use json::{BodyError, MAX_BODY_BYTES, parse_body};
pub use readdress::readdress;
pub use refusal::{error_text, refusal};
pub use request::{ConfigureRequest, RequestError};
pub use response::{ConfigureResponse, Endpoint, EndpointError, Scheme};
pub use sensors::SensorSet;
pub use words::{Format, Period, Span, View};
