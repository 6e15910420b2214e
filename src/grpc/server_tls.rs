//! TLS of the listening sides of this program, the replay server's and the proxy's: the server certificate, and the
//! accepted client certificates.

use std::{
    fs, io,
    io::Write as _,
    net::IpAddr,
    path::{Path, PathBuf},
    sync::Arc,
};

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, ExtendedKeyUsagePurpose, IsCa, KeyPair, KeyUsagePurpose,
};
use rustls::{
    RootCertStore, ServerConfig,
    pki_types::{
        CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer,
        pem::{self, PemObject as _},
    },
    server::WebPkiClientVerifier,
};

/// TLS options of a listening side.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerTls {
    /// The server's identity.
    pub identity: ServerIdentity,
    /// PEM file of the authorities whose client certificates are accepted; without it, every client is.
    pub client_ca: Option<PathBuf>,
}

/// The server's identity.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ServerIdentity {
    /// A certificate with its chain, and its private key, from PEM files.
    Files {
        /// The certificate.
        cert: PathBuf,
        /// The key.
        key: PathBuf,
    },
    /// A new certificate for this machine's names, signed by a new authority; `ca` is where the authority's certificate
    /// is written, for clients to trust. The keys are never written.
    SelfSigned {
        /// The file to write, PEM.
        ca: PathBuf,
        /// What to do with an existing file.
        existing: ExistingCa,
    },
}

/// What to do with an existing authority file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ExistingCa {
    /// Keep the file and do not start the server.
    #[default]
    Keep,
    /// Replace the file.
    Replace,
}

/// Errors of the TLS setup.
#[derive(Debug, thiserror::Error)]
#[error("could not {act}: {problem}")]
pub struct ServerTlsError {
    act: String,
    problem: String,
    exists: bool,
}

impl ServerTlsError {
    fn new(act: impl Into<String>, problem: &impl ToString) -> Self {
        Self {
            act: act.into(),
            problem: problem.to_string(),
            exists: false,
        }
    }

    /// True when the file for the authority's certificate exists already; [`ExistingCa::Replace`] replaces it.
    pub(crate) const fn is_of_existing_file(&self) -> bool {
        self.exists
    }
}

/// A prepared TLS configuration.
#[derive(Debug, Clone)]
pub struct Prepared {
    /// Configuration for the TLS library; offers no protocols yet.
    pub config: ServerConfig,
    /// The server certificate (DER).
    pub leaf: Option<CertificateDer<'static>>,
}

impl ServerTls {
    /// Loads or creates certificate and key; blocks. `ips` are addresses that a certificate made here is good for,
    /// beside this machine's names. Which protocols are offered (ALPN) is the caller's to add.
    ///
    /// # Errors
    /// When a file cannot be read, written or used.
    pub fn prepare(&self, ips: &[IpAddr]) -> Result<Prepared, ServerTlsError> {
        let (chain, key) = match &self.identity {
            ServerIdentity::Files { cert, key } => (certificates(cert, "certificate")?, private_key(key)?),
            ServerIdentity::SelfSigned { ca, existing } => self_signed(ca, *existing, ips)?,
        };
        let leaf = chain.first().cloned();
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
        let config = builder.with_single_cert(chain, key).map_err(|error| {
            let act = match &self.identity {
                ServerIdentity::Files { cert, key } => {
                    format!("use the certificate {} with the key {}", cert.display(), key.display())
                }
                ServerIdentity::SelfSigned { .. } => act.to_owned(),
            };
            ServerTlsError::new(act, &error)
        })?;
        Ok(Prepared { config, leaf })
    }
}

/// Reads a PEM file and removes byte-order marks, which editors put before the first line and `cat` between files.
pub(crate) fn pem_bytes(path: &Path) -> Result<Vec<u8>, pem::Error> {
    Ok(crate::model::text::without_marks(
        std::fs::read(path).map_err(pem::Error::Io)?,
    ))
}

fn certificates(path: &Path, what: &str) -> Result<Vec<CertificateDer<'static>>, ServerTlsError> {
    let act = || format!("read the {what} {}", path.display());
    let certificates =
        pem_bytes(path).and_then(|pem| CertificateDer::pem_slice_iter(&pem).collect::<Result<Vec<_>, _>>());
    let certificates = certificates.map_err(|error| ServerTlsError::new(act(), &error))?;
    if certificates.is_empty() {
        return Err(ServerTlsError::new(act(), &"it holds no PEM certificate"));
    }
    Ok(certificates)
}

fn private_key(path: &Path) -> Result<PrivateKeyDer<'static>, ServerTlsError> {
    let act = || format!("read the private key {}", path.display());
    let key = pem_bytes(path).and_then(|pem| PrivateKeyDer::from_pem_slice(&pem));
    key.map_err(|error| ServerTlsError::new(act(), &error))
}

type Pair = (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>);

/// Creates an authority and a certificate signed by it, and writes the authority's certificate.
fn self_signed(ca: &Path, existing: ExistingCa, ips: &[IpAddr]) -> Result<Pair, ServerTlsError> {
    let failed = |error: rcgen::Error| ServerTlsError::new("make a self-signed certificate", &error);
    let mut authority = CertificateParams::default();
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    authority.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    authority
        .distinguished_name
        .push(rcgen::DnType::CommonName, "grpc-capture, local authority");
    let authority = CertifiedIssuer::self_signed(authority, KeyPair::generate().map_err(failed)?).map_err(failed)?;
    let mut names: Vec<String> = ["localhost", "127.0.0.1", "::1"].map(ToOwned::to_owned).into();
    let others = ips.iter().filter(|ip| !ip.is_unspecified()).map(IpAddr::to_string);
    names.extend(others.filter(|ip| ip != "127.0.0.1" && ip != "::1"));
    let key = KeyPair::generate().map_err(failed)?;
    let mut params = CertificateParams::new(names).map_err(failed)?;
    params
        .distinguished_name
        .push(rcgen::DnType::CommonName, "grpc-capture");
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params.use_authority_key_identifier_extension = true;
    let certificate = params.signed_by(&key, &authority).map_err(failed)?;
    write(ca, existing, authority.pem().as_bytes()).map_err(|error| unwritten(ca, &error))?;
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

fn unwritten(ca: &Path, error: &io::Error) -> ServerTlsError {
    let act = format!("write the CA file {}", ca.display());
    if error.kind() != io::ErrorKind::AlreadyExists {
        return ServerTlsError::new(act, error);
    }
    ServerTlsError {
        exists: true,
        ..ServerTlsError::new(act, &"it exists already")
    }
}
