//! Message types of a capture's methods, from its own descriptor set.

use prost::Message as _;
use prost_reflect::{DescriptorPool, DynamicMessage, MessageDescriptor};

use crate::{
    grpc::{
        descriptors::{self, DescriptorError, Descriptors},
        standard,
    },
    model::event::Direction,
};

/// Looks up message types by method path.
#[derive(Debug, Clone, Default)]
pub struct Schema {
    pool: DescriptorPool,
    warning: Option<String>,
}

/// The error for an unusable descriptor set of a capture.
#[derive(Debug, thiserror::Error)]
#[error("the capture's descriptor set cannot be read: {0}")]
pub struct SchemaError(#[from] DescriptorError);

impl Schema {
    /// Makes a schema from a serialized `FileDescriptorSet`. What of it cannot be used is left out;
    /// [`warning`](Self::warning) names it.
    ///
    /// # Errors
    /// When it is not a descriptor set, or too large.
    ///
    /// ```
    /// use grpc_capture::{model::Direction, das::FOCUS_DESCRIPTOR_SET, report::Schema};
    /// let schema = Schema::from_descriptor_set(FOCUS_DESCRIPTOR_SET)?;
    /// let method = "/datastream.DataStreamService/StreamSpectrograms";
    /// assert_eq!(schema.message_type(method, Direction::Sent).as_deref(), Some("datastream.StreamRequest"));
    /// # Ok::<(), grpc_capture::report::SchemaError>(())
    /// ```
    pub fn from_descriptor_set(descriptor_set: &[u8]) -> Result<Self, SchemaError> {
        let read = Descriptors::read(descriptor_set)?;
        Ok(Self {
            warning: read.warning(),
            pool: read.pool,
        })
    }

    /// One sentence about unusable parts of the descriptor set.
    #[must_use]
    pub fn warning(&self) -> Option<&str> {
        self.warning.as_deref()
    }

    /// The full name of the message type in one direction of a method.
    #[must_use]
    pub fn message_type(&self, method: &str, direction: Direction) -> Option<String> {
        self.descriptor(method, direction)
            .map(|found| found.full_name().to_owned())
    }

    /// The full names of the services, sorted.
    #[must_use]
    pub fn services(&self) -> Vec<String> {
        let mut names: Vec<_> = self
            .pool
            .services()
            .map(|service| service.full_name().to_owned())
            .collect();
        names.sort();
        names
    }

    /// Encodes the request of a method from JSON, in the proto3 mapping; `None` when the method is not in the schema.
    ///
    /// ```
    /// use grpc_capture::{das::FOCUS_DESCRIPTOR_SET, report::Schema};
    /// let schema = Schema::from_descriptor_set(FOCUS_DESCRIPTOR_SET)?;
    /// let method = "/datastream.DataStreamService/StreamSpectrograms";
    /// assert_eq!(schema.encode(method, r#"{"job_id": "a"}"#), Some(Ok(b"\x0a\x01a".to_vec())));
    /// assert!(schema.encode(method, r#"{"job": 1}"#).is_some_and(|refused| refused.is_err()));
    /// assert_eq!(schema.encode("/a.B/C", "{}"), None);
    /// # Ok::<(), grpc_capture::report::SchemaError>(())
    /// ```
    #[must_use]
    pub fn encode(&self, method: &str, json: &str) -> Option<Result<Vec<u8>, String>> {
        let descriptor = self.descriptor(method, Direction::Sent)?;
        let mut text = serde_json::Deserializer::from_str(json);
        let message = DynamicMessage::deserialize(descriptor, &mut text);
        let message = message.and_then(|message| text.end().map(|()| message));
        Some(
            message
                .map(|message| message.encode_to_vec())
                .map_err(|error| error.to_string()),
        )
    }

    /// Decodes a message in one direction of a method; `None` when the method is not in the schema.
    #[must_use]
    pub fn decode(&self, method: &str, direction: Direction, bytes: &[u8]) -> Option<Result<DynamicMessage, String>> {
        let descriptor = self.descriptor(method, direction)?;
        Some(descriptors::decode(descriptor, bytes))
    }

    /// The message type in one direction of a method: of the schema, or of one of gRPC's own services.
    pub(super) fn descriptor(&self, method: &str, direction: Direction) -> Option<MessageDescriptor> {
        let method = standard::method(&self.pool, method)?;
        Some(match direction {
            Direction::Sent => method.input(),
            Direction::Received => method.output(),
        })
    }

    /// The types of the schema.
    pub(super) const fn pool(&self) -> &DescriptorPool {
        &self.pool
    }
}
