//! The target of a dial.

use std::{
    fmt,
    net::{SocketAddr, ToSocketAddrs as _},
    path::PathBuf,
    str::FromStr,
};

use thiserror::Error;

use crate::{
    tap::tls::{TlsMode, TlsOptions},
    transform::redact::strip_userinfo,
};

/// The scheme of a target.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Scheme {
    /// `http://`: plain text.
    Http,
    /// `https://`: TLS.
    Https,
}

/// The target: host and port, or a socket, with its scheme when one was given.
///
/// ```
/// use grpc_capture::tap::{Target, Scheme};
/// let target: Target = "https://focus.local:50051".parse()?;
/// assert_eq!((target.host.as_str(), target.port, target.scheme), ("focus.local", 50051, Some(Scheme::Https)));
/// assert_eq!("[::1]:50051".parse::<Target>()?.authority(), "[::1]:50051");
/// # Ok::<(), grpc_capture::tap::TargetError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Target {
    /// Name or address, without brackets.
    pub host: String,
    /// TCP port.
    pub port: u16,
    /// The scheme, when the target was written as a URL.
    pub scheme: Option<Scheme>,
    /// A Unix socket that is dialled instead of host and port.
    pub unix: Option<PathBuf>,
}

/// The error for an invalid target.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error(
    "could not read the address {text:?}: {problem}; write HOST:PORT, [IPV6]:PORT, http://HOST:PORT, https://HOST:PORT, \
     dns:///HOST:PORT, ipv4:ADDRESS:PORT{last}"
)]
pub struct TargetError {
    text: String,
    problem: &'static str,
    /// The last forms of the list.
    last: &'static str,
}

/// Accepted forms of a target, for errors.
const TARGETS: &str = ", ipv6:[ADDRESS]:PORT or unix:/PATH";

/// Accepted forms of an address to listen on, for errors.
const LISTENERS: &str = " or ipv6:[ADDRESS]:PORT";

impl TargetError {
    fn new(text: &str, problem: &'static str) -> Self {
        Self {
            text: strip_userinfo(text),
            problem,
            last: TARGETS,
        }
    }
}

impl Target {
    /// A target without a scheme.
    #[must_use]
    pub fn new(host: impl Into<String>, port: u16) -> Self {
        Self {
            host: host.into(),
            port,
            scheme: None,
            unix: None,
        }
    }

    /// A target that is a Unix socket.
    #[must_use]
    pub fn unix(path: impl Into<PathBuf>) -> Self {
        Self {
            unix: Some(path.into()),
            // What gRPC asks for as authority there.
            ..Self::new("localhost", 0)
        }
    }

    /// `host:port`, with brackets around an IPv6 address; `localhost` for a socket of the file system.
    #[must_use]
    pub fn authority(&self) -> String {
        if self.unix.is_some() {
            self.host.clone()
        } else if self.host.contains(':') {
            format!("[{}]:{}", self.host, self.port)
        } else {
            format!("{}:{}", self.host, self.port)
        }
    }

    /// The TLS mode of a stream whose address came from a Focus Server: the answer's scheme decides unless a flag does.
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

    /// True when the host is this machine, without asking a name server.
    #[must_use]
    pub fn is_loopback(&self) -> bool {
        let name = self.host.trim_end_matches('.').to_ascii_lowercase();
        self.unix.is_some()
            || name == "localhost"
            || name.ends_with(".localhost")
            || self.host.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback())
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.unix {
            Some(path) => write!(f, "unix:{}", path.display()),
            None => f.write_str(&self.authority()),
        }
    }
}

impl FromStr for Target {
    type Err = TargetError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let target = parse(text)?;
        if target.unix.is_none() && target.port == 0 {
            return Err(TargetError::new(text, NO_PORT));
        }
        Ok(target)
    }
}

const NO_PORT: &str = "the port is not a number from 1 to 65535";

