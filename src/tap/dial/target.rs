//! What to dial.

use std::{fmt, str::FromStr};

use thiserror::Error;

use crate::{
    redact::strip_userinfo,
    tap::tls::{TlsMode, TlsOptions},
};

/// What the scheme of a target says about encryption.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Scheme {
    /// `http://`: plain text.
    Http,
    /// `https://`: TLS.
    Https,
}

/// A host and a port, and the scheme when one was given.
///
/// ```
/// use grpc_capture::tap::{Target, dial::Scheme};
/// let target: Target = "https://focus.local:50051".parse()?;
/// assert_eq!((target.host.as_str(), target.port, target.scheme), ("focus.local", 50051, Some(Scheme::Https)));
/// assert_eq!("[::1]:50051".parse::<Target>()?.authority(), "[::1]:50051");
/// # Ok::<(), grpc_capture::tap::dial::TargetError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Target {
    /// Name or address, without brackets.
    pub host: String,
    /// TCP port.
    pub port: u16,
    /// The scheme, when the target was written as a URL.
    pub scheme: Option<Scheme>,
}

/// Text that is not a target.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error(
    "could not read the target {text:?}: {problem}; write HOST:PORT, [IPV6]:PORT, http://HOST:PORT or https://HOST:PORT"
)]
pub struct TargetError {
    text: String,
    problem: &'static str,
}

impl Target {
    /// A target without a scheme.
    #[must_use]
    pub fn new(host: impl Into<String>, port: u16) -> Self {
        Self {
            host: host.into(),
            port,
            scheme: None,
        }
    }

    /// `host:port`, with brackets around an IPv6 address.
    #[must_use]
    pub fn authority(&self) -> String {
        if self.host.contains(':') {
            format!("[{}]:{}", self.host, self.port)
        } else {
            format!("{}:{}", self.host, self.port)
        }
    }

    /// The TLS of a stream whose address a Focus Server answered: the answer's scheme decides unless a flag does.
    ///
    /// An answer without a scheme means plain text: the production server names its jobs so, and speaks no TLS there.
    /// Where TLS was asked for, the stream is tried with it first, for it may have been meant for it.
    #[must_use]
    pub fn stream_tls(&self, tls: TlsOptions) -> TlsOptions {
        let said = tls.cacert.is_some() || tls.cert.is_some() || tls.pin_sha256.is_some();
        let plain = TlsOptions {
            mode: TlsMode::Plaintext,
            ..TlsOptions::default()
        };
        match (tls.mode, self.scheme) {
            // The REST side's --insecure or --cacert says nothing of a stream that calls itself plain.
            (_, Some(Scheme::Http)) => plain,
            (TlsMode::Auto, None) if !said => plain,
            _ => tls,
        }
    }

    /// True when the host is this machine, judged without asking a name server.
    #[must_use]
    pub fn is_loopback(&self) -> bool {
        let name = self.host.trim_end_matches('.').to_ascii_lowercase();
        name == "localhost"
            || name.ends_with(".localhost")
            || self.host.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback())
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.authority())
    }
}

impl FromStr for Target {
    type Err = TargetError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let fail = |problem| TargetError {
            text: strip_userinfo(text),
            problem,
        };
        let (scheme, rest) = match text.split_once("://") {
            Some(("http", rest)) => (Some(Scheme::Http), rest),
            Some(("https", rest)) => (Some(Scheme::Https), rest),
            Some(_) => return Err(fail("the scheme is neither http nor https")),
            None => (None, text),
        };
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        if rest.contains('@') {
            return Err(fail("a user name has no place in it"));
        }
        if rest.contains(['/', '?', '#']) {
            return Err(fail("a path has no place in it"));
        }
        let (host, port) = split_host(rest).ok_or_else(|| fail("brackets must close before the port"))?;
        let port = match (port, scheme) {
            (Some(port), _) => port
                .parse()
                .map_err(|_| fail("the port is not a number from 1 to 65535"))?,
            (None, Some(Scheme::Http)) => 80,
            (None, Some(Scheme::Https)) => 443,
            (None, None) => return Err(fail("the port is missing")),
        };
        if port == 0 {
            return Err(fail("the port is not a number from 1 to 65535"));
        }
        if host.is_empty() || host.contains(char::is_whitespace) {
            return Err(fail("the host is missing"));
        }
        if host.contains(':') && (!rest.starts_with('[') || host.parse::<std::net::Ipv6Addr>().is_err()) {
            return Err(fail("an IPv6 address needs brackets"));
        }
        Ok(Self {
            host: host.to_owned(),
            port,
            scheme,
        })
    }
}

/// Host and port, brackets taken off.
fn split_host(text: &str) -> Option<(&str, Option<&str>)> {
    if let Some(inner) = text.strip_prefix('[') {
        let (host, after) = inner.split_once(']')?;
        return match after {
            "" => Some((host, None)),
            port => Some((host, Some(port.strip_prefix(':')?))),
        };
    }
    Some(match text.rsplit_once(':') {
        Some((host, port)) => (host, Some(port)),
        None => (text, None),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_way_of_writing_a_target_is_read() {
        for (text, host, port, scheme) in [
            ("job:50051", "job", 50051, None),
            ("10.0.0.1:1", "10.0.0.1", 1, None),
            ("[::1]:50051", "::1", 50051, None),
            ("http://job:5/", "job", 5, Some(Scheme::Http)),
            ("https://job", "job", 443, Some(Scheme::Https)),
            ("http://[fe80::2]", "fe80::2", 80, Some(Scheme::Http)),
        ] {
            let target: Target = text.parse().unwrap();
            assert_eq!(
                (target.host.as_str(), target.port, target.scheme),
                (host, port, scheme),
                "{text}"
            );
        }
    }

    #[test]
    fn what_is_not_a_target_is_refused_with_the_ways_to_write_one() {
        for text in [
            "",
            "job",
            ":1",
            "job:0",
            "job:70000",
            "job:x",
            "ftp://job:1",
            "::1:50051",
            "[::1",
            "[::1]50051",
            "http://job:1/path",
            "me:pw@job:1",
            "a b:1",
        ] {
            let error = text.parse::<Target>().unwrap_err().to_string();
            assert!(error.contains("HOST:PORT") && !error.contains("pw@"), "{text}: {error}");
        }
    }

    #[test]
    fn loopback_is_judged_by_name_and_address() {
        for host in ["localhost", "LOCALHOST", "127.0.0.1", "127.9.9.9", "::1", "a.localhost"] {
            assert!(Target::new(host, 1).is_loopback(), "{host}");
        }
        for host in ["localhost.example.org", "10.0.0.1", "notlocalhost", "::2"] {
            assert!(!Target::new(host, 1).is_loopback(), "{host}");
        }
    }
}
