//! Remedies for errors of reports, bundles and uploads.

use std::error::Error;

use crate::report::{AttachError, TicketError, bundle::BundleError};

/// The remedy for an error, in flags and commands.
pub(super) fn remedy(error: &(dyn Error + 'static)) -> Option<&'static str> {
    if let Some(error) = error.downcast_ref::<AttachError>() {
        return attach(error);
    }
    if let Some(error) = error.downcast_ref::<BundleError>() {
        return bundle(error);
    }
    match error.downcast_ref::<TicketError>()? {
        TicketError::TooSmall { .. } => Some("allow more with --max-size"),
        // Its source is that of the inner error, which is looked for here.
        TicketError::Bundle(error) => bundle(error),
        _ => None,
    }
}

const fn attach(error: &AttachError) -> Option<&'static str> {
    match error {
        AttachError::TooLarge { .. } => Some("make a smaller one: capture bundle --max-size"),
        AttachError::NotTaken { .. } => Some("`capture bundle --max-size` makes a smaller one"),
        AttachError::Refused {
            status: 401,
            by_account: true,
            ..
        } => Some("a personal access token goes without --user"),
        AttachError::Refused { status: 401, .. } => Some("an API token goes with --user EMAIL"),
        AttachError::Refused { status: 413, .. } => Some("make it smaller: capture bundle --max-size"),
        _ => None,
    }
}

const fn bundle(error: &BundleError) -> Option<&'static str> {
    match error {
        BundleError::TooLarge { .. } => Some("allow more with --max-unpacked"),
        BundleError::Occupied(_) => Some("choose a new folder with -o"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(status: u16, by_account: bool) -> AttachError {
        AttachError::Refused {
            url: "https://jira".to_owned(),
            status,
            reason: String::new(),
            by_account,
        }
    }

    #[test]
    fn a_refused_token_is_advised_what_was_not_given() {
        let with_account = remedy(&refused(401, true)).unwrap();
        assert!(with_account.contains("without --user"), "{with_account}");
        let alone = remedy(&refused(401, false)).unwrap();
        assert!(
            alone.contains("with --user") && !alone.contains("without --user"),
            "{alone}"
        );
        assert_eq!(remedy(&refused(404, false)), None);
    }

    #[test]
    fn what_is_too_large_can_be_made_smaller() {
        let too_large = AttachError::TooLarge {
            path: "a.zip".into(),
            size: 4,
            limit: Some(3),
            said: String::new(),
        };
        for error in [too_large, refused(413, false)] {
            assert!(
                remedy(&error).is_some_and(|remedy| remedy.contains("--max-size")),
                "{error}"
            );
        }
        let ticket = TicketError::TooSmall { size: 2, max: 1 };
        assert_eq!(remedy(&ticket), Some("allow more with --max-size"));
        let name = "zeros".to_owned();
        let bundle = TicketError::Bundle(BundleError::TooLarge { name });
        assert_eq!(remedy(&bundle), Some("allow more with --max-unpacked"));
    }
}
