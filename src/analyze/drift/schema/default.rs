//! Default values of fields.

use super::kind::Kind;

/// The value that a field has when it is absent.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::analyze::drift) enum DefaultValue {
    /// Of strings and bytes.
    Bytes(Vec<u8>),
    /// Of integers, enums and bools.
    Integer(i128),
    /// Of `float` and `double`.
    Number {
        /// The value.
        value: f64,
        /// True of a `float`.
        is_float: bool,
    },
}

impl DefaultValue {
    /// Reads a default as descriptor.proto writes it; `None` for messages, and for text that is no value of the kind.
    /// `enum_value` looks up the number of a name, or of the first value.
    pub(super) fn read(
        kind: Kind,
        text: Option<&str>,
        enum_value: impl FnOnce(Option<&str>) -> Option<i32>,
    ) -> Option<Self> {
        Some(match kind {
            Kind::Message | Kind::Group => return None,
            Kind::String => Self::Bytes(text.unwrap_or_default().as_bytes().to_vec()),
            Kind::Bytes => Self::Bytes(unescape(text.unwrap_or_default())),
            Kind::Double | Kind::Float => {
                let is_float = kind == Kind::Float;
                let value: f64 = match text.unwrap_or("0") {
                    text if is_float => f64::from(text.parse::<f32>().ok()?),
                    text => text.parse().ok()?,
                };
                Self::Number { value, is_float }
            }
            Kind::Bool => Self::Integer(i128::from(text == Some("true"))),
            Kind::Enum => Self::Integer(i128::from(enum_value(text)?)),
            _ => Self::Integer(text.map_or(Some(0), |text| text.parse().ok())?),
        })
    }

    fn is_zero(&self) -> bool {
        match self {
            Self::Bytes(bytes) => bytes.is_empty(),
            Self::Integer(value) => *value == 0,
            Self::Number { value, .. } => *value == 0.0,
        }
    }

    /// True when a reader of the other type finds the same value.
    pub(in crate::analyze::drift) fn is_same(&self, other: &Self) -> bool {
        match (self, other) {
            _ if self.is_zero() && other.is_zero() => true,
            (Self::Bytes(one), Self::Bytes(other)) => one == other,
            (Self::Bytes(_), _) | (_, Self::Bytes(_)) => false,
            (Self::Integer(one), Self::Integer(other)) => one == other,
            (Self::Number { value, .. }, Self::Integer(integer))
            | (Self::Integer(integer), Self::Number { value, .. }) => is_integer(*value, *integer),
            (
                Self::Number { value: one, is_float },
                Self::Number {
                    value: other,
                    is_float: other_is_float,
                },
            ) => {
                let narrow = is_float != other_is_float;
                let same = if narrow {
                    bits_of(*one as f32) == bits_of(*other as f32)
                } else {
                    one.partial_cmp(other) == Some(std::cmp::Ordering::Equal)
                };
                same || one.is_nan() && other.is_nan()
            }
        }
    }

    /// The value as text.
    pub(in crate::analyze::drift) fn text(&self) -> String {
        match self {
            Self::Bytes(bytes) => format!("{:?}", String::from_utf8_lossy(bytes)),
            Self::Integer(value) => value.to_string(),
            Self::Number { value, .. } => value.to_string(),
        }
    }
}

/// The bits of a number, with one zero.
fn bits_of(value: f32) -> u32 {
    if value == 0.0 { 0 } else { value.to_bits() }
}

/// Whether a number is exactly this integer.
fn is_integer(value: f64, integer: i128) -> bool {
    /// Beyond, no 64-bit integer is.
    const LARGEST: f64 = 18_446_744_073_709_551_616.0;
    value.abs() <= LARGEST && value.fract() == 0.0 && value as i128 == integer
}

/// Reads the escapes of C, as descriptor.proto writes bytes.
fn unescape(text: &str) -> Vec<u8> {
    let (bytes, mut out, mut at) = (text.as_bytes(), Vec::with_capacity(text.len()), 0);
    while let Some(byte) = bytes.get(at).copied() {
        at += 1;
        if byte != b'\\' {
            out.push(byte);
            continue;
        }
        let Some(escape) = bytes.get(at).copied() else { break };
        at += 1;
        let mut digits = |base: u32, most: usize, mut value: u32| {
            for _ in 0..most {
                let digit = bytes.get(at).and_then(|byte| char::from(*byte).to_digit(base));
                let Some(digit) = digit else { break };
                value = value * base + digit;
                at += 1;
            }
            value.to_le_bytes()[0]
        };
        out.push(match escape {
            b'n' => b'\n',
            b'r' => b'\r',
            b't' => b'\t',
            b'a' => 7,
            b'b' => 8,
            b'f' => 12,
            b'v' => 11,
            b'x' | b'X' => digits(16, 2, 0),
            b'0'..=b'7' => digits(8, 2, u32::from(escape - b'0')),
            other => other,
        });
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(kind: Kind, text: &str) -> DefaultValue {
        DefaultValue::read(kind, Some(text), |_| Some(3)).unwrap()
    }

    #[test]
    fn defaults_are_compared_by_value_across_types() {
        assert!(of(Kind::Int32, "7").is_same(&of(Kind::Uint64, "7")));
        assert!(!of(Kind::Int32, "7").is_same(&of(Kind::Int32, "8")));
        assert!(of(Kind::Bool, "true").is_same(&of(Kind::Int64, "1")));
        assert!(of(Kind::Enum, "THREE").is_same(&of(Kind::Double, "3")));
        assert!(of(Kind::Float, "0.1").is_same(&of(Kind::Double, "0.1")));
        assert!(of(Kind::Float, "nan").is_same(&of(Kind::Float, "nan")));
        assert!(!of(Kind::Float, "nan").is_same(&of(Kind::Float, "inf")));
        assert!(of(Kind::Double, "-0").is_same(&of(Kind::Int32, "0")));
        assert!(of(Kind::String, "").is_same(&of(Kind::Int32, "0")));
        assert!(!of(Kind::String, "").is_same(&of(Kind::Int32, "1")));
        assert!(!of(Kind::Uint64, "18446744073709551615").is_same(&of(Kind::Double, "18446744073709551616")));
    }

    #[test]
    fn bytes_are_read_through_their_escapes() {
        assert_eq!(unescape(r#"a\001\xfF\n\"\\"#), [b'a', 1, 0xff, b'\n', b'"', b'\\']);
        assert_eq!(unescape(r"\"), b"");
        assert!(of(Kind::Bytes, r"\141").is_same(&of(Kind::String, "a")));
    }
}
