//! Replaces what differs between two recordings of the same thing in texts that servers send.

use crate::model::text::printable;

/// A word with this many hexadecimal digits counts as an id.
const MIN_ID_DIGITS: usize = 16;

/// A number with this many digits counts as a time or an id, not as a count.
const MIN_NUMBER_DIGITS: usize = 10;

/// Replaces volatile words; `jobs` are job ids that are known.
pub(super) fn text(text: &str, jobs: &[&str]) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while !rest.is_empty() {
        let word = rest.find(separates).unwrap_or(rest.len());
        let wide = rest
            .find(|c: char| separates(c) && !";=(){}".contains(c))
            .unwrap_or(rest.len());
        // What parts words may stand inside a URL.
        let is_url = rest.get(..word).is_some_and(|word| word.contains("://"));
        let word = if is_url { wide } else { word };
        let (now, later) = rest.split_at(word);
        out.push_str(&judged(now, jobs));
        let mut later = later.chars();
        if let Some(separator) = later.next() {
            out.push(separator);
        }
        rest = later.as_str();
    }
    printable(&out)
}

fn separates(c: char) -> bool {
    c.is_whitespace() || c.is_control() || "\"'`(),;<>={}".contains(c)
}

/// The word, or its replacement; a point, colon or the like at its end stays.
fn judged(word: &str, jobs: &[&str]) -> String {
    if jobs.contains(&word) {
        return "[job]".to_owned();
    }
    let core = word.trim_end_matches(['.', ':', '!', '?']);
    let end = word.get(core.len()..).unwrap_or_default();
    match stands_for(core, jobs) {
        Some(name) => format!("{name}{end}"),
        None => word.to_owned(),
    }
}

fn stands_for(word: &str, jobs: &[&str]) -> Option<&'static str> {
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let is_job = |word: &str| {
        word.split_once('-')
            .is_some_and(|(slot, sequence)| digits(slot) && digits(sequence))
    };
    if word.is_empty() {
        None
    } else if jobs.contains(&word) || is_job(word) {
        Some("[job]")
    } else if is_address(word) {
        Some("[address]")
    } else if is_id(word) {
        Some("[id]")
    } else {
        (digits(word) && word.len() >= MIN_NUMBER_DIGITS).then_some("[number]")
    }
}

/// A URL, an IP address, or a name or address with a port.
fn is_address(word: &str) -> bool {
    let host = word.strip_prefix('[').and_then(|word| word.split_once(']'));
    word.contains("://")
        || word.parse::<std::net::IpAddr>().is_ok()
        || word.parse::<std::net::SocketAddr>().is_ok()
        || host.is_some_and(|(host, _)| host.parse::<std::net::Ipv6Addr>().is_ok())
        || word
            .rsplit_once(':')
            .is_some_and(|(host, port)| port.parse::<u16>().is_ok() && is_host(host))
}

fn is_host(text: &str) -> bool {
    text.bytes().any(|byte| byte.is_ascii_alphanumeric())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-._".contains(&byte))
}

/// A UUID, or a long run of hexadecimal digits with both digits and letters.
fn is_id(word: &str) -> bool {
    let digits: String = word.chars().filter(|c| *c != '-').collect();
    let any = |test: fn(&u8) -> bool| digits.as_bytes().iter().any(test);
    digits.len() >= MIN_ID_DIGITS
        && digits.bytes().all(|byte| byte.is_ascii_hexdigit())
        && any(u8::is_ascii_digit)
        && any(u8::is_ascii_alphabetic)
}

#[cfg(test)]
mod tests {
    use super::text;

    #[test]
    fn volatile_words_are_replaced() {
        for (said, shown) in [
            ("no job 12-70788", "no job [job]"),
            ("job febus-jitter: not found", "job [job]: not found"),
            ("Invalid job_id 'febus-jitter'.", "Invalid job_id '[job]'."),
            ("dial 10.1.2.3:50051 (tcp)", "dial [address] (tcp)"),
            ("see https://focus/x?y=1, or ::1", "see [address], or [address]"),
            ("localhost:80 and [::1]:80", "[address] and [address]"),
            ("id=0123456789abcdef00", "id=[id]"),
            ("at 6f1c2a8e-1111-2222-3333-444455556666!", "at [id]!"),
            ("since 1698400000123", "since [number]"),
            ("bell \u{7} rings", r"bell \u{7} rings"),
        ] {
            assert_eq!(text(said, &["febus-jitter"]), shown);
        }
    }

    #[test]
    fn plain_words_and_small_numbers_stay() {
        for said in [
            "",
            "the sensor 17 of 50 is unknown",
            "frame 3: 4096 > 1.5e3",
            "deadbeef",
            "a-b: c-4",
            "No recording found in the given time range",
            "état — ok",
        ] {
            assert_eq!(text(said, &["17-5"]), said);
        }
    }
}
