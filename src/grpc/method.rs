//! Method paths as people write them.

/// Normalizes a method path to `/package.Service/Method`; the first slash may be missing, and a dot may stand before
/// the method, as in grpcurl; `None` when it is none.
#[must_use]
pub(crate) fn method_path(text: &str) -> Option<String> {
    let bare = text.trim();
    let bare = bare.strip_prefix('/').unwrap_or(bare);
    let (service, name) = bare.split_once('/').or_else(|| bare.rsplit_once('.'))?;
    let fits = |part: &str| {
        let odd = |c: char| c.is_whitespace() || c.is_control() || matches!(c, '/' | '?' | '#' | ':');
        !part.is_empty() && !part.contains(odd)
    };
    let dots = service.starts_with('.') || service.ends_with('.');
    (fits(service) && fits(name) && !dots).then(|| format!("/{service}/{name}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_way_to_write_a_method_is_read() {
        for (text, path) in [
            ("/a.B/C", "/a.B/C"),
            ("a.B/C", "/a.B/C"),
            ("a.B.C", "/a.B/C"),
            (" a.b.D/C ", "/a.b.D/C"),
            ("B/C", "/B/C"),
            ("B.C", "/B/C"),
            ("/B.C", "/B/C"),
        ] {
            assert_eq!(method_path(text).as_deref(), Some(path), "{text}");
        }
        for text in [
            "",
            "/",
            "C",
            "a.B/",
            "/C",
            "a.B/C/D",
            "a.B/C?x",
            "a b/C",
            ".C",
            "a..C",
            "http://h/a.B/C",
        ] {
            assert_eq!(method_path(text), None, "{text}");
        }
    }
}

#[cfg(test)]
mod examples {
    #[test]
    fn example_of_method_path() {
        use crate::grpc::method_path;
        for text in ["/a.B/C", "a.B/C", "a.B.C"] {
            assert_eq!(method_path(text).as_deref(), Some("/a.B/C"));
        }
        assert_eq!(method_path("C"), None);
    }
}
