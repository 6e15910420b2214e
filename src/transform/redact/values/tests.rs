use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE_NO_PAD},
};
use proptest::prelude::*;

use super::*;

const SECRET: &str = "pass?\"word>/ü~4711";

fn values() -> SecretValues {
    let mut values = SecretValues::default();
    values.add(SECRET.as_bytes());
    values
}

fn hex(text: &str) -> String {
    text.bytes().map(|byte| format!("{byte:02x}")).collect()
}

fn percent(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02x}")).collect()
}

/// A text in which the secret is in some encoding, and what is to be left of it.
#[test]
fn a_value_is_found_in_every_encoding_and_what_is_around_it_stays() {
    let json = serde_json::to_string(SECRET).unwrap();
    let json = json.trim_matches('"');
    let unicode: String = SECRET.encode_utf16().map(|unit| format!("\\u{unit:04X}")).collect();
    for encoded in [
        SECRET.to_owned(),
        STANDARD.encode(SECRET).trim_end_matches('=').to_owned(),
        URL_SAFE_NO_PAD.encode(SECRET),
        hex(SECRET),
        hex(SECRET).to_uppercase(),
        percent(SECRET),
        percent(SECRET).to_uppercase(),
        json.to_owned(),
        unicode,
        STANDARD_NO_PAD.encode(hex(SECRET)),
        percent(&STANDARD_NO_PAD.encode(SECRET)),
    ] {
        let text = format!("begin: {encoded}. the end");
        assert_eq!(
            values().replace(&text).as_deref(),
            Some("begin: [redacted]. the end"),
            "{text}"
        );
        assert!(values().occurs_in(text.as_bytes()).is_some(), "{text}");
    }
    assert_eq!(values().replace("pass?\"word>/ü~471"), None);
}

#[test]
fn base64_is_found_wherever_the_value_stands_in_what_was_encoded() {
    for before in ["", "a", "ab", "abc", "user:"] {
        for digits in ["", "x", "xy", "xyz", "xyz-"] {
            let text = format!("{digits}{}", STANDARD.encode(format!("{before}{SECRET} and more")));
            let clean = values().replace(&text).unwrap();
            assert_eq!(values().occurs_in(clean.as_bytes()), None, "{clean}");
            let mail = STANDARD.encode(format!("{before}{SECRET}"));
            let mail = format!("{}\r\n{}", &mail[..9], &mail[9..]);
            assert!(values().occurs_in(mail.as_bytes()).is_some(), "{mail}");
        }
    }
}

#[test]
fn forms_write_a_space_as_a_plus() {
    let mut values = SecretValues::default();
    values.add(b"two words");
    assert_eq!(values.replace("q=two+words&x").as_deref(), Some("q=[redacted]&x"));
}

#[test]
fn the_longest_value_wins_and_a_forgotten_one_is_not_found() {
    let mut values = SecretValues::default();
    for value in ["abcdef", "abcdefgh", "abcdefghijkl", "abcdeg", "abcdefzz"] {
        values.add(value.as_bytes());
    }
    assert_eq!(values.find(b"..abcdefghijk", 0), Some((2, 8)));
    assert_eq!(values.find(b"abcdefghijklm", 0), Some((0, 12)));
    assert_eq!(values.find(b"abcdef", 0), Some((0, 6)));
    values.forget_those_in(b"abcdefgh");
    assert_eq!(values.find(b"abcdefghijk", 0), None);
    assert_eq!(values.find(b"abcdefzz", 0), Some((0, 8)));
    values.add(b"short");
    assert_eq!((values.too_short(), values.len()), (1, 3));
}

#[test]
fn a_value_that_is_cut_takes_the_rest_of_the_text_with_it() {
    let mut values = SecretValues::default();
    let long = "0123456789".repeat(200);
    values.add(long.as_bytes());
    assert_eq!(values.replace(&format!("is {long}!")).as_deref(), Some("is [redacted]"));
}

#[test]
fn a_blanked_message_keeps_its_lengths() {
    let mut values = SecretValues::default();
    values.add(b"hunter2");
    assert_eq!(
        values.blank(b"\x0a\x09 hunter2 ").as_deref(),
        Some(&b"\x0a\x09 ******* "[..])
    );
    assert_eq!(values.blank(b"\x0a\x09 hunter3 "), None);
    assert_eq!(format!("{values:?}"), "SecretValues { count: 1, .. }");
}

proptest! {
    #[test]
    fn what_was_replaced_is_not_found_again(text in "[ -~]{0,40}", more in ".{0,40}", wrap in 0..5_u8) {
        let encoded = match wrap {
            0 => SECRET.to_owned(),
            1 => STANDARD.encode(format!("{text}{SECRET}{more}")),
            2 => hex(&format!("{text}{SECRET}{more}")),
            3 => percent(&format!("{text}{SECRET}{more}")),
            _ => serde_json::to_string(&format!("{text}{SECRET}{more}")).unwrap(),
        };
        let clean = values().replace(&format!("{text}{encoded}{more}")).unwrap();
        prop_assert_eq!(values().find(clean.as_bytes(), 0), None);
        prop_assert!(values().replace("[redacted]").is_none());
    }
}
