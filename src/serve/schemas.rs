//! The schemas of the captures that are served, read when one is asked for.

use std::sync::OnceLock;

use prost_reflect::{DescriptorPool, MethodDescriptor};

use crate::grpc::Descriptors;

/// The schemas of the captures. Of several that describe a method, the first counts.
#[derive(Debug, Default)]
pub(super) struct Schemas {
    sets: Vec<Vec<u8>>,
    read: OnceLock<Vec<DescriptorPool>>,
}

impl Schemas {
    /// Schemas from serialized descriptor sets.
    pub(super) fn new(sets: Vec<Vec<u8>>) -> Self {
        Self {
            sets,
            read: OnceLock::new(),
        }
    }

    /// The schema of a method, `/package.Service/Method`.
    pub(super) fn method(&self, method: &str) -> Option<MethodDescriptor> {
        let (service, name) = method.strip_prefix('/')?.split_once('/')?;
        let pools = self.read.get_or_init(|| {
            let read = self.sets.iter().filter_map(|set| Descriptors::read(set).ok());
            read.map(|read| read.pool).collect()
        });
        pools.iter().find_map(|pool| {
            let service = pool.get_service_by_name(service)?;
            service.methods().find(|method| method.name() == name)
        })
    }
}
