//! The jobs of the REST side, and their addresses.

use std::{
    collections::HashMap,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use axum::{
    Json,
    extract::State,
    http::{HeaderMap, StatusCode, header::HOST},
    response::{IntoResponse, Response},
};
use serde_json::{Value, json};

use crate::serve::{
    catalog::Entry,
    configure::{self, Endpoint},
    quirks::{Quirk, Quirks},
    state::ServerState,
};

/// State of the REST side: the jobs, and where each is served.
pub(in crate::serve) struct RestSessions {
    pub(super) jobs: Vec<(Arc<Entry>, SocketAddr)>,
    next: AtomicUsize,
    scheme: &'static str,
    /// Address on which REST listens.
    pub(super) listens_on: SocketAddr,
    pub(super) quirks: Quirks,
    pub(super) state: Arc<ServerState>,
}

/// The shared state of the handlers.
pub(super) type Shared = State<Arc<RestSessions>>;

impl RestSessions {
    pub(in crate::serve) fn new(
        entries: &[Arc<Entry>],
        addrs: &HashMap<String, SocketAddr>,
        (scheme, listens_on): (&'static str, SocketAddr),
        quirks: Quirks,
        state: Arc<ServerState>,
    ) -> Arc<Self> {
        let jobs = entries.iter().filter_map(|entry| {
            let addr = addrs.get(&entry.job.job_id)?;
            Some((Arc::clone(entry), *addr))
        });
        Arc::new(Self {
            jobs: jobs.collect(),
            next: AtomicUsize::new(0),
            scheme,
            listens_on,
            quirks,
            state,
        })
    }

    pub(super) fn job(&self, job_id: &str) -> Option<&(Arc<Entry>, SocketAddr)> {
        self.jobs.iter().find(|(entry, _)| entry.job.job_id == job_id)
    }

    /// Selects the job that answers a configure request: the one that was recorded for the very same request, else each
    /// job in turn.
    pub(super) fn assign(&self, request: &Value) -> Option<&(Arc<Entry>, SocketAddr)> {
        let recorded = self
            .jobs
            .iter()
            .find(|(entry, _)| entry.configure_request.as_ref() == Some(request));
        recorded.or_else(|| {
            let turn = self.next.fetch_add(1, Ordering::Relaxed);
            self.jobs.get(turn % self.jobs.len().max(1))
        })
    }
}

impl RestSessions {
    pub(super) fn describe(
        &self,
        entry: &Entry,
        headers: &HeaderMap,
        addr: SocketAddr,
        request: Option<&Value>,
    ) -> Response {
        let mut body = configure::response(entry, &endpoint(headers, self.scheme, addr), request);
        self.quirks.bend(&mut body);
        Json(body).into_response()
    }

    /// The response to an invalid field.
    pub(super) fn wrong(&self, status: StatusCode, field: &str, text: &str) -> Response {
        let key = self.quirks.error_key().unwrap_or("detail");
        refusal(status, &json!({key: text, "field": field}))
    }

    pub(super) fn refuse(&self, status: StatusCode, text: &str) -> Response {
        refusal(status, &json!({self.quirks.error_key().unwrap_or("error"): text}))
    }

    pub(super) fn unknown_job(&self) -> Response {
        let status = if self.quirks.has(Quirk::ErrorIn200) {
            StatusCode::OK
        } else {
            StatusCode::NOT_FOUND
        };
        self.refuse(status, "Invalid job_id")
    }
}

/// The response that refuses a request.
pub(super) fn refusal(status: StatusCode, body: &Value) -> Response {
    (status, Json(body)).into_response()
}

/// The address of the job for the client: on the host by which it found us.
fn endpoint(headers: &HeaderMap, scheme: &'static str, addr: SocketAddr) -> Endpoint {
    let host = headers
        .get(HOST)
        .and_then(|host| host.to_str().ok())
        .and_then(configure::host_of);
    let host = host.map_or_else(|| SocketAddr::new(addr.ip(), 0).to_string(), ToOwned::to_owned);
    Endpoint {
        scheme,
        host: host.trim_end_matches(":0").to_owned(),
        port: addr.port(),
    }
}
