//! Standard services of every gRPC server: health and reflection, answered by tonic's own services.

use std::{
    convert::Infallible,
    future::Future,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
};

use http::{Request, Response};
use tonic_health::ServingStatus;
use tower_service::Service;

use super::{error::ReplayError, peek::Peeked, state::ServerState};
use crate::{das::proto::FOCUS_DESCRIPTOR_SET, grpc::descriptors::readable};

type Reply = Pin<Box<dyn Future<Output = Result<Response<tonic::body::Body>, Infallible>> + Send>>;
type Handler = Box<dyn FnMut(Request<Peeked>) -> Reply + Send>;

/// The services besides the recorded calls, by path prefix.
pub(super) struct StandardServices {
    services: Vec<StandardService>,
    reporter: tonic_health::server::HealthReporter,
    names: Vec<String>,
}

impl StandardServices {
    /// Health for `services`, and reflection for `descriptor_sets` (name and bytes) or for the Focus protos.
    pub(super) async fn new(
        services: &[String],
        descriptor_sets: &[(String, Vec<u8>)],
    ) -> Result<Arc<Self>, ReplayError> {
        let (reporter, health) = tonic_health::server::health_reporter();
        for service in services {
            reporter.set_service_status(service, ServingStatus::Serving).await;
        }
        let mut builders = [
            tonic_reflection::server::Builder::configure(),
            tonic_reflection::server::Builder::configure(),
        ];
        // What is beyond the limits or cannot be decoded is left out: tonic takes all of a set or nothing.
        let readable = descriptor_sets.iter().map(|(capture, set)| match readable(set) {
            Ok(set) => Ok((capture, set)),
            Err(cause) => Err(unreadable(capture, &cause)),
        });
        let readable = readable.collect::<Result<Vec<_>, _>>()?;
        for (capture, set) in &readable {
            check(capture, set)?;
            builders = builders.map(|builder| builder.register_encoded_file_descriptor_set(set));
        }
        // The captures' own come first: of two files with one name the first is served. Each version adds itself.
        let [v1, v1alpha] = builders.map(|builder| {
            builder
                .register_encoded_file_descriptor_set(FOCUS_DESCRIPTOR_SET)
                .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
        });
        let v1 = v1.register_encoded_file_descriptor_set(tonic_reflection::pb::v1alpha::FILE_DESCRIPTOR_SET);
        let v1alpha = v1alpha.register_encoded_file_descriptor_set(tonic_reflection::pb::v1::FILE_DESCRIPTOR_SET);
        let v1 = v1.build_v1().map_err(|cause| unreadable("this program", &cause))?;
        let v1alpha = v1alpha
            .build_v1alpha()
            .map_err(|cause| unreadable("this program", &cause))?;
        Ok(Arc::new(Self {
            services: vec![
                StandardService::new("/grpc.health.v1.Health/", health),
                StandardService::new("/grpc.reflection.v1.ServerReflection/", v1),
                StandardService::new("/grpc.reflection.v1alpha.ServerReflection/", v1alpha),
            ],
            reporter,
            names: services.iter().cloned().chain([String::new()]).collect(),
        }))
    }

    /// Updates `grpc.health.v1` when the readiness changes.
    pub(super) async fn follow(self: Arc<Self>, state: Arc<ServerState>) {
        if state.readiness.is_instant() {
            return;
        }
        loop {
            while let Some(left) = state.readiness.left_of_all() {
                self.report(ServingStatus::NotServing).await;
                tokio::time::sleep(left).await;
            }
            self.report(ServingStatus::Serving).await;
            state.readiness.changed().await;
        }
    }

    async fn report(&self, status: ServingStatus) {
        for name in &self.names {
            self.reporter.set_service_status(name, status).await;
        }
    }

    /// The service that answers for `path`.
    pub(super) fn service(&self, path: &str) -> Option<&StandardService> {
        self.services.iter().find(|service| path.starts_with(service.prefix))
    }
}

/// A tonic service.
pub(super) struct StandardService {
    prefix: &'static str,
    /// The service, behind a lock because a tower service is called by `&mut`; it only makes a future.
    handler: Mutex<Handler>,
}

impl StandardService {
    fn new<S>(prefix: &'static str, mut service: S) -> Self
    where
        S: Service<Request<Peeked>, Response = Response<tonic::body::Body>, Error = Infallible> + Send + 'static,
        S::Future: Send + 'static,
    {
        // These services are always ready: their poll_ready answers so at once.
        let handler: Handler = Box::new(move |request| Box::pin(service.call(request)));
        Self {
            prefix,
            handler: Mutex::new(handler),
        }
    }

    pub(super) fn answer(&self, request: Request<Peeked>) -> Reply {
        self.handler.lock().unwrap_or_else(PoisonError::into_inner)(request)
    }
}

/// Checks a capture's descriptor set by itself, so that an error names the capture.
fn check(capture: &str, set: &[u8]) -> Result<(), ReplayError> {
    let alone = tonic_reflection::server::Builder::configure().register_encoded_file_descriptor_set(set);
    alone.build_v1().map(drop).map_err(|cause| unreadable(capture, &cause))
}

fn unreadable(capture: &str, cause: &dyn std::error::Error) -> ReplayError {
    ReplayError::Descriptors {
        capture: capture.to_owned(),
        cause: cause.to_string(),
    }
}
