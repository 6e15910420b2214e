//! Advice for a job that cannot be reached.

use std::fmt;

use crate::tap::tls::remedy::TlsAdvice;

/// Advice for a job that cannot be reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DialAdvice {
    /// Check that the job runs on that port, or wait longer.
    Wait,
    /// Give a client certificate, or wait longer.
    GiveCertificateOrWait,
    /// Do not request plain text, or wait longer.
    DropPlaintextOrWait,
    /// Check the host name.
    CheckName,
    /// Check the path of the socket.
    CheckSocket,
    /// Check the port.
    CheckPort,
    /// Dial the gRPC port instead of that of a web server.
    DialGrpcPort,
    /// Write the target with `http://`.
    WriteHttp,
    /// Request plain text instead of TLS.
    DropTls,
    /// Request plain text.
    Plaintext,
    /// Dial the job itself with TLS: a Focus Server names it `http://`.
    DialHttps,
    /// Request TLS: a Focus Server does not say that the job speaks it.
    AskForTls,
    /// Write the target with `https://`, and do not request plain text.
    DropPlaintextAndWriteHttps,
    /// Write the target with `https://`.
    WriteHttps,
    /// Do not request plain text.
    DropPlaintext,
    /// The advice for a TLS failure.
    Tls(Box<TlsAdvice>),
}

impl fmt::Display for DialAdvice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Wait => "is the server running, and is the port right? A longer limit waits longer",
            Self::GiveCertificateOrWait => {
                "give a client certificate, or wait longer if the job is still starting"
            }
            Self::DropPlaintextOrWait => "dial it with TLS, or wait longer if the job is still starting",
            Self::CheckName => "is the host's name right, and does this machine's name server know it?",
            Self::CheckSocket => "is the path right, and does a server listen there?",
            Self::CheckPort => "is it the right port?",
            Self::DialGrpcPort => {
                "this is a web server's port: dial the one of gRPC (the REST side of a Focus Server is given as its own \
                 address)"
            }
            Self::WriteHttp => "write http:// instead of https://, or leave the scheme out and dial it in plain text",
            Self::DropTls => "leave the TLS options out, and dial it in plain text",
            Self::Plaintext => "dial it in plain text",
            Self::DialHttps => "the Focus Server calls it http://; dial the job itself with https://HOST:PORT",
            Self::AskForTls => {
                "the Focus Server does not say so; name the certificate's authority, or turn verification off if the certificate is self-signed"
            }
            Self::DropPlaintextAndWriteHttps | Self::WriteHttps | Self::DropPlaintext => {
                "dial it with TLS (https://), and name the certificate's authority, or turn verification off if the certificate is self-signed"
            }
            Self::Tls(advice) => return advice.fmt(f),
        })
    }
}
