//! The filter of the calls to record.

use crate::grpc::MethodPattern;

/// A filter of methods by patterns of their paths: `*` stands for any characters, `?` for one. Without a pattern every
/// method is meant. The first slash may be left out, and a dot stand before the method.
///
/// ```
/// use grpc_capture::tap::MethodFilter;
/// let filter = MethodFilter::new(["/datastream.*", "grpc.health.v1.Health/Check"]);
/// assert!(filter.admits("/datastream.DataStreamService/StreamSpectrograms"));
/// assert!(filter.admits("/grpc.health.v1.Health/Check"), "the first slash may be left out");
/// assert!(!filter.admits("/grpc.health.v1.Health/Watch"));
/// assert!(MethodFilter::default().admits("/any.Service/Method"));
/// ```
#[derive(Debug, Clone, Default)]
pub struct MethodFilter {
    patterns: Vec<MethodPattern>,
}

impl MethodFilter {
    /// A filter for methods that match one of these patterns.
    #[must_use]
    pub fn new<T: Into<String>>(patterns: impl IntoIterator<Item = T>) -> Self {
        let patterns = patterns.into_iter().map(MethodPattern::new).collect();
        Self { patterns }
    }

    /// True when calls of `method` (`/package.Service/Method`) pass the filter.
    #[must_use]
    pub fn admits(&self, method: &str) -> bool {
        self.patterns.is_empty() || self.patterns.iter().any(|pattern| pattern.matches(method))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_fit_whole_paths() {
        for (pattern, path, expected) in [
            ("*", "/a.B/C", true),
            ("/a.B/C", "/a.B/C", true),
            ("a.B/C", "/a.B/C", true),
            ("a.B.C", "/a.B/C", true),
            ("a.B.*", "/a.B/C", true),
            ("a.B.C", "/a.B.C/D", false),
            ("/a.B/*", "/a.B/C", true),
            ("/a.B/*", "/a.Bc/C", false),
            ("*/C", "/a.B/C", true),
            ("*/C", "/a.B/CD", false),
            ("/a.?/C", "/a.B/C", true),
            ("/a.*B*/C", "/a.xBByB/C", true),
            ("**", "/a.B/C", true),
            ("", "/a.B/C", false),
        ] {
            assert_eq!(MethodFilter::new([pattern]).admits(path), expected, "{pattern} {path}");
        }
    }

    #[test]
    fn a_pattern_of_many_stars_takes_no_exponential_time() {
        let pattern = "*a".repeat(200) + "b";
        assert!(!MethodFilter::new([pattern]).admits(&"a".repeat(5000)));
    }
}
