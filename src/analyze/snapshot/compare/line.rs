//! Comparison of two lines.

use super::tolerance::GoldenTolerance;
use crate::analyze::snapshot::digest_line::DIGEST;

pub(super) fn alike(golden: &str, new: &str, tolerance: GoldenTolerance) -> bool {
    if golden == new {
        return true;
    }
    if tolerance.is_exact() {
        return false;
    }
    if are_digests(golden, new) {
        return true;
    }
    let (mut golden, mut new) = (Tokens(golden.trim_end()), Tokens(new.trim_end()));
    loop {
        match (golden.next(), new.next()) {
            (None, None) => return true,
            (Some(golden), Some(new)) if golden.is_like(new, tolerance) => {}
            _ => return false,
        }
    }
}

/// Both lines hold a message digest.
pub(super) fn are_digests(golden: &str, new: &str) -> bool {
    let is_digest = |line: &str| line.starts_with(DIGEST) && line.contains("sha256:");
    is_digest(golden) && is_digest(new)
}

/// The largest share by which measured numbers of two lines differ; `None` when anything else does.
pub(super) fn apart(golden: &str, new: &str) -> Option<f64> {
    let (mut golden, mut new) = (Tokens(golden.trim_end()), Tokens(new.trim_end()));
    let mut apart = 0.0_f64;
    loop {
        match (golden.next(), new.next()) {
            (None, None) => return Some(apart),
            (Some(Token::Measured(a)), Some(Token::Measured(b))) => {
                let larger = a.abs().max(b.abs());
                apart = apart.max(if larger > 0.0 { (a - b).abs() / larger } else { 0.0 });
            }
            (Some(golden), Some(new)) if golden == new => {}
            _ => return None,
        }
    }
}

/// A piece of a line.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Token<'a> {
    /// White space of any length.
    Blank,
    /// A number with a point or an exponent.
    Measured(f64),
    /// A word, a count, or a mark.
    Text(&'a str),
}

impl Token<'_> {
    fn is_like(self, other: Self, tolerance: GoldenTolerance) -> bool {
        match (self, other) {
            (Token::Measured(a), Token::Measured(b)) => {
                let apart = (a - b).abs();
                apart <= tolerance.abs || apart <= tolerance.rel * a.abs().max(b.abs())
            }
            _ => self == other,
        }
    }
}

/// The rest of a line.
struct Tokens<'a>(&'a str);

impl<'a> Iterator for Tokens<'a> {
    type Item = Token<'a>;

    fn next(&mut self) -> Option<Token<'a>> {
        let line = self.0;
        let first = line.chars().next()?;
        let blanks = line.len() - line.trim_start().len();
        let (len, token) = if blanks > 0 {
            (blanks, Token::Blank)
        } else if let Some((len, number)) = measured(line) {
            (len, Token::Measured(number))
        } else {
            let word = line
                .find(|c: char| !c.is_alphanumeric() && c != '_')
                .unwrap_or(line.len());
            let len = word.max(first.len_utf8());
            (len, Token::Text(line.get(..len)?))
        };
        self.0 = line.get(len..)?;
        Some(token)
    }
}

/// The measured number at the start of a text, and its length: digits, then a point and digits, an exponent, or both.
/// It ends where no letter or digit follows. What is before it is a token of its own, so it begins a word.
fn measured(text: &str) -> Option<(usize, f64)> {
    let bytes = text.as_bytes();
    let digits = |from: usize| bytes.iter().skip(from).take_while(|byte| byte.is_ascii_digit()).count();
    let is = |at: usize, wanted: &[u8]| bytes.get(at).is_some_and(|byte| wanted.contains(byte));
    let sign = usize::from(is(0, b"-+"));
    let mut len = sign + digits(sign);
    if len == sign {
        return None;
    }
    let whole = len;
    if is(len, b".") && digits(len + 1) > 0 {
        len += 1 + digits(len + 1);
    }
    if is(len, b"eE") {
        let sign = usize::from(is(len + 1, b"-+"));
        let exponent = digits(len + 1 + sign);
        if exponent > 0 {
            len += 1 + sign + exponent;
        }
    }
    let ends = !text.get(len..)?.chars().next().is_some_and(char::is_alphanumeric);
    let number = text.get(..len)?.parse().ok()?;
    (len > whole && ends).then_some((len, number))
}
