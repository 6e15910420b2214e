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

/// Names of the fields that nearly every call has. They are no secrets, and need no look at their words.
const USUAL: [&str; 16] = [
    "content-type",
    "user-agent",
    "te",
    "grpc-status",
    "grpc-message",
    "grpc-timeout",
    "grpc-encoding",
    "grpc-accept-encoding",
    "accept-encoding",
    "grpc-status-details-bin",
    "content-length",
    "date",
    "server",
    "host",
    "traceparent",
    "x-request-id",
];

/// True when values under this name count as secrets.
#[must_use]
pub(crate) fn is_secret(name: &str) -> bool {
    if USUAL.contains(&name) {
        return false;
    }
    let lower = name.to_ascii_lowercase();
    let (name, lower) = match lower.strip_suffix("-bin") {
        Some(stem) => (name.get(..stem.len()).unwrap_or(name), stem),
        None => (name, lower.as_str()),
    };
    let words = Words::new(name);
    let words: Vec<&str> = words.iter().collect();
    NAMES.contains(&lower)
        || words.last().is_some_and(|last| LAST_WORDS.contains(last))
        || words.iter().any(|word| WORDS.contains(word))
        || words
            .windows(2)
            .any(|pair| PAIRS.iter().any(|(one, other)| pair == [*one, *other]))
        || PARTS.iter().any(|part| lower.contains(part))
}

/// The lower-case words of a name: `x-api-key`, `api_key`, `apiKey` and `APIKey` have the same ones.
struct Words {
    /// All words, one after the other.
    letters: String,
    /// Start of each word; a word can be empty.
    starts: Vec<usize>,
}

impl Words {
    fn new(name: &str) -> Self {
        let mut letters = String::with_capacity(name.len());
        let mut starts = vec![0];
        let mut before: Option<char> = None;
        let mut characters = name.chars().peekable();
        while let Some(c) = characters.next() {
            let next = characters.peek();
            let begins = c.is_ascii_uppercase()
                && before.is_some_and(|before| {
                    before.is_ascii_lowercase()
                        || before.is_ascii_digit()
                        || before.is_ascii_uppercase() && next.is_some_and(char::is_ascii_lowercase)
                });
            if begins || !c.is_ascii_alphanumeric() {
                starts.push(letters.len());
            }
            if c.is_ascii_alphanumeric() {
                letters.push(c.to_ascii_lowercase());
            }
            before = Some(c);
        }
        Self { letters, starts }
    }

    fn iter(&self) -> impl Iterator<Item = &str> {
        let ends = self.starts.iter().skip(1).copied().chain([self.letters.len()]);
        let words = self.starts.iter().zip(ends);
        words
            .filter_map(|(start, end)| self.letters.get(*start..end))
            .filter(|word| !word.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn usual_names_hold_nothing_that_tells_of_a_secret() {
        for name in USUAL {
            // Its upper-case form is not in the list, and has the same words.
            assert!(!is_secret(&name.to_ascii_uppercase()), "{name}");
        }
    }

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
