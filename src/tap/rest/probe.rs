//! Detection of the protocol of a port that does not answer a REST request.

use std::time::Duration;

use reqwest::Url;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::timeout,
};

use super::{RestError, error::RestAdvice};
use crate::tap::dial::{self, DialError, DialOptions, Target};
use crate::tap::tls::{TlsMode, TlsOptions};

/// Time limit for the detection: it opens its side at once.
const LIMIT: Duration = Duration::from_secs(2);

/// The detected protocol of a port.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Spoken {
    /// gRPC in plain text.
    Grpc,
    /// gRPC over TLS.
    GrpcOverTls,
    /// TLS, though the address says http.
    Tls,
}

/// Detects the protocol of the port of an address; `None` where it shows nothing that explains why REST had no answer.
pub(super) async fn of(url: &Url) -> Option<Spoken> {
    let host = url.host_str()?.trim_matches(['[', ']']);
    let target = Target::new(host, url.port_or_known_default()?);
    let with = |mode| DialOptions {
        tls: TlsOptions {
            mode,
            ..TlsOptions::default()
        },
        connect_timeout: LIMIT,
        ..DialOptions::default()
    };
    match dial::dial(&target, &with(TlsMode::Plaintext)).await {
        // Some servers of plain HTTP speak both versions.
        Ok(_) if speaks_http1(&target).await => return None,
        Ok(_) => return Some(Spoken::Grpc),
        Err(DialError::NotHttp2 { .. }) => return None,
        Err(DialError::NeedsTls { .. }) if url.scheme() == "http" => return Some(Spoken::Tls),
        Err(_) => {}
    }
    match dial::dial(&target, &with(TlsMode::Insecure)).await {
        Ok(_) => Some(Spoken::GrpcOverTls),
        // TLS was agreed on, and there is no HTTP/2 in it.
        Err(DialError::NotHttp2 { .. } | DialError::ClientCertificate { .. }) if url.scheme() == "http" => {
            Some(Spoken::Tls)
        }
        Err(_) => None,
    }
}

/// True when the port answers a plain HTTP/1 request, and not only to refuse its content type: that is a gRPC server that
/// speaks gRPC-Web and Connect as well.
async fn speaks_http1(target: &Target) -> bool {
    const REQUEST: &[u8] = b"HEAD / HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";
    let answer = async {
        let mut stream = TcpStream::connect((target.host.as_str(), target.port)).await?;
        stream.write_all(REQUEST).await?;
        let mut head = [0; b"HTTP/1.1 415".len()];
        stream.read_exact(&mut head).await?;
        std::io::Result::Ok(head)
    };
    matches!(timeout(LIMIT, answer).await, Ok(Ok(head)) if head.starts_with(b"HTTP/") && !head.ends_with(b" 415"))
}

impl Spoken {
    pub(super) fn refuse(self, url: String) -> RestError {
        let (what, remedy) = match self {
            Self::Grpc => ("gRPC in plain text, not REST", RestAdvice::DialPlaintext),
            Self::GrpcOverTls => ("gRPC over TLS, not REST", RestAdvice::Dial),
            Self::Tls => ("TLS", RestAdvice::WriteHttps),
        };
        RestError::OtherProtocol { url, what, remedy }
    }
}
