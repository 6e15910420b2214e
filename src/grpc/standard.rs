//! The services that any gRPC server may offer beside its own (health, reflection, channelz), and the messages of
//! `grpc-status-details-bin`. A server's own schema often lacks them.

use std::sync::LazyLock;

use prost_reflect::{DescriptorPool, MessageDescriptor, MethodDescriptor};

use super::{
    descriptors::{DescriptorError, Descriptors, file_name, join, split},
    protobuf::put_bytes,
};

/// The serialized set of these services.
const SET: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/standard_descriptor.bin"));

/// The types of these services.
static POOL: LazyLock<DescriptorPool> = LazyLock::new(|| Descriptors::read(SET).unwrap_or_default().pool);

/// The method of a path (`/package.Service/Method`): of the schema, or else of gRPC's own services.
#[must_use]
pub(crate) fn method(schema: &DescriptorPool, path: &str) -> Option<MethodDescriptor> {
    let (service, name) = path.strip_prefix('/')?.split_once('/')?;
    let known = schema.get_service_by_name(service);
    let service = known.or_else(|| POOL.get_service_by_name(service))?;
    service.methods().find(|method| method.name() == name)
}

/// Whether a service (`package.Service`) is one of gRPC's own.
#[must_use]
pub(crate) fn has(service: &str) -> bool {
    POOL.get_service_by_name(service).is_some()
}

/// The message type of this full name: of the schema, or else one that is found everywhere.
#[must_use]
pub(crate) fn message(schema: &DescriptorPool, name: &str) -> Option<MessageDescriptor> {
    schema
        .get_message_by_name(name)
        .or_else(|| POOL.get_message_by_name(name))
        .or_else(|| DescriptorPool::global().get_message_by_name(name))
}

/// A set with the files of gRPC's own services that it lacks.
///
/// # Errors
/// When it is not a descriptor set.
pub(crate) fn with_standard(set: &[u8]) -> Result<Vec<u8>, DescriptorError> {
    let pool = Descriptors::read(set)?.pool;
    let mut more = Vec::new();
    for raw in split(SET)? {
        let file = POOL.get_file_by_name(&file_name(raw));
        let known = file.is_some_and(|file| {
            let mut messages = file.messages();
            messages.any(|message| pool.get_message_by_name(message.full_name()).is_some())
        });
        if !known {
            put_bytes(&mut more, 1, raw);
        }
    }
    join(&[set, &more])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::das::FOCUS_DESCRIPTOR_SET;

    #[test]
    fn the_services_of_every_server_are_known_without_a_schema() {
        let none = DescriptorPool::new();
        for (path, request, answer) in [
            (
                "/grpc.health.v1.Health/Check",
                "grpc.health.v1.HealthCheckRequest",
                "grpc.health.v1.HealthCheckResponse",
            ),
            (
                "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
                "grpc.reflection.v1.ServerReflectionRequest",
                "grpc.reflection.v1.ServerReflectionResponse",
            ),
            (
                "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
                "grpc.reflection.v1alpha.ServerReflectionRequest",
                "grpc.reflection.v1alpha.ServerReflectionResponse",
            ),
            (
                "/grpc.channelz.v1.Channelz/GetServers",
                "grpc.channelz.v1.GetServersRequest",
                "grpc.channelz.v1.GetServersResponse",
            ),
        ] {
            let found = method(&none, path).unwrap();
            assert_eq!(
                (found.input().full_name(), found.output().full_name()),
                (request, answer)
            );
        }
        assert!(message(&none, "google.rpc.BadRequest").is_some());
        for path in ["/grpc.health.v1.Health/Nothing", "/a.B/C", "a.B/C", "", "/"] {
            assert!(method(&none, path).is_none(), "{path}");
        }
    }

    #[test]
    fn a_schema_that_has_them_counts_and_is_not_contradicted() {
        let whole = with_standard(FOCUS_DESCRIPTOR_SET).unwrap();
        let read = Descriptors::read(&whole).unwrap();
        assert_eq!((read.warning(), read.files), (None, 8));
        assert_eq!(with_standard(&whole).unwrap(), whole);
    }
}
