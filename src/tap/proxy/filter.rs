//! Which calls are recorded.

/// Method paths by pattern: `*` stands for any characters, `?` for one. Without a pattern every method is meant. The first
/// slash may be left out, and a dot stand before the method.
///
/// ```
/// use grpc_capture::tap::proxy::MethodFilter;
/// let filter = MethodFilter::new(["/datastream.*", "grpc.health.v1.Health/Check"]);
/// assert!(filter.admits("/datastream.DataStreamService/StreamSpectrograms"));
/// assert!(filter.admits("/grpc.health.v1.Health/Check"), "the first slash may be left out");
/// assert!(!filter.admits("/grpc.health.v1.Health/Watch"));
/// assert!(MethodFilter::default().admits("/any.Service/Method"));
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct MethodFilter {
    patterns: Vec<String>,
}

impl MethodFilter {
    /// Methods that fit one of these patterns.
    #[must_use]
    pub fn new<T: Into<String>>(patterns: impl IntoIterator<Item = T>) -> Self {
        let mut all = Vec::new();
        for pattern in patterns {
            let pattern = pattern.into();
            if let Some((service, name)) = pattern.rsplit_once('.').filter(|_| !pattern.contains('/')) {
                all.push(format!("{service}/{name}"));
            }
            all.push(pattern);
        }
        Self { patterns: all }
    }

    /// True when calls of `method` (`/package.Service/Method`) are meant.
    #[must_use]
    pub fn admits(&self, method: &str) -> bool {
        let bare = method.strip_prefix('/').unwrap_or(method);
        let mut patterns = self.patterns.iter();
        self.patterns.is_empty() || patterns.any(|pattern| fits(pattern.strip_prefix('/').unwrap_or(pattern), bare))
    }
}

/// Glob matching in linear space: after a mismatch, the last `*` takes one character more.
fn fits(pattern: &str, text: &str) -> bool {
    let (pattern, text) = (pattern.as_bytes(), text.as_bytes());
    let (mut p, mut t) = (0, 0);
    let mut star = None;
    while let Some(byte) = text.get(t) {
        match pattern.get(p) {
            Some(b'*') => {
                star = Some((p, t));
                p += 1;
            }
            Some(wanted) if wanted == byte || *wanted == b'?' => {
                p += 1;
                t += 1;
            }
            _ => {
                let Some((at, taken)) = star else { return false };
                star = Some((at, taken + 1));
                p = at + 1;
                t = taken + 1;
            }
        }
    }
    pattern.get(p..).unwrap_or_default().iter().all(|rest| *rest == b'*')
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
