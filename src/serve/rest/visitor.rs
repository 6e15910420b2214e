//! Access control of the REST side: pages of other sites are refused.
//!
//! A browser names the site of a page that posts (`Origin`), so only pages of this machine may. A page whose name was
//! pointed at this machine (DNS rebinding) asks by that name (`Host`): a server that listens on the loopback interface
//! alone is asked by no other name than this machine's. One that listens beyond it, as in a pod, goes by names that it
//! does not know.

use std::net::{IpAddr, SocketAddr};

use axum::http::{
    HeaderMap,
    header::{HOST, ORIGIN},
};

use crate::serve::configure::host_of;

/// The reason why a request is refused; `None` when it is not.
pub(super) fn refusal(headers: &HeaderMap, listens_on: SocketAddr) -> Option<String> {
    let text = |name| {
        headers
            .get(name)
            .map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned())
    };
    for origin in headers.get_all(ORIGIN) {
        let origin = String::from_utf8_lossy(origin.as_bytes());
        if !is_local_origin(&origin) {
            return Some(format!(
                "a page of {origin} may not use this server; only pages of this machine (http://localhost) may, and \
                 programs that send no Origin header"
            ));
        }
    }
    let host = text(HOST)?;
    if listens_on.ip().is_loopback() && !host_of(&host).is_some_and(is_name_of_this_machine) {
        return Some(format!(
            "this server listens on {listens_on} and does not accept the name {host}; use localhost:{port} or its address, or let it listen on another interface (0.0.0.0)",
            port = listens_on.port()
        ));
    }
    None
}

fn is_local_origin(origin: &str) -> bool {
    origin
        .split_once("://")
        .and_then(|(_, host)| host_of(host))
        .is_some_and(is_loopback_name)
}

/// `localhost`, a name below it, or a loopback address.
fn is_loopback_name(host: &str) -> bool {
    let name = host.trim_end_matches('.').to_ascii_lowercase();
    let ip = name.trim_matches(['[', ']']).parse::<IpAddr>();
    ip.map_or_else(
        |_| name == "localhost" || name.ends_with(".localhost"),
        |ip| ip.to_canonical().is_loopback(),
    )
}

/// True for an address, or a name that only this machine has: no other name can be pointed here by somebody else.
fn is_name_of_this_machine(host: &str) -> bool {
    is_loopback_name(host) || host.trim_matches(['[', ']']).parse::<IpAddr>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(listens_on: &str, fields: &[(&'static str, &str)]) -> Option<String> {
        let fields = fields.iter().map(|(name, value)| {
            let name = axum::http::HeaderName::from_static(name);
            (name, value.parse().unwrap())
        });
        refusal(&fields.collect(), listens_on.parse().unwrap())
    }

    #[test]
    fn only_pages_of_this_machine_may_speak_to_it() {
        for origin in [
            "http://localhost:3000",
            "http://127.0.0.1",
            "https://[::1]:8080",
            "http://ui.localhost",
        ] {
            assert_eq!(asked("0.0.0.0:80", &[("origin", origin)]), None, "{origin}");
        }
        for origin in [
            "http://evil.com",
            "null",
            "",
            "http://localhost.evil.com",
            "http://10.0.0.1",
            "file://",
            "http://evil.com:127",
        ] {
            let text = asked("0.0.0.0:80", &[("origin", origin), ("host", "evil.com")]).unwrap();
            assert!(text.contains("may not use"), "{origin}: {text}");
        }
    }

    #[test]
    fn a_server_of_this_machine_alone_goes_by_its_names_alone() {
        for host in ["localhost:80", "127.0.0.1:80", "[::1]:80", "192.168.0.7", "LOCALHOST."] {
            assert_eq!(asked("127.0.0.1:80", &[("host", host)]), None, "{host}");
        }
        for host in ["evil.com:80", "evil.com", "127.0.0.1.evil.com", ""] {
            let text = asked("127.0.0.1:80", &[("host", host)]).unwrap();
            assert!(text.contains("localhost:80"), "{host}: {text}");
        }
        // In a pod, it goes by the service's name.
        assert_eq!(asked("0.0.0.0:80", &[("host", "focus-replay.team.svc:80")]), None);
        assert_eq!(asked("10.1.2.3:80", &[("host", "focus-replay")]), None);
        assert_eq!(asked("127.0.0.1:80", &[]), None);
    }
}