/// Parses an address to listen on: written as a target is, port 0 for any free one, `:PORT` for all interfaces, and a
/// port alone for this machine.
///
/// # Errors
/// When it is not an address, its host is not known, or it names a socket of the file system.
pub(crate) fn listen_address(text: &str) -> Result<SocketAddr, TargetError> {
    let fail = |problem| TargetError {
        last: LISTENERS,
        ..TargetError::new(text, problem)
    };
    let bare = text.trim();
    let written = match bare.strip_prefix(':') {
        Some(port) => format!("0.0.0.0:{port}"),
        None if !bare.is_empty() && bare.bytes().all(|byte| byte.is_ascii_digit()) => format!("127.0.0.1:{bare}"),
        None => bare.to_owned(),
    };
    let target = parse(&written).map_err(|error| fail(error.problem))?;
    if target.unix.is_some() {
        return Err(fail("this program listens on TCP ports only"));
    }
    let found = (target.host.as_str(), target.port).to_socket_addrs();
    let found = found.map_err(|_| fail("the host is not known"))?;
    // A name may have addresses of both families; the first of the older one is what most clients try.
    let all: Vec<_> = found.collect();
    let first = all.iter().find(|addr| addr.is_ipv4()).or(all.first());
    first.copied().ok_or_else(|| fail("the host is not known"))
}

