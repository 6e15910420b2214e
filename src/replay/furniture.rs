//! What every gRPC server has: health and reflection, answered by tonic's own services.

use std::{
    convert::Infallible,
    future::Future,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
};

use http::{Request, Response};
use hyper::body::Incoming;
use tower_service::Service;

use super::error::ReplayError;
use crate::proto::FOCUS_DESCRIPTOR_SET;

type Reply = Pin<Box<dyn Future<Output = Result<Response<tonic::body::Body>, Infallible>> + Send>>;
type Handler = Box<dyn FnMut(Request<Incoming>) -> Reply + Send>;

/// The services that are no recorded calls, by path prefix.
pub(super) struct Furniture {
    services: Vec<FurnitureService>,
}

impl Furniture {
    /// Health for `services`, and reflection of `descriptor_sets` (name and bytes) or of the Focus protos.
    pub(super) async fn new(
        services: &[String],
        descriptor_sets: &[(String, Vec<u8>)],
    ) -> Result<Arc<Self>, ReplayError> {
        let (reporter, health) = tonic_health::server::health_reporter();
        for service in services {
            reporter
                .set_service_status(service, tonic_health::ServingStatus::Serving)
                .await;
        }
        let mut builders = [
            tonic_reflection::server::Builder::configure(),
            tonic_reflection::server::Builder::configure(),
        ];
        for (capture, set) in descriptor_sets {
            check(capture, set)?;
            builders = builders.map(|builder| builder.register_encoded_file_descriptor_set(set));
        }
        // The captures' own come first: of two files with one name the first is served.
        let [v1, v1alpha] = builders.map(|builder| builder.register_encoded_file_descriptor_set(FOCUS_DESCRIPTOR_SET));
        let v1 = v1.build_v1().map_err(|cause| unreadable("this program", &cause))?;
        let v1alpha = v1alpha
            .build_v1alpha()
            .map_err(|cause| unreadable("this program", &cause))?;
        Ok(Arc::new(Self {
            services: vec![
                FurnitureService::new("/grpc.health.v1.Health/", health),
                FurnitureService::new("/grpc.reflection.v1.ServerReflection/", v1),
                FurnitureService::new("/grpc.reflection.v1alpha.ServerReflection/", v1alpha),
            ],
        }))
    }

    /// The service that answers for `path`.
    pub(super) fn service(&self, path: &str) -> Option<&FurnitureService> {
        self.services.iter().find(|service| path.starts_with(service.prefix))
    }
}

/// A tonic service.
pub(super) struct FurnitureService {
    prefix: &'static str,
    /// Behind a lock because a tower service is called by `&mut`; it only makes a future.
    handler: Mutex<Handler>,
}

impl FurnitureService {
    fn new<S>(prefix: &'static str, mut service: S) -> Self
    where
        S: Service<Request<Incoming>, Response = Response<tonic::body::Body>, Error = Infallible> + Send + 'static,
        S::Future: Send + 'static,
    {
        // These services are always ready: their poll_ready answers so at once.
        let handler: Handler = Box::new(move |request| Box::pin(service.call(request)));
        Self {
            prefix,
            handler: Mutex::new(handler),
        }
    }

    pub(super) fn answer(&self, request: Request<Incoming>) -> Reply {
        self.handler.lock().unwrap_or_else(PoisonError::into_inner)(request)
    }
}

/// Reads a capture's descriptor set once by itself, so that an error names the capture.
fn check(capture: &str, set: &[u8]) -> Result<(), ReplayError> {
    let alone = tonic_reflection::server::Builder::configure().register_encoded_file_descriptor_set(set);
    alone.build_v1().map(drop).map_err(|cause| unreadable(capture, &cause))
}

fn unreadable(capture: &str, cause: &tonic_reflection::server::Error) -> ReplayError {
    ReplayError::Descriptors {
        capture: capture.to_owned(),
        cause: cause.to_string(),
    }
}
