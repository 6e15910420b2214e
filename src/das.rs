//! The domain of this program: spectrogram streams of a Focus Server, their two dialects, the REST contract, and what
//! is expected of a job.

pub(crate) mod dialect;
pub(crate) mod expect;
pub(crate) mod focus;
pub(crate) mod frames;
pub(crate) mod proto;
pub(crate) mod spectrogram;

pub use dialect::{
    Axis, Dialect, Element, Layout, UnknownDialect, datastream::stream_request as datastream_request,
    pandadatastream::stream_request as pandadatastream_request,
};
pub use expect::{ExpectError, Expectations, Expected};
pub use focus::{
    ConfigureRequest, ConfigureResponse, Endpoint, EndpointError, Format, JobError, JobSpec, Period, RequestError,
    SensorSet, Span, View, error_text, parse_body, readdress, refusal,
};
pub use frames::{Frames, Seen};
pub use proto::{
    FOCUS_DESCRIPTOR_SET,
    datastream::{DataStream, HealthResponse, SensorIntensity, SpectrogramRow, StreamRequest},
    pandadatastream::DataStream as PandaDataStream,
};
pub use spectrogram::{Frame, Row, Sensor, UnknownField, Values};
