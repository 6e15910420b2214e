//! TLS of the replay server: who it is, and whom it lets in.

use std::{
    fs, io,
    io::Write as _,
    net::IpAddr,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, ExtendedKeyUsagePurpose, IsCa, KeyPair, KeyUsagePurpose,
};
use rustls::{
    RootCertStore, ServerConfig,
    pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, pem::PemObject as _},
    server::WebPkiClientVerifier,
};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;

use super::stream::Stream;

/// A client that does not finish its handshake within this time is let go.
const HANDSHAKE_LIMIT: Duration = Duration::from_secs(10);

/// TLS of both ports, gRPC and REST.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerTls {
    /// Who the server is.
    pub identity: ServerIdentity,
    /// PEM file of the authorities whose clients are let in; without it, every client is.
    pub client_ca: Option<PathBuf>,
}

/// Who the server is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ServerIdentity {
    /// A certificate with what links it to its root, and its private key, from PEM files.
    Files {
        /// The certificate.
        cert: PathBuf,
        /// The key.
        key: PathBuf,
    },
    /// A new certificate for this machine's names, of a new authority; `ca` is where the authority's certificate is
    /// written, for clients to trust. The keys are never written.
    SelfSigned {
        /// The file to write, PEM.
        ca: PathBuf,
        /// What becomes of a file that is there already.
        existing: ExistingCa,
    },
}

/// What becomes of an authority file that is there already.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ExistingCa {
    /// It stays, and the server does not start.
    #[default]
    Keep,
    /// It is replaced.
    Replace,
}

/// TLS that cannot be set up.
#[derive(Debug, thiserror::Error)]
#[error("could not {act}: {problem}")]
pub struct ServerTlsError {
    act: String,
    problem: String,
}

impl ServerTlsError {
    fn new(act: impl Into<String>, problem: &impl ToString) -> Self {
        Self {
            act: act.into(),
            problem: problem.to_string(),
        }
    }
}

/// The two acceptors: gRPC speaks h2 only, REST HTTP/1.1 too.
#[derive(Clone)]
pub(super) struct Acceptors {
    pub(super) grpc: TlsAcceptor,
    pub(super) rest: TlsAcceptor,
}

impl ServerTls {
    /// Reads or makes what is needed; blocks. `ips` are addresses that the certificate must be good for.
    pub(super) fn acceptors(&self, ips: &[IpAddr]) -> Result<Acceptors, ServerTlsError> {
        let (chain, key) = match &self.identity {
            ServerIdentity::Files { cert, key } => (certificates(cert, "certificate")?, private_key(key)?),
            ServerIdentity::SelfSigned { ca, existing } => self_signed(ca, *existing, ips)?,
        };
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let act = "set up TLS";
        let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .map_err(|error| ServerTlsError::new(act, &error))?;
        let builder = match &self.client_ca {
            None => builder.with_no_client_auth(),
            Some(path) => {
                let mut roots = RootCertStore::empty();
                for root in certificates(path, "client CA")? {
                    let act = || format!("use the client CA {}", path.display());
                    roots.add(root).map_err(|error| ServerTlsError::new(act(), &error))?;
                }
                let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
                let verifier = verifier.build().map_err(|error| ServerTlsError::new(act, &error))?;
                builder.with_client_cert_verifier(verifier)
            }
        };
        let mut config = builder.with_single_cert(chain, key).map_err(|error| {
            let act = match &self.identity {
                ServerIdentity::Files { cert, key } => {
                    format!("use the certificate {} with the key {}", cert.display(), key.display())
                }
                ServerIdentity::SelfSigned { .. } => act.to_owned(),
            };
            ServerTlsError::new(act, &error)
        })?;
        config.alpn_protocols = vec![b"h2".to_vec()];
        let grpc = TlsAcceptor::from(Arc::new(config.clone()));
        config.alpn_protocols.push(b"http/1.1".to_vec());
        Ok(Acceptors {
            grpc,
            rest: TlsAcceptor::from(Arc::new(config)),
        })
    }
}

/// Goes through the handshake, where there is one; `None` when the client failed it.
pub(super) async fn accept(acceptor: Option<TlsAcceptor>, stream: TcpStream) -> Option<Stream> {
    let Some(acceptor) = acceptor else {
        return Some(Stream::Plain(stream));
    };
    match tokio::time::timeout(HANDSHAKE_LIMIT, acceptor.accept(stream)).await {
        Ok(Ok(stream)) => Some(Stream::Tls(Box::new(stream))),
        Ok(Err(error)) => {
            tracing::info!(%error, "a client failed the TLS handshake");
            None
        }
        Err(_) => {
            tracing::info!("a client did not finish the TLS handshake");
            None
        }
    }
}

fn certificates(path: &Path, what: &str) -> Result<Vec<CertificateDer<'static>>, ServerTlsError> {
    let act = || format!("read the {what} {}", path.display());
    let certificates = CertificateDer::pem_file_iter(path).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    let certificates = certificates.map_err(|error| ServerTlsError::new(act(), &error))?;
    if certificates.is_empty() {
        return Err(ServerTlsError::new(act(), &"it holds no PEM certificate"));
    }
    Ok(certificates)
}

fn private_key(path: &Path) -> Result<PrivateKeyDer<'static>, ServerTlsError> {
    let act = || format!("read the private key {}", path.display());
    PrivateKeyDer::from_pem_file(path).map_err(|error| ServerTlsError::new(act(), &error))
}

type Pair = (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>);

/// Makes an authority and a certificate of it, and writes the authority's certificate.
fn self_signed(ca: &Path, existing: ExistingCa, ips: &[IpAddr]) -> Result<Pair, ServerTlsError> {
    let failed = |error: rcgen::Error| ServerTlsError::new("make a self-signed certificate", &error);
    let mut authority = CertificateParams::default();
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    authority.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    authority
        .distinguished_name
        .push(rcgen::DnType::CommonName, "capture serve, local authority");
    let authority = CertifiedIssuer::self_signed(authority, KeyPair::generate().map_err(failed)?).map_err(failed)?;
    let mut names: Vec<String> = ["localhost", "127.0.0.1", "::1"].map(ToOwned::to_owned).into();
    let others = ips.iter().filter(|ip| !ip.is_unspecified()).map(IpAddr::to_string);
    names.extend(others.filter(|ip| ip != "127.0.0.1" && ip != "::1"));
    let key = KeyPair::generate().map_err(failed)?;
    let mut params = CertificateParams::new(names).map_err(failed)?;
    params
        .distinguished_name
        .push(rcgen::DnType::CommonName, "capture serve");
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params.use_authority_key_identifier_extension = true;
    let certificate = params.signed_by(&key, &authority).map_err(failed)?;
    write(ca, existing, authority.pem().as_bytes())
        .map_err(|error| ServerTlsError::new(format!("write the CA file {}", ca.display()), &remedy(&error)))?;
    let key = PrivatePkcs8KeyDer::from(key.serialize_der());
    Ok((vec![certificate.der().clone()], PrivateKeyDer::Pkcs8(key)))
}

fn write(path: &Path, existing: ExistingCa, pem: &[u8]) -> io::Result<()> {
    let mut options = fs::OpenOptions::new();
    options.write(true);
    match existing {
        ExistingCa::Keep => options.create_new(true),
        ExistingCa::Replace => options.create(true).truncate(true),
    };
    options.open(path)?.write_all(pem)
}

fn remedy(error: &io::Error) -> String {
    if error.kind() == io::ErrorKind::AlreadyExists {
        "it exists already; --force replaces it".to_owned()
    } else {
        error.to_string()
    }
}
