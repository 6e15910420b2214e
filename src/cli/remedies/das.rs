//! Remedies for errors of the REST contract.

use std::error::Error;

use crate::das::EndpointError;

/// The remedy for an error, in flags and commands.
pub(super) fn remedy(error: &(dyn Error + 'static)) -> Option<&'static str> {
    error.is::<EndpointError>().then_some("dial the job with --target")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::{cli::remedies::told, das::ConfigureResponse};

    #[test]
    fn an_answer_that_tells_no_endpoint_is_refused_with_the_way_out() {
        let table = [
            json!({"stream_url": "h"}),
            json!({}),
            json!({"stream_url": "h:x"}),
            json!({"stream_url": "ftp://h:1"}),
            json!({"stream_url": "h:9", "stream_port": "many"}),
            json!({"stream_url": "h", "stream_port": 0}),
            json!({"stream_url": "h", "stream_port": 70000}),
        ];
        for answer in table {
            let error = ConfigureResponse::from(answer.clone()).endpoint("focus").unwrap_err();
            assert!(told(&error).contains("--target"), "{answer}: {error}");
        }
    }
}
