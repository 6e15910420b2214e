//! Names of secrets: of metadata, of JSON's keys, of form fields and query parameters.

/// Names of secrets.
const NAMES: [&str; 6] = [
    "authorization",
    "proxy-authorization",
    "cookie",
    "set-cookie",
    "x-api-key",
    "x-amz-security-token",
];

/// Last words of names of secrets; the word alone counts too.
const LAST_WORDS: [&str; 9] = [
    "token",
    "key",
    "secret",
    "apikey",
    "auth",
    "jwt",
    "signature",
    "credentials",
    "cookie",
];

/// Words that make any name that contains them the name of a secret.
const WORDS: [&str; 9] = [
    "token",
    "jwt",
    "apikey",
    "pwd",
    "passphrase",
    "passcode",
    "bearer",
    "otp",
    "authorization",
];

/// Pairs of adjacent words that do the same.
const PAIRS: [(&str, &str); 6] = [
    ("api", "key"),
    ("access", "key"),
    ("private", "key"),
    ("client", "secret"),
    ("secret", "value"),
    ("secret", "id"),
];

/// Parts of names of secrets, also within words that are written together.
const PARTS: [&str; 10] = [
    "password",
    "passwd",
    "session",
    "credential",
    "apikey",
    "accesskey",
    "accesstoken",
    "authtoken",
    "refreshtoken",
    "clientsecret",
];

/// True when values under this name count as secrets.
#[must_use]
pub(crate) fn is_secret(name: &str) -> bool {
    let lower = name.to_ascii_lowercase();
    let (name, lower) = match lower.strip_suffix("-bin") {
        Some(stem) => (name.get(..stem.len()).unwrap_or(name), stem),
        None => (name, lower.as_str()),
    };
    let words = words(name);
    let last = words.last().map(String::as_str);
    NAMES.contains(&lower)
        || last.is_some_and(|last| LAST_WORDS.contains(&last))
        || words.iter().any(|word| WORDS.contains(&word.as_str()))
        || words
            .windows(2)
            .any(|pair| PAIRS.iter().any(|(one, other)| pair == [*one, *other]))
        || PARTS.iter().any(|part| lower.contains(part))
}

/// Splits a name into lower-case words: `x-api-key`, `api_key`, `apiKey` and `APIKey` have the same ones.
fn words(name: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let characters: Vec<char> = name.chars().collect();
    for (at, c) in characters.iter().enumerate() {
        let before = at.checked_sub(1).and_then(|at| characters.get(at));
        let next = characters.get(at + 1);
        let begins = c.is_ascii_uppercase()
            && before.is_some_and(|before| {
                before.is_ascii_lowercase()
                    || before.is_ascii_digit()
                    || before.is_ascii_uppercase() && next.is_some_and(char::is_ascii_lowercase)
            });
        if begins || !c.is_ascii_alphanumeric() {
            words.push(String::new());
        }
        if c.is_ascii_alphanumeric()
            && let Some(word) = words.last_mut()
        {
            word.push(c.to_ascii_lowercase());
        }
    }
    words.retain(|word| !word.is_empty());
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_judged_by_their_words() {
        for secret in [
            "X-Token-Value",
            "accessToken",
            "APIKey",
            "api_key_id",
            "userPassword",
            "CLIENT_SECRET",
            "pwd",
            "x-api-key-bin",
            "refresh_token",
            "ClientSecret",
            "clientsecret",
            "X-Forwarded-Authorization",
        ] {
            assert!(is_secret(secret), "{secret}");
        }
        for open in [
            "keyboard",
            "tokens",
            "secretary",
            "x-tokenizer",
            "keys",
            "author",
            "monkey",
            "",
            "-",
        ] {
            assert!(!is_secret(open), "{open}");
        }
    }
}

#[cfg(test)]
mod examples {
    #[test]
    fn is_secret() {
        use crate::transform::redact::metadata::is_secret;
        assert!(is_secret("authorization") && is_secret("x-site-token") && is_secret("x-session-id"));
        assert!(is_secret("accessToken") && is_secret("X-Api-Key-Id"));
        assert!(!is_secret("grpc-status") && !is_secret("x-keyboard"));
    }
}