/// The address without its scheme, and the scheme's meaning.
enum Form<'a> {
    /// Host and port, and what the scheme says about encryption.
    Host(Option<Scheme>, &'a str),
    Unix(&'a str),
}

/// Removes the scheme: those of URLs, and those of gRPC's name resolution.
fn form(text: &str) -> Result<Form<'_>, &'static str> {
    let Some((scheme, rest)) = text.split_once(':') else {
        return Ok(Form::Host(None, text));
    };
    // An authority before the path of a resolver would be a name server.
    let path = match rest.strip_prefix("//") {
        None => Ok(rest),
        Some(rest) => rest
            .strip_prefix('/')
            .ok_or("only the machine's own name server is used: write three slashes after `dns:`"),
    };
    match scheme.to_ascii_lowercase().as_str() {
        "http" | "grpc" if rest.starts_with("//") => Ok(Form::Host(Some(Scheme::Http), &rest[2..])),
        "https" | "grpcs" if rest.starts_with("//") => Ok(Form::Host(Some(Scheme::Https), &rest[2..])),
        "dns" | "passthrough" if rest.starts_with("//") => Ok(Form::Host(None, path?)),
        // `dns:5000` is port 5000 of a host of that name.
        "dns" | "ipv4" | "ipv6" | "passthrough" if rest.contains(':') => Ok(Form::Host(None, path?)),
        "unix" => match rest.strip_prefix("//") {
            Some(absolute) if !absolute.starts_with('/') => Err("the path after `unix://` begins with a slash"),
            Some(path) => Ok(Form::Unix(path)),
            None => Ok(Form::Unix(rest)),
        },
        "unix-abstract" | "vsock" | "xds" => Err("this scheme is not supported"),
        _ if rest.starts_with("//") => Err("the scheme is unknown"),
        _ => Ok(Form::Host(None, text)),
    }
}

/// Parses a target, whose port may be 0.
fn parse(text: &str) -> Result<Target, TargetError> {
    let fail = |problem| TargetError::new(text, problem);
    let (scheme, rest) = match form(text.trim()).map_err(fail)? {
        Form::Unix("") => return Err(fail("the path is missing")),
        Form::Unix(path) => return Ok(Target::unix(path)),
        Form::Host(scheme, rest) => (scheme, rest),
    };
    let rest = rest.strip_suffix('/').unwrap_or(rest);
    // Brackets as they stand in a URI.
    let rest = rest
        .replace("%5B", "[")
        .replace("%5D", "]")
        .replace("%5b", "[")
        .replace("%5d", "]");
    if rest.contains('@') {
        return Err(fail("it must not contain a user name"));
    }
    if rest.contains(['/', '?', '#']) {
        return Err(fail("it must not contain a path"));
    }
    if rest.contains(',') {
        return Err(fail("only one address is allowed"));
    }
    let (host, port) = split_host(&rest).ok_or_else(|| fail("brackets must close before the port"))?;
    let port = match (port, scheme) {
        (Some(port), _) => port.parse().map_err(|_| fail(NO_PORT))?,
        (None, Some(Scheme::Http)) => 80,
        (None, Some(Scheme::Https)) => 443,
        (None, None) => return Err(fail("the port is missing")),
    };
    if host.is_empty() || host.contains(char::is_whitespace) {
        return Err(fail("the host is missing"));
    }
    if host.contains(':') && (!rest.starts_with('[') || host.parse::<std::net::Ipv6Addr>().is_err()) {
        return Err(fail("an IPv6 address needs brackets"));
    }
    Ok(Target {
        scheme,
        ..Target::new(host, port)
    })
}

/// Splits host and port, without brackets.
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
            ("HTTPS://job:6", "job", 6, Some(Scheme::Https)),
            ("grpc://job:7", "job", 7, Some(Scheme::Http)),
            ("grpcs://job:7", "job", 7, Some(Scheme::Https)),
            ("dns:///job.local:50051", "job.local", 50051, None),
            ("dns:job.local:50051", "job.local", 50051, None),
            ("dns:50051", "dns", 50051, None),
            ("dns:///[::1]:50051", "::1", 50051, None),
            ("passthrough:///job:8", "job", 8, None),
            ("ipv4:10.0.0.1:50051", "10.0.0.1", 50051, None),
            ("ipv4:///10.0.0.1:50051", "10.0.0.1", 50051, None),
            ("ipv6:[::1]:50051", "::1", 50051, None),
            ("ipv6:%5B::1%5D:50051", "::1", 50051, None),
            (" job:9 ", "job", 9, None),
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
    fn sockets_of_the_file_system_are_read_in_every_form() {
        for (text, path) in [
            ("unix:/run/job.sock", "/run/job.sock"),
            ("unix:///run/job.sock", "/run/job.sock"),
            ("unix:job.sock", "job.sock"),
            ("unix:/tmp/a:b", "/tmp/a:b"),
        ] {
            let target: Target = text.parse().unwrap();
            assert_eq!(target.unix.as_deref(), Some(std::path::Path::new(path)), "{text}");
            assert_eq!((target.authority().as_str(), target.is_loopback()), ("localhost", true));
            assert_eq!(target.to_string(), format!("unix:{path}"));
        }
    }

    #[test]
    fn addresses_to_listen_on_are_read_in_every_form() {
        for (text, addr) in [
            ("127.0.0.1:0", "127.0.0.1:0"),
            ("[::1]:5", "[::1]:5"),
            ("localhost:5", "127.0.0.1:5"),
            ("http://127.0.0.1:5", "127.0.0.1:5"),
            ("ipv4:127.0.0.1:5", "127.0.0.1:5"),
            ("ipv6:[::]:5", "[::]:5"),
            (":5", "0.0.0.0:5"),
            ("5", "127.0.0.1:5"),
        ] {
            assert_eq!(
                listen_address(text).map(|addr| addr.to_string()).as_deref(),
                Ok(addr),
                "{text}"
            );
        }
        for text in ["", "127.0.0.1", "127.0.0.1:x", "unix:/a", "99999", "a b:1"] {
            let error = listen_address(text).unwrap_err().to_string();
            assert!(
                error.contains("HOST:PORT") && !error.contains("unix:/PATH"),
                "{text}: {error}"
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
            "unix:",
            "unix://run/job.sock",
            "dns://8.8.8.8/job:1",
            "ipv4:10.0.0.1:1,10.0.0.2:1",
            "xds:///job",
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

#[cfg(test)]
mod examples {
    #[test]
    fn listen_address() {
        use crate::tap::dial::listen_address;
        assert_eq!(listen_address("[::1]:0").unwrap(), "[::1]:0".parse().unwrap());
        assert_eq!(
            listen_address("dns:///127.0.0.1:5").unwrap(),
            "127.0.0.1:5".parse().unwrap()
        );
        assert_eq!(listen_address(":5").unwrap(), "0.0.0.0:5".parse().unwrap());
    }
}
