//! Secrets in addresses.

/// `url` without the `user:password@` before its host; anything else is returned as it is.
///
/// ```
/// use grpc_capture::redact::strip_userinfo;
/// assert_eq!(strip_userinfo("https://me:pw@host:8443/x@y"), "https://host:8443/x@y");
/// assert_eq!(strip_userinfo("host:50051"), "host:50051");
/// ```
#[must_use]
pub fn strip_userinfo(url: &str) -> String {
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

#[cfg(test)]
mod tests {
    use super::*;

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
