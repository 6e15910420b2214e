//! Redaction of addresses.

/// Removes `user:password@` from `url`; anything else is returned as it is.
#[must_use]
pub(crate) fn strip_userinfo(url: &str) -> String {
    let (scheme, rest) = match url.find("://") {
        Some(at) => url.split_at(at + 3),
        None => ("", url),
    };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or(rest);
    match authority.rfind('@') {
        Some(at) => format!("{scheme}{}", rest.get(at + 1..).unwrap_or_default()),
        None => url.to_owned(),
    }
}

/// Replaces the host of `address`; scheme and port stay, user and path go. An address may be a URL, `host:port`, a
/// host, or `ipv4:…` and `ipv6:…` as gRPC writes peers.
#[must_use]
pub(crate) fn replace_host(address: &str, host: &str) -> String {
    let parts = split(address);
    match parts.port {
        Some(port) => format!("{}{host}:{port}", parts.scheme),
        None => format!("{}{host}", parts.scheme),
    }
}

/// The host of an address, or nothing when it is empty.
pub(super) fn hosts(address: &str) -> impl Iterator<Item = &str> {
    Some(split(address).host).filter(|host| !host.is_empty()).into_iter()
}

struct Parts<'a> {
    scheme: &'a str,
    host: &'a str,
    port: Option<&'a str>,
}

fn split(address: &str) -> Parts<'_> {
    let peer = || {
        ["ipv4:", "ipv6:", "dns:"]
            .into_iter()
            .find(|peer| address.starts_with(peer))
    };
    let scheme = address.find("://").map(|at| at + 3).or_else(|| peer().map(str::len));
    let (scheme, rest) = address.split_at(scheme.unwrap_or(0));
    let authority = rest.split(['/', '?', '#']).next().unwrap_or(rest);
    let authority = authority.rsplit_once('@').map_or(authority, |(_, authority)| authority);
    let is_port = |port: &str| !port.is_empty() && port.bytes().all(|digit| digit.is_ascii_digit());
    let (host, port) = match authority.rsplit_once(':') {
        // More colons without brackets are an IPv6 address without a port.
        Some((host, port)) if is_port(port) && (!host.contains(':') || host.ends_with(']')) => (host, Some(port)),
        _ => (authority, None),
    };
    let host = host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'))
        .unwrap_or(host);
    Parts { scheme, host, port }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_host_goes_and_scheme_and_port_stay() {
        for (address, clean, host) in [
            ("10.0.0.7:50051", "h:50051", "10.0.0.7"),
            ("https://a.b/focus-server/", "https://h", "a.b"),
            ("ipv4:1.2.3.4:5", "ipv4:h:5", "1.2.3.4"),
            ("ipv6:[::1]:5", "ipv6:h:5", "::1"),
            ("fe80::1", "h", "fe80::1"),
            ("name", "h", "name"),
            ("host:name", "h", "host:name"),
        ] {
            assert_eq!(replace_host(address, "h"), clean, "{address}");
            assert_eq!(hosts(address).collect::<Vec<_>>(), [host], "{address}");
        }
        assert_eq!(hosts("").count(), 0);
    }

    #[test]
    fn user_and_password_go_and_the_rest_stays() {
        for (url, clean) in [
            ("http://u:p@h/", "http://h/"),
            ("u:p@h:1", "h:1"),
            ("https://u:p@w@h?x=a@b", "https://h?x=a@b"),
            ("https://h/a@b", "https://h/a@b"),
            ("https://u@[::1]:1", "https://[::1]:1"),
            ("", ""),
            ("@", ""),
        ] {
            assert_eq!(strip_userinfo(url), clean, "{url}");
        }
    }
}

#[cfg(test)]
mod examples {
    #[test]
    fn strip_userinfo() {
        use crate::transform::redact::strip_userinfo;
        assert_eq!(strip_userinfo("https://me:pw@host:8443/x@y"), "https://host:8443/x@y");
        assert_eq!(strip_userinfo("host:50051"), "host:50051");
    }

    #[test]
    fn replace_host() {
        use crate::transform::redact::url::replace_host;
        assert_eq!(replace_host("http://me@site.example:8443/x", "h"), "http://h:8443");
        assert_eq!(replace_host("[fe80::1]:50051", "h"), "h:50051");
    }
}
