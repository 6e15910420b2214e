//! Retries: which call a client repeated.
//!
//! A gRPC client that retries a call counts the attempts before it in `grpc-previous-rpc-attempts` (gRPC proposal A6).

use std::collections::{BTreeMap, VecDeque};

use crate::model::event::{CallStart, Ending};

/// Metadata with which a client says how many attempts were made before this one.
const PREVIOUS_ATTEMPTS: &str = "grpc-previous-rpc-attempts";

/// Largest number of methods whose failed attempts are kept; a retry of a further method has no known attempt before it.
const MAX_METHODS: usize = 256;

/// Largest number of failed attempts of a method that are kept, the latest: a client repeats a call within seconds.
const MAX_FAILED: usize = 256;

/// The attempts before a call, by its metadata; 0 when it is the first.
pub(super) fn previous_attempts(start: &CallStart) -> u32 {
    let text = start.metadata.get_text(PREVIOUS_ATTEMPTS);
    text.and_then(|text| text.trim().parse().ok()).unwrap_or(0)
}

/// Failed attempts that no retry has followed yet.
#[derive(Debug, Clone, Default)]
pub(super) struct Attempts {
    /// Failed attempts by method, in the order of their endings.
    failed: BTreeMap<String, VecDeque<Attempt>>,
}

#[derive(Debug, Clone)]
struct Attempt {
    call: u32,
    authority: String,
    previous: u32,
}

impl Attempts {
    /// The call that a new call repeats: the earliest failed attempt of its method and authority that has one attempt
    /// fewer before it and that no other call repeats.
    pub(super) fn before(&mut self, start: &CallStart) -> Option<u32> {
        let previous = previous_attempts(start).checked_sub(1)?;
        let failed = self.failed.get_mut(&start.method)?;
        let is_meant = |attempt: &Attempt| attempt.previous == previous && attempt.authority == start.authority;
        let at = failed.iter().position(is_meant)?;
        failed.remove(at).map(|attempt| attempt.call)
    }

    /// Notes the ending of a call; one that failed may be repeated.
    pub(super) fn end(&mut self, call: u32, method: &str, authority: String, previous: u32, ending: &Ending) {
        if matches!(ending, Ending::Status(status) if status.code == 0) {
            return;
        }
        if !self.failed.contains_key(method) && self.failed.len() >= MAX_METHODS {
            return;
        }
        let failed = self.failed.entry(method.to_owned()).or_default();
        if failed.len() >= MAX_FAILED {
            failed.pop_front();
        }
        failed.push_back(Attempt {
            call,
            authority,
            previous,
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::event::Status;

    fn start(attempts: &str) -> CallStart {
        let mut start = CallStart {
            method: "/a.B/C".to_owned(),
            authority: "a:1".to_owned(),
            ..CallStart::default()
        };
        if !attempts.is_empty() {
            start.metadata.push(PREVIOUS_ATTEMPTS, attempts);
        }
        start
    }

    fn ended(attempts: &mut Attempts, call: u32, previous: u32, code: u32) {
        let status = Status {
            code,
            ..Status::default()
        };
        attempts.end(call, "/a.B/C", "a:1".to_owned(), previous, &Ending::Status(status));
    }

    #[test]
    fn a_retry_follows_the_failed_attempt_with_one_fewer_before_it() {
        let mut attempts = Attempts::default();
        ended(&mut attempts, 1, 0, 14);
        ended(&mut attempts, 2, 0, 0);
        ended(&mut attempts, 3, 0, 14);
        assert_eq!(attempts.before(&start("")), None, "the first attempt repeats nothing");
        assert_eq!(attempts.before(&start("2")), None, "no second attempt failed");
        assert_eq!(attempts.before(&start("1")), Some(1));
        ended(&mut attempts, 4, 1, 14);
        assert_eq!(attempts.before(&start("2")), Some(4));
        assert_eq!(attempts.before(&start("1")), Some(3));
        assert_eq!(attempts.before(&start("1")), None, "each attempt is repeated once");
    }

    #[test]
    fn another_server_and_an_unreadable_count_link_nothing() {
        let mut attempts = Attempts::default();
        ended(&mut attempts, 1, 0, 14);
        let elsewhere = CallStart {
            authority: "b:1".to_owned(),
            ..start("1")
        };
        assert_eq!(attempts.before(&elsewhere), None);
        assert_eq!(attempts.before(&start("many")), None);
        assert_eq!(previous_attempts(&start("-1")), 0);
    }

    #[test]
    fn failed_attempts_take_a_bounded_memory() {
        let mut attempts = Attempts::default();
        (0..2 * MAX_FAILED as u32).for_each(|call| ended(&mut attempts, call, 0, 14));
        assert_eq!(
            attempts.before(&start("1")),
            Some(MAX_FAILED as u32),
            "the oldest are forgotten"
        );
    }
}
