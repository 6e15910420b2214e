//! Method paths and their patterns, as people write them.

use wildmatch::WildMatch;

/// A pattern of method paths: `*` stands for any characters, `?` for one. The first slash may be left out, and a dot
/// stand before the method.
#[derive(Debug, Clone)]
pub(crate) struct MethodPattern {
    text: String,
    /// The forms that the text can mean, without the first slash.
    forms: Vec<WildMatch>,
}

impl MethodPattern {
    /// Parses a pattern; every text is one.
    pub(crate) fn new(text: impl Into<String>) -> Self {
        let text = text.into();
        let bare = text.strip_prefix('/').unwrap_or(&text);
        let mut forms = vec![WildMatch::new(bare)];
        if let Some((service, name)) = text.rsplit_once('.').filter(|_| !text.contains('/')) {
            forms.push(WildMatch::new(&format!("{service}/{name}")));
        }
        Self { text, forms }
    }

    /// The pattern as it was written.
    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// True for the paths (`/package.Service/Method`) that fit the whole pattern.
    pub(crate) fn matches(&self, method: &str) -> bool {
        let bare = method.strip_prefix('/').unwrap_or(method);
        self.forms.iter().any(|form| form.matches(bare))
    }

    /// How precise the pattern is: the number of its characters that stand for themselves.
    pub(crate) fn precision(&self) -> usize {
        let bare = self.text.strip_prefix('/').unwrap_or(&self.text);
        bare.chars().filter(|c| !matches!(c, '*' | '?')).count()
    }
}

impl PartialEq for MethodPattern {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for MethodPattern {}

/// Services that every server may offer beside its own.
const SUPPORT_SERVICES: [&str; 3] = [
    "grpc.health.v1.Health",
    "grpc.reflection.v1.ServerReflection",
    "grpc.reflection.v1alpha.ServerReflection",
];

/// True for the methods (`/package.Service/Method`) of gRPC's own health and reflection services.
pub(crate) fn is_support_method(method: &str) -> bool {
    let service = method.strip_prefix('/').and_then(|path| path.split_once('/'));
    service.is_some_and(|(service, _)| SUPPORT_SERVICES.contains(&service))
}

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
    fn a_pattern_fits_whole_paths_and_says_how_precise_it_is() {
        for (pattern, path, expected) in [
            ("*", "/a.B/C", true),
            ("/a.B/*", "/a.B/C", true),
            ("a.B.*", "/a.B/C", true),
            ("/a.B/*", "/a.Bc/C", false),
            ("/a.?/C", "/a.B/C", true),
        ] {
            assert_eq!(MethodPattern::new(pattern).matches(path), expected, "{pattern} {path}");
        }
        let precision = |text: &str| MethodPattern::new(text).precision();
        assert!(precision("*") < precision("/a.B/*") && precision("/a.B/*") < precision("a.B/C"));
    }

    #[test]
    fn health_and_reflection_support_a_service() {
        for (method, is_support) in [
            ("/grpc.health.v1.Health/Check", true),
            ("/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo", true),
            ("/grpc.health.v1.Healthy/Check", false),
            ("/a.B/C", false),
        ] {
            assert_eq!(is_support_method(method), is_support, "{method}");
        }
    }

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
