//! Jobs in the responses of the REST side: each has a port of ours.

use std::{collections::HashMap, io, net::IpAddr, sync::Arc};

use thiserror::Error;
use tokio::{
    net::TcpListener,
    sync::{Mutex, mpsc},
};
use tokio_rustls::TlsAcceptor;

use super::front::Front;
use crate::{
    das::focus::{self, Endpoint},
    tap::dial::{self, DialError, DialOptions, Dialer, Fallback, Target},
};

/// The known jobs and their ports.
pub(super) struct Jobs {
    known: Mutex<HashMap<Endpoint, u16>>,
    listen: IpAddr,
    dial: DialOptions,
    tls: Option<TlsAcceptor>,
    opened: mpsc::UnboundedSender<Front>,
}

/// The error for a job without a port.
#[derive(Debug, Error)]
pub(super) enum NoPort {
    #[error("no port could be opened for it: {0}")]
    Listen(#[from] io::Error),
    #[error(transparent)]
    Dial(#[from] DialError),
}

impl Jobs {
    /// Opens ports on the address `listen`, and passes them to `opened`, which serves them.
    pub(super) fn new(
        listen: IpAddr,
        dial: DialOptions,
        tls: Option<TlsAcceptor>,
        opened: mpsc::UnboundedSender<Front>,
    ) -> Self {
        Self {
            known: Mutex::default(),
            listen,
            dial,
            tls,
            opened,
        }
    }

    /// Our IP address, unless we listen on all addresses.
    pub(super) fn ip(&self) -> Option<IpAddr> {
        (!self.listen.is_unspecified()).then_some(self.listen)
    }

    /// Our address of a job, for a client that reaches us as `host`; a job that is new gets a port.
    pub(super) async fn ours(&self, job: &Endpoint, host: &str) -> Result<Endpoint, NoPort> {
        let mut known = self.known.lock().await;
        let port = if let Some(port) = known.get(job) {
            *port
        } else {
            let port = self.open(job).await?;
            known.insert(job.clone(), port);
            port
        };
        Ok(Endpoint {
            scheme: Some(match self.tls {
                Some(_) => focus::EndpointScheme::Https,
                None => focus::EndpointScheme::Http,
            }),
            host: host.to_owned(),
            port,
        })
    }

    async fn open(&self, job: &Endpoint) -> Result<u16, NoPort> {
        let mut target = Target::new(job.host.clone(), job.port);
        target.scheme = job.scheme.map(|scheme| match scheme {
            focus::EndpointScheme::Http => dial::Scheme::Http,
            focus::EndpointScheme::Https => dial::Scheme::Https,
        });
        let dial = DialOptions {
            tls: target.stream_tls(self.dial.tls.clone()),
            fallback: Fallback::Unverified,
            ..self.dial.clone()
        };
        let dialer = Arc::new(Dialer::new(target, dial)?);
        let listener = TcpListener::bind((self.listen, 0)).await?;
        let port = listener.local_addr()?.port();
        tracing::info!("calls to the job at {job} come in on port {port}");
        let tls = self.tls.clone();
        // It is served as long as the proxy runs, and nobody asks us when it does not.
        let _ = self.opened.send(Front { listener, dialer, tls });
        Ok(port)
    }
}
