//! Texts that show where two payloads differ.

use std::fmt::Write as _;

/// Number of bytes shown on each side from the first difference on: a float or an integer, and what follows it.
const SHOWN: usize = 8;

/// Describes both payloads: how long each is, from which byte on they differ, and the first bytes from there in
/// hexadecimal. `None` when they are the same.
#[must_use]
pub(crate) fn told(was: &[u8], is: &[u8]) -> Option<(String, String)> {
    let at = first(was, is)?;
    Some((side(was, at), side(is, at)))
}

/// Position of the first byte at which two payloads differ, counted from 0; `None` when they are the same. Where one is
/// the other's beginning, they differ where that ends.
#[must_use]
pub(crate) fn first(was: &[u8], is: &[u8]) -> Option<usize> {
    let common = was.iter().zip(is).take_while(|(was, is)| was == is).count();
    (common < was.len() || common < is.len()).then_some(common)
}

fn side(bytes: &[u8], at: usize) -> String {
    let mut text = format!("{} bytes (", bytes.len());
    match bytes.get(at..).unwrap_or_default() {
        [] => text.push_str(&format!("over at byte {at}")),
        rest => {
            let _ = write!(text, "from byte {at} on:");
            for byte in rest.iter().take(SHOWN) {
                let _ = write!(text, " {byte:02x}");
            }
            if rest.len() > SHOWN {
                text.push_str(" …");
            }
        }
    }
    text.push(')');
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_sides_are_shown_from_the_first_difference_on() {
        assert_eq!(told(b"same", b"same"), None);
        assert_eq!(told(&[], &[]), None);
        let long: Vec<u8> = (0..40).collect();
        let mut other = long.clone();
        other[17] = 0xff;
        let (was, is) = told(&long, &other).unwrap();
        assert_eq!(was, "40 bytes (from byte 17 on: 11 12 13 14 15 16 17 18 …)");
        assert_eq!(is, "40 bytes (from byte 17 on: ff 12 13 14 15 16 17 18 …)");
        let (was, is) = told(&long, &long[..38]).unwrap();
        assert_eq!(
            (was.as_str(), is.as_str()),
            ("40 bytes (from byte 38 on: 26 27)", "38 bytes (over at byte 38)")
        );
        let (was, is) = told(&[], &[7]).unwrap();
        assert_eq!(
            (was.as_str(), is.as_str()),
            ("0 bytes (over at byte 0)", "1 bytes (from byte 0 on: 07)")
        );
    }
}

#[cfg(test)]
mod examples {
    #[test]
    fn example_of_told() {
        use crate::grpc::differ;
        let (was, is) = differ::told(&[1, 2, 3], &[1, 9]).unwrap();
        assert_eq!(was, "3 bytes (from byte 1 on: 02 03)");
        assert_eq!(is, "2 bytes (from byte 1 on: 09)");
    }
}
